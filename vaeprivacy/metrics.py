"""What an attack's scores amount to, with confidence intervals."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
import sklearn.metrics as of_sklearn
import torch
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95
RESAMPLES = 2000


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
    fpr, tpr, _ = of_sklearn.roc_curve(is_member, scores, drop_intermediate=False)
    return pd.DataFrame({"fpr": fpr, "tpr": tpr})


def auc(scores: ArrayLike, is_member: ArrayLike) -> Estimate:
    """Return the area under the ROC curve with the interval of DeLong, DeLong and Clarke-Pearson (1988).

    Parameters and errors are those of :func:`roc`. The interval covers the choice of candidates, not the training of
    the target.
    """
    scores, is_member = _checked(scores, is_member)
    value = of_sklearn.auc(*of_sklearn.roc_curve(is_member, scores)[:2])
    members, others = scores[is_member], scores[~is_member]
    # Share of the other group that each candidate beats (ties count half), from ranks in the whole and in its own
    # group.
    ranks = stats.rankdata(scores)
    of_members = (ranks[is_member] - stats.rankdata(members)) / len(others)
    of_others = (ranks[~is_member] - stats.rankdata(others)) / len(members)
    variance = of_members.var(ddof=1) / len(members) + of_others.var(ddof=1) / len(others)
    half_width = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance)
    return Estimate(value, max(0.0, value - half_width), min(1.0, value + half_width))


def tpr_at_fpr(scores: ArrayLike, is_member: ArrayLike, *, fpr: float) -> Estimate:
    """Return the highest true-positive rate at a false-positive rate of at most `fpr`.

    Parameters and errors are those of :func:`roc`. The interval spans two: Clopper and Pearson's exact one, which takes
    the threshold as given, and a percentile bootstrap over members and non-members, which knows that at a small `fpr` a
    handful of non-members sets the threshold (:data:`RESAMPLES` resamples, always the same).
    """
    scores, is_member = _checked(scores, is_member)
    members, others = np.sort(scores[is_member]), np.sort(scores[~is_member])[::-1]
    n_accused = int(np.floor(fpr * len(others) + 1e-9))  # in floating point, 0.1 * 30 is not quite 3

    def share_above(rank: np.ndarray) -> np.ndarray:
        """Return the share of members above the non-member of a rank (0 is the highest; beyond the last, all are)."""
        thresholds = np.append(others, -np.inf)[np.minimum(rank, len(others))]
        return 1 - np.searchsorted(members, thresholds, side="right") / len(members)

    value = float(share_above(np.array(n_accused)))
    exact = share(round(value * len(members)), of=len(members), method="exact")
    if n_accused >= len(others):
        return Estimate(value, exact.low, exact.high)
    random = np.random.default_rng(0)
    # Which non-member comes first after those that may be accused, in a resample? The smallest but n_accused of uniform
    # ranks: an order statistic, which has a beta distribution, so that the resample itself need not be drawn.
    rank = np.floor(len(others) * random.beta(n_accused + 1, len(others) - n_accused, RESAMPLES)).astype(int)
    found = random.binomial(len(members), share_above(rank)) / len(members)
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(min(low, exact.low)), float(max(high, exact.high)))


def advantage(scores: ArrayLike, is_member: ArrayLike, *, threshold: float) -> Estimate:
    """Return the true-positive minus the false-positive rate of saying "member" above a threshold.

    Parameters and errors are those of :func:`roc`. It is Yeom et al.'s advantage (arXiv 1709.01604); the interval is
    Newcombe's for a difference of two rates (Statistics in Medicine 17, 1998, method 10), with the threshold taken as
    given.
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


@cache
def share(hits: int, *, of: int, method: str = "wilson") -> Estimate:
    """Return the share that some hits are of all trials, with Wilson's interval, or the "exact" one."""
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
    ends = [f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")]
    return dict(zip(ends, sum(estimates, ()), strict=True))


def mean_interval(values: Sequence[float]) -> Estimate:
    """Return the mean of repeated measurements with Student's t interval; infinitely wide for a single one.

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
