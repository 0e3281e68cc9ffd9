"""The one interface of all attacks, training of shadow models, and whether they are like the target."""

from pathlib import Path

import pytest
import torch
from seeding import seeded
from torch import nn

from vaeprivacy.attacks import (
    Candidates,
    ClassifierRecipe,
    Gap,
    HighestPosterior,
    Knowledge,
    LiRA,
    ShadowFit,
    Shadows,
    ShiftRobustness,
    ShokriAttack,
    TopPosteriors,
    train_shadows,
)
from vaeprivacy.attacks.catalogue import ATTACKS, make_attack, run_attacks
from vaeprivacy.attacks.label_only import NoiseRobustness, shift
from vaeprivacy.attacks.scores import (
    confidence,
    logit_score,
    loss_score,
    negative_entropy,
    negative_modified_entropy,
)
from vaeprivacy.attacks.threshold import best_threshold
from vaeprivacy.classifiers import ClassifierSettings, fit_classifiers, new_classifier
from vaeprivacy.compute.ensemble import models_that_fit
from vaeprivacy.datasets import Dataset, draw_balanced_memberships, draw_memberships
from vaeprivacy.metrics import attack_accuracy, auc

QUICK = ClassifierSettings(hidden=8, epochs=3, batch_size=20)


# The interface


def test_an_adversary_without_the_knowledge_is_told_what_lacks() -> None:
    with pytest.raises(ValueError, match="ShokriAttack needs 'shadows', which knowledge lacks: pass it, or choose"):
        ShokriAttack().fit(Knowledge())
    bare = Candidates(x=torch.zeros(2, 1), y=torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="LiRA needs 'log_posteriors', 'candidate_shadows', which candidates lacks"):
        LiRA().fit(Knowledge()).score(bare)
    assert LiRA().missing(Knowledge(), bare) == ["log_posteriors", "candidate_shadows"]


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_says_in_words_what_it_knows_and_refuses_an_ignorant_adversary(name: str) -> None:
    attack = make_attack(name, seed=0, image_shape=(8, 8))
    bare = Candidates(x=torch.rand(4, 64), y=torch.zeros(4, dtype=torch.int64))
    assert attack.knowledge()
    assert attack.missing(Knowledge(), bare)
    assert run_attacks([name], knowledge=Knowledge(), candidates=bare, seed=0, image_shape=(8, 8)) == {}


def test_an_unknown_attack_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no attack 'magic'; choose one of 'gap', 'noise_robustness'"):
        make_attack("magic", seed=0, image_shape=(1, 1))


def test_label_only_attacks_ask_for_labels_only_and_know_a_memorising_target() -> None:
    x, is_member = torch.rand(200, 16, generator=seeded()), torch.arange(200) < 100
    y = torch.randint(10, (200,), generator=seeded(1))

    def query_label(asked: torch.Tensor) -> torch.Tensor:
        # Right about whatever is closest to a member, else wrong.
        nearest = torch.cdist(asked, x).argmin(dim=1)
        return torch.where(is_member[nearest], y[nearest], (y[nearest] + 1) % 10)

    knowledge = Knowledge(query_label=query_label)
    attacks = (Gap(), NoiseRobustness(generator=seeded(2), sigma=0.05), ShiftRobustness(image_shape=(4, 4), pixels=0))
    for attack in attacks:
        assert auc(attack.fit(knowledge).score(Candidates(x=x, y=y)), is_member).value > 0.95


def test_a_shift_moves_pixels_and_fills_with_zeros() -> None:
    x = torch.arange(1.0, 7.0)[None]
    assert shift(x, (2, 3), down=0, right=1).tolist() == [[0, 1, 2, 0, 4, 5]]
    assert shift(x, (2, 3), down=-1, right=0).tolist() == [[4, 5, 6, 0, 0, 0]]


def test_ml_leaks_needs_one_shadow_model_or_none() -> None:
    y = torch.zeros(600, dtype=torch.int64)
    is_member = torch.rand(1, 600, generator=seeded()) < 0.5
    logits = torch.randn(600, 5, generator=seeded(1)) + 6 * is_member[0][:, None] * torch.eye(5)[0]
    shadows = Shadows(logits.log_softmax(dim=1)[None], y, is_member)
    candidates = Candidates(x=torch.rand(600, 4), y=y, log_posteriors=shadows.log_posteriors[0])
    found = TopPosteriors().fit(Knowledge(shadows=shadows)).score(candidates)
    assert auc(found, is_member[0]).value > 0.95
    unsure = HighestPosterior(generator=seeded(2)).fit(Knowledge(query=lambda x: torch.full((len(x), 5), -1.6)))
    assert auc(unsure.score(candidates), is_member[0]).value > 0.95
    assert unsure.threshold == pytest.approx(-1.6)


# Signals


def test_signals_are_what_their_formulas_say() -> None:
    p, y = torch.tensor([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05]], dtype=torch.float64), torch.tensor([0, 2])
    log_p, right = p.log(), p[[0, 1], y]
    assert torch.allclose(loss_score(log_p, y), right.log())
    assert torch.allclose(logit_score(log_p, y), (right / (1 - right)).log())
    assert torch.allclose(confidence(log_p, y), torch.tensor([0.7, 0.9], dtype=torch.float64).log())
    assert torch.allclose(negative_entropy(log_p, y), (p * log_p).sum(dim=1))
    expected = p * (1 - p).log()
    expected[[0, 1], y] = (1 - right) * right.log()
    assert torch.allclose(negative_modified_entropy(log_p, y), expected.sum(dim=1))


def test_logits_tell_sure_answers_apart_that_losses_do_not() -> None:
    log_posteriors = torch.tensor([[30.0, 0.0], [40.0, 0.0]]).log_softmax(dim=1)
    y = torch.zeros(2, dtype=torch.int64)
    assert loss_score(log_posteriors, y).tolist() == [0, 0]
    assert logit_score(log_posteriors, y).tolist() == [30, 40]
    assert (negative_modified_entropy(log_posteriors, y) <= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_has_a_higher_accuracy_than_the_best(seed: int) -> None:
    signals = torch.randint(6, (60,), generator=seeded(seed)).double()
    is_member = (signals + torch.randn(60, generator=seeded(seed + 10))) > 3
    found = attack_accuracy(signals, is_member, threshold=best_threshold(signals, is_member)).value
    others = [attack_accuracy(signals, is_member, threshold=t).value for t in torch.arange(-0.5, 7)]
    assert found == pytest.approx(max(others))


# Shadow models


def test_balanced_halves_put_each_record_into_half_of_the_models() -> None:
    halves = draw_balanced_memberships(torch.arange(4).repeat(10), n_shadows=6, generator=seeded())
    assert (halves.sum(dim=0) == 3).all() and (halves.sum(dim=1) == 20).all()
    assert len(draw_balanced_memberships(torch.zeros(10), n_shadows=5, generator=seeded())) == 5


def test_the_number_of_shadow_models_with_a_record_does_not_tell_whether_the_target_has_it() -> None:
    y = torch.zeros(200, dtype=torch.int64)
    halves = draw_balanced_memberships(y, n_shadows=7, generator=seeded())
    shadows = Shadows(torch.zeros(7, 200, 2), y, halves)
    for target in range(7):
        others = shadows.without(target)
        assert len(others.is_member) == (6 if target == 6 else 5)  # the last has no complement
        # With the complement, the count of the first six would be a function of the target's membership and the last's.
        count = others.is_member.sum(dim=0).double()
        assert abs(auc(-count, halves[target]).value - 0.5) < 0.15
    assert auc(-halves[1:6].sum(dim=0).double(), halves[0]).value == 1


def test_models_that_are_all_on_one_side_teach_nothing() -> None:
    y = torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ValueError, match="No record is a member of one shadow model and a non-member of another"):
        Shadows(torch.zeros(2, 4, 3), y, torch.ones(2, 4, dtype=torch.bool)).two_sided()


def trained(digits: Dataset, **options: object) -> Shadows:
    x, y = digits.x[:80], digits.y[:80]
    is_member = draw_memberships(y, n_shadows=5, generator=seeded())
    return train_shadows(x, y, is_member=is_member, recipe=ClassifierRecipe(10, 0, QUICK), **options)


def test_together_one_by_one_and_in_processes_shadow_models_are_the_same(digits: Dataset) -> None:
    alone = trained(digits)
    for options in ({"models_at_once": 2}, {"models_at_once": 5}, {"n_jobs": 2, "models_at_once": 3}):
        together = trained(digits, **options)
        assert torch.equal(together.is_member, alone.is_member)
        assert torch.allclose(together.log_posteriors, alone.log_posteriors, atol=1e-4)


def test_an_interrupted_training_continues_where_it_stopped(digits: Dataset, tmp_path: Path) -> None:
    x, y = digits.x[:80], digits.y[:80]
    is_member = draw_memberships(y, n_shadows=4, generator=seeded())
    done = []

    def recipe(x: torch.Tensor, y: torch.Tensor, subsets: list, numbers: list[int]) -> list[nn.Module]:
        if numbers == [2] and len(done) == 2:
            done.append("interrupted")
            raise KeyboardInterrupt
        done.append(numbers[0])
        return ClassifierRecipe(10, 0, QUICK)(x, y, subsets, numbers)

    with pytest.raises(KeyboardInterrupt):
        train_shadows(x, y, is_member=is_member, recipe=recipe, directory=tmp_path)
    shadows = train_shadows(x, y, is_member=is_member, recipe=recipe, directory=tmp_path)
    assert done == [0, 1, "interrupted", 2, 3]
    whole = train_shadows(x, y, is_member=is_member, recipe=ClassifierRecipe(10, 0, QUICK))
    assert torch.equal(shadows.log_posteriors, whole.log_posteriors)


def test_subsets_of_different_lengths_cannot_be_trained_together(digits: Dataset) -> None:
    subsets = [torch.arange(20), torch.arange(30)]
    with pytest.raises(ValueError, match=r"subsets of one length.*2 generators for subsets of \[20, 30\] records"):
        fit_classifiers(digits.x, digits.y, QUICK, subsets=subsets, n_classes=10, generators=[seeded(0), seeded(1)])


def test_more_memory_holds_more_models_and_the_smallest_holds_one() -> None:
    model = new_classifier(784, ClassifierSettings(), n_classes=10, generator=torch.Generator())
    counts = [models_that_fit(model, 784, batch_size=100, memory=m) for m in (0, 10**7, 10**8, 10**9)]
    assert counts[0] == 1
    assert counts == sorted(counts)
    assert counts[2] == pytest.approx(10 * counts[1], rel=0.4)


# ShadowFit


def simulated(target: tuple[float, float], shadows: tuple[float, float], seed: int, n: int = 400) -> ShadowFit:
    """Compare a target and four shadow models that are right with given probabilities, inside and outside."""
    generator = seeded(seed)
    y = torch.zeros(2 * n, dtype=torch.int64)

    def answers(is_member: torch.Tensor, accuracy: tuple[float, float]) -> torch.Tensor:
        right = torch.rand(2 * n, generator=generator) < torch.where(is_member, *accuracy)
        return torch.where(right[:, None], torch.tensor([-0.1, -3.0]), torch.tensor([-3.0, -0.1]))

    halves = torch.stack([torch.randperm(2 * n, generator=generator) < n for _ in range(5)])
    log_posteriors = torch.stack([answers(half, shadows) for half in halves[:4]])
    return ShadowFit.between(Shadows(log_posteriors, y, halves[:4]), answers(halves[4], target), y, halves[4])


def test_shadow_models_like_the_target_pass_nearly_always() -> None:
    alike = [simulated((0.97, 0.82), (0.97, 0.82), seed).comparable for seed in range(300)]
    assert sum(alike) >= 297


def test_shadow_models_that_learnt_less_are_found_out_and_named() -> None:
    found = [simulated((0.97, 0.82), (0.85, 0.80), seed, n=1000) for seed in range(50)]
    assert not any(each.comparable for each in found)
    assert "do NOT behave like the target, so the attack is weak" in str(found[0])
