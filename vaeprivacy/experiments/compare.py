"""Defences compared: what the strongest attack finds in each setting, against what the classifier is good for."""

import math
from collections.abc import Iterable

import pandas as pd

from vaeprivacy.metrics import Estimate, mean_interval

#: Columns of :func:`vaeprivacy.experiments.sweeps.tidy` that tell one setting of a defence from another.
SETTING = ["dataset", "n_members", "defence", "setting", "trainer", "latent_dim", "vae_epochs", "epsilon", "radius"]
#: What an attack may look at; "all that is published" stands for the three others together.
LOOKS_AT = ("classifier", "release", "encoder and decoder", "all that is published")


def strongest(
    results: pd.DataFrame,
    *,
    looks_at: str = "classifier",
    leakage: str = "auc",
    weak: bool = False,
    on_other_seeds: bool = False,
) -> pd.DataFrame:
    """Return, for each run, the row of the strongest attack on its setting.

    The attack is chosen once for a setting, by its mean over seeds, and its values are taken for all of them. The best
    attack of each single run would not do: the highest of many noisy numbers is above one half even if all attacks
    guess. What is left of this effect is that of a choice between means.

    Parameters
    ----------
    results : pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`. Runs that failed are left out.
    looks_at : str
        Which attacks are considered, one of :data:`LOOKS_AT`.
    leakage : str
        Column to choose by, such as ``auc`` or ``tpr_at_1_fpr``.
    weak : bool
        Consider attacks that are weak for every seed, too. By default they count only where there is no other: shadow
        models that do not behave like the target say little about what its predictions could tell. What a weak attack
        finds is there nevertheless, so set this for a lower bound on leakage that leaves out nothing.
    on_other_seeds : bool
        Choose the attack of each seed by its mean over the others: then nothing is left of the effect. A setting with
        one seed has no others, and is left out.

    Returns
    -------
    pandas.DataFrame
        Some rows of `results`, one a run.

    Raises
    ------
    ValueError
        If `looks_at` has an impossible value, or no attack looks at it.
    """
    considered = _considered(results, looks_at)
    chosen = []
    for _, rows in considered.groupby(_columns(considered), dropna=False, sort=False):
        if not on_other_seeds:
            chosen.append(rows[rows.attack == _best(rows, leakage, weak)])
            continue
        for seed, of_seed in rows.groupby("seed"):
            others = rows[rows.seed != seed]
            if len(others):
                chosen.append(of_seed[of_seed.attack == _best(others, leakage, weak)])
    return pd.concat(chosen)


def _best(rows: pd.DataFrame, leakage: str, weak: bool) -> str:
    """Return the attack with the highest mean over the seeds of one setting."""
    by_attack = rows.groupby("attack", sort=False)
    count = by_attack[leakage].count()
    able = (count == count.max()) & (count > 0)  # a mean over fewer seeds is another thing
    if not weak and (able & ~_is_weak(by_attack)).any():
        able &= ~_is_weak(by_attack)
    return by_attack[leakage].mean()[able].idxmax()


def _considered(results: pd.DataFrame, looks_at: str) -> pd.DataFrame:
    """Return the rows of attacks that look at something."""
    if looks_at not in LOOKS_AT:
        raise ValueError(f"looks_at must be one of {', '.join(map(repr, LOOKS_AT))}, not {looks_at!r}.")
    results = results[results.attack.notna()]
    considered = results if looks_at == LOOKS_AT[-1] else results[results.looks_at == looks_at]
    if considered.empty:
        raise ValueError(f"No attack in the table looks at {looks_at}: there is nothing to compare.")
    return considered


def _columns(table: pd.DataFrame) -> list[str]:
    """Return which columns of a table tell settings apart."""
    return [name for name in SETTING if name in table]


def _is_weak(by_attack: pd.api.typing.DataFrameGroupBy) -> pd.Series:
    """Return which attacks are weak for every seed."""
    return by_attack.weak.agg(lambda values: bool(values.astype(bool).all())).astype(bool)


def summarise(
    results: pd.DataFrame,
    *,
    utility: str = "test_accuracy",
    leakage: str = "auc",
    looks_at: str = "classifier",
    weak: bool = False,
) -> pd.DataFrame:
    """Return utility and leakage of each setting of each defence, with Student's 95% intervals over seeds.

    Parameters
    ----------
    results : pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`.
    utility : str
        Column with what the classifier is good for; more is better.
    leakage, looks_at, weak
        As for :func:`strongest`.

    Returns
    -------
    pandas.DataFrame
        One row a data set and setting: the columns of :data:`SETTING`, ``label`` in few words, ``full_label``, the
        strongest ``attack``, ``n_seeds``, and ``utility`` and ``leakage``, each also with ``_low`` and ``_high``, which
        are infinite for a single seed.
    """
    runs = strongest(results, looks_at=looks_at, leakage=leakage, weak=weak)
    columns = _columns(runs)
    rows = []
    for key, of_setting in runs.groupby(columns, dropna=False, sort=False):
        about = dict(zip(columns, key, strict=True))
        first = of_setting.iloc[0]
        about |= {
            "label": first.get("short_label", first.setting),
            "full_label": first.get("full_label", first.setting),
        }
        about |= {"attack": first.attack, "n_seeds": len(of_setting)}
        for name, column in (("utility", utility), ("leakage", leakage)):
            estimate = mean_interval(of_setting[column])
            about |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        rows.append(about)
    return pd.DataFrame(rows)


def pareto_front(points: pd.DataFrame, *, utility: str = "utility", leakage: str = "leakage") -> pd.Series:
    """Return which settings are not dominated: no other is as good in both respects and better in one.

    Parameters
    ----------
    points : pandas.DataFrame
        One row a setting, as from :func:`compared`, of one data set.
    utility, leakage : str
        Columns of which more, and less, is better.

    Returns
    -------
    pandas.Series
        Of bool, with the index of `points`.
    """
    useful, leaks = points[utility].to_numpy(), points[leakage].to_numpy()
    on_front = []
    for mine, my_leakage in zip(useful, leaks, strict=True):
        as_good = (useful >= mine) & (leaks <= my_leakage)
        better = (useful > mine) | (leaks < my_leakage)
        on_front.append(not math.isnan(mine + my_leakage) and not (as_good & better).any())
    return pd.Series(on_front, index=points.index, dtype=bool)


def utility_at(runs: pd.DataFrame, level: float, *, utility: str, leakage: str, at_most: bool = False) -> pd.Series:
    """Return the utility of one defence at a given leakage, one value a seed.

    The means of its settings over seeds give a Pareto front; between two neighbours on it, utility is taken to grow in
    a straight line with leakage, and beyond the last it stays as it is. A line is what one would get by tossing a coin
    between the two settings. Each seed then stands for what it found at the two: where it found more leakage than their
    means, its utility is lowered along the line, and the other way round. So the mean over seeds is the value on the
    line, and the values spread by both measurements.

    Parameters
    ----------
    runs : pandas.DataFrame
        As from :func:`strongest`: one row a run, of one data set and defence.
    level : float
        The leakage.
    utility, leakage : str
        Columns.
    at_most : bool
        Read `level` as the most leakage that is acceptable: then a defence stays as useful beyond the most leakage that
        was measured for it.

    Returns
    -------
    pandas.Series
        By seed; NaN if `level` is not between the least and the most leakage that was measured (or, with `at_most`,
        below the least).
    """
    columns = _columns(runs)
    number = runs.groupby(columns, dropna=False, sort=False).ngroup()
    useful, leaks = (
        runs.assign(number=number).pivot(index="seed", columns="number", values=c) for c in (utility, leakage)
    )
    means = pd.DataFrame({"utility": useful.mean(), "leakage": leaks.mean()})
    if level < means.leakage.min() or (level > means.leakage.max() and not at_most):
        return pd.Series(math.nan, index=useful.index)
    front = means[pareto_front(means)].sort_values("leakage")
    left, right = front.index[front.leakage <= level][-1], front.index[front.leakage > level][:1]
    if right.empty:
        return useful[left]
    right = right[0]
    run = means.leakage[right] - means.leakage[left]
    slope = (means.utility[right] - means.utility[left]) / run
    share = (level - means.leakage[left]) / run
    between = [(1 - share) * table[left] + share * table[right] for table in (useful, leaks)]
    return between[0] + slope * (level - between[1])


def better_at(
    results: pd.DataFrame,
    *,
    leakages: Iterable[float],
    ours: str = "framework",
    theirs: str = "dp-sgd",
    utility: str = "test_accuracy",
    leakage: str = "auc",
    looks_at: str = "classifier",
    at_most: bool = False,
) -> pd.DataFrame:
    """Return at which leakage one defence is better than another, and at which it is worse.

    Each defence is given by the best of its settings, see :func:`utility_at`. The interval is Student's, of the
    differences within seeds; it takes as given which settings are on the front.

    Parameters
    ----------
    results : pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`.
    leakages : iterable of float
        Where to compare.
    ours, theirs : str
        Names of defences, as in the column ``defence``.
    utility, leakage, looks_at
        As for :func:`compared`.
    at_most : bool
        As for :func:`utility_at`.

    Returns
    -------
    pandas.DataFrame
        One row a data set and leakage, with columns ``dataset``, ``leakage``, the utility of each (named as they are),
        ``difference`` with ``low`` and ``high``, and ``verdict``: "better", "worse" or "open" for ours, or "not
        measured" where one of them has no settings on both sides (then the numbers are NaN).

    Raises
    ------
    ValueError
        If one of the defences is not in the table.
    """
    runs = strongest(results, looks_at=looks_at, leakage=leakage)
    for name in (ours, theirs):
        if name not in set(runs.defence):
            raise ValueError(
                f"There are no runs of {name!r} in the table, only of {', '.join(sorted(set(runs.defence)))}."
            )
    rows, levels = [], list(leakages)
    for dataset, here in runs.groupby("dataset", sort=False):
        for level in levels:
            values = {
                name: utility_at(here[here.defence == name], level, utility=utility, leakage=leakage, at_most=at_most)
                for name in (ours, theirs)
            }
            row = {"dataset": dataset, "leakage": level} | {name: each.mean() for name, each in values.items()}
            rows.append(row | _difference(values[ours], values[theirs]))
    return pd.DataFrame(rows)


def _difference(ours: pd.Series, theirs: pd.Series) -> dict[str, float | str]:
    """Return the difference of two utilities within seeds, with its interval and a verdict."""
    differences = (ours - theirs).dropna()
    estimate = Estimate(*[math.nan] * 3) if differences.empty else mean_interval(differences)
    interval = {"difference": estimate.value, "low": estimate.low, "high": estimate.high}
    return interval | {"verdict": _verdict(estimate)}


def _verdict(difference: Estimate) -> str:
    if math.isnan(difference.value):
        return "not measured"
    return "better" if difference.low > 0 else "worse" if difference.high < 0 else "open"
