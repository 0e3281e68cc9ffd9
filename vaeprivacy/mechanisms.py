"""The noise: mechanisms that give metric privacy to latent codes."""

import math
from dataclasses import dataclass, field

import torch

from vaeprivacy.bounds import GaussianIndistinguishability, Indistinguishability
from vaeprivacy.distances import EUCLIDEAN, MANHATTAN, Mahalanobis, Metric, checked_codes
from vaeprivacy.mechanism import AdditiveNoise, EpsilonMechanism
from vaeprivacy.randomness import RandomSource, chi_squares, normals, uniforms
from vaeprivacy.training import checked_positive


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
        If `epsilon` is not a positive, finite number.
    """

    epsilon: float

    def __post_init__(self) -> None:
        checked_positive(self.epsilon, "epsilon")

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
        If `epsilon` is not a positive, finite number.
    """

    epsilon: float
    metric: Metric = field(default=MANHATTAN, init=False)

    def __post_init__(self) -> None:
        checked_positive(self.epsilon, "epsilon")

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
        If `sigma` is not a positive, finite number.
    """

    sigma: float

    def __post_init__(self) -> None:
        checked_positive(self.sigma, "sigma")

    @classmethod
    def for_budget(cls, epsilon: float, *, delta: float, radius: float) -> "Gaussian":
        """Return the least noise that makes any two codes in a ball (epsilon, delta)-indistinguishable.

        No two of them are further apart than twice its radius.

        Raises
        ------
        TypeError, ValueError
            If a number is not positive and finite, or `delta` not below 1.
        """
        diameter = 2 * checked_positive(radius, "radius")
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


class WhitenedLaplace(AdditiveNoise):
    """Euclidean Laplace noise on whitened codes, for latents of unequal scale.

    It gives epsilon-metric privacy for the Mahalanobis distance (:prf:ref:`whitened-is-private`).

    Parameters
    ----------
    epsilon : float
        Metric-privacy parameter, per unit of Mahalanobis distance.
    covariance : torch.Tensor
        Covariance by which codes are whitened, from public records; see :class:`vaeprivacy.distances.Mahalanobis`.

    Raises
    ------
    TypeError, ValueError
        If `epsilon` is not a positive, finite number, or `covariance` not symmetric and positive definite.
    """

    def __init__(self, epsilon: float, covariance: torch.Tensor) -> None:
        self.white = EuclideanLaplace(epsilon)
        self.metric = Mahalanobis(covariance)

    @property
    def scale(self) -> float:
        """One over epsilon, in whitened coordinates."""
        return self.white.scale

    @property
    def per_unit(self) -> Indistinguishability:
        """Two codes at Mahalanobis distance one are epsilon-indistinguishable."""
        return self.white.per_unit

    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        """Draw noise (:eq:`whitened-sampling`), shape (n, dimension); see :class:`EuclideanLaplace`."""
        return self.metric.colour(self.white.sample(n, dimension, generator=generator)).to(dtype)

    def covariance(self, dimension: int) -> torch.Tensor:
        """Return the covariance of the noise, that of the whitened noise times C."""
        return self.metric.colour(self.metric.colour(self.white.covariance(dimension)).mT)

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density of the noise at each row of a table, shape (records,), float64."""
        return self.white.log_density(self.metric.whiten(noise)) - self.metric.log_volume

    def perturb(self, codes: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Whiten codes, add noise on a grid, and undo the whitening; see :meth:`AdditiveNoise.perturb`."""
        noisy = self.white.perturb(self.metric.whiten(checked_codes(codes)), generator=generator)
        return self.metric.colour(noisy).to(codes)
