"""The target model."""

import math
from dataclasses import replace

import pytest
import torch
from seeding import seeded
from torch import nn

from vaeprivacy.attacks import ClassifierRecipe
from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier, fit_classifiers, predict
from vaeprivacy.datasets import Dataset
from vaeprivacy.networks import mlp
from vaeprivacy.relax_loss import relax_loss

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
        torch.zeros(0, dtype=torch.int64),
    ],
)
def test_labels_that_do_not_fit_are_refused(y: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="y must hold one label from 0 to 2 for each of the 90 records"):
        fit_classifier(toy()[0], y, QUICK, n_classes=3, generator=seeded())


def test_labels_that_are_no_integers_are_refused() -> None:
    x, y = toy()
    with pytest.raises(ValueError, match=r"^y holds 0.5, but labels must be whole numbers"):
        fit_classifier(x, y + 0.5, QUICK, n_classes=3, generator=seeded())


@pytest.mark.parametrize(
    ("x", "error"), [(torch.full((3, 2), 255), TypeError), (torch.full((3, 2), math.inf), ValueError)]
)
def test_what_is_no_table_of_records_is_refused(x: torch.Tensor, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^x "):
        fit_classifier(x, torch.zeros(3, dtype=torch.int64), QUICK, n_classes=3, generator=seeded())


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("weight_decay", -0.1, r"^weight_decay must be non-negative and finite, not -0\.1"),
        ("weight_decay", math.inf, r"^weight_decay must be non-negative and finite, not inf"),
        ("label_smoothing", -0.1, r"^label_smoothing must be non-negative and finite, not -0\.1"),
        ("label_smoothing", 1.0, r"^label_smoothing must be below 1, .*not 1\.0"),
        ("relax_loss", 0.0, r"^relax_loss must be positive and finite, not 0\.0"),
    ],
)
def test_a_regularisation_that_makes_no_sense_is_refused(field: str, value: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ClassifierSettings(**{field: value})


@pytest.mark.parametrize("field", ["weight_decay", "label_smoothing", "relax_loss"])
def test_a_regularisation_that_is_no_number_is_refused(field: str) -> None:
    with pytest.raises(TypeError, match=f"^{field} must be a .* number, not '1'"):
        ClassifierSettings(**{field: "1"})


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


# Several classifiers at once


SHORT = ClassifierSettings(hidden=16, epochs=3, batch_size=20)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([weight.flatten() for weight in model.parameters()])


def subsets_of_digits(n_models: int, size: int = 50) -> list[torch.Tensor]:
    return [torch.randperm(200, generator=seeded(50 + number))[:size] for number in range(n_models)]


def trained_in_chunks(
    digits: Dataset, chunks: list[list[int]], settings: ClassifierSettings = SHORT
) -> list[nn.Module]:
    """Train five classifiers, each on 50 of 200 digits, some of them at once."""
    subsets = subsets_of_digits(5)
    models = []
    for numbers in chunks:
        models += fit_classifiers(
            digits.x[:200], digits.y[:200], settings,
            subsets=[subsets[n] for n in numbers], n_classes=10, generators=[seeded(n) for n in numbers],
        )  # fmt: skip
    return models


# The last two have batches on either side of the level, so that models differ in what a step does to them.
REGULARISED = {
    "plain": SHORT,
    "weight decay": replace(SHORT, weight_decay=0.1),
    "label smoothing": replace(SHORT, label_smoothing=0.2),
    "RelaxLoss": replace(SHORT, epochs=8, learning_rate=0.01, relax_loss=1.5),
    "RelaxLoss and weight decay": replace(SHORT, epochs=8, learning_rate=0.01, relax_loss=1.0, weight_decay=0.01),
}


@pytest.mark.parametrize("settings", REGULARISED.values(), ids=REGULARISED)
@pytest.mark.parametrize("chunks", [[[0, 1, 2, 3, 4]], [[0, 1], [2, 3], [4]], [[0], [1], [2], [3], [4]]])
def test_a_classifier_trained_beside_others_is_as_if_trained_alone(
    digits: Dataset, chunks: list[list[int]], settings: ClassifierSettings
) -> None:
    together = trained_in_chunks(digits, chunks, settings)
    for number, (subset, model) in enumerate(zip(subsets_of_digits(5), together, strict=True)):
        alone = fit_classifier(digits.x[subset], digits.y[subset], settings, n_classes=10, generator=seeded(number))
        assert torch.allclose(weights(model), weights(alone), atol=1e-4)
        assert torch.allclose(predict(model, digits.x), predict(alone, digits.x), atol=1e-3)


def test_classifiers_trained_at_once_are_not_each_other(digits: Dataset) -> None:
    models = trained_in_chunks(digits, [[0, 1, 2, 3, 4]])
    for i in range(5):
        for j in range(i):
            assert not torch.allclose(weights(models[i]), weights(models[j]), atol=1e-2)


@pytest.mark.parametrize("settings", REGULARISED.values(), ids=REGULARISED)
def test_plain_adam_on_one_model_gives_the_same_weights(digits: Dataset, settings: ClassifierSettings) -> None:
    # Stacked weights and the fused step against the textbook's loop, with the penalty and soft labels written out.
    x, y, generator = digits.x[:50], digits.y[:50], seeded(3)
    model = mlp([64, settings.hidden, 10], generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    for epoch in range(settings.epochs):
        for batch in torch.randperm(50, generator=generator).split(settings.batch_size):
            optimizer.zero_grad()
            soft = (1 - settings.label_smoothing) * torch.eye(10)[y[batch]] + settings.label_smoothing / 10
            loss = -(soft * model(x[batch]).log_softmax(dim=1)).sum(dim=1).mean()
            if settings.relax_loss is not None:
                loss = relax_loss(model(x[batch])[None], y[batch][None], alpha=settings.relax_loss, epoch=epoch).sum()
            penalty = sum(weight.square().sum() for weight in model.parameters()) / 2
            (loss + settings.weight_decay * penalty).backward()
            optimizer.step()
    fitted = fit_classifier(x, y, settings, n_classes=10, generator=seeded(3))
    assert torch.allclose(weights(fitted), weights(model), atol=1e-4)


def test_without_them_regularisation_changes_no_bit_and_each_of_them_changes_the_weights(digits: Dataset) -> None:
    settings = replace(SHORT, epochs=8, learning_rate=0.01)
    changes = [{}, {"weight_decay": 0, "label_smoothing": 0}]
    changes += [{"weight_decay": 0.1}, {"label_smoothing": 0.2}, {"relax_loss": 1.5}]
    plain, zero, *others = (
        weights(fit_classifier(digits.x[:50], digits.y[:50], replace(settings, **c), n_classes=10, generator=seeded()))
        for c in changes
    )
    assert torch.equal(plain, zero)
    assert not any(torch.allclose(plain, other, atol=1e-2) for other in others)


def test_weight_decay_makes_weights_smaller_and_label_smoothing_keeps_posteriors_from_one(digits: Dataset) -> None:
    x, y = digits.x[:100], digits.y[:100]
    plain, decayed, smoothed = (
        fit_classifier(x, y, replace(QUICK, **changed), n_classes=10, generator=seeded())
        for changed in ({}, {"weight_decay": 0.1}, {"label_smoothing": 0.5})
    )
    assert weights(decayed).norm() < weights(plain).norm() / 2
    # Half of each label is spread over ten classes: the best posterior of the right one is 0.55.
    assert predict(smoothed, x).exp().max(dim=1).values.mean() == pytest.approx(0.55, abs=0.1)
    assert predict(plain, x).exp().max(dim=1).values.mean() > 0.9


def test_records_outside_its_subset_do_not_touch_a_classifier(digits: Dataset) -> None:
    x, subsets = digits.x[:200].clone(), subsets_of_digits(2)
    options = {"subsets": subsets, "n_classes": 10}
    first = fit_classifiers(x, digits.y[:200], SHORT, generators=[seeded(0), seeded(1)], **options)
    outside = torch.ones(200, dtype=torch.bool)
    outside[subsets[0]] = False
    x[outside] = 1 - x[outside]
    second = fit_classifiers(x, digits.y[:200], SHORT, generators=[seeded(0), seeded(1)], **options)
    assert torch.allclose(weights(first[0]), weights(second[0]), atol=1e-6)
    assert not torch.allclose(weights(first[1]), weights(second[1]), atol=1e-3)


@pytest.mark.parametrize(
    ("sizes", "n_generators", "sentence"),
    [
        ((20, 30), 2, r"not 2 generators for subsets of \[20, 30\] records: train others one by one"),
        ((20, 20), 1, r"not 1 generators for subsets of \[20\] records"),
        ((), 0, r"not 0 generators for subsets of \[\] records"),
    ],
)
def test_subsets_and_generators_that_do_not_fit_are_refused(
    digits: Dataset, sizes: tuple[int, ...], n_generators: int, sentence: str
) -> None:
    generators = [seeded(n) for n in range(n_generators)]
    subsets = [torch.arange(size) for size in sizes]
    with pytest.raises(ValueError, match=sentence):
        fit_classifiers(digits.x, digits.y, SHORT, subsets=subsets, n_classes=10, generators=generators)


def test_a_recipe_gives_a_model_the_same_weights_whenever_it_is_trained(digits: Dataset) -> None:
    x, y, subsets = digits.x[:200], digits.y[:200], subsets_of_digits(3)
    recipe = ClassifierRecipe(10, seed=4, settings=SHORT)
    together = recipe(x, y, subsets, [0, 1, 2])
    alone = recipe(x, y, [subsets[1]], [1])[0]
    assert torch.allclose(weights(together[1]), weights(alone), atol=1e-4)
    assert not torch.allclose(weights(together[1]), weights(recipe(x, y, [subsets[1]], [2])[0]), atol=1e-2)
    another = ClassifierRecipe(10, seed=5, settings=SHORT)
    assert not torch.allclose(weights(together[1]), weights(another(x, y, [subsets[1]], [1])[0]), atol=1e-2)


def test_a_recipe_trains_subsets_of_two_lengths_and_keeps_their_order(digits: Dataset) -> None:
    # Halves of an odd number of records: 25, 26, 25, 26.
    x, y = digits.x[:51], digits.y[:51]
    half = torch.randperm(51, generator=seeded()) < 25
    subsets = [half.nonzero().flatten(), (~half).nonzero().flatten()] * 2
    recipe = ClassifierRecipe(10, seed=0, settings=SHORT)
    together = recipe(x, y, subsets, [0, 1, 2, 3])
    for number, model in enumerate(together):
        alone = recipe(x, y, [subsets[number]], [number])[0]
        assert torch.allclose(weights(model), weights(alone), atol=1e-4)
