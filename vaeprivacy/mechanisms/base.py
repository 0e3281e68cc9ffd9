"""What all mechanisms have in common, and what those that add noise have."""

import math
from abc import ABC, abstractmethod

import torch

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.compute.devices import to_double
from vaeprivacy.distances import EUCLIDEAN, Metric, check_codes, clip
from vaeprivacy.gaussian_bounds import Measure
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.randomness import RandomSource

GRID_BITS = 10  # a step of the grid is between 2**-11 and 2**-10 of the noise's scale


class Mechanism(ABC):
    """A random map of codes, with the distance for which it gives metric privacy."""

    metric: Metric = EUCLIDEAN

    @property
    @abstractmethod
    def scale(self) -> float:
        """Unit of the noise's size, from which the step of the grid follows."""

    @property
    @abstractmethod
    def per_unit(self) -> Measure:
        """How well two codes at distance one can be told apart."""

    @property
    def grid_step(self) -> float:
        """Step of the grid, a power of two between 2**-11 and 2**-10 of the noise's scale."""
        return 2.0 ** (math.floor(math.log2(self.scale)) - GRID_BITS)

    @abstractmethod
    def perturb(self, codes: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Return a noisy code for each code, on a grid (:eq:`grid` of the chapter on numerical safety).

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
            If `codes` is no finite table of float32 or float64.
        """

    @abstractmethod
    def simulate(self, codes: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
        """Return noisy codes for training: as from :meth:`perturb`, but not on a grid, and gradients flow through."""

    @abstractmethod
    def log_likelihood(self, noisy: torch.Tensor, codes: torch.Tensor, *, width: float = 1.0) -> torch.Tensor:
        """Return the log-density of noisy codes, given the codes that they came from.

        Parameters
        ----------
        noisy, codes : torch.Tensor
            Shape (records, latent_dim).
        width : float
            Factor by which the noise is longer.

        Returns
        -------
        torch.Tensor
            Shape (records,), float64.
        """

    def project(self, codes: torch.Tensor, *, radius: float, warn: bool = True) -> torch.Tensor:
        """Return codes where they may be: in the ball of a radius, see :func:`vaeprivacy.distances.clip`."""
        return clip(codes, radius=radius, metric=self.metric, warn=warn)

    def guarantee(self, radius: float) -> Guarantee:
        """Return what this noise promises for codes inside a ball of the given radius."""
        return Guarantee(self.per_unit, radius, self.metric)


class EpsilonMechanism(Mechanism):
    """A mechanism with one parameter epsilon, per unit of its distance.

    Attributes
    ----------
    epsilon : float
        Metric-privacy parameter.
    """

    epsilon: float

    @property
    def scale(self) -> float:
        """One over epsilon."""
        return 1 / self.epsilon

    @property
    def per_unit(self) -> Indistinguishability:
        """Two codes at distance one are epsilon-indistinguishable."""
        return Indistinguishability(self.epsilon)


class AdditiveNoise(Mechanism):
    """Noise that is the same for all codes: drawn in float64, added on a grid."""

    @abstractmethod
    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        """Draw noise, shape (n, dimension), on the generator's device."""

    @abstractmethod
    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density of the noise at each row of a table, shape (records,), float64."""

    @abstractmethod
    def covariance(self, dimension: int) -> torch.Tensor:
        """Return the covariance of the noise in so many dimensions, shape (dimension, dimension), float64."""

    def perturb(self, codes: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Add independent noise to each code, on a grid; see :meth:`Mechanism.perturb`.

        Codes are cut towards zero to the grid, which never makes them longer (but two codes up to a step further apart
        in each coordinate); noise is drawn and added in float64; and the sum is rounded to the grid, so that its last
        digits do not give the code away (Mironov, 2012).
        """
        codes, step = check_codes(codes), self.grid_step
        on_grid = (to_double(codes) / step).trunc() * step
        noise = self.sample(*codes.shape, generator=generator).to(on_grid.device)
        return ((on_grid + noise).div_(step).round_().mul_(step)).to(codes)

    def simulate(self, codes: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
        """Return codes plus noise; see :meth:`Mechanism.simulate`."""
        return codes + self.sample(*codes.shape, generator=generator, dtype=torch.float32).to(codes)

    def log_likelihood(self, noisy: torch.Tensor, codes: torch.Tensor, *, width: float = 1.0) -> torch.Tensor:
        """Return the log-density of the difference; see :meth:`Mechanism.log_likelihood`."""
        noise = to_double(noisy) - to_double(codes)
        return self.log_density(noise / width) - noise.shape[1] * math.log(width)
