"""Mechanisms by name."""

from collections.abc import Callable

from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher

DELTA = 1e-5  # of Gaussian noise, for any two records of the ball


def gaussian_of_equal_budget(epsilon: float, radius: float) -> Gaussian:
    """Return Gaussian noise whose guarantee for any two records is that of Laplace noise, but for a small delta."""
    return Gaussian.for_budget(2 * radius * epsilon, delta=DELTA, radius=radius)


#: Mechanisms by name: each is made from epsilon per unit of latent distance and the radius of the ball.
MECHANISMS: dict[str, Callable[[float, float], Mechanism]] = {
    "euclidean-laplace": lambda epsilon, radius: EuclideanLaplace(epsilon),
    "coordinate-laplace": lambda epsilon, radius: CoordinateLaplace(epsilon),
    "gaussian": gaussian_of_equal_budget,
    "von-mises-fisher": VonMisesFisher,
}
