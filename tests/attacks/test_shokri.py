"""The shadow-model attack of Shokri et al."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded
from toy_worlds import about, answers, made_up_shadows

from vaeprivacy.attacks import Knowledge, Shadows, ShokriAttack
from vaeprivacy.attacks.shokri import attack_features, fit_attack_model
from vaeprivacy.datasets import draw_memberships
from vaeprivacy.metrics import auc


def shokri(shadows: Shadows, *, per_class: bool = True) -> ShokriAttack:
    return ShokriAttack(per_class=per_class).fit(Knowledge(shadows=shadows))


# Impossible input


@pytest.mark.parametrize("per_class", [True, False])
def test_a_label_that_no_shadow_has_seen_is_refused(per_class: bool) -> None:
    attack = shokri(made_up_shadows(1.0), per_class=per_class)
    with pytest.raises(ValueError, match=r"fitted on labels \[0, 1, 2\] and cannot score labels \[3, 5\]"):
        attack.score(about(torch.zeros(3, 6), torch.tensor([5, 0, 3])))


@pytest.mark.parametrize("value", [True, False])
def test_an_attack_model_needs_answers_about_members_and_others(value: bool) -> None:
    with pytest.raises(ValueError, match="no member, or nothing but members, of class 7 among 4 answers"):
        fit_attack_model(np.zeros((4, 2)), torch.full((4,), value), what="class 7")


def test_a_class_of_which_the_only_shadow_model_saw_one_side_is_named() -> None:
    y, is_member = torch.tensor([0, 0, 1, 1]), torch.tensor([[True, False, True, True]])
    with pytest.raises(ValueError, match="nothing but members, of class 1 among 2 answers"):
        shokri(Shadows(torch.randn(1, 4, 2, generator=seeded()).log_softmax(dim=2), y, is_member))


# Known answers


def test_an_attack_sees_the_sorted_answer_and_the_loss() -> None:
    log_posteriors = torch.log(torch.tensor([[0.2, 0.7, 0.1]]))
    expected = [math.log(0.7), math.log(0.2), math.log(0.1), -math.log(0.1)]
    assert attack_features(log_posteriors, torch.tensor([2]))[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("per_class", [True, False])
def test_a_target_that_knows_its_members_by_heart_gives_them_away(per_class: bool) -> None:
    generator = seeded(2)
    y, is_member = torch.arange(3).repeat(400), torch.arange(1200) < 600
    attack = shokri(made_up_shadows(8.0), per_class=per_class)
    scores = attack.score(about(answers(y, is_member, 8.0, generator), y))
    assert auc(scores, is_member).value > 0.95
    # Half is the threshold at which it says "member".
    assert attack.threshold == 0.5
    assert ((scores > 0.5) == is_member).double().mean() > 0.9


def test_a_target_whose_answers_ignore_membership_gives_nothing_away() -> None:
    generator = seeded(2)
    y, is_member = torch.arange(3).repeat(400), torch.arange(1200) < 600
    scores = shokri(made_up_shadows(8.0)).score(about(answers(y, is_member, 0.0, generator), y))
    area = auc(scores, is_member)
    assert area.low < 0.5 < area.high


def two_kinds_of_classes() -> tuple[Shadows, torch.Tensor]:
    """Return a shadow model whose members of class 0 get higher answers than others, those of class 1 lower ones."""
    generator = seeded(4)
    y = torch.arange(2).repeat(200)
    is_member = draw_memberships(y, n_shadows=1, generator=generator)
    sign = 1 - 2 * y
    logit = torch.randn(400, generator=generator) + 4 * sign * (2 * is_member[0].double() - 1)
    logits = torch.stack([torch.where(y == 0, logit, 0.0), torch.where(y == 1, logit, 0.0)], dim=1)
    return Shadows(logits.log_softmax(dim=1)[None], y, is_member), is_member[0]


def test_each_class_has_an_attack_model_of_its_own() -> None:
    shadows, is_member = two_kinds_of_classes()
    scores = shokri(shadows).score(about(shadows.log_posteriors[0], shadows.y))
    for label in (0, 1):
        assert auc(scores[shadows.y == label], is_member[shadows.y == label]).value > 0.95


def test_a_joint_attack_model_cannot_know_that_classes_differ() -> None:
    shadows, is_member = two_kinds_of_classes()
    scores = shokri(shadows, per_class=False).score(about(shadows.log_posteriors[0], shadows.y))
    assert auc(scores, is_member).value < 0.8


# Properties


@given(order=st.permutations(range(5)), seed=st.integers(0, 100))
def test_an_attack_does_not_see_which_wrong_class_is_which(order: list[int], seed: int) -> None:
    log_posteriors = torch.randn(4, 5, generator=seeded(seed)).log_softmax(dim=1)
    y = torch.tensor([0, 1, 2, 3])
    renamed = torch.tensor(order).argsort()[y]
    assert np.allclose(attack_features(log_posteriors[:, order], renamed), attack_features(log_posteriors, y))


def test_scores_are_probabilities_in_the_order_of_the_candidates() -> None:
    attack = shokri(made_up_shadows(3.0))
    generator = seeded(3)
    y, is_member = torch.arange(3).repeat(20), torch.rand(60, generator=generator) < 0.5
    log_posteriors = answers(y, is_member, 3.0, generator)
    scores = attack.score(about(log_posteriors, y))
    assert ((scores >= 0) & (scores <= 1)).all()
    for i in range(60):
        assert attack.score(about(log_posteriors[i : i + 1], y[i : i + 1])).item() == pytest.approx(scores[i].item())
