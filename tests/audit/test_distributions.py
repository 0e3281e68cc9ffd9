"""The noise of every mechanism: its law, and the metric privacy that follows from its density."""

import math
from collections.abc import Collection

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mechanism_cases import DIMENSIONS, LAPLACES, each, each_epsilon, each_type, make
from scipy import stats
from seeding import seeded

from vaeprivacy.audit.noise_tests import distribution_of, noise_p_values
from vaeprivacy.distances import EUCLIDEAN
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.randomness import SYSTEM_ENTROPY

# Properties: the law of the noise. That wrong laws are noticed is tested with the planted errors.

N = 10_000
LEVEL = 1e-6  # for noise from the system's entropy, which is new at every run: false alarms should stay rare


def assert_law(
    noise: torch.Tensor, mechanism: Mechanism, *, ignoring: Collection[str] = (), level: float = 1e-3
) -> None:
    """Fail if a statistic that can hold is below the level divided by their number (Bonferroni's)."""
    p = {statistic: value for statistic, value in noise_p_values(noise, mechanism).items() if statistic not in ignoring}
    assert min(p.values()) > level / len(p), p


@each_type
@each_epsilon
@pytest.mark.parametrize("d", DIMENSIONS)
@each
def test_the_noise_has_the_law_that_it_should_have(name: str, d: int, epsilon: float, dtype: torch.dtype) -> None:
    mechanism = make(name, epsilon, d=d)
    noise = mechanism.sample(N if d < 512 else 600, d, generator=seeded(d), dtype=dtype)
    assert noise.dtype == dtype
    if d == 1 and dtype == torch.float32:
        # So many numbers with so few digits: two may be equal, or zero.
        assert_law(noise, mechanism, ignoring={"repeated rows", "zeros"})
    else:
        assert_law(noise, mechanism)


@pytest.mark.parametrize(("epsilon", "dtype"), [(0.5, torch.float64), (3.0, torch.float32)])
@pytest.mark.parametrize("d", DIMENSIONS)
@each
def test_many_lengths_have_the_law_that_they_should_have(name: str, d: int, epsilon: float, dtype: torch.dtype) -> None:
    # A million, but not in 512 dimensions, where that takes too long.
    mechanism, generator = make(name, epsilon, d=d), seeded(10 + d)
    n, part = (1_000_000, 250_000) if d < 512 else (100_000, 20_000)
    lengths = torch.cat(
        [mechanism.metric.norm(mechanism.sample(part, d, generator=generator, dtype=dtype)) for _ in range(n // part)]
    )
    standardised = lengths.numpy() / mechanism.scale
    assert len(standardised) == n
    assert stats.kstest(standardised, distribution_of(mechanism, d).length.cdf).pvalue > 1e-4


@pytest.mark.parametrize("d", [1, 2, 16])
@each
def test_noise_from_the_systems_entropy_has_the_law_too(name: str, d: int) -> None:
    mechanism = make(name, 0.5, d=d)
    noise = mechanism.sample(N, d, generator=SYSTEM_ENTROPY)
    assert_law(noise, mechanism, level=LEVEL)


@pytest.mark.parametrize("source", ["seeded", "system"])
@each_type
@pytest.mark.parametrize("d", [1, 2, 16])
@each
def test_what_is_added_to_a_code_has_the_law_too(name: str, d: int, dtype: torch.dtype, source: str) -> None:
    # On the grid, zeros are to be expected (without direction in one dimension), and in few dimensions equal rows.
    mechanism, generator = make(name, 0.5, d=d), seeded(d) if source == "seeded" else SYSTEM_ENTROPY
    noisy = mechanism.perturb(torch.zeros(N, d, dtype=dtype), generator=generator)
    ignoring = {"zeros"} | ({"repeated rows"} if d <= 2 else set()) | ({"roundness"} if d == 1 else set())
    assert_law(noisy, mechanism, ignoring=ignoring, level=1e-3 if source == "seeded" else LEVEL)


@pytest.mark.parametrize("d", [1, 2, 16, 64])
def test_each_coordinate_of_euclidean_noise_has_the_variance_that_it_should_have(d: int) -> None:
    noise = EuclideanLaplace(0.5).sample(100_000, d, generator=seeded(d))
    assert (noise.var(dim=0) * 0.25 / (d + 1)).tolist() == pytest.approx([1] * d, rel=0.05)


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
@pytest.mark.parametrize("d", DIMENSIONS)
def test_the_likelihood_ratio_of_gaussian_noise_is_normal(d: int, epsilon: float) -> None:
    # N(mu^2 / 2, mu^2), where mu is the distance in units of sigma: what the Gaussian measure says.
    mechanism = make("Gaussian", epsilon)
    noise = mechanism.sample(20_000, d, generator=seeded(d))
    step = torch.randn(d, generator=seeded(d + 1), dtype=torch.float64)
    step *= 1.7 / step.norm()
    loss = mechanism.log_density(noise) - mechanism.log_density(noise + step)
    mu = mechanism.per_unit.times(1.7).mu
    assert mu == pytest.approx(1.7 * epsilon)
    assert stats.kstest(loss.numpy(), stats.norm(mu**2 / 2, mu).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("d", "distance", "auc"),
    [(2, 1, 0.6872), (2, 2, 0.8237), (16, 1, 0.5702), (16, 5, 0.8115), (16, 10, 0.9587), (64, 10, 0.8114)],
)
def test_the_best_attack_on_euclidean_noise_is_as_good_as_it_should_be(d: int, distance: float, auc: float) -> None:
    # The likelihood-ratio test; expected values from two million draws of another implementation.
    mechanism, n = EuclideanLaplace(0.5), 100_000
    step = torch.zeros(d, dtype=torch.float64)
    step[0] = distance / 0.5

    def scores(code: torch.Tensor, seed: int) -> np.ndarray:
        output = code + mechanism.sample(n, d, generator=seeded(seed))
        return (mechanism.log_density(output - step) - mechanism.log_density(output)).numpy()

    wins = stats.mannwhitneyu(scores(step, 1), scores(torch.zeros_like(step), 2)).statistic
    assert wins / n**2 == pytest.approx(auc, abs=0.005)
    assert auc < mechanism.per_unit.times(distance / 0.5).max_auc()


# Properties: metric privacy, from the density

points = arrays(np.float64, 5, elements=st.floats(-100, 100))


@given(output=points, first=points, second=points, epsilon=st.floats(1e-2, 1e2), name=st.sampled_from(LAPLACES))
def test_no_output_tells_two_codes_apart_by_more_than_epsilon_times_their_distance(
    output: np.ndarray, first: np.ndarray, second: np.ndarray, epsilon: float, name: str
) -> None:
    # This is metric privacy: the noise that turns a code into the output is the output minus the code.
    mechanism = make(name, epsilon, d=5)
    log_density = mechanism.log_density(torch.from_numpy(np.stack([output - first, output - second])))
    distance = mechanism.metric.norm(torch.from_numpy(first - second)[None]).item()
    assert abs(log_density[0] - log_density[1]) <= mechanism.per_unit.times(distance).epsilon * (1 + 1e-9) + 1e-6


@given(
    direction=points.filter(lambda point: np.abs(point).max() > 1),
    first=st.floats(0, 10),
    more=st.floats(0, 10),
    epsilon=st.floats(1e-2, 1e2),
    name=st.sampled_from(LAPLACES),
)
def test_beyond_both_codes_the_density_tells_them_apart_by_just_that(
    direction: np.ndarray, first: float, more: float, epsilon: float, name: str
) -> None:
    # So the guarantee could not be stated any stronger.
    mechanism, ray = make(name, epsilon, d=5), torch.from_numpy(direction)
    near, far = mechanism.log_density(torch.stack([first * ray, (first + more) * ray]))
    distance = mechanism.metric.norm(more * ray[None]).item()
    assert (near - far).item() == pytest.approx(epsilon * distance, rel=1e-6, abs=1e-6)


@given(first=points, second=points, epsilon=st.floats(1e-2, 1e2))
def test_coordinate_noise_gives_the_euclidean_distance_only_the_root_of_the_dimension(
    first: np.ndarray, second: np.ndarray, epsilon: float
) -> None:
    mechanism = CoordinateLaplace(epsilon)
    log_density = mechanism.log_density(torch.from_numpy(np.stack([first, second])))
    distance = np.linalg.norm(first - second)
    assert abs(log_density[0] - log_density[1]) <= math.sqrt(5) * epsilon * distance * (1 + 1e-9) + 1e-6


def test_coordinate_noise_is_less_private_than_epsilon_for_the_euclidean_distance() -> None:
    # Along the diagonal it is worst.
    log_density = CoordinateLaplace(1.0).log_density(torch.tensor([[0.0] * 16, [1.0] * 16]))
    assert (log_density[0] - log_density[1]).item() == pytest.approx(16)
    assert EUCLIDEAN.norm(torch.ones(1, 16)).item() == 4
