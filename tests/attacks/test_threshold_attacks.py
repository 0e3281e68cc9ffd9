"""Attacks that compare one number with a threshold."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded
from toy_worlds import about, answers, made_up_shadows

from vaeprivacy.attacks import Candidates, Confidence, Entropy, Gap, Knowledge, LossThreshold, ModifiedEntropy, Shadows
from vaeprivacy.attacks.scores import loss_score, negative_entropy, negative_modified_entropy
from vaeprivacy.attacks.threshold import SignalThreshold, best_threshold
from vaeprivacy.metrics import advantage, attack_accuracy, auc

BY_CLASS = ((Confidence, loss_score), (Entropy, negative_entropy), (ModifiedEntropy, negative_modified_entropy))


# Impossible input


@pytest.mark.parametrize("attack", [attack for attack, _ in BY_CLASS])
def test_a_label_without_a_threshold_is_refused(attack: type[SignalThreshold]) -> None:
    fitted = attack().fit(Knowledge(shadows=made_up_shadows(1.0)))
    with pytest.raises(ValueError, match=r"fitted on labels \[0, 1, 2\] and cannot score labels \[3\]"):
        fitted.score(about(torch.zeros(2, 6), torch.tensor([0, 3])))


@pytest.mark.parametrize("value", [True, False])
def test_shadow_models_on_one_side_set_no_threshold(value: bool) -> None:
    shadows = made_up_shadows(1.0)
    one_sided = Shadows(shadows.log_posteriors, shadows.y, torch.full_like(shadows.is_member, value))
    with pytest.raises(ValueError, match=r"halves that differ \(draw_memberships\)"):
        Confidence().fit(Knowledge(shadows=one_sided))


# Known answers


def test_the_loss_is_compared_with_the_average_over_members_of_the_shadow_models() -> None:
    log_posteriors = torch.tensor([[[0.8, 0.2], [0.5, 0.5]], [[0.1, 0.9], [0.4, 0.6]]]).log()
    y, is_member = torch.tensor([0, 0]), torch.tensor([[True, False], [False, True]])
    attack = LossThreshold().fit(Knowledge(shadows=Shadows(log_posteriors, y, is_member)))
    average = (torch.tensor(0.8).log() + torch.tensor(0.4).log()) / 2
    scores = attack.score(about(torch.tensor([[0.7, 0.3], [0.5, 0.5]]).log(), torch.tensor([0, 0])))
    assert torch.allclose(scores, torch.tensor([0.7, 0.5]).log() - average)
    assert (scores > attack.threshold).tolist() == [True, False]


def test_the_gap_attack_gains_what_the_target_is_better_on_its_members() -> None:
    y, is_member = torch.zeros(200, dtype=torch.int64), torch.arange(200) < 100
    # Right about 95 of 100 members and about 70 of 100 others.
    predicted = (torch.arange(200) % 100 >= torch.where(is_member, 95, 70)).long()
    attack = Gap().fit(Knowledge(query_label=lambda x: predicted))
    scores = attack.score(Candidates(x=torch.zeros(200, 1), y=y))
    assert advantage(scores, is_member, threshold=attack.threshold).value == pytest.approx(0.25)


@pytest.mark.parametrize(("attack", "signal"), BY_CLASS)
def test_the_score_is_the_signal_less_the_threshold_of_its_class(attack: type[SignalThreshold], signal) -> None:
    everything = made_up_shadows(2.0)
    fitted = attack().fit(Knowledge(shadows=everything))
    shadows = everything.two_sided()  # records that both models were trained on, or neither, do not count
    y = torch.tensor([2, 0, 1, 0])
    log_posteriors = answers(y, torch.ones(4), 2.0, seeded())
    expected = []
    for i, label in enumerate(y.tolist()):
        mine = shadows.y == label
        signals = signal(shadows.log_posteriors[:, mine], shadows.y[mine])
        threshold = best_threshold(signals, shadows.is_member[:, mine])
        expected.append(signal(log_posteriors, y)[i].item() - threshold)
    assert fitted.score(about(log_posteriors, y)).tolist() == pytest.approx(expected)
    assert len(set(fitted.thresholds.values())) == 3


def test_thresholds_by_class_help_where_one_class_is_easier_than_another() -> None:
    # Members of class 0 have logits around 6 and others around 4; of class 1 around 2 and 0: one threshold fails.
    generator = seeded(3)
    y = torch.arange(2).repeat(300)
    is_member = torch.rand(3, 600, generator=generator) < 0.5
    logit = torch.where(y == 0, 4.0, 0.0) + 2.0 * is_member + 0.3 * torch.randn(3, 600, generator=generator)
    sign = torch.where(y == 0, 1.0, -1.0)
    log_posteriors = torch.stack([sign * logit / 2, -sign * logit / 2], dim=-1).log_softmax(dim=-1)
    shadows = Shadows(log_posteriors[:2], y, is_member[:2])
    attack = Confidence().fit(Knowledge(shadows=shadows))
    by_class = attack.score(about(log_posteriors[2], y))
    assert attack_accuracy(by_class, is_member[2], threshold=attack.threshold).value > 0.97
    assert auc(loss_score(log_posteriors[2], y), is_member[2]).value < 0.9


# Properties


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=30).filter(
        lambda pairs: len({member for _, member in pairs}) == 2
    )
)
def test_no_other_threshold_is_right_more_often_than_the_best(pairs: list[tuple[int, bool]]) -> None:
    signals = torch.tensor([signal for signal, _ in pairs], dtype=torch.float32)
    is_member = torch.tensor([member for _, member in pairs])
    found = attack_accuracy(signals, is_member, threshold=best_threshold(signals, is_member)).value
    # Between integers all thresholds are alike.
    others = [attack_accuracy(signals, is_member, threshold=t + 0.5).value for t in range(-6, 6)]
    assert found == pytest.approx(max(others))


def test_neighbouring_floats_are_still_told_apart() -> None:
    low = torch.tensor(-1e-7)
    signals = torch.stack([low, low.nextafter(torch.tensor(1.0))])
    threshold = best_threshold(signals, torch.tensor([False, True]))
    assert (signals.double() > threshold).tolist() == [False, True]


def test_the_threshold_of_the_loss_moves_no_ranks() -> None:
    y = torch.arange(3).repeat(50)
    log_posteriors = answers(y, torch.rand(150, generator=seeded()) < 0.5, 2.0, seeded(1))
    attacks = [LossThreshold().fit(Knowledge(shadows=made_up_shadows(gain))) for gain in (0.0, 8.0)]
    first, second = (attack.score(about(log_posteriors, y)) for attack in attacks)
    assert torch.equal(first.argsort(), second.argsort())
    assert not torch.allclose(first, second)
    assert not LossThreshold.by_shadows()


def test_a_threshold_needs_members_and_others() -> None:
    for side in (True, False):
        with pytest.raises(ValueError, match="needs members and non-members"):
            best_threshold(torch.zeros(3), torch.tensor([side] * 3))


def test_the_average_loss_of_members_needs_members() -> None:
    shadows = made_up_shadows(1.0)
    nobody = replace(shadows, is_member=torch.zeros_like(shadows.is_member))
    with pytest.raises(ValueError, match="No shadow model was trained on any of the records"):
        LossThreshold().fit(Knowledge(shadows=nobody))
