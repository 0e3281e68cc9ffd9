"""What attacks read off an answer."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded
from torch import nn

from vaeprivacy.attacks.scores import (
    confidence,
    logit_score,
    loss_score,
    negative_entropy,
    negative_modified_entropy,
)

SIGNALS = (loss_score, logit_score, confidence, negative_entropy, negative_modified_entropy)


# Known answers


def test_the_loss_score_is_the_log_posterior_of_the_label() -> None:
    log_posteriors = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]))
    expected = [math.log(0.1), math.log(0.5)]
    assert loss_score(log_posteriors, torch.tensor([2, 0])).tolist() == pytest.approx(expected)


def test_the_loss_score_is_minus_the_cross_entropy_for_each_of_several_models() -> None:
    logits, y = torch.randn(4, 6, 3, generator=seeded()), torch.tensor([0, 1, 2, 2, 1, 0])
    scores = loss_score(logits.log_softmax(dim=2), y)
    assert scores.shape == (4, 6)
    for model, of_model in zip(logits, scores, strict=True):
        assert torch.allclose(-of_model, nn.functional.cross_entropy(model, y, reduction="none"))


def test_an_even_answer_has_the_entropy_of_a_die_and_a_sure_one_has_none() -> None:
    log_posteriors = torch.tensor([[0.0] * 6, [200.0, *[0.0] * 5]]).log_softmax(dim=1)
    assert negative_entropy(log_posteriors, torch.zeros(2)).tolist() == pytest.approx([-math.log(6), 0])


def test_being_sure_of_a_wrong_class_differs_from_being_sure_of_the_right_one_in_the_modified_entropy_only() -> None:
    log_posteriors = torch.tensor([[0.98, 0.01, 0.01]], dtype=torch.float64).log().repeat(2, 1)
    y = torch.tensor([0, 1])  # the right class, a wrong one
    plain, modified = negative_entropy(log_posteriors, y), negative_modified_entropy(log_posteriors, y)
    assert plain[0] == plain[1]
    assert modified[0] > -0.01 and modified[1] < -3


def test_near_certainty_the_modified_entropy_still_counts_what_is_left() -> None:
    # 1 - p is 1e-20, which no floating-point number near 1 can hold; the sum of the other posteriors can.
    log_posteriors = torch.tensor([[0.0, math.log(1e-20)]], dtype=torch.float64)
    # Label: (1 - p) log p = 1e-20 log(1 - 1e-20), nothing. Other class: p log(1 - p), nothing either.
    assert negative_modified_entropy(log_posteriors, torch.tensor([0])).item() == pytest.approx(0, abs=1e-19)
    # A wrong label: (1 - p) log p = log(1e-20), and as much again for the other class.
    found = negative_modified_entropy(log_posteriors, torch.tensor([1])).item()
    assert found == pytest.approx(2 * math.log(1e-20), rel=1e-9)


# Properties


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_answers_of_several_models_are_read_one_by_one_and_left_as_they_are(signal) -> None:
    log_posteriors = torch.randn(3, 5, 4, generator=seeded()).log_softmax(dim=2)
    before, y = log_posteriors.clone(), torch.tensor([0, 1, 2, 3, 0])
    scores = signal(log_posteriors, y)
    assert scores.shape == (3, 5)
    assert torch.allclose(scores, torch.stack([signal(answer, y) for answer in log_posteriors]))
    assert torch.equal(log_posteriors, before)


@given(seed=st.integers(0, 100), temperature=st.floats(1, 40))
def test_logit_and_loss_put_records_into_the_same_order(seed: int, temperature: float) -> None:
    log_posteriors = (temperature * torch.randn(20, 3, generator=seeded(seed), dtype=torch.float64)).log_softmax(dim=1)
    y = torch.randint(3, (20,), generator=seeded(seed + 1))
    in_order = logit_score(log_posteriors, y).argsort()
    assert (loss_score(log_posteriors, y)[in_order].diff() >= 0).all()


@given(order=st.permutations(range(4)), seed=st.integers(0, 100))
def test_no_signal_depends_on_what_the_classes_are_called(order: list[int], seed: int) -> None:
    log_posteriors = torch.randn(6, 4, generator=seeded(seed)).log_softmax(dim=1)
    y = torch.randint(4, (6,), generator=seeded(seed + 1))
    renamed = torch.tensor(order).argsort()[y]
    for signal in SIGNALS:
        assert torch.allclose(signal(log_posteriors[:, order], renamed), signal(log_posteriors, y), atol=1e-5)
