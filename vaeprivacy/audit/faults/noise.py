"""Noise of a wrong distribution, and the statistic that tells."""

import math
from collections.abc import Callable
from functools import partial

import torch

from vaeprivacy.audit.faults.fault import LEVEL, Fault
from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.distances import clip
from vaeprivacy.mechanisms.chi_squares import chi_squares
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.randomness import normals

# The dimension is the book's. Epsilon is not 1, where it could be mistaken for its
# inverse, and neither is the radius.

DIMENSION, EPSILON, RADIUS = 16, 0.5, 2.0
LAPLACE = EuclideanLaplace(EPSILON)
Sampler = Callable[[int, torch.Generator], torch.Tensor]


def right_noise(n: int, generator: torch.Generator) -> torch.Tensor:
    """Return noise of the right distribution."""
    return LAPLACE.sample(n, DIMENSION, generator=generator)


def _direction(n: int, generator: torch.Generator) -> torch.Tensor:
    normal = normals((n, DIMENSION), generator=generator)
    return normal / normal.norm(dim=1, keepdim=True)


def _length(n: int, generator: torch.Generator, shape: int = DIMENSION) -> torch.Tensor:
    """Return lengths from Gamma(shape, rate epsilon), shape (n, 1)."""
    return chi_squares(n, degrees=2 * shape, generator=generator) / (2 * EPSILON)


NOISE_FAULTS: list[Fault] = []


def breaks_distribution(sampler: Sampler, n: int, statistic: str, generator: torch.Generator) -> bool:
    """Return whether one statistic of :func:`vaeprivacy.audit.noise_tests.noise_p_values` is below its level."""
    return noise_p_values(sampler(n, generator), LAPLACE)[statistic] < LEVEL


def noise_fault(number: str, *, statistic: str, n: int) -> Callable[[Sampler], Sampler]:
    """Decorate a sampler of wrong noise, whose docstring says the error in words: it joins :data:`NOISE_FAULTS`.

    Parameters
    ----------
    number : str
        Number in the table of the audit chapter.
    statistic : str
        The one that tells: of :func:`vaeprivacy.audit.noise_tests.noise_p_values`.
    n : int
        Number of noise vectors that it needs.
    """

    def join(sampler: Sampler) -> Sampler:
        checks = [partial(breaks_distribution, each, n, statistic) for each in (sampler, right_noise)]
        NOISE_FAULTS.append(Fault(number, sampler.__doc__.removesuffix("."), statistic, n, *checks))
        return sampler

    return join


@noise_fault("1", statistic="mean length", n=32)
def scaled_by_epsilon(n: int, generator: torch.Generator) -> torch.Tensor:
    """Multiply by epsilon instead of dividing."""
    return right_noise(n, generator) * EPSILON**2


@noise_fault("2", statistic="mean length", n=1000)
def length_of_one_dimension_less(n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw the length from Gamma(d - 1)."""
    return _direction(n, generator) * _length(n, generator, DIMENSION - 1)


@noise_fault("3", statistic="mean length", n=32)
def direction_not_normalised(n: int, generator: torch.Generator) -> torch.Tensor:
    """Forget to bring the normal vector to length one."""
    return normals((n, DIMENSION), generator=generator) * _length(n, generator)


@noise_fault("3b", statistic="variance of length", n=1000)
def direction_about_normalised(n: int, generator: torch.Generator) -> torch.Tensor:
    """Divide the normal vector by the root of d, which is its length only on average."""
    return direction_not_normalised(n, generator) / math.sqrt(DIMENSION)


@noise_fault("4", statistic="roundness", n=32)
def noise_by_coordinate(n: int, generator: torch.Generator) -> torch.Tensor:
    """Add one-dimensional Laplace noise to each coordinate, and claim the Euclidean distance."""
    return CoordinateLaplace(EPSILON).sample(n, DIMENSION, generator=generator)


@noise_fault("4b", statistic="roundness", n=32)
def noise_by_coordinate_of_the_right_variance(n: int, generator: torch.Generator) -> torch.Tensor:
    """Add coordinate-wise Laplace noise of the variance that Euclidean Laplace noise has."""
    return noise_by_coordinate(n, generator) * math.sqrt((DIMENSION + 1) / 2)


@noise_fault("4c", statistic="variance of length", n=300)
def gaussian_of_the_right_variance(n: int, generator: torch.Generator) -> torch.Tensor:
    """Add Gaussian noise of the variance that Euclidean Laplace noise has: it has no epsilon."""
    return Gaussian(math.sqrt(DIMENSION + 1) / EPSILON).sample(n, DIMENSION, generator=generator)


@noise_fault("5", statistic="repeated rows", n=32)
def one_row_for_all(n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw one noise vector and add it to each code."""
    return right_noise(1, generator).expand(n, -1)


@noise_fault("5b", statistic="repeated rows", n=100)
def seed_reset_each_batch(n: int, generator: torch.Generator) -> torch.Tensor:
    """Start from the same seed in every batch of 64."""
    batch = right_noise(64, generator)
    return batch.repeat(math.ceil(n / 64), 1)[:n]


@noise_fault("6", statistic="mean length", n=32)
def noise_before_the_clip(n: int, generator: torch.Generator) -> torch.Tensor:
    """Add the noise first, then clip: what is left of it fits into the ball."""
    return clip(right_noise(n, generator), radius=RADIUS, warn=False)


@noise_fault("7", statistic="distribution of length", n=32)
def one_length_for_all(n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw the length once and broadcast it."""
    return _direction(n, generator) * _length(1, generator)


@noise_fault("8", statistic="rank", n=32)
def one_value_for_all_coordinates(n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw noise of shape (n, 1) and broadcast it over the coordinates."""
    sign = normals((n, 1), generator=generator).sign()
    return (sign * _length(n, generator) / math.sqrt(DIMENSION)).expand(-1, DIMENSION)


@noise_fault("9", statistic="roundness", n=32)
def direction_from_a_cube(n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw directions that prefer the diagonals."""
    cube = 2 * torch.rand(n, DIMENSION, generator=generator, dtype=torch.float64) - 1
    return cube / cube.norm(dim=1, keepdim=True) * _length(n, generator)


@noise_fault("10", statistic="mean direction", n=100)
def sign_lost(n: int, generator: torch.Generator) -> torch.Tensor:
    """Lose the sign of one coordinate."""
    noise = right_noise(n, generator)
    noise[:, 3] = noise[:, 3].abs()
    return noise


@noise_fault("11", statistic="mean length", n=1000)
def five_percent_small(n: int, generator: torch.Generator) -> torch.Tensor:
    """Noise that is 5% too small."""
    return 0.95 * right_noise(n, generator)


@noise_fault("12", statistic="zeros", n=32)
def half_precision(n: int, generator: torch.Generator) -> torch.Tensor:
    """Form the noise in half precision at a small scale, where some of it becomes zero."""
    return (right_noise(n, generator) * 1e-7).half().double() * 1e7
