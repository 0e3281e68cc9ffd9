"""The von Mises-Fisher mechanism: its law, its density and its promise."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from seeding import seeded

from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher, sample_cosines

SIZES = [(2, 0.5), (3, 1.0), (3, 20.0), (8, 4.0), (16, 100.0), (64, 8.0)]


def on_sphere(n: int, d: int, radius: float = 1.0, seed: int = 0) -> torch.Tensor:
    codes = torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)
    return radius * codes / codes.norm(dim=1, keepdim=True)


# Impossible input


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, "1", True])
@pytest.mark.parametrize("name", ["epsilon", "radius"])
def test_impossible_numbers_are_refused(name: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
        VonMisesFisher(**({"epsilon": 1.0} | {name: value}))


def test_a_line_has_no_directions() -> None:
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        VonMisesFisher(1.0).perturb(torch.ones(3, 1), generator=seeded())


def test_codes_of_another_sphere_are_refused() -> None:
    with pytest.raises(ValueError, match="a sphere of radius 1, not 2"):
        VonMisesFisher(1.0).project(torch.ones(3, 2), radius=2.0)


def test_half_precision_is_refused() -> None:
    with pytest.raises(TypeError, match="codes must be float32 or float64"):
        VonMisesFisher(1.0).perturb(torch.ones(3, 2, dtype=torch.float16), generator=seeded())


# Known answers


@pytest.mark.parametrize(("d", "kappa"), SIZES)
def test_cosines_follow_their_law(d: int, kappa: float) -> None:
    grid = np.linspace(-1, 1, 200_001)[1:-1]
    density = (1 - grid**2) ** ((d - 3) / 2) * np.exp(kappa * (grid - 1))
    cumulated = integrate.cumulative_trapezoid(density, grid, initial=0)
    cosines = sample_cosines(20_000, d, kappa=kappa, generator=seeded(3)).flatten().numpy()
    law = stats.kstest(cosines, lambda t: np.interp(t, grid, cumulated / cumulated[-1]))
    # In two dimensions the density has poles at the ends, where the sum is less exact.
    assert law.pvalue > 1e-3 or (d == 2 and law.statistic < 0.02)


@pytest.mark.parametrize(("d", "kappa"), SIZES)
def test_the_density_is_scipys(d: int, kappa: float) -> None:
    codes, noisy = on_sphere(5, d), on_sphere(5, d, seed=1)
    found = VonMisesFisher(kappa).log_likelihood(noisy, codes)
    expected = [stats.vonmises_fisher(u.numpy(), kappa).logpdf(v.numpy()) for u, v in zip(codes, noisy, strict=True)]
    assert found.tolist() == pytest.approx(expected, rel=1e-9)


def test_a_larger_sphere_spreads_the_density_over_its_area() -> None:
    codes, noisy = on_sphere(5, 4), on_sphere(5, 4, seed=1)
    large = VonMisesFisher(2.0, radius=3.0).log_likelihood(3 * noisy, 3 * codes)
    assert torch.allclose(large, VonMisesFisher(6.0).log_likelihood(noisy, codes) - 3 * math.log(3.0))


@pytest.mark.parametrize(("d", "kappa"), [(3, 2.0), (8, 10.0)])
def test_noisy_codes_have_the_mean_and_spread_of_scipys(d: int, kappa: float) -> None:
    code = on_sphere(1, d)
    noisy = VonMisesFisher(kappa).perturb(code.expand(100_000, d), generator=seeded(4))
    theirs = stats.vonmises_fisher(code[0].numpy(), kappa).rvs(100_000, random_state=np.random.default_rng(5))
    assert np.abs(noisy.mean(dim=0).numpy() - theirs.mean(axis=0)).max() < 0.015
    assert np.abs(np.cov(noisy.numpy().T) - np.cov(theirs.T)).max() < 0.01


# Properties


@pytest.mark.parametrize(("d", "kappa"), SIZES)
@pytest.mark.parametrize("radius", [0.5, 1.0, 4.0])
def test_no_noisy_code_tells_more_than_the_distance_allows(d: int, kappa: float, radius: float) -> None:
    mechanism = VonMisesFisher(kappa / radius, radius)
    one, other = on_sphere(200, d, radius), on_sphere(200, d, radius, seed=1)
    noisy = mechanism.perturb(one, generator=seeded(2))
    ratio = mechanism.log_likelihood(noisy, one) - mechanism.log_likelihood(noisy, other)
    allowed = mechanism.epsilon * (one - other).norm(dim=1)
    assert (ratio.abs() <= allowed * (1 + 1e-9) + 1e-9).all()
    # Opposite codes, asked about one of them, reach the bound.
    ratio = mechanism.log_likelihood(one, one) - mechanism.log_likelihood(one, -one)
    assert ratio.tolist() == pytest.approx([2 * kappa] * 200)


def test_the_promise_is_that_of_the_ball() -> None:
    guarantee = VonMisesFisher(2.0, radius=3.0).guarantee(3.0)
    assert guarantee.any_two_records.epsilon == 12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projected_codes_are_on_the_sphere_and_never_outside(dtype: torch.dtype) -> None:
    codes = torch.cat([torch.randn(1000, 5, generator=seeded()), 1e30 * torch.ones(1, 5), torch.zeros(1, 5)]).to(dtype)
    norms = VonMisesFisher(1.0, 2.5).project(codes, radius=2.5).double().norm(dim=1)
    assert (norms <= 2.5).all()
    assert (norms > 2.5 * (1 - 1e-5)).all()


@pytest.mark.parametrize("kappa", [1e-6, 1e-2, 1e3, 1e6])
def test_extreme_concentrations_give_finite_codes(kappa: float) -> None:
    codes = on_sphere(500, 6).float()
    mechanism = VonMisesFisher(kappa)
    noisy = mechanism.perturb(codes, generator=seeded(1))
    assert noisy.isfinite().all()
    cosines = (noisy * codes).sum(dim=1)
    assert cosines.mean() < 0.2 if kappa < 0.1 else cosines.min() > 0.9
    assert mechanism.log_likelihood(noisy, codes).isfinite().all()


def test_noisy_codes_lie_on_the_grid() -> None:
    mechanism = VonMisesFisher(3.0, 2.0)
    noisy = mechanism.perturb(on_sphere(50, 4, 2.0), generator=seeded()) / mechanism.grid_step
    assert torch.equal(noisy, noisy.round())


def test_gradients_flow_through_the_noise() -> None:
    mechanism, wanted = VonMisesFisher(5.0), torch.tensor([[0.0, 0.0, 1.0]])
    code = torch.tensor([[1.0, 0.1, 0.1]], requires_grad=True)
    noisy = mechanism.simulate(code.expand(2000, 3), generator=seeded())
    (noisy - wanted).square().sum(dim=1).mean().backward()
    assert code.grad[0, 2] < -0.1  # a step against the gradient turns the code towards what is wanted
    assert abs((code.grad * code).sum().item()) < 1e-3  # its length changes nothing
