"""Confidence intervals of rates, areas under ROC curves, and means, which hold in small samples too."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

LEVEL = 0.95
RESAMPLES = 2000
#: With fewer cases of something, a normal approximation of their number does not hold (tests/test_intervals.py).
FEW = 10
#: From so many members and non-members on, the AUC is as good as normal.
MANY = 200


class Estimate(NamedTuple):
    """A measured value and its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def share(hits: int, *, of: int) -> Estimate:
    """Return the share that some hits are of all trials, with Wilson's interval.

    It holds too seldom where hits or misses are few: if they are fewer than :data:`FEW`, the interval is Clopper and
    Pearson's exact one.
    """
    method = "exact" if min(hits, of - hits) < FEW else "wilson"
    return Estimate(hits / of, *proportion_interval(hits, of, method))


@cache  # the exact one searches for roots, and the same few counts come again and again
def proportion_interval(hits: int, of: int, method: str) -> tuple[float, float]:
    """Return the ends of the interval of a proportion: "wilson", or Clopper and Pearson's "exact" one."""
    interval = stats.binomtest(hits, of).proportion_ci(LEVEL, method=method)
    return interval.low, interval.high


def shares_beaten(scores: np.ndarray, is_member: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the other group that each member beats, and each non-member (ties count half).

    They follow from ranks in the whole and in its own group.
    """
    ranks, members, others = stats.rankdata(scores), scores[is_member], scores[~is_member]
    of_members = (ranks[is_member] - stats.rankdata(members)) / len(others)
    of_others = (ranks[~is_member] - stats.rankdata(others)) / len(members)
    return of_members, of_others


def delong_interval(value: float, shares: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Return the ends of the interval of DeLong, DeLong and Clarke-Pearson (1988) for the AUC.

    It is for large groups that overlap. Parameters are those of :func:`area_interval`.
    """
    variance = sum(each.var(ddof=min(1, len(each) - 1)) / len(each) for each in shares)  # one record has no variance
    half_width = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance)
    return float(max(0.0, value - half_width)), float(min(1.0, value + half_width))


def area_interval(value: float, shares: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Return the ends of an interval for the AUC, whatever the sizes of the groups.

    It is DeLong's. But that is too short in small samples, and without length where the groups do not overlap or all
    scores are equal. So, with fewer than :data:`MANY` members or non-members, or if all but fewer than :data:`FEW` of
    either beat the same share of the others, the interval spans :func:`score_interval` too.

    Parameters
    ----------
    value : float
        The AUC that was measured.
    shares : tuple of numpy.ndarray
        As from :func:`shares_beaten`.
    """
    low, high = delong_interval(value, shares)
    n_members, n_others = map(len, shares)
    n_unlike = min(len(each) - np.unique(each, return_counts=True)[1].max() for each in shares)
    if n_unlike < FEW or min(n_members, n_others) < MANY:
        least, most = score_interval(value, n_members=n_members, n_others=n_others)
        low, high = min(low, least), max(high, most)
    return low, high


def score_interval(value: float, *, n_members: int, n_others: int) -> tuple[float, float]:
    """Return the ends of an interval for the AUC that holds in small samples: all areas that could well give `value`.

    Newcombe's (Statistics in Medicine 25, 2006, part 2, method 5), as Wilson's for a rate: an area t fits if the value
    is at most z standard deviations from it, with the variance of Hanley and McNeil (1982) at t,
    t (1 - t) (1 + (n - 1) ((1 - t) / (2 - t) + t / (1 + t))) / (members x others), where n is the mean size of the
    groups. The value is first moved away from t by half of its smallest step (a continuity correction, ours: with two
    against two, the interval would hold too seldom without).

    Parameters
    ----------
    value : float
        The AUC that was measured.
    n_members, n_others : int
        Sizes of the groups.
    """
    # The variance is the same at t and at 1 - t.
    return _least_area(value, n_members, n_others), 1 - _least_area(1 - value, n_members, n_others)


def _least_area(value: float, n_members: int, n_others: int) -> float:
    pairs, n = n_members * n_others, (n_members + n_others) / 2
    value, z = max(0.0, value - 1 / (2 * pairs)), stats.norm.ppf((1 + LEVEL) / 2)

    def too_far(t: float) -> float:
        variance = t * (1 - t) * (1 + (n - 1) * ((1 - t) / (2 - t) + t / (1 + t))) / pairs
        return value - t - z * np.sqrt(variance)

    return float(optimize.brentq(too_far, 0.0, value)) if value else 0.0


def rate_at_fpr(members: np.ndarray, others: np.ndarray, *, fpr: float) -> Estimate:
    """Return the highest share of members above a threshold that a share of at most `fpr` of the others is above.

    The interval spans two: Clopper and Pearson's exact one, which takes the threshold as given, and a percentile
    bootstrap of both groups, which knows that at a small `fpr` a handful of others sets the threshold
    (:data:`RESAMPLES` resamples, always the same). If fewer than :data:`FEW` of the others may be above it, they do
    not tell where the threshold of this `fpr` is; how many are truly above it has a binomial distribution, from which
    their number is drawn. No theorem states the coverage of the two together; in simulations it is at least 0.93 (see
    the tests). Of less than about 3.7 / `fpr` others, perhaps none is, and the interval begins at zero.

    Parameters
    ----------
    members, others : numpy.ndarray
        Scores, shapes (members,) and (non-members,).
    fpr : float
        False-positive rate, from 0 to 1.
    """
    members, others = np.sort(members), np.sort(others)[::-1]
    n = len(others)
    n_accused = int(np.floor(fpr * n + 1e-9))  # in floating point, 0.1 * 30 is not quite 3

    def share_above(rank: np.ndarray) -> np.ndarray:
        """Return the share of members above the non-member of a rank: 0 is the highest, of -1 and `n` all is beyond."""
        thresholds = np.concatenate([[np.inf], others, [-np.inf]])[np.minimum(rank, n) + 1]
        return 1 - np.searchsorted(members, thresholds, side="right") / len(members)

    value = float(share_above(np.array(n_accused)))
    exact = Estimate(value, *proportion_interval(round(value * len(members)), len(members), "exact"))
    if n_accused >= n:
        return Estimate(value, exact.low, exact.high)
    random = np.random.default_rng(0)
    ranks = _ranks_of_threshold(n, n_accused, fpr=fpr, random=random)
    drawn = [random.binomial(len(members), share_above(each)) / len(members) for each in ranks]
    low, high = np.quantile(drawn[0], (1 - LEVEL) / 2), np.quantile(drawn[-1], (1 + LEVEL) / 2)
    return Estimate(value, float(min(low, exact.low)), float(max(high, exact.high)))


def _ranks_of_threshold(n: int, n_accused: int, *, fpr: float, random: np.random.Generator) -> list[np.ndarray]:
    """Return ranks of non-members between which the threshold may be, one a resample: above and below, if they differ.

    Which non-member comes first after those that may be accused, in a resample? The smallest but `n_accused` of uniform
    ranks: an order statistic, which has a beta distribution, so that the resample itself need not be drawn.
    """
    if n_accused < FEW:
        n_above = random.binomial(n, fpr, RESAMPLES)
        return [n_above - 1, n_above]
    return [np.floor(n * random.beta(n_accused + 1, n - n_accused, RESAMPLES)).astype(int)]


def mean_interval(values: Sequence[float]) -> Estimate:
    """Return the mean of repeated measurements with Student's t interval; infinitely wide for a single one.

    It knows only how far the measurements are apart: equal ones have an interval without length, however few they are.

    Parameters
    ----------
    values : sequence of float
        One value a seed.

    Raises
    ------
    ValueError
        If there are none.
    """
    values = np.asarray(values, dtype=float)
    if len(values) == 0:
        raise ValueError("mean_interval needs at least one value, but got none.")
    if len(values) == 1:
        return Estimate(values[0], -np.inf, np.inf)
    half_width = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values)
    return Estimate(values.mean(), values.mean() - half_width, values.mean() + half_width)


def rate_interval(rates: Sequence[float]) -> Estimate:
    """Return the mean of repeated measurements of a rate, see :func:`mean_interval`, with an interval inside [0, 1].

    Student's interval of a few small rates may begin below zero, where no rate can be.
    """
    value, low, high = mean_interval(rates)
    return Estimate(value, max(0.0, low), min(1.0, high))
