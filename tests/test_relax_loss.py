"""RelaxLoss: its loss by hand, and what training with it does to members."""

import math

import pytest
import torch
from seeding import seeded

from vaeprivacy.classifiers import ClassifierSettings, fit_classifier, predict
from vaeprivacy.datasets import Dataset
from vaeprivacy.metrics import auc
from vaeprivacy.relax_loss import flatten_posteriors, relax_loss

# Two models, two records each, with these posteriors; every record's label is 0.
POSTERIORS = torch.tensor([[[0.5, 0.3, 0.2], [0.5, 0.1, 0.4]], [[0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]])
LABELS = torch.zeros(2, 2, dtype=torch.int64)
EVEN, ODD = 4, 5


def loss(*, alpha: float, epoch: int, posteriors: torch.Tensor = POSTERIORS) -> list[float]:
    return relax_loss(posteriors.log(), LABELS, alpha=alpha, epoch=epoch).tolist()


# Impossible input


@pytest.mark.parametrize("value", [0, -0.5, math.nan, math.inf])
def test_a_level_that_no_loss_can_be_kept_at_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"^relax_loss must be positive and finite, not "):
        ClassifierSettings(relax_loss=value)


@pytest.mark.parametrize("value", ["0.5", True])
def test_a_level_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=r"^relax_loss must be a positive number"):
        ClassifierSettings(relax_loss=value)


def test_label_smoothing_beside_it_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^relax_loss makes its own soft labels, so label_smoothing must be 0, not 0.1"
    ):
        ClassifierSettings(relax_loss=0.5, label_smoothing=0.1)


# A known answer


@pytest.mark.parametrize("epoch", [EVEN, ODD])
def test_above_its_level_each_model_has_the_gradient_of_its_cross_entropy(epoch: int) -> None:
    logits = POSTERIORS.log().requires_grad_()
    relax_loss(logits, LABELS, alpha=0.1, epoch=epoch).sum().backward()
    one_hot = torch.tensor([1.0, 0.0, 0.0])
    assert torch.allclose(logits.grad, (POSTERIORS - one_hot) / 2, atol=1e-6)


def test_in_even_epochs_it_is_the_distance_of_each_models_loss_from_the_level() -> None:
    # The average losses are log 2 and log 4: one is below a level of 1, one above.
    assert loss(alpha=1.0, epoch=EVEN) == pytest.approx([1 - math.log(2), math.log(4) - 1], abs=1e-6)


def test_in_odd_epochs_below_the_level_it_is_the_cross_entropy_to_flattened_posteriors() -> None:
    first = -(0.5 * math.log(0.5) + 0.25 * math.log(0.3) + 0.25 * math.log(0.2))
    second = -(0.5 * math.log(0.5) + 0.25 * math.log(0.1) + 0.25 * math.log(0.4))
    assert loss(alpha=1.0, epoch=ODD) == pytest.approx([(first + second) / 2, math.log(4)], abs=1e-6)


def test_flattened_posteriors_by_hand() -> None:
    expected = torch.tensor([[[0.5, 0.25, 0.25]] * 2, [[0.25, 0.375, 0.375]] * 2])
    assert torch.allclose(flatten_posteriors(POSTERIORS.log(), LABELS), expected)


def test_flattening_leaves_the_right_class_alone_and_takes_no_gradient_through_its_labels() -> None:
    logits = POSTERIORS[:1].log().requires_grad_()
    relax_loss(logits, LABELS[:1], alpha=1.0, epoch=ODD).sum().backward()
    # The gradient of a cross-entropy to constant labels is posteriors minus labels.
    expected = torch.tensor([[[0.0, 0.05, -0.05], [0.0, -0.15, 0.15]]]) / 2
    assert torch.allclose(logits.grad, expected, atol=1e-6)


# Properties


@pytest.mark.parametrize("epoch", [EVEN, ODD])
def test_each_models_loss_is_its_own(epoch: int) -> None:
    both = loss(alpha=1.0, epoch=epoch)
    alone = [loss(alpha=1.0, epoch=epoch, posteriors=POSTERIORS[[i, i]])[0] for i in (0, 1)]
    assert both == pytest.approx(alone)


def test_flattened_posteriors_are_posteriors() -> None:
    logits = 5 * torch.randn(100, 10, generator=seeded())
    y = torch.randint(10, (100,), generator=seeded(1))
    flat = flatten_posteriors(logits.requires_grad_(), y)
    assert torch.allclose(flat.sum(dim=1), torch.ones(100))
    assert torch.allclose(flat.gather(1, y[:, None]), logits.softmax(dim=1).gather(1, y[:, None]))
    assert not flat.requires_grad


def members_loss_and_auc(digits: Dataset, alpha: float | None) -> tuple[float, float]:
    """Train on 100 digits; return their average loss, and the AUC of the attack that takes low losses for members."""
    settings = ClassifierSettings(hidden=64, epochs=100, batch_size=20, learning_rate=0.01, relax_loss=alpha)
    order = torch.randperm(len(digits.y), generator=seeded())
    members = order[:100]
    model = fit_classifier(digits.x[members], digits.y[members], settings, n_classes=10, generator=seeded(1))
    log_posteriors = predict(model, digits.x[order]).gather(1, digits.y[order][:, None]).flatten()
    is_member = torch.arange(len(order)) < 100
    return -log_posteriors[:100].mean().item(), auc(log_posteriors, is_member).value


def test_members_have_about_the_loss_that_is_asked_for_and_the_attack_on_losses_gets_worse(digits: Dataset) -> None:
    plain, plain_auc = members_loss_and_auc(digits, None)
    relaxed, relaxed_auc = members_loss_and_auc(digits, 1.0)
    assert plain < 0.01
    assert relaxed == pytest.approx(1.0, abs=0.2)
    assert relaxed_auc < plain_auc - 0.02
