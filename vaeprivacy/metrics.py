"""What an attack's scores amount to, with confidence intervals."""

import numpy as np
import pandas as pd
import sklearn.metrics as of_sklearn
from numpy.typing import ArrayLike

from vaeprivacy.arrays import as_vector, check_memberships
from vaeprivacy.checks import check_probability
from vaeprivacy.intervals import LEVEL as LEVEL
from vaeprivacy.intervals import Estimate, area_interval, delong_interval, rate_at_fpr, share, shares_beaten
from vaeprivacy.intervals import mean_interval as mean_interval
from vaeprivacy.intervals import rate_interval as rate_interval


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
    """Return the area under the ROC curve, with an interval that holds in small samples too.

    Parameters and errors are those of :func:`roc`. The interval is that of DeLong, DeLong and Clarke-Pearson (1988)
    where groups are large and overlap, else also Newcombe's of 2006, see
    :func:`~vaeprivacy.intervals.area_interval`. It covers the choice of candidates, not the training of the target.
    """
    scores, is_member = _checked(scores, is_member)
    value = of_sklearn.auc(*of_sklearn.roc_curve(is_member, scores)[:2])
    return Estimate(value, *area_interval(value, shares_beaten(scores, is_member)))


def delong(scores: ArrayLike, is_member: ArrayLike) -> Estimate:
    """Return the area under the ROC curve with DeLong's interval alone; else as :func:`auc`."""
    scores, is_member = _checked(scores, is_member)
    value = of_sklearn.auc(*of_sklearn.roc_curve(is_member, scores)[:2])
    return Estimate(value, *delong_interval(value, shares_beaten(scores, is_member)))


def tpr_at_fpr(scores: ArrayLike, is_member: ArrayLike, *, fpr: float) -> Estimate:
    """Return the highest true-positive rate at a false-positive rate of at most `fpr`.

    Parameters and errors are those of :func:`roc`; `fpr` is from 0 to 1. The interval (see
    :func:`~vaeprivacy.intervals.rate_at_fpr`) knows that at a small `fpr` a handful of non-members sets the threshold.
    """
    scores, is_member = _checked(scores, is_member)
    return rate_at_fpr(scores[is_member], scores[~is_member], fpr=check_probability(fpr, "fpr"))


def advantage(scores: ArrayLike, is_member: ArrayLike, *, threshold: float) -> Estimate:
    """Return the true-positive minus the false-positive rate of saying "member" above a threshold.

    Parameters and errors are those of :func:`roc`. It is Yeom et al.'s advantage (arXiv 1709.01604); the interval is
    Newcombe's for a difference of two rates (Statistics in Medicine 17, 1998, method 10), made of the intervals of
    :func:`~vaeprivacy.intervals.share`, with the threshold taken as given.
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


def _checked(scores: ArrayLike, is_member: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores = as_vector(scores, "scores").detach().cpu().double().numpy()
    is_member = check_memberships(is_member, shape=scores.shape).cpu().numpy()
    if is_member.all() or not is_member.any():
        raise ValueError(
            "The candidates must include members and non-members: an attack is measured on telling them apart."
        )
    if np.isnan(scores).any():
        raise ValueError(
            f"{np.isnan(scores).sum()} of {len(scores)} scores are NaN; an attack must score every candidate."
        )
    return np.nan_to_num(scores), is_member  # infinite scores become the largest finite ones, which keeps the order
