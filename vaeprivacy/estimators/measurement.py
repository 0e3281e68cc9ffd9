"""What one measurement of a leak says: how much better an adversary does on members, and whether that was promised."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.gaussian_bounds import Measure
from vaeprivacy.intervals import Estimate
from vaeprivacy.metrics import advantage, auc

#: How seldom, at most, a release that keeps its promise fails by chance: over all its measurements together.
ALARM_RATE = 0.01
#: What nobody promised anything about.
NOTHING = Indistinguishability(0.0, 1.0)
SUREST = 0.05  # share of the candidates that an attack is surest of


@dataclass(frozen=True)
class Measurement:
    """How often an adversary is right about members, beside how often it is about records that were held out.

    Attributes
    ----------
    group, name, how : str
        The kind of risk, what was tried, and a sentence on what the adversary does.
    advantage : Estimate
        Rate of success on members minus that on held-out records, with Newcombe's 95% interval.
    allowed : float
        The largest advantage that the promise allows; 1 if nothing was promised.
    p_value : float
        How probable so much success is, or more, if the promise is kept.
    auc : Estimate or None
        Area under the ROC curve, if the adversary ranks records.
    weak : str
        Why a low value proves little; empty if nothing is known to be wrong.
    details : dict
        More numbers, for the card's file.
    """

    group: str
    name: str
    how: str
    advantage: Estimate
    allowed: float
    p_value: float
    auc: Estimate | None = None
    weak: str = ""
    details: dict[str, float] = field(default_factory=dict)


def success(hits: tuple[int, int], of: tuple[int, int]) -> Estimate:
    """Return the difference of two rates, of members and of held-out records, with Newcombe's interval.

    Parameters
    ----------
    hits, of : tuple of int
        Successes and trials on members, and on held-out records.
    """
    right = np.concatenate([np.arange(n) < k for k, n in zip(hits, of, strict=True)])
    return advantage(right.astype(float), np.repeat([True, False], of), threshold=0.5)


def excess(hits: tuple[int, int], of: tuple[int, int], promised: Measure) -> float:
    """Return the p-value of "the rate on members is no higher than the promise lets it be beside that on others".

    The promise bounds the one rate by the other (``max_tpr``). Both are measured, with one success and one failure
    added to each (Agresti and Caffo, 2000), and compared as quantiles of the normal distribution, by the delta method.
    Chances of records are taken to be independent.

    Parameters
    ----------
    hits, of : tuple of int
        As for :func:`success`.
    promised : Indistinguishability or GaussianIndistinguishability
        What replacing one record may change.
    """
    if promised.max_tpr(0.0) >= 1:
        return 1.0
    rates = [(k + 1) / (n + 2) for k, n in zip(hits, of, strict=True)]
    deviations = [np.sqrt(rate * (1 - rate) / (n + 2)) for rate, n in zip(rates, of, strict=True)]
    step = deviations[1] / 10
    most, beside = (min(promised.max_tpr(rates[1] + each), 1 - 1e-12) for each in (0.0, -step))
    quantiles = stats.norm.ppf([rates[0], most, beside])
    of_members = deviations[0] / stats.norm.pdf(quantiles[0])
    of_others = deviations[1] * (quantiles[1] - quantiles[2]) / step
    return float(stats.norm.sf((quantiles[0] - quantiles[1]) / np.hypot(of_members, of_others)))


def of_rates(group: str, name: str, how: str, hits: tuple[int, int], of: tuple[int, int], promised: Measure,
             *, weak: str = "") -> Measurement:  # fmt: skip
    """Return the measurement of an adversary that succeeds or fails on each record."""
    rates = {"on members": hits[0] / of[0], "on held-out records": hits[1] / of[1]}
    # Failures are bounded as well: an adversary may be right about every member, and about half of the others.
    missed = (of[1] - hits[1], of[0] - hits[0])
    p_value = min(1.0, 2 * min(excess(hits, of, promised), excess(missed, of[::-1], promised)))
    return Measurement(
        group, name, how, success(hits, of), promised.max_advantage(), p_value, weak=weak, details=rates
    )  # fmt: skip


def of_scores(group: str, name: str, how: str, members: np.ndarray, others: np.ndarray, promised: Measure,
              *, weak: str = "") -> Measurement:  # fmt: skip
    """Return the measurement of an attack that ranks records.

    Parameters
    ----------
    group, name, how, weak : str
        As of :class:`Measurement`.
    members, others : numpy.ndarray
        Scores, higher for likelier members; shapes (members,) and (held-out records,).
    promised : Indistinguishability or GaussianIndistinguishability
        What replacing one record may change.
    """
    scores = stats.rankdata(np.nan_to_num(np.concatenate([members, others])))  # ranks, as scores may be infinite
    is_member = np.repeat([True, False], [len(members), len(others)])
    of, p_values = (len(members), len(others)), []
    for share in (0.5, SUREST):  # a leak may be one of all records, or of a few
        accused = scores > np.quantile(scores, 1 - share)
        p_values.append(excess((int(accused[is_member].sum()), int(accused[~is_member].sum())), of, promised))
    return Measurement(
        group, name, how,
        advantage(scores, is_member, threshold=float(np.median(scores))),
        promised.max_advantage(), min(1.0, 2 * min(p_values)), auc(scores, is_member), weak,
    )  # fmt: skip


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values adjusted for how many there are (Holm, 1979), in the same order.

    One below a level then is one of all of them below it by chance, no more often than the level says.
    """
    order = np.argsort(p_values)
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.sort(p_values) * factors))
    return adjusted


def exceeding(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return the measurements that the promise does not allow, at :data:`ALARM_RATE` for all together."""
    adjusted = holm([each.p_value for each in measurements])
    return [each for each, p_value in zip(measurements, adjusted, strict=True) if p_value < ALARM_RATE]
