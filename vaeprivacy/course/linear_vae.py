"""A VAE with linear networks, in NumPy, for assignments: its best fit is known, and takes no training."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LinearVAE:
    """Encoder and decoder that are linear, with codes clipped to a ball and pixels cut off at 0 and 1.

    Up to the size of the encoder's noise, the best fit of a VAE with linear networks is principal component analysis.

    Attributes
    ----------
    mean : numpy.ndarray
        Shape (pixels,).
    encoder, decoder : numpy.ndarray
        Shapes (pixels, dimension) and (dimension, pixels).
    radius : float
        Of the ball, in units of latent distance.
    """

    mean: np.ndarray
    encoder: np.ndarray
    decoder: np.ndarray
    radius: float

    @classmethod
    def fit(cls, x: np.ndarray, *, dimension: int, radius: float) -> "LinearVAE":
        """Return the one whose codes of records, shape (records, pixels), have variance 1 before they are clipped.

        Raises
        ------
        ValueError
            If the dimension is not between 1 and the numbers of records and pixels.
        """
        if not 1 <= dimension <= min(x.shape):
            raise ValueError(f"The dimension must be between 1 and {min(x.shape)}, not {dimension}.")
        mean = x.mean(axis=0)
        _, sizes, directions = np.linalg.svd(x - mean, full_matrices=False)
        scale = sizes[:dimension] / len(x) ** 0.5
        return cls(mean, directions[:dimension].T / scale, scale[:, None] * directions[:dimension], radius)

    @classmethod
    def read(cls, arrays: Mapping[str, np.ndarray], *, radius: float) -> "LinearVAE":
        """Return the one whose arrays stand among those of a student's file."""
        return cls(*(arrays[name] for name in ("mean", "encoder", "decoder")), radius)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return its arrays by their names, for a student's file."""
        return {"mean": self.mean, "encoder": self.encoder, "decoder": self.decoder}

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the clipped codes of records of shape (records, pixels), shape (records, dimension)."""
        codes = (x - self.mean) @ self.encoder
        lengths = np.linalg.norm(codes, axis=1, keepdims=True)
        return codes * np.minimum(1, self.radius / np.maximum(lengths, 1e-12))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the records of codes of shape (records, dimension), shape (records, pixels)."""
        return np.clip(self.mean + codes @ self.decoder, 0, 1)


def with_noise(codes: np.ndarray, *, epsilon: float, rng: np.random.Generator) -> np.ndarray:
    """Add Euclidean Laplace noise to codes.

    It is drawn as length times direction, from seeded random numbers. Real releases take
    :class:`~vaeprivacy.mechanisms.laplace.EuclideanLaplace`, with noise from the operating system.

    Parameters
    ----------
    codes : numpy.ndarray
        Shape (records, dimension).
    epsilon : float
        Per unit of latent distance.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    numpy.ndarray
        Shape (records, dimension).
    """
    direction = rng.normal(size=codes.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return codes + direction * rng.gamma(codes.shape[1], 1 / epsilon, size=(len(codes), 1))
