"""Attacks on the release: the likelihood ratio reaches what theory allows, and beats the others."""

import math

import pytest
import torch
from scipy.special import ndtri
from seeding import seeded

from vaeprivacy.attacks import (
    Candidates,
    DensityRatio,
    Knowledge,
    LikelihoodRatio,
    NearestReconstruction,
    NearestRecord,
)
from vaeprivacy.attacks.likelihood import log_likelihoods, noisy_codes
from vaeprivacy.datasets import Dataset
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.metrics import auc, roc
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

N = 40_000


def two_codes(mechanism: Mechanism, dimension: int, distance: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-likelihood ratios of outputs for the second of two codes, and whether it was the second."""
    codes = torch.zeros(2, dimension, dtype=torch.float64)
    codes[1, 0] = distance
    y, reported = torch.zeros(2, dtype=torch.int64), torch.zeros(N, dtype=torch.int64)
    ratios = []
    for number, code in enumerate(codes):
        noisy = code + mechanism.sample(N, dimension, generator=seeded(number))
        of_first, of_second = log_likelihoods(codes, y, noisy=noisy, reported=reported, mechanism=mechanism)
        ratios.append(of_second - of_first)
    return torch.cat(ratios), torch.arange(2 * N) >= N


# Against the bounds


@pytest.mark.parametrize("dimension", [1, 16])
@pytest.mark.parametrize("distance", [0.5, 2.0])
def test_between_two_codes_with_gaussian_noise_the_attack_is_at_the_optimum(dimension: int, distance: float) -> None:
    found = auc(*two_codes(Gaussian(1.0), dimension, distance))
    assert found.value == pytest.approx(GaussianIndistinguishability(distance).max_auc(), rel=0.01)


def test_between_two_codes_on_a_line_laplace_noise_is_exploited_to_its_bound_and_not_beyond() -> None:
    mechanism = EuclideanLaplace(1.0)
    ratios, is_second = two_codes(mechanism, 1, 2.0)
    curve = roc(ratios.round(decimals=9), is_second)
    # Up to the rate at which noise reaches past the other code, where the ratio is at its limit.
    for fpr in (0.01, 0.03, 0.06):
        # Ties (beyond either code the ratio is constant) leave gaps in the curve: interpolate over them.
        below, above = curve[curve.fpr <= fpr].iloc[-1], curve[curve.fpr >= fpr].iloc[0]
        share = 0 if above.fpr == below.fpr else (fpr - below.fpr) / (above.fpr - below.fpr)
        tpr = below.tpr + share * (above.tpr - below.tpr)
        bound = mechanism.per_unit.times(2.0).max_tpr(fpr)
        assert tpr == pytest.approx(bound, rel=0.05)


def normal_world(sigma: float) -> tuple[float, float]:
    """Return the AUC of the exact likelihood ratio of a whole release, and that with an estimated density."""
    n, m, d = 400, 2000, 6
    mechanism, generator = Gaussian(sigma), seeded(3)
    members, others, population = torch.randn(2 * n + m, d, generator=generator, dtype=torch.float64).split([n, n, m])
    noisy, zeros = members + mechanism.sample(n, d, generator=generator), torch.zeros(m, dtype=torch.int64)

    def log_f(codes: torch.Tensor, width: float = 1.0) -> torch.Tensor:
        options = {"noisy": noisy, "reported": zeros[:n], "mechanism": mechanism, "width": width}
        return log_likelihoods(codes, zeros[: len(codes)], **options)

    exact = Gaussian(math.sqrt(1 + sigma**2)).log_density(noisy)
    widths = [log_f(population, width).logsumexp(dim=0) - math.log(m) for width in (1.0, 1.25, 1.5, 2.0)]
    estimated = max(widths, key=torch.sum)
    candidates, truth = torch.cat([members, others]), torch.arange(2 * n) < n
    return tuple(auc((log_f(candidates) - g).logsumexp(dim=1), truth).value for g in (exact, estimated))


@pytest.mark.parametrize("sigma", [0.25, 0.5, 1.0])
def test_an_estimated_population_costs_at_most_a_few_percent(sigma: float) -> None:
    exact, estimated = normal_world(sigma)
    assert estimated == pytest.approx(exact, rel=0.02)
    assert exact > 0.55


# On a VAE


@pytest.fixture(scope="module")
def fitted(digits: Dataset) -> VAE:
    settings = VAESettings(latent_dim=4, hidden=64, epochs=30, patience=30)
    return fit_vae(digits.x[:600], settings, generator=seeded())[0]


@pytest.mark.parametrize("epsilon", [4.0, 16.0])
def test_the_noisy_codes_can_be_read_from_the_records(fitted: VAE, digits: Dataset, epsilon: float) -> None:
    synthesizer = Synthesizer(EuclideanLaplace(epsilon), VAESettings(latent_dim=4), vae=fitted)
    noisy = synthesizer.mechanism.perturb(synthesizer.encode(digits.x[:300]), generator=seeded(1))
    errors = (noisy_codes(fitted, synthesizer.decode(noisy)) - noisy).norm(dim=1)
    assert (errors < 1e-3).double().mean() > 0.99


def attacked(fitted: VAE, digits: Dataset, labels: RandomisedResponse | None = None) -> dict[str, float]:
    """Return the AUC of each attack on a release of 300 digits with little noise."""
    synthesizer = Synthesizer(EuclideanLaplace(12.0), VAESettings(latent_dim=4), vae=fitted, labels=labels)
    order = torch.randperm(1797, generator=seeded(5))
    members, others, rest = order[:300], order[300:600], order[600:]
    release = synthesizer.release(digits.x[members], digits.y[members], generator=seeded(6))
    population = Candidates(x=digits.x[rest], y=digits.y[rest])
    knowledge = Knowledge(release=release, synthesizer=synthesizer, population=population)
    asked = torch.cat([members, others])
    candidates = Candidates(x=digits.x[asked], y=digits.y[asked])
    return {
        type(attack).__name__: auc(attack.fit(knowledge).score(candidates), torch.arange(600) < 300).value
        for attack in (NearestRecord(), NearestReconstruction(), DensityRatio(), LikelihoodRatio())
    }


def test_no_other_attack_beats_the_likelihood_ratio(fitted: VAE, digits: Dataset) -> None:
    found = attacked(fitted, digits)
    best = found.pop("LikelihoodRatio")
    assert best > 0.65
    assert best > max(found.values()) - 0.01


def test_noise_on_labels_is_part_of_the_likelihood(fitted: VAE, digits: Dataset) -> None:
    clear = attacked(fitted, digits)["LikelihoodRatio"]
    nearly_clear = attacked(fitted, digits, RandomisedResponse(40.0, 10))["LikelihoodRatio"]
    noisy = attacked(fitted, digits, RandomisedResponse(0.5, 10))["LikelihoodRatio"]
    assert nearly_clear == pytest.approx(clear, abs=0.02)
    assert 0.55 < noisy < clear


def test_the_density_ratio_finds_a_generator_that_repeats_its_members() -> None:
    generator = seeded(8)
    population, members, others = (torch.randn(400, 3, generator=generator).sigmoid() for _ in range(3))
    y = torch.zeros(400, dtype=torch.int64)
    few = members[:20].repeat(20, 1) + 0.01 * torch.randn(400, 3, generator=generator)
    knowledge = Knowledge(release=Release(few, y, None), population=Candidates(x=population, y=y))
    x = torch.cat([members[:20], others])
    scores = DensityRatio().fit(knowledge).score(Candidates(x=x, y=torch.zeros(420, dtype=torch.int64)))
    assert auc(scores, torch.arange(420) < 20).value > 0.8


def test_without_noise_there_is_no_likelihood(fitted: VAE, digits: Dataset) -> None:
    synthesizer = Synthesizer(None, VAESettings(latent_dim=4), vae=fitted)
    release = synthesizer.release(digits.x[:50], digits.y[:50], generator=seeded())
    records = Candidates(x=digits.x[:50], y=digits.y[:50])
    knowledge = Knowledge(release=release, synthesizer=synthesizer, population=records)
    assert LikelihoodRatio().missing(knowledge, records) == ["mechanism"]
    with pytest.raises(ValueError, match="without noise has no density: take NearestReconstruction"):
        LikelihoodRatio().fit(knowledge)


def test_a_release_of_other_records_gives_nothing_away(fitted: VAE, digits: Dataset) -> None:
    synthesizer = Synthesizer(EuclideanLaplace(12.0), VAESettings(latent_dim=4), vae=fitted)
    order = torch.randperm(1797, generator=seeded(9))
    release = synthesizer.release(digits.x[order[:300]], digits.y[order[:300]], generator=seeded(6))
    knowledge = Knowledge(
        release=release,
        synthesizer=synthesizer,
        population=Candidates(x=digits.x[order[900:]], y=digits.y[order[900:]]),
    )
    candidates = Candidates(x=digits.x[order[300:900]], y=digits.y[order[300:900]])
    for attack in (NearestRecord(), NearestReconstruction(), DensityRatio(), LikelihoodRatio()):
        found = auc(attack.fit(knowledge).score(candidates), torch.arange(600) < 300)
        assert abs(found.value - 0.5) < found.high - found.low, type(attack).__name__


def test_the_normal_quantile_of_the_optimum_is_the_distance() -> None:
    # Of the same curve, at one point: TPR = Phi(Phi^-1(FPR) + distance).
    curve = roc(*two_codes(Gaussian(1.0), 3, 1.0))
    at = curve[curve.fpr <= 0.05].iloc[-1]
    assert ndtri(at.tpr) - ndtri(at.fpr) == pytest.approx(1.0, abs=0.05)


def test_with_fewer_features_than_components_fewer_records_will_do() -> None:
    release = Release(torch.rand(6, 2, generator=seeded()), torch.zeros(6), None)
    population = Candidates(x=torch.rand(7, 2, generator=seeded(1)), y=torch.zeros(7))
    attack = DensityRatio().fit(Knowledge(release=release, population=population))
    assert attack.score(population).isfinite().all()


@pytest.mark.parametrize(("released", "own"), [(8, 100), (100, 8)])
def test_a_density_needs_more_records_than_dimensions(released: int, own: int) -> None:
    release = Release(torch.rand(released, 20, generator=seeded()), torch.zeros(released), None)
    population = Candidates(x=torch.rand(own, 20, generator=seeded(1)), y=torch.zeros(own))
    with pytest.raises(ValueError, match=r"8 dimensions needs more records .* one has 8"):
        DensityRatio().fit(Knowledge(release=release, population=population))
