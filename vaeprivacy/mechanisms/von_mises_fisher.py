"""Noise for directions: codes on a sphere, and the von Mises-Fisher distribution around each of them."""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # which loads its parts when they are first used
import torch

from vaeprivacy.checks import check_size, make_plain
from vaeprivacy.compute.devices import to_double
from vaeprivacy.distances import check_codes
from vaeprivacy.mechanisms.base import EpsilonMechanism
from vaeprivacy.randomness import RandomSource, normals, uniforms

MOST_KAPPA = 1e8


@dataclass(frozen=True)
class VonMisesFisher(EpsilonMechanism):
    """Noise that turns codes on a sphere: the density of a noisy code v is proportional to exp(epsilon <u, v> / R).

    It gives epsilon-metric privacy for the Euclidean distance (the chord) between codes u on the sphere of radius R
    (:prf:ref:`directions-are-private`; after Weggenmann and Kerschbaum, CCS 2021). As in the ball, no two codes are
    further apart than 2 R; but a noisy code is on the sphere, too.

    Attributes
    ----------
    epsilon : float
        Metric-privacy parameter, per unit of Euclidean distance.
    radius : float
        Radius R of the sphere. The concentration of the distribution, usually called kappa, is R epsilon.

    Raises
    ------
    TypeError, ValueError
        If one of them is not a number from 1e-30 to 1e30, or their product above 1e8.
    """

    epsilon: float
    radius: float = 1.0

    def __post_init__(self) -> None:
        make_plain(self)
        kappa = check_size(self.epsilon, "epsilon") * check_size(self.radius, "radius")
        if kappa > MOST_KAPPA:
            raise ValueError(
                f"epsilon times radius must be at most {MOST_KAPPA:g} for noise on a sphere, not {kappa:g}: beyond, "
                "noisy codes are so near to codes that angles are lost in rounding."
            )

    def project(self, codes: torch.Tensor, *, radius: float, warn: bool = True) -> torch.Tensor:
        """Return codes on the sphere, in the same direction; a code of length zero goes to a pole.

        Raises
        ------
        ValueError
            If `radius` is not that of the noise.
        """
        if radius != self.radius:
            raise ValueError(
                f"This noise is for a sphere of radius {self.radius:g}, not {radius:g}: give both the same."
            )
        # A hair inside, so that rounding to float32 carries no code out of the ball.
        codes = check_codes(codes)
        return (self.radius * (1 - 2**-20) * _directions(codes)).to(codes)

    def perturb(self, codes: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Turn each code by noise; see :meth:`Mechanism.perturb`. Noisy codes are rounded to the grid.

        Of a code, only the direction counts. Rounding hides the last digits, which may tell of the code.
        """
        codes = check_codes(codes)
        noisy = self._turned(_directions(codes), generator=generator)
        return (noisy / self.grid_step).round().mul(self.grid_step).to(codes)

    def simulate(self, codes: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
        """Return turned codes; see :meth:`Mechanism.simulate`."""
        return self._turned(_directions(codes), generator=generator).to(codes)

    def log_likelihood(self, noisy: torch.Tensor, codes: torch.Tensor, *, width: float = 1.0) -> torch.Tensor:
        """Return the log-density on the sphere (:eq:`directional-density`); see :meth:`Mechanism.log_likelihood`.

        A `width` divides the concentration by its square.
        """
        kappa = self.epsilon * self.radius / width**2
        cosines = (_directions(noisy) * _directions(codes)).sum(dim=1)
        return kappa * (cosines - 1) + _log_constant(kappa, codes.shape[1], self.radius)

    def _turned(self, directions: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Return a noisy code for each direction: at a random angle, to a random side."""
        n, dimension = directions.shape
        cosines = sample_cosines(n, dimension, kappa=self.epsilon * self.radius, generator=generator)
        cosines = cosines.to(directions.device)
        across = normals((n, dimension), generator=generator).to(directions.device)
        across = _directions(across - (across * directions).sum(dim=1, keepdim=True) * directions)
        return self.radius * (cosines * directions + (1 - cosines.square()).clamp(min=0).sqrt() * across)


def sample_cosines(n: int, dimension: int, *, kappa: float, generator: RandomSource) -> torch.Tensor:
    """Draw cosines of the angle between a direction and its noisy version, shape (n, 1), float64.

    Their density is proportional to (1 - t^2)^((d - 3) / 2) exp(kappa t), see :eq:`directional-sampling`. By rejection,
    exactly: Wood (Communications in Statistics 23, 1994) transforms a beta variable, and accepts it with the
    probability that makes the distribution exact.

    Parameters
    ----------
    n, dimension : int
        Number of draws, and of coordinates d, at least 2.
    kappa : float
        Concentration.
    generator : torch.Generator or SystemEntropy
        Source of the numbers.

    Raises
    ------
    ValueError
        If there is only one dimension.
    """
    if dimension < 2:
        raise ValueError("Directions need at least 2 dimensions; with one there are only two of them.")
    found, missing = torch.empty(n, dtype=torch.float64, device=generator.device), torch.arange(n)
    while len(missing):
        proposed, accepted = _proposed_cosines(len(missing), dimension, kappa=kappa, generator=generator)
        found[missing[accepted]] = proposed[accepted]
        missing = missing[~accepted]
    return found[:, None]


def _proposed_cosines(
    n: int, dimension: int, *, kappa: float, generator: RandomSource
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return proposals and whether each is accepted, in Wood's notation: w, b, x_0 and c."""
    m = dimension - 1
    b = m / (2 * kappa + math.hypot(2 * kappa, m))
    x_0 = (1 - b) / (1 + b)
    c = kappa * x_0 + m * math.log1p(-(x_0**2))
    # The share of one half in a sum of 2 m squared normals is a Beta(m / 2, m / 2) variable.
    squares = normals((2, n, m), generator=generator).square().sum(dim=2)
    z = squares[0] / squares.sum(dim=0)
    w = (1 - (1 + b) * z) / (1 - (1 - b) * z)
    log_u = uniforms((n,), generator=generator).log()
    return w, kappa * w + m * torch.log1p(-x_0 * w) - c >= log_u


def _log_constant(kappa: float, dimension: int, radius: float) -> float:
    """Return the log-density at the code itself, on a sphere of a radius in so many dimensions."""
    order = dimension / 2 - 1
    # ive is the Bessel function times exp(-kappa), which would overflow. In many dimensions it vanishes; then its power
    # series has few terms.
    if (scaled := scipy.special.ive(order, kappa)) > 0:
        bessel = float(np.log(scaled))
    else:
        series = math.log(scipy.special.hyp0f1(order + 1, kappa**2 / 4))
        bessel = order * math.log(kappa / 2) - math.lgamma(order + 1) + series - kappa
    on_unit_sphere = order * math.log(kappa) - dimension / 2 * math.log(2 * math.pi) - bessel
    return on_unit_sphere - (dimension - 1) * math.log(radius)


def _directions(codes: torch.Tensor) -> torch.Tensor:
    """Return codes of length one, float64; a code of length zero becomes the first unit vector."""
    codes = to_double(codes)
    at_zero = (codes == 0).all(dim=1, keepdim=True)
    pole = torch.zeros_like(codes[:1])
    pole[:, 0] = 1
    codes = torch.where(at_zero, pole, codes)
    # Divided by the largest coordinate first: squares may overflow or vanish.
    codes = codes / codes.detach().abs().amax(dim=1, keepdim=True)
    return codes / codes.norm(dim=1, keepdim=True)
