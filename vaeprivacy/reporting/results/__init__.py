"""Results of sweeps that take longer than a build of the book, kept as tables with their provenance."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from vaeprivacy.compute.extras import extra
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import config_of

FOLDER = Path(__file__).parent


def result_names() -> list[str]:
    """Return the names of the records that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.parquet"))


def load_results(name: str) -> pd.DataFrame:
    """Read a record: the table that :func:`vaeprivacy.experiments.sweeps.sweep` made of the grid in the file of the
    same name.

    Parameters
    ----------
    name : str
        One of :func:`result_names`.

    Returns
    -------
    pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`, with the provenance of each row.

    Raises
    ------
    ValueError
        If there is no such record.
    """
    if name not in result_names():
        raise ValueError(f"There is no record {name!r}; choose one of {', '.join(map(repr, result_names()))}.")
    with extra("experiments", work="A saved table"):
        import pyarrow  # noqa: F401
    return pd.read_parquet(FOLDER / f"{name}.parquet")


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
            f"{lacking[0].defence.label}, seed {lacking[0].seed}. Compute them with vaeprivacy.experiments.sweep."
        )
    rows = dict(list(record.groupby("config")))
    return pd.concat([rows[texts[config]] for config in configs], ignore_index=True)
