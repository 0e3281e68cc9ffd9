"""The mechanisms that tests go through, and how."""

import pytest
import torch
from seeding import seeded

from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.whitened import WhitenedLaplace


def covariance(dimension: int) -> torch.Tensor:
    """Return a covariance whose standard deviations, along random axes, go from 1.5 down to 0.3."""
    axes, _ = torch.linalg.qr(torch.randn(dimension, dimension, generator=seeded(dimension), dtype=torch.float64))
    full = axes @ torch.diag(torch.linspace(1.5, 0.3, dimension, dtype=torch.float64).square()) @ axes.mT
    return (full + full.mT) / 2


LAPLACES = ["Euclidean", "Coordinate", "Whitened"]
ALL = [*LAPLACES, "Gaussian"]
DIMENSIONS = [1, 2, 16, 512]


def make(name: str, epsilon: float = 0.5, *, d: int = 3) -> Mechanism:
    """Return a mechanism for codes of dimension d; the Gaussian one has sigma 1 / epsilon."""
    if name == "Whitened":
        return WhitenedLaplace(epsilon, covariance(d))
    return (
        {"Euclidean": EuclideanLaplace, "Coordinate": CoordinateLaplace}[name](epsilon)
        if name in LAPLACES
        else (Gaussian(1 / epsilon))
    )


each = pytest.mark.parametrize("name", ALL)
each_laplace = pytest.mark.parametrize("name", LAPLACES)
each_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
each_epsilon = pytest.mark.parametrize("epsilon", [0.5, 3.0])
