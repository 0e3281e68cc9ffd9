"""The noise: mechanisms that give metric privacy to latent codes."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch

from vaeprivacy.bounds import GaussianIndistinguishability, Indistinguishability, Measure
from vaeprivacy.distances import EUCLIDEAN, MANHATTAN, Mahalanobis, Metric, checked_codes
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.randomness import RandomSource, check_same_device, chi_squares, normals, uniforms
from vaeprivacy.training import checked_positive

GRID_BITS = 10  # a step of the grid is between 2**-11 and 2**-10 of the noise's scale


class Mechanism(ABC):
    """Noise for codes, with the distance for which it gives metric privacy: drawn in float64, added on a grid."""

    metric: Metric = EUCLIDEAN

    @property
    @abstractmethod
    def scale(self) -> float:
        """Unit of the noise's size, from which the step of the grid follows."""

    @property
    @abstractmethod
    def per_unit(self) -> Measure:
        """How well two codes at distance one can be told apart."""

    @abstractmethod
    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        """Draw noise, shape (n, dimension), on the generator's device."""

    @abstractmethod
    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density of the noise at each row of a table, shape (records,), float64."""

    @property
    def grid_step(self) -> float:
        """Step of the grid, a power of two between 2**-11 and 2**-10 of the noise's scale."""
        return 2.0 ** (math.floor(math.log2(self.scale)) - GRID_BITS)

    def perturb(self, codes: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Add independent noise to each code, on a grid (:eq:`grid` of the chapter on numerical safety).

        Codes are cut towards zero to the grid, which never makes them longer (but two codes up to a step further apart
        in each coordinate); noise is drawn and added in float64; and the sum is rounded to the grid, so that its last
        digits do not give the code away (Mironov, 2012).

        Parameters
        ----------
        codes : torch.Tensor
            Latent codes, shape (records, latent_dim), float32 or float64.
        generator : torch.Generator or SystemEntropy
            Source of the noise. Whoever knows the seed of a :class:`torch.Generator` can subtract it.

        Returns
        -------
        torch.Tensor
            Noisy codes, in the shape, type and on the device of the input.

        Raises
        ------
        TypeError, ValueError
            If `codes` is no finite table of float32 or float64, or the generator is on another device.
        """
        check_same_device(codes, generator)
        step = self.grid_step
        on_grid = (checked_codes(codes).double() / step).trunc() * step
        noise = self.sample(*codes.shape, generator=generator).to(codes.device)
        return ((on_grid + noise).div_(step).round_().mul_(step)).to(codes.dtype)

    def guarantee(self, radius: float) -> Guarantee:
        """Return what this noise promises for codes inside a ball of the given radius."""
        return Guarantee(self.per_unit, radius, self.metric)


@dataclass(frozen=True)
class EuclideanLaplace(Mechanism):
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

    @property
    def scale(self) -> float:
        """One over epsilon."""
        return 1 / self.epsilon

    @property
    def per_unit(self) -> Indistinguishability:
        """Two codes at distance one are epsilon-indistinguishable."""
        return Indistinguishability(self.epsilon)

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

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density (:eq:`laplace-density`) at each row of a table, shape (records,), float64."""
        d = noise.shape[1]
        log_constant = math.lgamma(d / 2) - math.log(2) - d / 2 * math.log(math.pi) - math.lgamma(d)
        return log_constant + d * math.log(self.epsilon) - self.epsilon * EUCLIDEAN.norm(noise)


@dataclass(frozen=True)
class CoordinateLaplace(Mechanism):
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

    @property
    def scale(self) -> float:
        """One over epsilon."""
        return 1 / self.epsilon

    @property
    def per_unit(self) -> Indistinguishability:
        """Two codes at Manhattan distance one are epsilon-indistinguishable."""
        return Indistinguishability(self.epsilon)

    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        """Draw noise by inverting the distribution function, shape (n, dimension); see :class:`EuclideanLaplace`."""
        # 53 random bits, so that the largest value is 53 log 2 = 36.7 scales; with the 24 of float32 it would be 16.6.
        centred = uniforms((n, dimension), generator=generator).sub_(0.5)
        size = centred.abs().mul_(-2).clamp_(min=-1 + 2**-53).log1p_().div_(-self.epsilon)
        return size.mul_(centred.sign_()).to(dtype)

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density (:eq:`coordinate-density`) at each row of a table, shape (records,), float64."""
        return noise.shape[1] * math.log(self.epsilon / 2) - self.epsilon * MANHATTAN.norm(noise)


@dataclass(frozen=True)
class Gaussian(Mechanism):
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

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density (:eq:`gaussian-density`) at each row of a table, shape (records,), float64."""
        log_constant = -noise.shape[1] / 2 * math.log(2 * math.pi * self.sigma**2)
        return log_constant - EUCLIDEAN.norm(noise).square() / (2 * self.sigma**2)


class WhitenedLaplace(Mechanism):
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

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density of the noise at each row of a table, shape (records,), float64."""
        return self.white.log_density(self.metric.whiten(noise)) - self.metric.log_volume

    def perturb(self, codes: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Whiten codes, add noise on a grid, and undo the whitening; see :meth:`Mechanism.perturb`."""
        check_same_device(codes, generator)
        noisy = self.white.perturb(self.metric.whiten(checked_codes(codes)), generator=generator)
        return self.metric.colour(noisy).to(codes.dtype)
