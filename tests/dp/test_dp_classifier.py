"""Classifiers that are trained with DP-SGD."""

import math
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from seeding import seeded
from torch import nn

from vaeprivacy import dp_classifier
from vaeprivacy.accounting import dp_sgd_plan
from vaeprivacy.classifiers import accuracy
from vaeprivacy.datasets import Dataset
from vaeprivacy.dp_classifier import LINEAR_SETTINGS, DPClassifierSettings, fit_dp_classifier
from vaeprivacy.networks import mlp
from vaeprivacy.randomness import SYSTEM_ENTROPY

# Every step takes every record: then the accountant answers at once.
QUICK = DPClassifierSettings(hidden=16, epochs=40, batch_size=10_000, learning_rate=0.05)
BUDGET = {"epsilon": 8.0, "delta": 1e-5, "n_classes": 10}


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """Turn warnings into errors: those of Opacus are no news to anybody who trains a classifier."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def records(digits: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    return digits.x[:300], digits.y[:300]


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


# Impossible input


@pytest.mark.parametrize("value", [0, -1.0, math.nan])
@pytest.mark.parametrize("field", ["epochs", "batch_size", "learning_rate", "max_grad_norm"])
def test_a_setting_that_is_not_positive_is_refused_by_its_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must be positive and finite, not "):
        DPClassifierSettings(**{field: value})


def test_a_negative_number_of_units_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^hidden must be non-negative"):
        DPClassifierSettings(hidden=-1)


def test_a_centre_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^centre must be a finite number, such as 0\.5 .* not nan"):
        DPClassifierSettings(centre=math.nan)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"epsilon": 0.01}, r"^epsilon must be from 0\.05 to 100"),
        ({"epsilon": math.inf}, r"^epsilon must be positive and finite"),
        ({"delta": 1.0}, r"^delta must be below 1"),
        ({"n_classes": 9}, r"^y must hold one label from 0 to 8"),
    ],
)
def test_a_budget_or_labels_that_make_no_sense_are_refused(
    records: tuple[torch.Tensor, torch.Tensor], changed: dict[str, float], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        fit_dp_classifier(*records, QUICK, **(BUDGET | changed), generator=seeded())


def test_what_is_no_table_of_records_is_refused(records: tuple[torch.Tensor, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match=r"^x contains NaN"):
        fit_dp_classifier(records[0] / 0, records[1], QUICK, **BUDGET, generator=seeded())


# A known answer


def test_what_is_spent_is_what_the_accountant_states(records: tuple[torch.Tensor, torch.Tensor]) -> None:
    _, spent = fit_dp_classifier(*records, QUICK, **BUDGET, generator=seeded())
    assert (spent.epsilon, spent.delta) == (dp_sgd_plan(8.0, 1e-5, 1.0, 40)[1], 1e-5)
    assert 7.99 <= spent.epsilon <= 8


def test_the_accountant_is_asked_about_the_steps_that_are_taken(
    records: tuple[torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(dp_classifier, "dp_sgd_plan", lambda *plan: asked.append(plan) or (1.0, 7.0))
    _, spent = fit_dp_classifier(*records, replace(QUICK, epochs=2, batch_size=30), **BUDGET, generator=seeded())
    assert asked == [(8.0, 1e-5, 0.1, 20, "add or remove")]
    assert spent.epsilon == 7.0


@pytest.mark.parametrize("centre", [0.0, 0.5])
@pytest.mark.parametrize("hidden", [0, 16])
def test_without_noise_and_clipping_it_is_plain_adam_on_centred_records(
    records: tuple[torch.Tensor, torch.Tensor], hidden: int, centre: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dp_classifier, "dp_sgd_plan", lambda *plan: (0.0, 8.0))
    settings = replace(QUICK, hidden=hidden, epochs=5, max_grad_norm=1e6, centre=centre)
    x, y = records
    model = fit_dp_classifier(x, y, settings, **BUDGET, generator=seeded())[0]
    plain = mlp([64, 16, 10] if hidden else [64, 10], generator=seeded(), activation=nn.Tanh)
    adam = torch.optim.Adam(plain.parameters(), lr=settings.learning_rate)
    for _ in range(5):
        adam.zero_grad()
        F.cross_entropy(plain(x - centre), y, reduction="sum").backward()
        adam.step()
    assert torch.allclose(model(x), plain(x - centre), atol=1e-2)


@pytest.mark.parametrize(
    ("settings", "sizes"), [(QUICK, [(16, 64), (16,), (10, 16), (10,)]), (LINEAR_SETTINGS, [(10, 64), (10,)])]
)
def test_the_network_has_the_sizes_of_the_settings(
    records: tuple[torch.Tensor, torch.Tensor], settings: DPClassifierSettings, sizes: list[tuple[int, ...]]
) -> None:
    one_step = replace(settings, epochs=1, batch_size=10_000)
    model, _ = fit_dp_classifier(*records, one_step, **BUDGET, generator=seeded())
    assert [tuple(weight.shape) for weight in model.parameters()] == sizes
    assert model(records[0]).shape == (300, 10)


# Properties


def test_it_learns_more_with_more_budget(digits: Dataset) -> None:
    x, y, test = digits.x[:1000], digits.y[:1000], (digits.x[1000:], digits.y[1000:])
    found = [
        accuracy(fit_dp_classifier(x, y, QUICK, **(BUDGET | {"epsilon": e}), generator=seeded())[0], *test)
        for e in (0.05, 1.0, 30.0)
    ]
    assert found[0] < found[1] < found[2]
    assert found[0] < 0.5
    assert found[2] > 0.85


def test_the_same_generator_gives_the_same_classifier_and_another_another(
    records: tuple[torch.Tensor, torch.Tensor],
) -> None:
    first, again, other = (
        weights(fit_dp_classifier(*records, QUICK, **BUDGET, generator=seeded(seed))[0]) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_with_the_systems_entropy_two_trainings_differ(records: tuple[torch.Tensor, torch.Tensor]) -> None:
    first, second = (weights(fit_dp_classifier(*records, QUICK, **BUDGET, generator=SYSTEM_ENTROPY)[0]) for _ in "ab")
    assert (first != second).double().mean() > 0.9


def test_training_leaves_the_global_generator_alone(records: tuple[torch.Tensor, torch.Tensor]) -> None:
    before = torch.get_rng_state()
    fit_dp_classifier(*records, QUICK, **BUDGET, generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_of_the_gradients_is_left_in_the_classifier(records: tuple[torch.Tensor, torch.Tensor]) -> None:
    # Opacus keeps the last sum of clipped gradients, before noise, as an attribute of each weight.
    model, _ = fit_dp_classifier(*records, QUICK, **BUDGET, generator=seeded())
    plain = mlp([64, 16, 10], generator=seeded(), activation=nn.Tanh)
    assert type(model) is nn.Sequential
    assert all(weight.grad is None and not vars(weight) and weight.requires_grad for weight in model.parameters())
    for mine, theirs in zip(model.modules(), plain.modules(), strict=True):
        assert type(mine) is type(theirs)
        assert vars(mine).keys() == vars(theirs).keys()
        assert not any(vars(mine)[name] for name in vars(mine) if name.endswith("hooks"))
    assert len(pickle.dumps(model)) == len(pickle.dumps(plain))
