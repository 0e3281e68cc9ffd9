"""Empirical lower bounds on epsilon."""

import math

import numpy as np
import pytest
import torch
from seeding import seeded

from vaeprivacy.audit.lower_bounds import (
    Audit,
    audit_mechanism,
    audit_release,
    audit_scores,
    epsilon_lower_bound,
    furthest_codes,
    mu_lower_bound,
    one_run_lower_bound,
    rate_bounds,
)
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.datasets import Dataset
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.whitened import WhitenedLaplace
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAE, VAESettings

MECHANISMS = [
    EuclideanLaplace(0.5),
    CoordinateLaplace(0.5),
    Gaussian(2.0),
    WhitenedLaplace(0.5, torch.tensor([[2.0, 0.5], [0.5, 1.0]])),
]

# Impossible input


@pytest.mark.parametrize(("first", "second"), [((30,), (31,)), ((19,), (19,)), ((30, 2), (30, 2))])
def test_scores_that_do_not_match_or_are_too_few_are_refused(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="as many scores of either distribution, at least 20"):
        audit_scores(np.zeros(first), np.zeros(second), Indistinguishability(1.0))


@pytest.mark.parametrize("mechanism", [Gaussian(1.0), None])
def test_a_release_without_epsilon_cannot_be_audited_in_one_run(
    mechanism: Mechanism | None, vae: VAE, digits: Dataset
) -> None:
    synthesizer = Synthesizer(mechanism, VAESettings(latent_dim=3), vae=vae)
    with pytest.raises(ValueError, match="only if its noise has an epsilon"):
        audit_release(synthesizer, digits.x[:30], digits.y[:30], generator=seeded())


# A known answer


def test_the_bounds_of_a_rate_are_clopper_and_pearsons() -> None:
    low, high = rate_bounds([0, 5, 10], 10, level=0.975)
    # One-sided at 97.5%: the ends of the two-sided 95% intervals, as printed in tables.
    assert low.tolist() == pytest.approx([0, 0.187086, 0.691503], abs=5e-7)
    assert high.tolist() == pytest.approx([0.308497, 0.812914, 1], abs=5e-7)


def test_the_bound_on_epsilon_is_the_ratio_of_the_unfavourable_ends() -> None:
    # 1000 true and no false positives in 1000: (TPR at least 0.99632, FPR at most 0.00368).
    assert epsilon_lower_bound(1000, 0, 1000) == pytest.approx(math.log(0.996318 / 0.003682), abs=1e-3)


def test_the_complement_of_an_event_counts_as_well() -> None:
    # All of one, nearly all of the other: the event says little, its complement much.
    assert epsilon_lower_bound(1000, 900, 1000) == pytest.approx(float(epsilon_lower_bound(100, 0, 1000)), abs=1e-9)


def test_delta_is_taken_off() -> None:
    with_delta, without = (float(epsilon_lower_bound(500, 50, 1000, delta=d)) for d in (0.1, 0.0))
    assert 0 < with_delta < without
    assert epsilon_lower_bound(500, 50, 1000, delta=0.6) == 0


def test_the_bound_on_mu_is_the_distance_of_quantiles() -> None:
    n = 10**9  # so many that intervals have no width
    assert mu_lower_bound(round(0.691462461 * n), n // 2, n) == pytest.approx(0.5, abs=1e-3)


def test_guesses_bound_epsilon_by_the_odds() -> None:
    n = 10**9
    assert one_run_lower_bound(round(n * math.e / (1 + math.e)), n) == pytest.approx(1, abs=1e-3)
    assert one_run_lower_bound(50, 100) == 0
    assert one_run_lower_bound(100, 100) == pytest.approx(math.log(0.970487 / 0.029513), abs=1e-3)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_furthest_codes_are_a_diameter_apart(mechanism: Mechanism) -> None:
    first, second = furthest_codes(mechanism, radius=3.0, dimension=2, n=4)
    assert first.shape == second.shape == (4, 2)
    assert mechanism.metric.norm(first - second).tolist() == pytest.approx([6.0] * 4)
    assert mechanism.metric.norm(first).tolist() == pytest.approx([3.0] * 4)


def test_an_audit_reads_as_a_sentence() -> None:
    fine, wrong = Audit("epsilon", 2.0, 1.9, 2000), Audit("mu", 2.0, 2.1, 2000, 0.99)
    assert str(fine) == "claimed epsilon 2.000, measured at least 1.900 (95% confidence, 2,000 outputs): not refuted"
    assert str(wrong) == "claimed mu 2.000, measured at least 2.100 (99% confidence, 2,000 outputs): REFUTED"


# Properties


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("n", [1000, 20_000])
def test_correct_mechanisms_are_not_refuted_and_audits_come_close(mechanism: Mechanism, n: int) -> None:
    audits = [audit_mechanism(mechanism, radius=2.0, dimension=2, n=n, generator=seeded(seed)) for seed in range(10)]
    assert sum(audit.violated for audit in audits) <= 2  # 5% each
    assert audits[0].claimed == pytest.approx(2.0)
    assert np.median([audit.measured for audit in audits]) > {1000: 1.1, 20_000: 1.6}[n]


@pytest.mark.parametrize("dimension", [1, 2])
@pytest.mark.parametrize("factor", [0.5, 0.8])
def test_noise_that_is_too_small_is_refuted_in_few_dimensions(dimension: int, factor: float) -> None:
    claim = Indistinguishability(2.0)
    small = EuclideanLaplace(0.5 / factor)
    audits = [
        audit_mechanism(small, radius=2.0, dimension=dimension, n=30_000, generator=seeded(seed), claimed=claim)
        for seed in range(10)
    ]
    assert sum(audit.violated for audit in audits) >= 9


def test_too_little_gaussian_noise_is_refuted_in_any_dimension() -> None:
    claim = GaussianIndistinguishability(2.0)
    audits = [
        audit_mechanism(Gaussian(1.6), radius=2.0, dimension=64, n=10_000, generator=seeded(seed), claimed=claim)
        for seed in range(5)
    ]
    assert all(audit.violated for audit in audits)


def test_equal_distributions_seldom_seem_different() -> None:
    audits = []
    for i in range(200):
        first, second = (torch.randn(500, generator=seeded(seed)) for seed in (i, i + 1000))
        audits.append(audit_scores(first, second, Indistinguishability(1e-3)))
    # At most 5% are expected; 20 or more of 200 happen once in 500 times.
    assert sum(audit.violated for audit in audits) < 20


def test_clipping_is_audited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaeprivacy.audit.lower_bounds.clip", lambda codes, **options: codes)
    unclipped = audit_mechanism(EuclideanLaplace(0.5), radius=2.0, dimension=1, n=5000, generator=seeded())
    assert unclipped.violated


class TooLittleNoise(EuclideanLaplace):
    """Claims an eighth of the epsilon that it has."""

    def sample(self, n: int, dimension: int, **options: object) -> torch.Tensor:
        return super().sample(n, dimension, **options) / 8


@pytest.fixture(scope="module")
def two_dimensional(digits: Dataset) -> Synthesizer:
    """A synthesizer with few dimensions, in which an audit of the release has power."""
    synthesizer = Synthesizer(EuclideanLaplace(0.5), VAESettings(latent_dim=2, hidden=32, epochs=15), radius=3.0)
    return synthesizer.fit(digits.x[:900], digits.y[:900], generator=seeded(3))


def test_a_correct_release_is_not_refuted(two_dimensional: Synthesizer, digits: Dataset) -> None:
    audit = audit_release(two_dimensional, digits.x[:900], digits.y[:900], generator=seeded(4))
    assert audit.claimed == 3.0
    assert 0.3 < audit.measured < 3.0
    assert audit.n == 180


def test_the_claim_does_not_grow_with_the_audits_that_were_made(two_dimensional: Synthesizer, digits: Dataset) -> None:
    # Else a broken synthesizer passes, if it is audited often enough.
    claims = [
        audit_release(two_dimensional, digits.x[:100], digits.y[:100], generator=seeded(seed)).claimed
        for seed in range(3)
    ]
    assert claims == [3.0, 3.0, 3.0]


def test_a_release_with_too_little_noise_is_refuted(two_dimensional: Synthesizer, digits: Dataset) -> None:
    wrong = Synthesizer(TooLittleNoise(0.5), two_dimensional.settings, radius=3.0, vae=two_dimensional.vae)
    assert audit_release(wrong, digits.x[:900], digits.y[:900], generator=seeded(4)).violated


def test_noise_on_labels_does_not_disturb_the_audit(two_dimensional: Synthesizer, digits: Dataset) -> None:
    noisy_labels = Synthesizer(
        EuclideanLaplace(0.5),
        two_dimensional.settings,
        radius=3.0,
        vae=two_dimensional.vae,
        labels=RandomisedResponse(1.0, 10),
    )
    assert not audit_release(noisy_labels, digits.x[:900], digits.y[:900], generator=seeded(4)).violated
