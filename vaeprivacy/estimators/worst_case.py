"""The worst case: may one strange record change a release by more than the promise says? And whose are the bounds?"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from vaeprivacy.audit.lower_bounds import audit_scores
from vaeprivacy.estimators.measurement import Measurement, of_scores
from vaeprivacy.estimators.points import as_points, is_number
from vaeprivacy.estimators.subject import Fitted, Subject
from vaeprivacy.intervals import Estimate

GROUP = "worst-case records"
LEAST_PAIRS, FEW_PAIRS, MOST_PAIRS = 24, 100, 400
TWO_WORLDS = (
    "The release is made again and again, with one strange record in one place, or with its opposite. It tells the two "
    "worlds apart by the released numbers."
)
ON_THE_EDGE = "A bound that exactly one record of the file lies on: whoever sees it knows this value of somebody."


def _strange_records(rows: pd.DataFrame, label: str | None) -> tuple[pd.Series, pd.Series]:
    """Return two records at opposite corners: the largest numbers and rarest words, and the smallest and commonest.

    The rarest label is that of the first.
    """
    first, second = rows.iloc[0].copy(), rows.iloc[0].copy()
    for name, column in rows.items():
        values = column.dropna()
        if is_number(values) and len(values) and name != label:
            first[name], second[name] = values.max(), values.min()
        elif len(values):
            counts = values.value_counts()
            first[name], second[name] = counts.index[-1], counts.index[0]
    return first, second


def _with_first(rows: pd.DataFrame, record: pd.Series) -> pd.DataFrame:
    """Return the same rows with another record in the first place, and all types as they were."""
    return pd.concat([record.to_frame().T.astype(rows.dtypes.to_dict()), rows.iloc[1:]], ignore_index=True)


def signs_of(fitted: Fitted, strange: pd.DataFrame, known: pd.DataFrame) -> np.ndarray:
    """Return what a release says about each of two strange records, higher if it is in: shape (2, numbers).

    It is what the released model says; of rows alone, how near any comes to the record, and how far their mean lies
    towards it.
    """
    said = fitted.statistics(strange, known)
    if said is not None:
        return said
    rows, two = as_points([fitted.sample(len(known) + 1), strange])
    closest = [np.linalg.norm(rows - record, axis=1).min() for record in two]
    towards = rows.mean(axis=0) @ (two[0] - two[1])
    return np.array([[-closest[0], towards], [-closest[1], -towards]])


def audit_worlds(
    subject: Subject, *, seconds: float, progress: Callable[[float], None] = lambda share: None
) -> list[Measurement]:
    """Make releases of two neighbouring sets of records, and measure how well they are told apart.

    It costs the published release nothing, as long as none of these releases is published.

    Parameters
    ----------
    subject : Subject
        With a `refit`.
    seconds : float
        Time for it; nothing is measured if it does not do for :data:`LEAST_PAIRS` pairs of releases.
    progress : callable
        Told the share that is done.
    """
    if subject.refit is None:
        return []
    records = _strange_records(subject.members, subject.label)
    worlds = [_with_first(subject.members, record) for record in records]
    strange = pd.concat([world.iloc[:1] for world in worlds], ignore_index=True)
    start, made = time.monotonic(), ([], [])
    while len(made[0]) < MOST_PAIRS and (len(made[0]) < 2 or time.monotonic() - start < seconds):
        for numbers, rows in zip(made, worlds, strict=True):
            numbers.append(signs_of(subject.refit(rows), strange, rows.iloc[1:]))
        progress((time.monotonic() - start) / seconds)
        if len(made[0]) == 2 and (time.monotonic() - start) / 2 * LEAST_PAIRS > seconds:
            return []
    return [judged(*map(np.stack, made), subject)] if len(made[0]) >= LEAST_PAIRS else []


def judged(first_in: np.ndarray, second_in: np.ndarray, subject: Subject) -> Measurement:
    """Return how well two worlds are told apart by what releases say of two records, shape (releases, 2, numbers) each.

    All numbers count the same, in units of their spread: those of the first record for it, those of the second against.
    """
    spread = np.sqrt((first_in.var(axis=0) + second_in.var(axis=0)) / 2) + 1e-12
    with_it, without_it = ((each / spread * [[1.0], [-1.0]]).sum(axis=(1, 2)) for each in (first_in, second_in))
    weak = f"only {len(with_it)} pairs of releases" if len(with_it) < FEW_PAIRS else ""
    found = of_scores(GROUP, "one strange record", TWO_WORLDS, with_it, without_it, subject.promised, weak=weak)
    found.details.update(_lower_bound(without_it, with_it, subject), pairs=float(len(with_it)))
    return found


def _lower_bound(first: np.ndarray, second: np.ndarray, subject: Subject) -> dict[str, float]:
    if len(first) < 20 or subject.promised.max_advantage() >= 1:
        return {}
    audit = audit_scores(first, second, subject.promised)
    return {f"promised {audit.parameter}": audit.claimed, f"lower bound on {audit.parameter}": audit.measured}


def bounds_on_records(rows: pd.DataFrame, bounds: dict[str, tuple[float, float]]) -> list[Measurement]:
    """Measure how many bounds that were called public are the value of exactly one record.

    Of a bound that was fixed without the records, exactly one of n lies on it with a probability of at most
    (1 - 1/n)^(n - 1), about 0.37, whatever the distribution: n p (1 - p)^(n - 1) is largest at p = 1/n.

    Parameters
    ----------
    rows : pandas.DataFrame
        All records of the file, held-out ones included.
    bounds : dict
        By column, the least and largest value that the schema calls public.
    """
    ends = [(rows[name], bound) for name, pair in bounds.items() if name in rows for bound in pair]
    if not ends:
        return []
    on_one = sum(int((column == bound).sum() == 1 and bound in (column.min(), column.max())) for column, bound in ends)
    chance = (1 - 1 / len(rows)) ** (len(rows) - 1)
    p_value = float(stats.binom.sf(on_one - 1, len(ends), chance))
    share = on_one / len(ends)
    low, high = stats.binomtest(on_one, len(ends)).proportion_ci()
    return [
        Measurement("schema", "bounds that are one record's", ON_THE_EDGE, Estimate(share, low, high), chance, p_value,
                    details={"bounds": float(len(ends)), "on one record": float(on_one)})
    ]  # fmt: skip
