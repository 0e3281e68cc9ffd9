"""All attacks by name, and the one call that runs those whose adversary knows enough."""

from dataclasses import fields, replace

import pytest
import torch
from toy_worlds import World, world

from vaeprivacy.attacks import Attack, Candidates, Gap, LiRA, ShiftRobustness, ShokriAttack
from vaeprivacy.attacks.catalogue import (
    ATTACKS,
    LOOKS_AT,
    AttackSpec,
    attack_label,
    attacks_on,
    make_attack,
    register,
    run_attacks,
    seed_name_of,
)
from vaeprivacy.metrics import auc

# Memory, the decoder of this world, has no noise, and the release too many dimensions for a density.
WITHOUT_NOISE = [name for name in ATTACKS if name not in ("domias", "likelihood")]


SEEDED = {"seed_name": "noise"}  # as an older attack is, whose name has changed since


@pytest.fixture(scope="module")
def memorised() -> World:
    return world(memorised=True)


def run(toy: World, *names: str, seed: int = 0, **lacking: None) -> dict[str, tuple[torch.Tensor, float]]:
    """Run attacks by an adversary that lacks some fields of its knowledge or its candidates."""
    of_candidates = {name.removeprefix("candidate_") for name in lacking if name.startswith("candidate_")}
    knowledge = replace(toy.knowledge, **{name: None for name in lacking if not name.startswith("candidate_")})
    candidates = replace(toy.candidates, **dict.fromkeys(of_candidates))
    options = {"knowledge": knowledge, "candidates": candidates, "seed": seed, "image_shape": (8, 8)}
    return dict(run_attacks(names or WITHOUT_NOISE, **options))


# Impossible input


def test_an_unknown_attack_is_refused_in_a_run_too(memorised: World) -> None:
    with pytest.raises(
        ValueError, match=r"There is no attack 'losss'; choose one of 'gap', .*'calibrated_reconstruction'\."
    ):
        run(memorised, "losss")


# Which attacks are run


def test_who_knows_everything_runs_everything_in_the_order_asked_for(memorised: World) -> None:
    assert list(run(memorised)) == WITHOUT_NOISE
    assert list(run(memorised, "calibrated_reconstruction", "gap")) == ["calibrated_reconstruction", "gap"]
    assert run(memorised, "likelihood") == {}  # there is no noise


@pytest.mark.parametrize(
    ("lacks", "left_out"),
    [
        ("query", {"highest_posterior"}),
        ("query_label", {"gap", "noise_robustness", "shift_robustness"}),
        ("population", {"rmia", "rmia_offline", "combined"}),
        ("release", {"nearest", "nearest_record", "combined"}),
        ("reference_vaes", {"calibrated_reconstruction", "calibrated_elbo", "combined"}),
        (
            "synthesizer",
            {"nearest", "combined", "reconstruction", "elbo", "calibrated_elbo", "calibrated_reconstruction"},
        ),
        ("shadow_targets", {"combined"}),
        ("candidate_shadows", {"lira", "lira_offline", "rmia", "rmia_offline"}),
        ("candidate_log_posteriors", set(attacks_on("classifier")) - {"gap", "noise_robustness", "shift_robustness"}),
        (
            "shadows",
            {"loss", "confidence", "entropy", "modified_entropy", "top_posteriors", "shokri_joint", "shokri"},
        ),
    ],
)
def test_attacks_that_lack_knowledge_are_left_out_and_no_others(
    lacks: str, left_out: set[str], memorised: World
) -> None:
    assert set(WITHOUT_NOISE) - set(run(memorised, **{lacks: None})) == left_out


def test_records_that_are_no_images_are_attacked_without_shifts(memorised: World) -> None:
    options = {"knowledge": memorised.knowledge, "candidates": memorised.candidates, "seed": 0, "image_shape": None}
    assert set(run_attacks(["gap", "shift_robustness", "noise_robustness"], **options)) == {"gap", "noise_robustness"}


def test_every_field_of_the_candidates_can_be_absent_without_an_error(memorised: World) -> None:
    lacking = {f"candidate_{field.name}": None for field in fields(Candidates) if field.name not in ("x", "y")}
    by_labels, on_vae = {"gap", "noise_robustness", "shift_robustness"}, attacks_on("encoder and decoder")
    assert set(run(memorised, **lacking)) == {*by_labels, *on_vae, "nearest", "nearest_record", "combined"}


def test_online_attacks_are_left_out_if_no_model_was_trained_on_some_candidate(memorised: World) -> None:
    shadows = memorised.candidates.shadows
    nobody = replace(shadows, is_member=shadows.is_member & (torch.arange(len(shadows.y)) > 0))
    poorer = memorised._replace(candidates=replace(memorised.candidates, shadows=nobody))
    names = ("lira", "lira_offline", "rmia", "rmia_offline")
    assert set(run(poorer, *names)) == {"lira_offline", "rmia_offline"}


# What comes out


def test_each_attack_gives_scores_in_double_precision_and_its_threshold(memorised: World) -> None:
    for name, (scores, threshold) in run(memorised).items():
        attack = make_attack(name, seed=0, image_shape=(8, 8))
        assert scores.shape == (600,) and scores.dtype == torch.float64
        assert isinstance(threshold, float)
        fitted = attack.fit(memorised.knowledge).score(memorised.candidates).double()
        assert torch.equal(fitted, scores)
        # Half of the candidates are members, which is what an attack that only ranks goes by.
        assert threshold == (scores.median().item() if attack.threshold is None else attack.threshold)
        assert auc(scores, memorised.is_member).value > 0.95


def test_the_seed_decides_the_noise_of_attacks_that_draw_some(memorised: World) -> None:
    def noise(seed: int) -> torch.Tensor:
        return torch.rand(5, generator=make_attack("noise_robustness", seed=seed, image_shape=(8, 8)).generator)

    assert torch.equal(noise(1), noise(1))
    assert not torch.equal(noise(1), noise(2))
    drawing = [name for name, spec in ATTACKS.items() if spec.random]
    assert drawing == ["noise_robustness", "highest_posterior", "elbo", "calibrated_elbo"]
    numbers = [torch.rand(1, generator=make_attack(n, seed=1, image_shape=(8, 8)).generator).item() for n in drawing]
    assert len(set(numbers)) == 4  # no two attacks draw the same


def test_the_names_that_share_a_class_differ_in_their_options() -> None:
    made = {name: make_attack(name, seed=0, image_shape=(3, 5)) for name in ATTACKS}
    assert isinstance(made["shokri"], ShokriAttack) and made["shokri"].per_class and not made["shokri_joint"].per_class
    assert isinstance(made["lira"], LiRA) and made["lira"].online and not made["lira_offline"].online
    assert made["rmia"].online and not made["rmia_offline"].online
    assert isinstance(made["shift_robustness"], ShiftRobustness) and made["shift_robustness"].image_shape == (3, 5)


def test_each_attack_looks_at_one_thing() -> None:
    kinds = [attacks_on(looks_at) for looks_at in LOOKS_AT]
    assert [name for names in kinds for name in names] == list(ATTACKS)
    assert [len(names) for names in kinds] == [15, 5, 4]
    assert (ATTACKS["rmia"].looks_at, ATTACKS["likelihood"].looks_at, ATTACKS["elbo"].looks_at) == LOOKS_AT


# The register


def test_an_attack_is_under_its_name_and_has_a_label_of_its_own() -> None:
    assert all(spec.name == name for name, spec in ATTACKS.items())
    assert len({spec.label for spec in ATTACKS.values()}) == len(ATTACKS) == 24


def test_the_strongest_of_each_kind_are_few_and_others_on_samples() -> None:
    few = {name for name, spec in ATTACKS.items() if spec.few}
    assert few == {
        "loss", "shokri", "lira_offline", "lira", "rmia", "nearest", "likelihood", "calibrated_reconstruction",
    }  # fmt: skip
    assert {name for name, spec in ATTACKS.items() if spec.few_on_samples} == {"nearest_record", "domias"}


def test_what_an_attack_knows_is_that_of_its_class() -> None:
    for spec in ATTACKS.values():
        assert (spec.knowledge, spec.by_shadows) == (spec.attack.knowledge(), spec.attack.by_shadows())


def test_a_label_says_what_the_adversary_copies_and_an_unknown_name_stays() -> None:
    assert attack_label("lira") == "LiRA online"
    assert attack_label("adaptive_lira") == "LiRA online, adaptive"
    assert attack_label("reconstructed_rmia") == "RMIA online, adaptive, through"
    assert attack_label("mine") == "mine" and attack_label("adaptive_mine") == "adaptive_mine"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (AttackSpec("gap", "again", Gap, "classifier"), "There is an attack 'gap' already"),
        (AttackSpec("new", "new", Gap, "diary"), "looks_at must be one of 'classifier', 'release', 'encoder and dec"),
    ],
)
def test_a_name_that_is_taken_and_a_target_that_is_none_are_refused(spec: AttackSpec, sentence: str) -> None:
    before = dict(ATTACKS)
    with pytest.raises(ValueError, match=sentence):
        register(spec)
    assert before == ATTACKS


def test_a_registered_attack_is_made_with_its_options_and_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Taking(Attack):
        needs = ()

        def __init__(self, **options: object) -> None:
            self.options = options

        def _score(self, candidates: Candidates) -> torch.Tensor:
            return torch.zeros(len(candidates.y))

    def made(**fields: object) -> dict[str, object]:
        name = f"taking {len(ATTACKS)}"
        spec = AttackSpec(name, "x", Taking, "classifier", **fields)
        monkeypatch.setitem(ATTACKS, name, spec)  # to be forgotten after the test
        del ATTACKS[name]
        assert register(spec) is spec is ATTACKS[name]
        return make_attack(name, seed=1, image_shape=(2, 3)).options

    assert made() == {}
    assert made(options={"width": 3}, on_images=True) == {"width": 3, "image_shape": (2, 3)}
    numbers = [torch.rand(1, generator=made(random=True, **more)["generator"]).item() for more in ({}, {}, SEEDED)]
    assert len(set(numbers)) == 3  # seeded by their names
    noise = make_attack("noise_robustness", seed=1, image_shape=None).generator
    assert numbers[2] == torch.rand(1, generator=noise).item()


def test_what_random_numbers_are_seeded_by_stays_when_names_change() -> None:
    old = {
        "noise_robustness": "noise",
        "shift_robustness": "shift",
        "shokri": "shadow",
        "shokri_joint": "shadow_joint",
        "domias": "density",
        "calibrated_reconstruction": "vae",
    }
    assert {name: seed_name_of(name) for name in ATTACKS} == {name: old.get(name, name) for name in ATTACKS}
    assert seed_name_of("reconstructed_shokri") == "through_shadow"
    assert seed_name_of("adaptive_rmia") == "adaptive_rmia"
