"""The mechanisms: impossible parameters, densities, sampling, and what is promised."""

import math

import numpy as np
import pytest
import torch
from mechanism_cases import DIMENSIONS, covariance, each, each_epsilon, each_laplace, each_type, make
from scipy import integrate, stats
from seeding import seeded

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.distances import EUCLIDEAN, MANHATTAN
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.mechanisms import laplace
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.whitened import Mahalanobis, WhitenedLaplace
from vaeprivacy.randomness import SYSTEM_ENTROPY

# Impossible input

BAD_PARAMETERS = [
    *((value, ValueError) for value in (0, -1.0, math.nan, math.inf)),
    *((value, TypeError) for value in ("1", True, None, torch.tensor(1.0))),
]


@pytest.mark.parametrize(("value", "error"), BAD_PARAMETERS)
def test_a_parameter_that_is_not_a_positive_number_is_refused(value: object, error: type[Exception]) -> None:
    for mechanism in (EuclideanLaplace, CoordinateLaplace, lambda epsilon: WhitenedLaplace(epsilon, torch.eye(2))):
        with pytest.raises(error, match=r"^epsilon must be (a )?positive"):
            mechanism(value)
    with pytest.raises(error, match=r"^sigma must be (a )?positive"):
        Gaussian(value)


@pytest.mark.parametrize("name", ["epsilon", "delta", "radius"])
@pytest.mark.parametrize(("value", "error"), BAD_PARAMETERS)
def test_gaussian_noise_is_calibrated_to_no_impossible_budget(value: object, error: type[Exception], name: str) -> None:
    budget = {"epsilon": 1.0, "delta": 1e-5, "radius": 3.0, name: value}
    with pytest.raises(error, match=rf"^{name} must be"):
        Gaussian.for_budget(**budget)


def test_whitening_by_what_is_no_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^covariance must be a symmetric, positive definite matrix"):
        WhitenedLaplace(1.0, torch.ones(2, 2))


BAD_CODES = [
    (torch.tensor([[0.0, 0.0, math.nan]]), ValueError, "NaN"),
    (torch.tensor([[0.0, 0.0, -math.inf]]), ValueError, "infinite"),
    (torch.zeros(3), ValueError, r"\(3,\)"),
    (torch.zeros(0, 3), ValueError, r"\(0, 3\)"),
    (torch.zeros(2, 2, 3), ValueError, r"\(2, 2, 3\)"),
    (torch.zeros(2, 3, dtype=torch.int64), TypeError, "int64"),
    (torch.zeros(2, 3, dtype=torch.float16), TypeError, "float32 or float64, not torch.float16"),
    (torch.zeros(2, 3, dtype=torch.bfloat16), TypeError, "float32 or float64, not torch.bfloat16"),
    (np.zeros((2, 3), dtype=int), TypeError, "int64"),
    ([[0.0]], TypeError, "list"),
    (None, TypeError, "NoneType"),
]


@each
@pytest.mark.parametrize(("codes", "error", "naming"), BAD_CODES)
def test_noise_is_not_added_to_what_is_no_table_of_codes(
    codes: object, error: type[Exception], naming: str, name: str
) -> None:
    for generator in (seeded(), SYSTEM_ENTROPY):
        with pytest.raises(error, match=f"^codes .*{naming}"):
            make(name).perturb(codes, generator=generator)


def test_codes_of_another_dimension_than_the_covariance_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^The covariance is for codes of dimension 3, not 4"):
        make("Whitened").perturb(torch.zeros(2, 4), generator=seeded())


# A known answer: densities


@each_epsilon
def test_in_one_dimension_the_densities_are_laplaces_and_gausss(epsilon: float) -> None:
    points = torch.linspace(-5, 5, 41, dtype=torch.float64)[:, None]
    laplace = stats.laplace(scale=1 / epsilon).logpdf(points[:, 0].numpy()).tolist()
    normal = stats.norm(scale=1 / epsilon).logpdf(points[:, 0].numpy()).tolist()
    deviation = covariance(1).sqrt().item()
    whitened = stats.laplace(scale=deviation / epsilon).logpdf(points[:, 0].numpy()).tolist()
    assert make("Euclidean", epsilon).log_density(points).tolist() == pytest.approx(laplace)
    assert make("Coordinate", epsilon).log_density(points).tolist() == pytest.approx(laplace)
    assert make("Whitened", epsilon, d=1).log_density(points).tolist() == pytest.approx(whitened)
    assert make("Gaussian", epsilon).log_density(points).tolist() == pytest.approx(normal)


@each_epsilon
@pytest.mark.parametrize("d", DIMENSIONS)
def test_the_densities_of_independent_coordinates_are_products(d: int, epsilon: float) -> None:
    points = torch.randn(20, d, generator=seeded(), dtype=torch.float64)
    laplace = stats.laplace(scale=1 / epsilon).logpdf(points.numpy()).sum(axis=1).tolist()
    normal = stats.norm(scale=1 / epsilon).logpdf(points.numpy()).sum(axis=1).tolist()
    assert make("Coordinate", epsilon).log_density(points).tolist() == pytest.approx(laplace)
    assert make("Gaussian", epsilon).log_density(points).tolist() == pytest.approx(normal)


@each_epsilon
@each
def test_in_one_dimension_the_density_integrates_to_one(name: str, epsilon: float) -> None:
    mechanism = make(name, epsilon, d=1)
    total, _ = integrate.quad(
        lambda z: mechanism.log_density(torch.tensor([[z]], dtype=torch.float64)).exp().item(), -100, 100, points=[0]
    )
    assert total == pytest.approx(1, abs=1e-6)


@each_epsilon
@each
def test_in_two_dimensions_the_density_integrates_to_one(name: str, epsilon: float) -> None:
    # Beyond 30 scales, less than a millionth is left, also of the whitened one.
    side = torch.linspace(-30, 30, 2001, dtype=torch.float64) / epsilon
    density = make(name, epsilon, d=2).log_density(torch.cartesian_prod(side, side)).exp()
    assert density.sum().item() * (side[1] - side[0]).item() ** 2 == pytest.approx(1, abs=2e-4)


@pytest.mark.parametrize("d", [3, 16, 64, 512])
@pytest.mark.parametrize("name", ["Euclidean", "Gaussian"])
def test_in_any_dimension_the_density_integrates_to_one(name: str, d: int) -> None:
    # Over spheres: the one of radius r has area 2 pi^(d/2) / Gamma(d/2) r^(d-1).
    log_unit_area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
    mechanism = make(name, 2.0)
    middle = {"Euclidean": d / 2, "Gaussian": math.sqrt(d) / 2}[name]

    def on_sphere(r: float) -> float:
        point = torch.zeros(1, d, dtype=torch.float64)
        point[0, 0] = r
        return math.exp(log_unit_area + (d - 1) * math.log(r) + mechanism.log_density(point).item())

    total, _ = integrate.quad(on_sphere, 1e-9, 3 * middle + 20, points=[middle * f for f in (0.8, 1, 1.2)], limit=500)
    assert total == pytest.approx(1, abs=1e-6)


@each_epsilon
@pytest.mark.parametrize("d", DIMENSIONS)
def test_the_whitened_density_is_the_euclidean_one_after_a_change_of_variables(d: int, epsilon: float) -> None:
    white = torch.randn(20, d, generator=seeded(), dtype=torch.float64)
    expected = EuclideanLaplace(epsilon).log_density(white) - torch.logdet(covariance(d)) / 2
    coloured = white @ torch.linalg.cholesky(covariance(d)).mT
    assert torch.allclose(make("Whitened", epsilon, d=d).log_density(coloured), expected)


# A known answer: sampling


def test_coordinate_noise_is_the_inverse_of_the_distribution_function(monkeypatch: pytest.MonkeyPatch) -> None:
    u = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)[:, None]
    monkeypatch.setattr(laplace, "uniforms", lambda *_, **__: u.clone())
    noise = CoordinateLaplace(0.5).sample(999, 1, generator=seeded())
    assert noise[:, 0].tolist() == pytest.approx(stats.laplace(scale=2).ppf(u[:, 0].numpy()).tolist(), abs=1e-14)


@each_type
def test_coordinate_noise_reaches_36_scales_and_stays_finite(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The uniforms that are possible, at both ends and in the middle; with 24 bits it would end at 16.6 scales.
    u = torch.tensor([[0.0], [2.0**-53], [2.0**-30], [0.5 - 2.0**-53], [0.5], [1 - 2.0**-53]], dtype=torch.float64)
    monkeypatch.setattr(laplace, "uniforms", lambda *_, **__: u.clone())
    noise = CoordinateLaplace(0.5).sample(6, 1, generator=seeded(), dtype=dtype)
    assert noise.dtype == dtype
    log2 = math.log(2)
    expected = [-53 * log2, -52 * log2, -29 * log2, 0, 0, 52 * log2]
    assert (noise[:, 0] / 2).tolist() == pytest.approx(expected, rel=1e-6, abs=1e-9)


# A known answer: the grid


@each
@pytest.mark.parametrize(("epsilon", "step"), [(1.0, 2**-10), (0.5, 2**-9), (0.51, 2**-10), (3.0, 2**-12)])
def test_the_step_of_the_grid_is_known(name: str, epsilon: float, step: float) -> None:
    assert make(name, epsilon).grid_step == step


@each_laplace
def test_the_promise_of_laplace_noise_is_its_epsilon(name: str) -> None:
    mechanism = make(name, 0.5)
    assert mechanism.per_unit == Indistinguishability(0.5)
    assert mechanism.guarantee(3.0) == Guarantee(Indistinguishability(0.5), 3.0, mechanism.metric)


def test_the_promise_of_gaussian_noise_is_one_over_sigma() -> None:
    assert Gaussian(4.0).per_unit == GaussianIndistinguishability(0.25)
    assert Gaussian(4.0).guarantee(3.0) == Guarantee(GaussianIndistinguishability(0.25), 3.0)


def test_each_mechanism_has_its_own_distance() -> None:
    assert [make(name).metric for name in ("Euclidean", "Gaussian", "Coordinate")] == [EUCLIDEAN, EUCLIDEAN, MANHATTAN]
    assert isinstance(make("Whitened").metric, Mahalanobis)


@each
def test_no_promise_covers_what_a_mechanism_knows_nothing_of(name: str) -> None:
    guarantee = make(name).guarantee(3.0)
    assert (guarantee.labels, guarantee.model.covered, guarantee.releases) == (None, False, 1)
    assert "Not covered: the labels" in str(guarantee)


@pytest.mark.parametrize(("epsilon", "sigma"), [(1.0, 22.383790), (20.0, 1.740249)])
def test_the_least_gaussian_noise_for_a_budget_is_known(epsilon: float, sigma: float) -> None:
    # A ball of radius 3 is 6 across.
    mechanism = Gaussian.for_budget(epsilon, delta=1e-5, radius=3.0)
    assert mechanism.sigma == pytest.approx(sigma, abs=5e-7)
    assert mechanism.guarantee(3.0).any_two_records.epsilon(1e-5) == pytest.approx(epsilon, rel=1e-6)
