"""What an attack's scores amount to, with confidence intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from scipy import optimize, stats
from sklearn.metrics import roc_auc_score, roc_curve

from vaeprivacy.checks import check_probability

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


def roc(scores: ArrayLike, is_member: ArrayLike) -> pd.DataFrame:
    """Return the ROC curve of an attack.

    Parameters
    ----------
    scores : array-like
        One score a candidate, shape (candidates,); higher means more likely a member. A tensor may be on any device.
    is_member : array-like
        Whether each candidate is a member, shape (candidates,), bool.

    Returns
    -------
    pandas.DataFrame
        One row a threshold, with columns ``fpr`` and ``tpr``.

    Raises
    ------
    ValueError
        If there are no members, no non-members, or the lengths differ.
    """
    scores, is_member = _checked(scores, is_member)
    fpr, tpr, _ = roc_curve(is_member, scores, drop_intermediate=False)
    return pd.DataFrame({"fpr": fpr, "tpr": tpr})


def auc(scores: ArrayLike, is_member: ArrayLike) -> Estimate:
    """Return the area under the ROC curve, with an interval that holds in small samples as well.

    Parameters and errors are those of :func:`roc`. The interval covers the choice of candidates, not the training of
    the target. It is DeLong's (:func:`delong`). But that is too short in small samples, and without length where the
    groups do not overlap or all scores are equal. So, with fewer than :data:`MANY` members or non-members, or if all
    but fewer than :data:`FEW` of either beat the same share of the others, it spans :func:`score_interval` too.
    """
    value, low, high = delong(scores, is_member)
    shares = _shares_beaten(*_checked(scores, is_member))
    sizes = [len(each) for each in shares]
    n_unlike = min(len(each) - np.unique(each, return_counts=True)[1].max() for each in shares)
    if n_unlike < FEW or min(sizes) < MANY:
        least, most = score_interval(value, n_members=sizes[0], n_others=sizes[1])
        low, high = min(low, least), max(high, most)
    return Estimate(value, low, high)


def delong(scores: ArrayLike, is_member: ArrayLike) -> Estimate:
    """Return the area under the ROC curve with the interval of DeLong, DeLong and Clarke-Pearson (1988).

    Parameters and errors are those of :func:`roc`. It holds in large samples whose groups overlap; see :func:`auc`.
    """
    scores, is_member = _checked(scores, is_member)
    value = roc_auc_score(is_member, scores)
    # One record has no variance.
    variance = sum(each.var(ddof=min(1, len(each) - 1)) / len(each) for each in _shares_beaten(scores, is_member))
    half_width = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance)
    return Estimate(value, float(max(0.0, value - half_width)), float(min(1.0, value + half_width)))


def _shares_beaten(scores: np.ndarray, is_member: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the other group that each member beats, and each non-member (ties count half).

    They follow from ranks in the whole and in its own group.
    """
    ranks, members, others = stats.rankdata(scores), scores[is_member], scores[~is_member]
    of_members = (ranks[is_member] - stats.rankdata(members)) / len(others)
    of_others = (ranks[~is_member] - stats.rankdata(others)) / len(members)
    return of_members, of_others


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


def tpr_at_fpr(scores: ArrayLike, is_member: ArrayLike, *, fpr: float) -> Estimate:
    """Return the highest true-positive rate at a false-positive rate of at most `fpr`.

    Parameters and errors are those of :func:`roc`; `fpr` is from 0 to 1. The interval spans two: Clopper and Pearson's
    exact one, which takes the threshold as given, and a percentile bootstrap over members and non-members, which knows
    that at a small `fpr` a handful of non-members sets the threshold (:data:`RESAMPLES` resamples, always the same).
    If fewer than :data:`FEW` non-members may be accused, they do not tell where the threshold of this `fpr` is; how
    many of them are above it has a binomial distribution, from which it is drawn. With less than about 3.7 / `fpr`
    non-members it may be above all, and the interval begins at zero.
    """
    scores, is_member = _checked(scores, is_member)
    members, others = np.sort(scores[is_member]), np.sort(scores[~is_member])[::-1]
    n = len(others)
    n_accused = int(np.floor(check_probability(fpr, "fpr") * n + 1e-9))  # in floating point, 0.1 * 30 is not quite 3

    def share_above(rank: np.ndarray) -> np.ndarray:
        """Return the share of members above the non-member of a rank: 0 is the highest, of -1 and `n` all is beyond."""
        thresholds = np.concatenate([[np.inf], others, [-np.inf]])[np.minimum(rank, n) + 1]
        return 1 - np.searchsorted(members, thresholds, side="right") / len(members)

    value = float(share_above(np.array(n_accused)))
    exact = stats.binomtest(round(value * len(members)), len(members)).proportion_ci(LEVEL)
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


def advantage(scores: ArrayLike, is_member: ArrayLike, *, threshold: float) -> Estimate:
    """Return the true-positive minus the false-positive rate of saying "member" above a threshold.

    Parameters and errors are those of :func:`roc`. It is Yeom et al.'s advantage (arXiv 1709.01604); the interval is
    Newcombe's for a difference of two rates (Statistics in Medicine 17, 1998, method 10), made of the intervals of
    :func:`share`, with the threshold taken as given.
    """
    scores, is_member = _checked(scores, is_member)
    accused = scores > np.nan_to_num(threshold)  # as the scores: minus infinity is not above minus infinity
    tpr, fpr = (share(int(accused[group].sum()), of=group.sum()) for group in (is_member, ~is_member))
    value = tpr.value - fpr.value
    below = np.hypot(tpr.value - tpr.low, fpr.high - fpr.value)
    above = np.hypot(tpr.high - tpr.value, fpr.value - fpr.low)
    return Estimate(value, float(value - below), float(value + above))


def attack_accuracy(scores: ArrayLike, is_member: ArrayLike, *, threshold: float) -> Estimate:
    """Return the balanced accuracy of saying "member" above a threshold, which is (1 + advantage) / 2.

    Parameters, errors and interval are those of :func:`advantage`. Balanced means that members and non-members weigh
    the same, as they do in the usual membership game.
    """
    return Estimate(*((1 + value) / 2 for value in advantage(scores, is_member, threshold=threshold)))


def share(hits: int, *, of: int) -> Estimate:
    """Return the share that some hits are of all trials, with Wilson's interval.

    It holds too seldom where hits or misses are few: if they are fewer than :data:`FEW`, the interval is Clopper and
    Pearson's exact one.
    """
    method = "exact" if min(hits, of - hits) < FEW else "wilson"
    interval = stats.binomtest(hits, of).proportion_ci(LEVEL, method=method)
    return Estimate(hits / of, interval.low, interval.high)


# Names of metrics in rows and tables, and of the columns with the ends of their intervals.
METRICS = ("auc", "tpr_at_1_fpr", "tpr_at_0_1_fpr", "attack_accuracy", "advantage")


def evaluate(scores: ArrayLike, is_member: ArrayLike, *, threshold: float) -> dict[str, float]:
    """Return the metrics of one attack as a flat dictionary.

    Parameters
    ----------
    scores, is_member : array-like
        As in :func:`roc`.
    threshold : float
        The attack says "member" above it.

    Returns
    -------
    dict
        ``auc`` (:func:`auc`), ``tpr_at_1_fpr`` and ``tpr_at_0_1_fpr`` (:func:`tpr_at_fpr` at 1% and 0.1%),
        ``attack_accuracy`` and ``advantage`` at the threshold; each also with ``_low`` and ``_high``, the ends of its
        95% interval.
    """
    estimates = (
        auc(scores, is_member),
        tpr_at_fpr(scores, is_member, fpr=0.01),
        tpr_at_fpr(scores, is_member, fpr=0.001),
        attack_accuracy(scores, is_member, threshold=threshold),
        advantage(scores, is_member, threshold=threshold),
    )
    row = {}
    for name, estimate in zip(METRICS, estimates, strict=True):
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row


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


def _checked(scores: ArrayLike, is_member: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores, is_member = (each.cpu() if isinstance(each, torch.Tensor) else each for each in (scores, is_member))
    scores, is_member = np.asarray(scores, dtype=float), np.asarray(is_member, dtype=bool)
    if scores.shape != is_member.shape or scores.ndim != 1:
        raise ValueError(
            f"scores and is_member must be one value a candidate, not {scores.shape} and {is_member.shape}."
        )
    if is_member.all() or not is_member.any():
        raise ValueError(
            "The candidates must include members and non-members: an attack is measured on telling them apart."
        )
    if np.isnan(scores).any():
        raise ValueError(
            f"{np.isnan(scores).sum()} of {len(scores)} scores are NaN; an attack must score every candidate."
        )
    return np.nan_to_num(scores), is_member  # infinite scores become the largest finite ones, which keeps the order
