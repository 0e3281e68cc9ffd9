"""What takes longer than a build of the book, kept as tables with their provenance: sweeps, and rows of chapters."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vaeprivacy.compute.extras import extra
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import config_of
from vaeprivacy.reporting.tables import is_control

FOLDER = Path(__file__).parent


def result_names() -> list[str]:
    """Return the names of the records that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.parquet"))


def load_results(name: str, *, controls: bool = False) -> pd.DataFrame:
    """Read a record: the table that :func:`vaeprivacy.experiments.sweeps.sweep` made of the grid in the file of the
    same name.

    Parameters
    ----------
    name : str
        One of :func:`result_names`.
    controls : bool
        Keep the rows of attacks that have nothing to find, of which some records have some.

    Returns
    -------
    pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`, with the provenance of each row; records with controls are
        as from :func:`vaeprivacy.reporting.tables.with_controls`.

    Raises
    ------
    ValueError
        If there is no such record.
    """
    if name not in result_names():
        raise ValueError(f"There is no record {name!r}; choose one of {', '.join(map(repr, result_names()))}.")
    with extra("experiments", work="A saved table"):
        import pyarrow  # noqa: F401
    table = pd.read_parquet(FOLDER / f"{name}.parquet")
    return table if controls else table[~is_control(table)]


def runs_of(record: pd.DataFrame, configs: Iterable[Config]) -> pd.DataFrame:
    """Return the runs of a record that were asked for, in that order, as if they had just been computed.

    Parameters
    ----------
    record : pandas.DataFrame
        As from :func:`load_results`.
    configs : iterable of Config
        Runs.

    Raises
    ------
    ValueError
        If the record lacks some of them.
    """
    texts = {config_of(json.loads(text)): text for text in record.config.unique()}
    configs = list(configs)
    lacking = [config for config in configs if config not in texts]
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {len(configs)} runs are not in the record, the first of them on {lacking[0].dataset}: "
            f"{lacking[0].defence.label}, seed {lacking[0].seed}. Set from_record = False, or compute them with "
            "vaeprivacy.experiments.sweep."
        )
    rows = dict(list(record.groupby("config")))
    return pd.concat([rows[texts[config]] for config in configs], ignore_index=True)


def rows_of_seeds(
    name: str,
    compute: Callable[[Sequence[int]], pd.DataFrame],
    seeds: Sequence[int],
    *,
    from_record: bool,
    **settings: Any,
) -> pd.DataFrame:
    """Return what a chapter computes for each of some seeds, or the same rows as they were saved.

    Parameters
    ----------
    name : str
        Name of the chapter's file, or that and a word with a full stop between them: of the saved rows.
    compute : callable
        From seeds, a table of the rows of each, one seed after the other, with a column ``seed``.
    seeds : sequence of int
        Whose rows are wanted.
    from_record : bool
        Read the saved rows; otherwise compute them.
    **settings
        All else that the rows depend on: numbers, words, or lists of these.

    Raises
    ------
    ValueError
        If the saved rows were computed with other settings, or lack a seed.
    """
    if not from_record:
        return compute(seeds)
    saved, made = read_rows(name)
    kept = {**made["settings"], "seeds": sorted(set(saved.seed))}
    other = [key for key, value in settings.items() if value != kept.get(key)]
    other += [] if set(seeds) <= set(kept["seeds"]) else ["seeds"]
    if other:
        wanted = {**settings, "seeds": list(seeds)}
        raise ValueError(
            f"The saved rows of {name} have {other[0]} = {kept.get(other[0])}, not {wanted[other[0]]}: "
            "set from_record = False to compute them."
        )
    return pd.concat([saved[saved.seed == seed] for seed in seeds], ignore_index=True)


def read_rows(name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return saved rows of a chapter, and what they were made with: ``settings`` and ``provenance``."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8") as file:
        made = json.loads(file.readline().removeprefix("#"))
        return pd.read_csv(file, engine="python"), made  # which reads floats to the last digit
