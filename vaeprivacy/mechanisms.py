"""The noise: mechanisms that give metric privacy to latent codes."""

import math
from dataclasses import dataclass

import torch

from vaeprivacy.guarantee import Guarantee
from vaeprivacy.training import checked_positive, checked_records


def clip(codes: torch.Tensor, *, radius: float) -> torch.Tensor:
    """Project codes onto the ball of a given radius around the origin (:eq:`clip` of the metric-privacy chapter).

    Parameters
    ----------
    codes : torch.Tensor
        Latent codes, shape (records, latent_dim), floating point.
    radius : float
        Radius R of the ball, in units of latent distance.

    Returns
    -------
    torch.Tensor
        Codes of Euclidean norm at most `radius`, in the shape, type and on the device of the input. Codes inside the
        ball stay as they are, the others move along their direction onto its surface.

    Raises
    ------
    TypeError, ValueError
        If `codes` is not a finite table of float32 or float64, or `radius` not a positive number.
    """
    _checked_codes(codes)
    checked_positive(radius, "radius")
    # Norms in float64 and a hair inside the ball: rounding to float32 must not carry a code out of it. Large codes are
    # scaled down first, since the squares in the norm would overflow.
    largest = codes.double().abs().amax(dim=1, keepdim=True).clamp(min=1)
    scaled = codes.double() / largest
    norms, limit = scaled.norm(dim=1, keepdim=True), radius * (1 - 2**-20)
    on_surface = scaled * (limit / norms.clamp(min=torch.finfo(torch.float64).tiny))
    return torch.where(norms * largest > limit, on_surface.to(codes.dtype), codes)


def laplace_log_density(noise: torch.Tensor, *, epsilon: float) -> torch.Tensor:
    """Return the log-density of Euclidean Laplace noise (:eq:`laplace-density` of the metric-privacy chapter).

    Parameters
    ----------
    noise : torch.Tensor
        Points, shape (records, dimension).
    epsilon : float
        Metric-privacy parameter, per unit of Euclidean distance.

    Returns
    -------
    torch.Tensor
        Natural logarithms, shape (records,), float64.
    """
    d = noise.shape[1]
    log_constant = math.lgamma(d / 2) - math.log(2) - d / 2 * math.log(math.pi) - math.lgamma(d) + d * math.log(epsilon)
    return log_constant - epsilon * noise.double().norm(dim=1)


@dataclass(frozen=True)
class EuclideanLaplace:
    """Noise with density proportional to exp(-epsilon * Euclidean norm), also called multivariate Laplace noise.

    It gives epsilon-metric privacy for the Euclidean distance between codes, in any dimension
    (:prf:ref:`laplace-is-private` of the metric-privacy chapter; after Chatzikokolakis, Andrés, Bordenabe and
    Palamidessi, 2013). Adding independent one-dimensional Laplace noise to each coordinate is another mechanism, with
    another metric.

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

    def sample(self, n: int, dimension: int, *, generator: torch.Generator) -> torch.Tensor:
        """Draw noise: a uniform direction times a Gamma-distributed length (:eq:`laplace-sampling`).

        Parameters
        ----------
        n, dimension : int
            Number of noise vectors and of their coordinates d.
        generator : torch.Generator
            Source of the noise. Whoever knows its seed can subtract the noise.

        Returns
        -------
        torch.Tensor
            Shape (n, dimension), float64, on the generator's device.
        """
        options = {"dtype": torch.float64, "device": generator.device}
        direction = torch.randn(n, dimension, generator=generator, **options)
        direction /= direction.norm(dim=1, keepdim=True)
        # torch.distributions.Gamma calls the same function, but takes no generator.
        length = (
            torch._standard_gamma(torch.full((n, 1), float(dimension), **options), generator=generator) / self.epsilon
        )
        return length * direction

    def perturb(self, codes: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
        """Add independent noise to each code.

        Parameters
        ----------
        codes : torch.Tensor
            Latent codes, shape (records, latent_dim), float32 or float64.
        generator : torch.Generator
            Source of the noise, which is drawn and added in float64.

        Returns
        -------
        torch.Tensor
            Noisy codes, in the shape, type and on the device of the input.

        Raises
        ------
        TypeError, ValueError
            If `codes` is not a finite table of float32 or float64.
        """
        _checked_codes(codes)
        noise = self.sample(*codes.shape, generator=generator).to(codes.device)
        return (codes.double() + noise).to(codes.dtype)

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density of the noise at each row of a table, shape (records,), float64."""
        return laplace_log_density(noise, epsilon=self.epsilon)

    def guarantee(self, radius: float) -> Guarantee:
        """Return what this noise promises for codes inside a ball of the given radius."""
        return Guarantee(epsilon=self.epsilon, radius=radius)


def _checked_codes(codes: torch.Tensor) -> None:
    """Refuse what is not a finite table in single or double precision."""
    checked_records(codes, "codes")
    if codes.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"codes must be float32 or float64, not {codes.dtype}: half precision would truncate the noise."
        )
