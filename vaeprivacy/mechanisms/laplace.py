"""Laplace noise: for the Euclidean distance, and coordinate by coordinate."""

import math
from dataclasses import dataclass, field

import torch

from vaeprivacy.checks import check_size, make_plain
from vaeprivacy.distances import EUCLIDEAN, MANHATTAN, Metric
from vaeprivacy.mechanisms.base import AdditiveNoise, EpsilonMechanism
from vaeprivacy.mechanisms.chi_squares import chi_squares
from vaeprivacy.randomness import RandomSource, normals, uniforms


@dataclass(frozen=True)
class EuclideanLaplace(EpsilonMechanism, AdditiveNoise):
    """Noise with density proportional to exp(-epsilon * Euclidean norm), also called multivariate Laplace noise.

    It gives epsilon-metric privacy for the Euclidean distance between codes, in any dimension
    (:prf:ref:`laplace-is-private`; after Chatzikokolakis, Andrés, Bordenabe and Palamidessi, 2013).

    Attributes
    ----------
    epsilon : float
        Metric-privacy parameter, per unit of Euclidean distance between codes; the noise has mean length d / epsilon.

    Raises
    ------
    TypeError, ValueError
        If `epsilon` is not a number from 1e-30 to 1e30.
    """

    epsilon: float

    def __post_init__(self) -> None:
        make_plain(self)
        check_size(self.epsilon, "epsilon")

    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        """Draw noise as normals of random size (:eq:`scale-mixture` of the mechanisms chapter).

        Parameters
        ----------
        n, dimension : int
            Number of noise vectors and of their coordinates d.
        generator : torch.Generator or SystemEntropy
            Source of the noise.
        dtype : torch.dtype
            float64 for a release; float32 is faster, and enough for training.

        Returns
        -------
        torch.Tensor
            Shape (n, dimension), on the generator's device.
        """
        size = chi_squares(n, degrees=dimension + 1, generator=generator, dtype=dtype).sqrt_().div_(self.epsilon)
        return normals((n, dimension), generator=generator, dtype=dtype).mul_(size)

    def covariance(self, dimension: int) -> torch.Tensor:
        """Return the covariance of the noise, (d + 1) / epsilon^2 on the diagonal: the mean of :eq:`scale-mixture`."""
        return (dimension + 1) / self.epsilon**2 * torch.eye(dimension, dtype=torch.float64)

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density (:eq:`laplace-density`) at each row of a table, shape (records,), float64."""
        d = noise.shape[1]
        log_constant = math.lgamma(d / 2) - math.log(2) - d / 2 * math.log(math.pi) - math.lgamma(d)
        return log_constant + d * math.log(self.epsilon) - self.epsilon * EUCLIDEAN.norm(noise)


@dataclass(frozen=True)
class CoordinateLaplace(EpsilonMechanism, AdditiveNoise):
    """Independent one-dimensional Laplace noise of scale 1 / epsilon on each coordinate.

    It gives epsilon-metric privacy for the Manhattan distance (:prf:ref:`coordinates-are-private`); for the Euclidean
    distance only sqrt(d) epsilon.

    Attributes
    ----------
    epsilon : float
        Metric-privacy parameter, per unit of Manhattan distance between codes.

    Raises
    ------
    TypeError, ValueError
        If `epsilon` is not a number from 1e-30 to 1e30.
    """

    epsilon: float
    metric: Metric = field(default=MANHATTAN, init=False)

    def __post_init__(self) -> None:
        make_plain(self)
        check_size(self.epsilon, "epsilon")

    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        """Draw noise by inverting the distribution function, shape (n, dimension); see :class:`EuclideanLaplace`."""
        # 53 random bits, so that the largest value is 53 log 2 = 36.7 scales; with the 24 of float32 it would be 16.6.
        centred = uniforms((n, dimension), generator=generator).sub_(0.5)
        size = centred.abs().mul_(-2).clamp_(min=-1 + 2**-53).log1p_().div_(-self.epsilon)
        return size.mul_(centred.sign_()).to(dtype)

    def covariance(self, dimension: int) -> torch.Tensor:
        """Return the covariance of the noise, 2 / epsilon^2 on the diagonal."""
        return 2 / self.epsilon**2 * torch.eye(dimension, dtype=torch.float64)

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density (:eq:`coordinate-density`) at each row of a table, shape (records,), float64."""
        return noise.shape[1] * math.log(self.epsilon / 2) - self.epsilon * MANHATTAN.norm(noise)
