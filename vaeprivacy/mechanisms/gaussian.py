"""Gaussian noise, calibrated analytically."""

import math
from dataclasses import dataclass

import torch

from vaeprivacy.checks import check_size, make_plain
from vaeprivacy.distances import EUCLIDEAN
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.mechanisms.base import AdditiveNoise
from vaeprivacy.randomness import RandomSource, normals


@dataclass(frozen=True)
class Gaussian(AdditiveNoise):
    """Independent normal noise of standard deviation sigma on each coordinate.

    It has no epsilon: two codes at Euclidean distance D are as hard to tell apart as N(0, 1) and N(D / sigma, 1)
    (:prf:ref:`gaussian-is-private`), from which an epsilon follows for each delta.

    Attributes
    ----------
    sigma : float
        Standard deviation, in units of latent distance.

    Raises
    ------
    TypeError, ValueError
        If `sigma` is not a number from 1e-30 to 1e30.
    """

    sigma: float

    def __post_init__(self) -> None:
        make_plain(self)
        check_size(self.sigma, "sigma")

    @classmethod
    def for_budget(cls, epsilon: float, *, delta: float, radius: float) -> "Gaussian":
        """Return the least noise that makes any two codes in a ball (epsilon, delta)-indistinguishable.

        No two of them are further apart than twice its radius.

        Raises
        ------
        TypeError, ValueError
            If a number is not positive and finite, `delta` not below 1, or one so extreme that the noise cannot be
            computed.
        """
        diameter = 2 * check_size(radius, "radius")
        return cls(diameter / GaussianIndistinguishability.for_epsilon(epsilon, delta=delta).mu)

    @property
    def scale(self) -> float:
        """The standard deviation."""
        return self.sigma

    @property
    def per_unit(self) -> GaussianIndistinguishability:
        """Two codes at distance one are as far apart as two normal distributions at 1 / sigma."""
        return GaussianIndistinguishability(1 / self.sigma)

    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        """Draw noise, shape (n, dimension); see :class:`EuclideanLaplace`."""
        return normals((n, dimension), generator=generator, dtype=dtype).mul_(self.sigma)

    def covariance(self, dimension: int) -> torch.Tensor:
        """Return the covariance of the noise, sigma^2 on the diagonal."""
        return self.sigma**2 * torch.eye(dimension, dtype=torch.float64)

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density (:eq:`gaussian-density`) at each row of a table, shape (records,), float64."""
        log_constant = -noise.shape[1] / 2 * math.log(2 * math.pi * self.sigma**2)
        return log_constant - EUCLIDEAN.norm(noise).square() / (2 * self.sigma**2)
