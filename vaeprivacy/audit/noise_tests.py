"""Does noise have the distribution that its mechanism claims? Tests of lengths, directions and repetitions, as
p-values."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats

from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace
from vaeprivacy.mechanisms.whitened import WhitenedLaplace


@dataclass(frozen=True)
class NoiseDistribution:
    """What is known of noise in d dimensions, once it is written as length times direction.

    Attributes
    ----------
    length : scipy.stats frozen distribution
        Of the norm, in units of the noise's scale.
    order : int
        The norm: 1 for the sum of absolute values, 2 for the Euclidean one.
    mean_square : float
        Mean square of one coordinate of the direction, which has norm one.
    roundness : tuple of float
        Mean and variance of the sum over coordinates of the direction's ``2 * order``-th powers, which tells spheres
        from cubes.
    """

    length: stats.distributions.rv_frozen
    order: int
    mean_square: float
    roundness: tuple[float, float]


def distribution_of(mechanism: Mechanism, dimension: int) -> NoiseDistribution:
    """Return the distribution of a mechanism's noise (:eq:`laplace-sampling`), whitened if it is a Mahalanobis
    mechanism.

    On the Euclidean sphere, E u^4 = 3 / (d (d + 2)), E u^8 = 105 / (d (d+2) (d+4) (d+6)) and E u^4 v^4 = 9 / (the
    same). In the other case absolute values are uniform on the simplex, where E p^2 = 2 / (d (d + 1)), E p^4 = 24 /
    (d (d+1) (d+2) (d+3)) and E p^2 q^2 = 4 / (the same).
    """
    d = dimension
    if isinstance(mechanism, CoordinateLaplace):
        mean = 2 / (d + 1)
        return NoiseDistribution(
            stats.gamma(d), 1, 2 / (d * (d + 1)), (mean, 4 * (d + 5) / ((d + 1) * (d + 2) * (d + 3)) - mean**2)
        )
    mean = 3 / (d + 2)
    roundness = (mean, (105 + 9 * (d - 1)) / ((d + 2) * (d + 4) * (d + 6)) - mean**2)
    return NoiseDistribution(stats.chi(d) if isinstance(mechanism, Gaussian) else stats.gamma(d), 2, 1 / d, roundness)


def standardise(noise: torch.Tensor, mechanism: Mechanism) -> np.ndarray:
    """Return noise in units of its scale, whitened if it is a Mahalanobis mechanism's, shape (n, dimension)."""
    if isinstance(mechanism, WhitenedLaplace):
        noise = mechanism.metric.whiten(noise)
    return noise.double().cpu().numpy() / mechanism.scale


def noise_p_values(noise: torch.Tensor, mechanism: Mechanism) -> dict[str, float]:
    """Test whether rows of noise are independent draws from the distribution of a mechanism.

    Parameters
    ----------
    noise : torch.Tensor
        Shape (n, dimension), at least two rows.
    mechanism : Mechanism
        What the noise is said to come from.

    Returns
    -------
    dict of str to float
        For each statistic, the probability that noise of the right distribution is as unusual. ``mean length``,
        ``variance of length`` and ``distribution of length`` (Kolmogorov and Smirnov's) look at the norm; ``mean
        direction`` (Rayleigh's) and ``roundness`` at the direction; ``next length``, ``next direction`` and ``length
        and direction`` at dependence. ``repeated rows``, ``rank`` and ``zeros`` are 0 or 1: exact copies (with the same
        or the other sign), a table of noise of too small a rank, and values of exactly zero.
    """
    z = standardise(noise, mechanism)
    n, d = z.shape
    wanted = distribution_of(mechanism, d)
    length = np.linalg.norm(z, ord=wanted.order, axis=1)
    direction = z / np.maximum(length, 1e-300)[:, None]
    mean, variance, _, kurtosis = map(float, wanted.length.stats("mvsk"))
    of_next = (direction[1:] * direction[:-1]).sum(axis=1)
    return {
        "mean length": _p_of_mean(length, mean, variance),
        "variance of length": _p_of_mean((length - mean) ** 2, variance, variance**2 * (kurtosis + 2)),
        "distribution of length": stats.kstest(length, wanted.length.cdf).pvalue,
        "mean direction": float(stats.chi2(d).sf(n * (direction.mean(axis=0) ** 2).sum() / wanted.mean_square)),
        "roundness": _p_of_mean((np.abs(direction) ** (2 * wanted.order)).sum(axis=1), *wanted.roundness),
        "next length": _p_of_no_correlation(length[1:], length[:-1]),
        "next direction": _p_of_mean(of_next, 0.0, d * wanted.mean_square**2),
        "length and direction": _p_of_no_correlation(length, direction[:, 0]),
        "repeated rows": float(len(np.unique(np.abs(z), axis=0)) == n),
        "rank": float(np.linalg.matrix_rank(z[: 4 * d]) == min(n, d)),
        "zeros": float((z != 0).all()),
    }


def _p_of_mean(values: np.ndarray, mean: float, variance: float) -> float:
    """Return the p-value of the hypothesis that values of known variance have this mean (a two-sided z-test)."""
    if variance < 1e-12:  # in one dimension every direction is +1 or -1, and its powers are constant
        return float(np.allclose(values, mean))
    return float(2 * stats.norm.sf(abs(values.mean() - mean) / math.sqrt(variance / len(values))))


def _p_of_no_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the p-value of the hypothesis that two random variables have nothing to do with each other."""
    constant = np.ptp(first) < 1e-12 or np.ptp(second) < 1e-12
    return 0.0 if constant else float(stats.pearsonr(first, second).pvalue)
