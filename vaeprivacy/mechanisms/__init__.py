"""Noise: what all mechanisms share, one file for each, noise for labels, and what may be done to noisy codes."""

from vaeprivacy.mechanisms.base import AdditiveNoise, EpsilonMechanism, Mechanism
from vaeprivacy.mechanisms.denoisers import DENOISERS, Denoiser, PosteriorMean, PosteriorSample, Projection, Shrinkage
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.registry import MECHANISMS
from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher
from vaeprivacy.mechanisms.whitened import Mahalanobis, WhitenedLaplace

__all__ = [
    "DENOISERS",
    "MECHANISMS",
    "AdditiveNoise",
    "CoordinateLaplace",
    "Denoiser",
    "EpsilonMechanism",
    "EuclideanLaplace",
    "Gaussian",
    "Mahalanobis",
    "Mechanism",
    "PosteriorMean",
    "PosteriorSample",
    "Projection",
    "RandomisedResponse",
    "Shrinkage",
    "VonMisesFisher",
    "WhitenedLaplace",
]
