"""The target model."""

import math

import pytest
import torch
from seeding import seeded
from torch import nn

from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier, predict
from vaeprivacy.data import Dataset

QUICK = ClassifierSettings(hidden=16, epochs=30, batch_size=20, learning_rate=0.01)


def toy() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 90 points in three clouds that are far from each other."""
    y = torch.arange(3).repeat(30)
    centres = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    return centres[y] + 0.5 * torch.randn(90, 2, generator=seeded()), y


# Impossible input


@pytest.mark.parametrize(
    "y",
    [
        torch.tensor([0, 1, 3] * 30),
        torch.tensor([0, 1, -1] * 30),
        torch.zeros(89, dtype=torch.int64),
        torch.zeros(90, 1, dtype=torch.int64),
        torch.zeros(0, dtype=torch.int64),
    ],
)
def test_labels_that_do_not_fit_are_refused(y: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="y must hold one label from 0 to 2 for each of the 90 records"):
        fit_classifier(toy()[0], y, QUICK, n_classes=3, generator=seeded())


def test_labels_that_are_no_integers_are_refused() -> None:
    x, y = toy()
    with pytest.raises(TypeError, match=r"y must .*torch.float32"):
        fit_classifier(x, y.float(), QUICK, n_classes=3, generator=seeded())


@pytest.mark.parametrize(
    ("x", "error"), [(torch.zeros(3, 2, dtype=torch.int64), TypeError), (torch.full((3, 2), math.inf), ValueError)]
)
def test_what_is_no_table_of_records_is_refused(x: torch.Tensor, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^x "):
        fit_classifier(x, torch.zeros(3, dtype=torch.int64), QUICK, n_classes=3, generator=seeded())


# A known answer


def test_classes_that_are_far_apart_are_told_apart() -> None:
    x, y = toy()
    model = fit_classifier(x, y, QUICK, n_classes=3, generator=seeded())
    assert accuracy(model, x, y) == 1
    # And not by heart: new points at the clouds' centres.
    new = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    assert predict(model, new).argmax(dim=1).tolist() == [0, 1, 2]


def test_posteriors_are_the_softmax_of_the_logits_as_logarithms() -> None:
    logits = torch.log(torch.tensor([[1.0, 1.0, 2.0], [3.0, 1.0, 0.5]]))
    expected = torch.log(torch.tensor([[0.25, 0.25, 0.5], [3 / 4.5, 1 / 4.5, 0.5 / 4.5]]))
    assert torch.allclose(predict(nn.Identity(), logits), expected)


def test_accuracy_is_the_share_of_right_answers() -> None:
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert accuracy(nn.Identity(), logits, torch.tensor([0, 1, 1, 1])) == 0.75


def test_the_network_has_the_sizes_of_the_settings() -> None:
    x, y = toy()
    model = fit_classifier(x, y, ClassifierSettings(hidden=7, epochs=1), n_classes=4, generator=seeded())
    assert [tuple(weight.shape) for weight in model.parameters()] == [(7, 2), (7,), (4, 7), (4,)]


# Properties


def test_posteriors_of_a_record_sum_to_one(digits: Dataset) -> None:
    model = fit_classifier(digits.x[:100], digits.y[:100], QUICK, n_classes=10, generator=seeded())
    answers = predict(model, digits.x)
    assert answers.shape == (1797, 10)
    assert torch.allclose(answers.double().exp().sum(dim=1), torch.ones(1797, dtype=torch.float64), atol=1e-5)
    assert not answers.requires_grad


def test_the_same_generator_gives_the_same_classifier_and_another_another() -> None:
    x, y = toy()
    first, again, other = (
        predict(fit_classifier(x, y, QUICK, n_classes=3, generator=seeded(seed)), x) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    fit_classifier(*toy(), QUICK, n_classes=3, generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_training_overfits_few_records(digits: Dataset) -> None:
    # Without this gap there would be nothing for an attack to find.
    x, y = digits.x[:60], digits.y[:60]
    model = fit_classifier(x, y, ClassifierSettings(batch_size=10), n_classes=10, generator=seeded())
    assert accuracy(model, x, y) == 1
    assert accuracy(model, digits.x[60:], digits.y[60:]) < 0.95
