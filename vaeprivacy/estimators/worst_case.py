"""The worst case: may one strange record change a release by more than the promise says? And whose are the bounds?"""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline

from vaeprivacy.audit.lower_bounds import audit_scores
from vaeprivacy.estimators.measurement import Measurement, of_scores
from vaeprivacy.estimators.points import as_points, is_number
from vaeprivacy.estimators.subject import Fitted, Subject
from vaeprivacy.intervals import Estimate

GROUP = "worst-case records"
LEAST_PAIRS, MOST_PAIRS = 24, 400
MOST_NUMBERS = 50  # that a release is judged by: of more, their principal components
TWO_WORLDS = (
    "The release is made again and again, with one strange record in one place, or with its opposite. It tells the two "
    "worlds apart by the released numbers."
)
ON_THE_EDGE = "A bound that exactly one record of the file lies on: whoever sees it knows this value of somebody."


def strange_records(rows: pd.DataFrame, label: str | None) -> tuple[pd.Series, pd.Series]:
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


def with_first(rows: pd.DataFrame, record: pd.Series) -> pd.DataFrame:
    """Return the same rows with another record in the first place, and all types as they were."""
    return pd.concat([record.to_frame().T.astype(rows.dtypes.to_dict()), rows.iloc[1:]], ignore_index=True)


def numbers_of(fitted: Fitted, strange: pd.DataFrame, n: int) -> np.ndarray:
    """Return what is read off a release: what the released model says about two strange records, or averages of rows.

    Of rows it is the mean of each column of points, and how near any comes to the two.
    """
    known = fitted.statistics(strange)
    if known is not None:
        return known.ravel()
    rows, two = as_points([fitted.sample(n), strange])
    closest = np.linalg.norm(rows[:, None] - two[None], axis=2).min(axis=0)
    return np.concatenate([rows.mean(axis=0), closest])


def audit_worlds(
    subject: Subject, *, seconds: float, progress: Callable[[float], None] = lambda share: None
) -> list[Measurement]:
    """Make releases of two neighbouring sets of records, and measure how well they are told apart.

    Half of the releases teach which numbers differ; the other half measure. It costs the published release nothing, as
    long as none of these releases is published.

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
    records = strange_records(subject.members, subject.label)
    worlds = [with_first(subject.members, record) for record in records]
    strange = pd.concat([world.iloc[:1] for world in worlds], ignore_index=True)
    start, made = time.monotonic(), ([], [])
    while len(made[0]) < MOST_PAIRS and (len(made[0]) < 2 or time.monotonic() - start < seconds):
        for numbers, rows in zip(made, worlds, strict=True):
            numbers.append(numbers_of(subject.refit(rows), strange, len(rows)))
        progress((time.monotonic() - start) / seconds)
        if len(made[0]) == 2 and (time.monotonic() - start) / 2 * LEAST_PAIRS > seconds:
            return []
    return [judged(*map(np.stack, made), subject)] if len(made[0]) >= LEAST_PAIRS else []


def judged(with_it: np.ndarray, without_it: np.ndarray, subject: Subject) -> Measurement:
    """Return how well two worlds are told apart by the numbers of their releases, shape (releases, numbers) each."""
    half = len(with_it) // 2
    learnt = np.concatenate([with_it[:half], without_it[:half]])
    which = np.repeat([1, 0], half)
    scale = learnt.std(axis=0) + 1e-12
    parts = [LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")]
    if learnt.shape[1] > MOST_NUMBERS:
        parts.insert(0, PCA(min(MOST_NUMBERS, half), random_state=0))
    model = make_pipeline(*parts).fit(learnt / scale, which)
    first, second = (model.predict_proba(each[half:] / scale)[:, 1] for each in (without_it, with_it))
    weak = "few releases" if len(second) < 50 else ""
    found = of_scores(GROUP, "one strange record", TWO_WORLDS, second, first, subject.promised, weak=weak)
    found.details.update(_lower_bound(first, second, subject), pairs=float(len(with_it)))
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


def most_exposed(scores: Sequence[float], *, most: int = 10) -> list[int]:
    """Return the places of the records that an attack is surest of, the surest first."""
    return [int(place) for place in np.argsort(scores)[::-1][: min(most, math.ceil(len(scores) / 2))]]
