"""Denoisers: closed forms, a check by importance weights, and what they may not do."""

import math

import pytest
import torch
from scipy import stats
from seeding import seeded

from vaeprivacy.distances import clip
from vaeprivacy.mechanisms.base import AdditiveNoise
from vaeprivacy.mechanisms.denoisers import (
    DENOISERS,
    Denoiser,
    PosteriorMean,
    PosteriorSample,
    Projection,
    Shrinkage,
    log_joint,
    prior_nodes,
)
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.whitened import WhitenedLaplace

FAR = 100.0  # a radius that no code of the prior reaches


def denoised(denoiser: Denoiser, noisy: torch.Tensor, mechanism: AdditiveNoise, radius: float = FAR) -> torch.Tensor:
    return denoiser.denoise(noisy, mechanism=mechanism, radius=radius, generator=seeded(9))


def channel(mechanism: AdditiveNoise, d: int, n: int, radius: float = FAR) -> tuple[torch.Tensor, torch.Tensor]:
    """Return codes of the prior, projected, and noisy ones."""
    codes = clip(torch.randn(n, d, generator=seeded(1), dtype=torch.float64), radius=radius, warn=False)
    return codes, codes + mechanism.sample(n, d, generator=seeded(2))


# Impossible input


@pytest.mark.parametrize("denoiser", [PosteriorMean(), PosteriorSample()], ids=str)
def test_posteriors_of_noise_with_a_direction_are_refused(denoiser: Denoiser) -> None:
    with pytest.raises(ValueError, match=r"posterior of CoordinateLaplace noise is not known.*take Shrinkage"):
        denoised(denoiser, torch.ones(3, 2), CoordinateLaplace(1.0))


@pytest.mark.parametrize("denoiser", [PosteriorMean(), PosteriorSample()], ids=str)
def test_posteriors_of_a_single_coordinate_are_refused(denoiser: Denoiser) -> None:
    with pytest.raises(ValueError, match="at least 2 latent dimensions"):
        denoised(denoiser, torch.ones(3, 1), EuclideanLaplace(1.0))


# Known answers


@pytest.mark.parametrize(
    ("mechanism", "factor"),
    [
        (Gaussian(2.0), 1 / 5),
        (EuclideanLaplace(2.0), 1 / (1 + 6 / 4)),
        (CoordinateLaplace(2.0), 1 / (1 + 2 / 4)),
    ],
    ids=str,
)
def test_the_best_linear_guess_of_equal_noise_multiplies_by_one_number(mechanism: AdditiveNoise, factor: float) -> None:
    noisy = torch.randn(20, 5, generator=seeded())
    assert torch.allclose(denoised(Shrinkage(), noisy, mechanism), factor * noisy)
    assert torch.allclose(denoised(Shrinkage(0.5), noisy, mechanism), math.sqrt(factor) * noisy)


def test_noise_of_unequal_size_is_shrunk_most_where_it_is_largest() -> None:
    mechanism = WhitenedLaplace(1.0, torch.diag(torch.tensor([1.0, 9.0])))
    found = denoised(Shrinkage(), torch.ones(1, 2, dtype=torch.float64), mechanism)
    assert found[0].tolist() == pytest.approx([1 / (1 + 3), 1 / (1 + 27)])


@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0])
def test_the_mean_under_normal_noise_is_the_closed_form(sigma: float) -> None:
    noisy = channel(Gaussian(sigma), 6, 500)[1]
    found = denoised(PosteriorMean(), noisy, Gaussian(sigma), radius=30.0)
    assert torch.allclose(found, noisy / (1 + sigma**2), atol=2e-4)


@pytest.mark.parametrize("mechanism", [EuclideanLaplace(3.0), EuclideanLaplace(1.0), Gaussian(1.0)], ids=str)
@pytest.mark.parametrize("radius", [1.0, FAR])
def test_the_mean_is_that_of_importance_weights(mechanism: AdditiveNoise, radius: float) -> None:
    codes = channel(mechanism, 3, 400_000, radius)[0]
    noisy = torch.tensor([[0.2, 0.0, 0.0], [1.0, -1.0, 0.5], [3.0, 3.0, 0.0]], dtype=torch.float64)
    found = denoised(PosteriorMean(), noisy, mechanism, radius=min(radius, 12.0))
    for one, mean in zip(noisy, found, strict=True):
        weights = mechanism.log_density(one - codes).softmax(dim=0)
        error = 5 / (1 / weights.square().sum()).sqrt()  # five standard errors, as if of so many draws of size one
        assert (weights @ codes - mean).norm() < error


def test_the_nodes_hold_all_probability_and_lengths_are_those_of_the_prior() -> None:
    for d, radius in ((2, 1.0), (3, 2.0), (16, 4.0), (64, 8.0)):
        r, t, log_weight = prior_nodes(d, radius=radius)
        weights = log_weight.exp()
        assert weights.sum().item() == pytest.approx(1, abs=1e-6)
        assert (weights @ t).item() == pytest.approx(0, abs=1e-9)
        assert (weights @ t.square()).item() == pytest.approx(1 / d, rel=1e-6)  # that of any direction's coordinate
        assert weights[r == radius].sum().item() == pytest.approx(stats.chi(d).sf(radius), abs=1e-9)


def test_without_evidence_the_posterior_is_the_prior() -> None:
    nodes = prior_nodes(4, radius=2.0)
    found = log_joint(torch.tensor([0.0], dtype=torch.float64), nodes, mechanism=Gaussian(1e4))[0].softmax(dim=0)
    assert torch.allclose(found, nodes[2].exp(), atol=1e-6)


# Properties


@pytest.mark.parametrize("mechanism", [EuclideanLaplace(2.0), Gaussian(1.5)], ids=str)
def test_the_mean_is_nearer_to_the_code_than_any_other_guess(mechanism: AdditiveNoise) -> None:
    codes, noisy = channel(mechanism, 8, 40_000, radius=math.sqrt(8))
    errors = {
        name: (denoised(denoiser, noisy, mechanism, radius=math.sqrt(8)) - codes).square().sum(dim=1).mean().item()
        for name, denoiser in DENOISERS.items()
        if name != "posterior-sample"
    }
    assert min(errors, key=errors.get) == "posterior-mean"
    assert errors["shrink"] < (noisy - codes).square().sum(dim=1).mean()


@pytest.mark.parametrize("mechanism", [EuclideanLaplace(2.0), Gaussian(1.5)], ids=str)
def test_samples_of_the_posterior_are_distributed_as_codes_are(mechanism: AdditiveNoise) -> None:
    codes, noisy = channel(mechanism, 4, 4000, radius=2.0)
    sampled = denoised(PosteriorSample(), noisy, mechanism, radius=2.0)
    for project in (lambda u: u[:, 0], lambda u: (u * noisy).sum(dim=1)):
        assert stats.ks_2samp(project(codes), project(sampled)).pvalue > 1e-3
    assert (sampled.norm(dim=1) <= 2 + 1e-9).all()
    assert (sampled - denoised(PosteriorMean(), noisy, mechanism, radius=2.0)).norm(dim=1).min() > 0


def test_codes_and_noise_are_mixed_so_that_the_variance_is_preserved() -> None:
    noisy = channel(Gaussian(2.0), 3, 200_000)[1]
    assert denoised(Shrinkage(power=0.5), noisy, Gaussian(2.0)).var(dim=0).tolist() == pytest.approx([1] * 3, rel=0.02)


@pytest.mark.parametrize("name", ["shrink", "preserve-variance", "posterior-mean"])
@pytest.mark.parametrize("mechanism", [EuclideanLaplace(3.0), Gaussian(0.8)], ids=str)
def test_an_adversary_undoes_what_can_be_undone(name: str, mechanism: AdditiveNoise) -> None:
    noisy = channel(mechanism, 4, 1000, radius=2.0)[1]
    back = DENOISERS[name].undo(
        denoised(DENOISERS[name], noisy, mechanism, radius=2.0), mechanism=mechanism, radius=2.0
    )
    errors = (back - noisy).norm(dim=1)
    assert errors.median() < 1e-2
    again = denoised(DENOISERS[name], back, mechanism, radius=2.0)
    expected = denoised(DENOISERS[name], noisy, mechanism, radius=2.0)
    assert torch.allclose(again, expected, atol=1e-2)  # even where it is another noisy code, it has the same mean


def test_of_two_noisy_codes_with_one_mean_the_more_probable_one_is_told() -> None:
    # In 16 dimensions and with epsilon 16, the mean is longest for noisy codes of about length 4, as most are.
    mechanism = EuclideanLaplace(16.0)
    noisy = channel(mechanism, 16, 2000, radius=4.0)[1]
    means = denoised(PosteriorMean(), noisy, mechanism, radius=4.0)
    back = PosteriorMean().undo(means, mechanism=mechanism, radius=4.0)
    right = (back - noisy).norm(dim=1) < 0.05
    assert 0.8 < right.double().mean() <= 1


@pytest.mark.parametrize("denoiser", [Projection(), PosteriorSample()], ids=str)
def test_what_cannot_be_undone_stays_as_it_is(denoiser: Denoiser) -> None:
    codes = torch.randn(5, 4, generator=seeded())
    assert torch.equal(denoiser.undo(codes, mechanism=EuclideanLaplace(1.0), radius=2.0), codes)


@pytest.mark.parametrize("name", list(DENOISERS))
def test_shape_and_type_stay_and_a_code_of_zero_is_no_error(name: str) -> None:
    noisy = torch.cat([torch.zeros(1, 4), 50 * torch.randn(3, 4, generator=seeded())])
    found = denoised(DENOISERS[name], noisy, EuclideanLaplace(1.0), radius=2.0)
    assert found.shape == noisy.shape
    assert found.dtype == torch.float32
    assert found.isfinite().all()
