"""Whether the tests of a law are tests: uniform p-values for noise of the right law, none for noise of a wrong one."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats
from seeding import seeded

from vaeprivacy.audit.noise_tests import distribution_of, noise_p_values, standardise
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.whitened import WhitenedLaplace

N = 10_000
YES_OR_NO = {"repeated rows", "rank", "zeros"}  # statistics that are 0 or 1
STATISTICS = {
    "mean length",
    "variance of length",
    "distribution of length",
    "mean direction",
    "roundness",
    "next length",
    "next direction",
    "length and direction",
    *YES_OR_NO,
}


def has_law(noise: torch.Tensor, mechanism: Mechanism, *, level: float = 1e-3) -> bool:
    """Return whether no statistic is below the level divided by their number (Bonferroni's)."""
    p = noise_p_values(noise, mechanism)
    return min(p.values()) > level / len(p)


def covariance(dimension: int) -> torch.Tensor:
    """Return a covariance with variances from 1 to the dimension, and correlations of a half."""
    deviations = torch.arange(1, dimension + 1, dtype=torch.float64).sqrt()
    correlation = 0.5 * torch.ones(dimension, dimension, dtype=torch.float64) + 0.5 * torch.eye(dimension)
    return deviations[:, None] * correlation * deviations


def make(name: str, d: int) -> Mechanism:
    """Return a mechanism for codes of dimension d."""
    return {
        "Euclidean": EuclideanLaplace(0.5),
        "Coordinate": CoordinateLaplace(0.5),
        "Gaussian": Gaussian(2.0),
        "Whitened": WhitenedLaplace(0.5, covariance(d)),
    }[name]


ALL = ["Euclidean", "Coordinate", "Gaussian", "Whitened"]
each = pytest.mark.parametrize("name", ALL)

# A known answer


def test_lengths_have_the_laws_that_they_should_have() -> None:
    of_laplace, of_coordinates, of_normals, of_whitened = (distribution_of(make(name, 3), 3) for name in ALL)
    assert [law.order for law in (of_laplace, of_coordinates, of_normals, of_whitened)] == [2, 1, 2, 2]
    for law in (of_laplace, of_coordinates, of_whitened):
        assert (law.length.dist.name, law.length.args) == ("gamma", (3,))
    assert (of_normals.length.dist.name, of_normals.length.args) == ("chi", (3,))


@pytest.mark.parametrize("d", [1, 2, 3, 16, 100])
@each
def test_moments_of_directions_are_those_of_simulated_ones(name: str, d: int) -> None:
    # Directions by another way: normals, or exponentials with random signs, divided by their norm.
    law, n = distribution_of(make(name, d), d), 50_000
    generator = np.random.default_rng(d)
    raw = generator.laplace(size=(n, d)) if name == "Coordinate" else generator.normal(size=(n, d))
    direction = raw / np.linalg.norm(raw, ord=law.order, axis=1, keepdims=True)
    roundness = (np.abs(direction) ** (2 * law.order)).sum(axis=1)
    assert law.mean_square == pytest.approx((direction**2).mean(), rel=0.02)
    assert law.roundness[0] == pytest.approx(roundness.mean(), rel=0.02)
    assert law.roundness[1] == pytest.approx(roundness.var(), rel=0.1, abs=1e-12)


def test_standardised_noise_is_in_units_of_the_scale() -> None:
    noise = torch.tensor([[2.0, -4.0], [0.0, 1.0]])
    assert standardise(noise, EuclideanLaplace(0.5)).tolist() == [[1, -2], [0, 0.5]]
    assert standardise(noise, Gaussian(4.0)).tolist() == [[0.5, -1], [0, 0.25]]
    diagonal = WhitenedLaplace(0.5, torch.diag(torch.tensor([4.0, 16.0])))
    assert standardise(noise, diagonal) == pytest.approx(np.array([[0.5, -0.5], [0, 0.125]]))


@each
def test_each_statistic_has_a_p_value(name: str) -> None:
    p = noise_p_values(make(name, 3).sample(100, 3, generator=seeded()), make(name, 3))
    assert set(p) == STATISTICS
    assert all(0 <= value <= 1 for value in p.values())
    assert all(p[statistic] in (0, 1) for statistic in YES_OR_NO)


def test_in_one_dimension_there_is_no_roundness() -> None:
    mechanism = EuclideanLaplace(0.5)
    assert noise_p_values(mechanism.sample(100, 1, generator=seeded()), mechanism)["roundness"] == 1


def test_noise_is_left_alone() -> None:
    noise = EuclideanLaplace(0.5).sample(100, 2, generator=seeded())
    before = noise.clone()
    noise_p_values(noise, EuclideanLaplace(0.5))
    assert torch.equal(noise, before)


# Properties: the right law

REPETITIONS = 200


@cache
def repeated_p_values(name: str, d: int) -> dict[str, np.ndarray]:
    """Return the p-values of 500 draws of the right noise, for each of many repetitions."""
    mechanism, generator = make(name, d), seeded(100 + d)
    each_time = [noise_p_values(mechanism.sample(500, d, generator=generator), mechanism) for _ in range(REPETITIONS)]
    return {statistic: np.array([p[statistic] for p in each_time]) for statistic in STATISTICS}


@pytest.mark.parametrize("d", [1, 2, 16])
@each
def test_noise_of_the_right_law_has_uniform_p_values(name: str, d: int) -> None:
    for statistic, p in repeated_p_values(name, d).items():
        if statistic in YES_OR_NO or (statistic == "roundness" and d == 1):
            assert (p == 1).all()
            continue
        # Of 200, about 10 below 0.05 and 100 below one half.
        for level in (0.05, 0.5):
            share = stats.binomtest(int((p < level).sum()), REPETITIONS, level)
            assert share.pvalue > 1e-4, (statistic, level, share.k)


@pytest.mark.parametrize("d", [1, 2, 16])
@each
def test_noise_of_the_right_law_is_hardly_ever_taken_for_another(name: str, d: int) -> None:
    # Of one in a thousand, at the most, less than three of 200.
    smallest = np.min([p for p in repeated_p_values(name, d).values()], axis=0)
    assert (smallest <= 1e-3 / len(STATISTICS)).sum() < 3


@pytest.mark.parametrize("d", [1, 2, 16])
@each
def test_noise_of_the_right_law_has_the_law(name: str, d: int) -> None:
    mechanism = make(name, d)
    assert has_law(mechanism.sample(N, d, generator=seeded(d)), mechanism)


def test_a_stricter_level_raises_fewer_alarms() -> None:
    # Noise that is one percent too large: noticed by a lax test, but not by a strict one.
    mechanism = EuclideanLaplace(0.5)
    noise = 1.01 * mechanism.sample(N, 16, generator=seeded())
    assert not has_law(noise, mechanism, level=0.5)
    assert has_law(noise, mechanism, level=1e-12)


# Properties: wrong laws

Change = Callable[[torch.Tensor], torch.Tensor]


def half_negated_copies(noise: torch.Tensor) -> torch.Tensor:
    """Use each noise vector with both signs, one after the other."""
    noise[1::2] = -noise[::2]
    return noise


def halves_that_mirror_each_other(noise: torch.Tensor) -> torch.Tensor:
    """Use each noise vector with both signs, far apart."""
    noise[len(noise) // 2 :] = -noise[: len(noise) // 2]
    return noise


def one_repeated_row(noise: torch.Tensor) -> torch.Tensor:
    """Use one noise vector twice."""
    noise[7] = noise[4000]
    return noise


def shifted(noise: torch.Tensor) -> torch.Tensor:
    """Add a tenth of a standard deviation to the first coordinate."""
    noise[:, 0] += 0.1 * noise[:, 0].std()
    return noise


WRONG: dict[str, Change] = {
    "a fifth too large": lambda noise: 1.2 * noise,
    "a fifth too small": lambda noise: noise / 1.2,
    "every other row negated": half_negated_copies,
    "one half the negated other": halves_that_mirror_each_other,
    "each row four times": lambda noise: noise[::4].repeat_interleave(4, dim=0),
    "one row twice": one_repeated_row,
    "one row for all": lambda noise: noise[:1].expand(N, -1),
    "without signs": torch.abs,
    "shifted": shifted,
    "sorted by length": lambda noise: noise[noise.abs().sum(dim=1).argsort()],
    "some zeros": lambda noise: torch.where(noise.abs() < 1e-3 * noise.abs().mean(), 0.0, noise),
    "none at all": torch.zeros_like,
    "all of one length": lambda noise: noise / noise.norm(dim=1, keepdim=True),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("d", [1, 2, 16])
@each
def test_changed_noise_has_not_the_law(name: str, d: int, wrong: str) -> None:
    mechanism = make(name, d)
    assert not has_law(WRONG[wrong](mechanism.sample(N, d, generator=seeded(d))), mechanism)


@pytest.mark.parametrize("d", [2, 16])
@each
def test_noise_of_too_small_a_rank_has_not_the_law(name: str, d: int) -> None:
    mechanism = make(name, d)
    noise = mechanism.sample(N, d, generator=seeded(d))
    noise[:, 0] = noise[:, 1]
    assert noise_p_values(noise, mechanism)["rank"] == 0
    assert not has_law(noise, mechanism)


@pytest.mark.parametrize("d", [2, 16])
@pytest.mark.parametrize("claimed", ALL)
@pytest.mark.parametrize("actual", ALL)
def test_no_mechanism_passes_for_another(actual: str, claimed: str, d: int) -> None:
    noise = make(actual, d).sample(N, d, generator=seeded(d))
    assert has_law(noise, make(claimed, d)) == (actual == claimed)


@pytest.mark.parametrize("d", [2, 16])
def test_normals_with_the_variance_of_laplace_noise_have_not_its_law(d: int) -> None:
    noise = Gaussian(2 * (d + 1) ** 0.5).sample(N, d, generator=seeded(d))
    assert not has_law(noise, EuclideanLaplace(0.5))


@pytest.mark.parametrize("d", [2, 16])
def test_lengths_of_one_dimension_less_are_not_the_law(d: int) -> None:
    noise = EuclideanLaplace(0.5).sample(N, d, generator=seeded(d))
    length = torch.from_numpy(stats.gamma(d - 1).rvs((N, 1), random_state=1)) / 0.5
    assert not has_law(noise / noise.norm(dim=1, keepdim=True) * length, EuclideanLaplace(0.5))


@pytest.mark.parametrize("d", [2, 16])
def test_directions_that_prefer_diagonals_are_not_the_law(d: int) -> None:
    noise = EuclideanLaplace(0.5).sample(N, d, generator=seeded(d))
    cube = 2 * torch.rand(N, d, generator=seeded(1), dtype=torch.float64) - 1
    wrong = cube / cube.norm(dim=1, keepdim=True) * noise.norm(dim=1, keepdim=True)
    assert noise_p_values(wrong, EuclideanLaplace(0.5))["roundness"] < 1e-6
    assert not has_law(wrong, EuclideanLaplace(0.5))
