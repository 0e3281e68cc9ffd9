"""Audits of trained pipelines: they never refute correct code, and refute each planted fault."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from scipy.stats import binom
from seeding import seeded

from vaeprivacy.audit import audit_fit, audit_training
from vaeprivacy.audit.faults.moments import features_of
from vaeprivacy.audit.moment_audit import Answer
from vaeprivacy.audit.one_run import Canaries, one_run_epsilon, one_run_p_value
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.classifiers import ClassifierSettings, fit_classifier
from vaeprivacy.moments import MomentSettings, noisy_moments, with_noise

SETTINGS, RUNS = MomentSettings(top=2), 200
OPPOSITE = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])  # the worst pair for the first step
TURNED = torch.tensor([[1.0, 0.0], [-0.5, math.sqrt(3) / 2]])  # and for the second one
SECOND = 1 - SETTINGS.centre_share - SETTINGS.class_share
STEPS = {
    "centre": (["centre"], SETTINGS.centre_share),
    "second step": (["sums", "second", "counts"], SECOND),
    "whole": (["centre", "sums", "second", "counts", "second by class"], 1.0),
}


def audited(fault: str, pair: torch.Tensor, mu: float) -> dict[str, float]:
    """Return by how much each step's lower bound on mu exceeds the promise."""
    generator = seeded(7)
    others, sigma = torch.randn(15, 4, generator=generator).double(), SETTINGS.deviations(mu)
    wrong = {name: value / (10 if fault == "ten times" else 1) for name, value in sigma.items()}
    wrong["centre"] /= 2**0.5 if fault == "root 2" else 1
    y = F.one_hot(torch.arange(16) % 2).double()

    def fit(features: torch.Tensor, noisy: Answer) -> None:
        def not_clipped(name: str, sums: torch.Tensor) -> torch.Tensor:
            return noisy(name, features.sum(0) / SETTINGS.centre_clip if name == "centre" else sums)

        noisy_moments(features, y, SETTINGS, sigma, not_clipped if fault == "not clipped" else noisy)

    def answer(name: str, sums: torch.Tensor) -> torch.Tensor:
        return with_noise(sums, wrong[name], generator=generator)

    records = [torch.cat([100 * F.pad(first[None], (0, 2)), others]) for first in pair.double()]
    worlds = tuple(partial(fit, features_of(x, fitted=fault == "fitted")) for x in records)
    steps = {name: (sums, mu * math.sqrt(share)) for name, (sums, share) in STEPS.items()}
    found = audit_fit(worlds, steps, sigma=sigma, answer=answer, n=RUNS)
    return {step: each.measured - each.claimed for step, each in found.items()}


# What must not happen


@pytest.mark.parametrize(("pair", "step", "mu"), [(OPPOSITE, "centre", 10.0), (TURNED, "second step", 2.5)])
def test_the_fit_of_moments_is_not_refuted_and_the_bound_comes_near(pair: torch.Tensor, step: str, mu: float) -> None:
    excess = audited("none", pair, mu)
    assert max(excess.values()) <= 0 and excess[step] > -1


def test_coins_that_nobody_can_see_refute_nothing() -> None:
    assert one_run_epsilon(52, 100, coins=500, delta=1e-6) == 0
    x, y = torch.randn(300, 5, generator=seeded()), torch.arange(300) % 3
    blind = torch.nn.Linear(5, 3)
    options = {"canaries": 200, "guesses": 100, "n_classes": 3, "generator": seeded(1)}
    assert not audit_training(lambda x, y: blind, x, y, Indistinguishability(0.5, 1e-6), **options).violated


@pytest.mark.parametrize(("canaries", "guesses"), [(0, 1), (301, 1), (10, 11)])
def test_more_canaries_or_guesses_than_there_are_is_refused(canaries: int, guesses: int) -> None:
    options = {"canaries": canaries, "guesses": guesses, "n_classes": 3, "generator": seeded()}
    with pytest.raises(ValueError, match=r"(canaries|guesses) must"):
        audit_training(
            lambda x, y: None, torch.zeros(300, 5), torch.arange(300) % 3, Indistinguishability(1, 0), **options
        )


# Known answers


@pytest.mark.parametrize(
    ("fault", "pair", "step", "mu"),
    [
        ("root 2", OPPOSITE, "centre", 10.0),
        ("not clipped", OPPOSITE, "centre", 10.0),
        ("fitted", TURNED, "second step", 1.0),
        ("ten times", OPPOSITE, "whole", 1.0),
    ],
)
def test_each_planted_fault_is_refuted(fault: str, pair: torch.Tensor, step: str, mu: float) -> None:
    assert audited(fault, pair, mu)[step] > 0


def test_without_delta_the_p_value_is_the_binomial_one() -> None:
    assert one_run_p_value(80, 100, coins=100, epsilon=1.0, delta=0.0) == binom.sf(79, 100, math.e / (1 + math.e))
    # Delta costs: at most its share of all probability, for each coin.
    worse = one_run_p_value(80, 100, coins=100, epsilon=1.0, delta=1e-3)
    assert worse > one_run_p_value(80, 100, coins=100, epsilon=1.0, delta=0.0)
    assert one_run_epsilon(100, 100, coins=100, delta=0.0) == pytest.approx(math.log(0.970487 / 0.029513), abs=1e-3)


def test_a_classifier_that_learns_by_heart_is_refuted() -> None:
    x, y = torch.randn(300, 30, generator=seeded()), torch.arange(300) % 3
    settings = ClassifierSettings(epochs=40, batch_size=100)

    def train(x: torch.Tensor, y: torch.Tensor) -> torch.nn.Module:
        return fit_classifier(x, y, settings, n_classes=3, generator=seeded(2))

    options = {"canaries": 200, "guesses": 100, "n_classes": 3, "generator": seeded(1)}
    found = audit_training(train, x, y, Indistinguishability(2.0, 1e-6), **options)
    assert found.violated and found.measured > 3


# Properties


def test_canaries_have_two_labels_that_are_not_their_own_and_fair_coins() -> None:
    y = torch.arange(4000) % 4
    drawn = Canaries.of(y, n_classes=4, generator=seeded())
    assert (drawn.labels != y[:, None]).all() and (drawn.labels[:, 0] != drawn.labels[:, 1]).all()
    assert abs(drawn.coins.double().mean() - 0.5) < 0.03
    assert torch.bincount(drawn.y).min() > 900


@pytest.mark.parametrize("correct", [60, 80, 95])
def test_the_bound_is_where_the_p_value_reaches_the_level_and_grows_with_right_guesses(correct: int) -> None:
    bound = one_run_epsilon(correct, 100, coins=1000, delta=1e-6)
    assert one_run_p_value(correct, 100, coins=1000, epsilon=bound, delta=1e-6) == pytest.approx(0.05, abs=1e-4)
    assert one_run_epsilon(correct + 1, 100, coins=1000, delta=1e-6) > bound
