"""What holds for every attack: known answers in made-up worlds, what an ignorant adversary hears, the order."""

from dataclasses import replace

import pytest
import torch
from seeding import seeded
from toy_worlds import World, world

from vaeprivacy.attacks import Attack, Candidates, DensityRatio, Knowledge, LikelihoodRatio
from vaeprivacy.attacks.base import HELD, WORDS
from vaeprivacy.attacks.catalogue import ATTACKS, make_attack
from vaeprivacy.metrics import auc

# A density has too many dimensions here, and Memory has no noise: for these two see test_likelihood_ratio.py.
NAMES = [name for name, spec in ATTACKS.items() if spec.attack not in (DensityRatio, LikelihoodRatio)]


@pytest.fixture(scope="module")
def memorised() -> World:
    return world(memorised=True)


@pytest.fixture(scope="module")
def disjoint() -> World:
    return world(memorised=False)


def scored(name: str, toy: World, candidates: Candidates | None = None) -> torch.Tensor:
    attack = make_attack(name, seed=3, image_shape=(8, 8))
    return attack.fit(toy.knowledge).score(candidates or toy.candidates).double()


# Impossible input


@pytest.mark.parametrize("name", NAMES)
def test_without_one_part_of_its_knowledge_an_attack_names_it(name: str, memorised: World) -> None:
    attack = make_attack(name, seed=0, image_shape=(8, 8))
    assert attack.missing(memorised.knowledge, memorised.candidates) == []
    for need in attack.needs:
        if need in HELD:
            poorer, candidates = replace(memorised.knowledge, **{need: None}), memorised.candidates
        else:
            poorer, field = memorised.knowledge, {"candidate_shadows": "shadows"}.get(need, need)
            candidates = replace(memorised.candidates, **{field: None})
        assert attack.missing(poorer, candidates) == [need]
        with pytest.raises(
            ValueError, match=f"^{type(attack).__name__} needs '{need}', which .*, or choose an .*less.$"
        ):
            attack.fit(poorer).score(candidates)


def test_an_attack_must_say_how_it_scores() -> None:
    class Silent(Attack):
        needs = ()

    with pytest.raises(TypeError, match="abstract"):
        Silent()


# Known answers


@pytest.mark.parametrize("name", NAMES)
def test_a_target_that_memorises_gives_its_members_away(name: str, memorised: World) -> None:
    assert auc(scored(name, memorised), memorised.is_member).value > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_a_target_of_other_records_gives_nothing_away(name: str, disjoint: World) -> None:
    found = auc(scored(name, disjoint), disjoint.is_member)
    # Twice the interval, because that of one attack in twenty may miss 0.5 by chance.
    assert found.low - (found.high - found.low) / 2 <= 0.5 <= found.high + (found.high - found.low) / 2


def test_the_toy_worlds_differ_in_what_the_target_was_trained_on_only(memorised: World, disjoint: World) -> None:
    assert torch.equal(memorised.candidates.x, disjoint.candidates.x)
    assert torch.equal(memorised.is_member, disjoint.is_member)
    assert not torch.equal(memorised.knowledge.release.x, disjoint.knowledge.release.x)


# Properties


@pytest.mark.parametrize("name", NAMES)
def test_scores_do_not_depend_on_the_order_of_the_candidates(name: str, memorised: World) -> None:
    order = torch.randperm(len(memorised.is_member), generator=seeded())
    mixed = Candidates(
        x=memorised.candidates.x[order],
        y=memorised.candidates.y[order],
        log_posteriors=memorised.candidates.log_posteriors[order],
        shadows=memorised.candidates.shadows.about(order),
        in_references=memorised.candidates.in_references[:, order],
    )
    scores = scored(name, memorised)
    # Noise that an attack draws itself goes to other records then, but matters little in this world.
    assert torch.allclose(scored(name, memorised, mixed), scores[order], atol=1e-2)
    # Not because all scores are the same.
    assert scores.max() > scores.min() + 0.1


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_fitted_in_place_and_tells_its_knowledge(name: str, memorised: World) -> None:
    attack = make_attack(name, seed=0, image_shape=(8, 8))
    assert set(attack.needs) <= set(WORDS) and set(attack.needs) <= {*HELD, "log_posteriors", "candidate_shadows"}
    words = attack.knowledge().split(", ")
    assert len(words) == len(set(words)) and set(words) == {WORDS[need] for need in attack.needs}
    if name in NAMES:
        assert attack.fit(memorised.knowledge) is attack


def test_attacks_that_learn_from_shadow_models_are_told_from_others() -> None:
    by_shadows = {name for name, spec in ATTACKS.items() if spec.by_shadows}
    learn = {"confidence", "entropy", "modified_entropy", "top_posteriors", "shokri", "shokri_joint"}
    assert by_shadows == {name for name, spec in ATTACKS.items() if spec.attack.by_shadows()}
    assert by_shadows == learn | {"lira", "lira_offline", "rmia", "rmia_offline"}


def test_an_attack_that_needs_nothing_lacks_nothing() -> None:
    class Constant(Attack):
        needs = ()

        def _score(self, candidates: Candidates) -> torch.Tensor:
            return torch.zeros(len(candidates.y))

    bare = Candidates(x=torch.zeros(3, 1), y=torch.zeros(3))
    assert Constant().missing(Knowledge(), bare) == []
    assert Constant().fit(Knowledge()).score(bare).tolist() == [0, 0, 0]
