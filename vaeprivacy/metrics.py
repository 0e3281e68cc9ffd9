"""What an attack's scores amount to, with confidence intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.metrics import roc_auc_score, roc_curve

LEVEL = 0.95


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
        One score a candidate, shape (candidates,); higher means more likely a member.
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
    """Return the area under the ROC curve with the interval of DeLong, DeLong and Clarke-Pearson (1988).

    Parameters and errors are those of :func:`roc`. The interval covers the choice of candidates, not the training of
    the target.
    """
    scores, is_member = _checked(scores, is_member)
    value = roc_auc_score(is_member, scores)
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

    Parameters and errors are those of :func:`roc`. The interval is Clopper and Pearson's for the true-positive rate at
    that threshold; the threshold itself is taken as given.
    """
    scores, is_member = _checked(scores, is_member)
    curve = roc(scores, is_member)
    value = curve.tpr[curve.fpr <= fpr].max()
    n_members = int(is_member.sum())
    interval = stats.binomtest(round(value * n_members), n_members).proportion_ci(LEVEL)
    return Estimate(value, interval.low, interval.high)


def attack_accuracy(scores: ArrayLike, is_member: ArrayLike, *, threshold: float) -> float:
    """Return the balanced accuracy of saying "member" above a threshold.

    Parameters and errors are those of :func:`roc`. Balanced means that members and non-members weigh the same, as they
    do in the usual membership game.
    """
    scores, is_member = _checked(scores, is_member)
    threshold = np.nan_to_num(threshold)  # as the scores: minus infinity is not above minus infinity
    return float(((scores > threshold)[is_member].mean() + (scores <= threshold)[~is_member].mean()) / 2)


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
        ``auc``, ``auc_low``, ``auc_high``, ``tpr_at_1_fpr``, ``tpr_low``, ``tpr_high`` (at a false-positive rate of
        1%),
        ``attack_accuracy`` (balanced, at the threshold), and ``advantage``: true-positive minus false-positive rate at
        the threshold (Yeom et al., arXiv 1709.01604).
    """
    area = auc(scores, is_member)
    tpr = tpr_at_fpr(scores, is_member, fpr=0.01)
    accuracy = attack_accuracy(scores, is_member, threshold=threshold)
    return {
        "auc": area.value,
        "auc_low": area.low,
        "auc_high": area.high,
        "tpr_at_1_fpr": tpr.value,
        "tpr_low": tpr.low,
        "tpr_high": tpr.high,
        "attack_accuracy": accuracy,
        "advantage": 2 * accuracy - 1,
    }


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


def _checked(scores: ArrayLike, is_member: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
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
