"""Distances between latent codes (the metrics of metric privacy), and the balls that they make."""

import math
import warnings
from dataclasses import dataclass
from typing import Protocol

import torch

from vaeprivacy.arrays import check_table
from vaeprivacy.checks import check_positive
from vaeprivacy.compute.devices import to_double


class Metric(Protocol):
    """A distance between codes that comes from a norm: the distance of u and u' is the norm of u - u'."""

    name: str
    rounding: float  # how many times more than the code itself, relatively, its norm may change when a code is rounded

    def norm(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the norm of each code, shape (records,), float64."""

    def typical_norm(self, dimension: int) -> float:
        """Return about how long a code of the prior N(0, I) is: a radius that depends on no record."""


@dataclass(frozen=True)
class Euclidean:
    """The length of the straight line between two codes (l2)."""

    name: str = "Euclidean distance"
    rounding: float = 1.0

    def norm(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the root of the sum of squares of each code, shape (records,), float64."""
        return to_double(codes).norm(dim=1)

    def typical_norm(self, dimension: int) -> float:
        """Return the root of the mean squared norm of a standard normal code."""
        return math.sqrt(dimension)


@dataclass(frozen=True)
class Manhattan:
    """The sum of the coordinates' differences (l1)."""

    name: str = "Manhattan distance"
    rounding: float = 1.0

    def norm(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the sum of absolute values of each code, shape (records,), float64."""
        return to_double(codes).abs().sum(dim=1)

    def typical_norm(self, dimension: int) -> float:
        """Return the mean norm of a standard normal code."""
        return dimension * math.sqrt(2 / math.pi)


EUCLIDEAN = Euclidean()
MANHATTAN = Manhattan()


def clip(codes: torch.Tensor, *, radius: float, metric: Metric = EUCLIDEAN, warn: bool = True) -> torch.Tensor:
    """Project codes onto the ball of a given radius around the origin (:eq:`clip` of the metric-privacy chapter).

    Parameters
    ----------
    codes : torch.Tensor
        Latent codes, shape (records, latent_dim), floating point.
    radius : float
        Radius R of the ball, in units of latent distance.
    metric : Metric
        The distance that makes the ball.
    warn : bool
        Warn if more than half of the codes are outside.

    Returns
    -------
    torch.Tensor
        Codes of norm at most `radius`, in the shape, type and on the device of the input. Codes inside the ball stay
        as they are, the others move along their direction onto its surface.

    Raises
    ------
    TypeError, ValueError
        If `codes` is not a finite table of float32 or float64, or `radius` not a positive number.

    Warns
    -----
    UserWarning
        If more than half of the codes are outside the ball and `warn` is true.
    """
    codes = check_codes(codes)
    radius = check_positive(radius, "radius")
    # Norms in float64 and a hair inside the ball: rounding to float32 must not carry a code out of it. Large codes are
    # scaled down first (and small ones up), since the squares in the norm would overflow (or vanish).
    tiny = torch.finfo(torch.float64).tiny
    exact = to_double(codes)
    largest = exact.abs().amax(dim=1, keepdim=True).clamp(min=tiny)
    scaled = exact / largest
    norms, limit = metric.norm(scaled)[:, None], radius * (1 - 2**-24 * max(16.0, metric.rounding))
    outside = norms * largest > limit
    share = outside.double().mean().item()
    if warn and share > 0.5:
        warnings.warn(
            f"The radius {radius:g} is smaller than {share:.0%} of the codes' norms, which clipping makes equal: take "
            "a larger radius (with the epsilon that goes with it), or codes of another scale.",
            stacklevel=2,
        )
    on_surface = scaled * (limit / norms.clamp(min=tiny))
    return torch.where(outside, on_surface, exact).to(codes)


def check_codes(codes: torch.Tensor) -> torch.Tensor:
    """Return `codes` if they are a finite table in single or double precision.

    Raises
    ------
    TypeError, ValueError
        If they are not.
    """
    codes = check_table(codes, "codes")
    if codes.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"codes must be float32 or float64, not {codes.dtype}: half precision would truncate the noise."
        )
    return codes
