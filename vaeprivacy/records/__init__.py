"""Results of sweeps that take longer than a build of the book, kept as tables with their provenance."""

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent


def record_names() -> list[str]:
    """Return the names of the records that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.parquet"))


def load_record(name: str) -> pd.DataFrame:
    """Read a record: the table that :func:`vaeprivacy.sweep.sweep` made of the grid in the file of the same name.

    Parameters
    ----------
    name : str
        One of :func:`record_names`.

    Returns
    -------
    pandas.DataFrame
        As from :func:`vaeprivacy.sweep.tidy`, with the provenance of each row.

    Raises
    ------
    ValueError
        If there is no such record.
    """
    if name not in record_names():
        raise ValueError(f"There is no record {name!r}; choose one of {', '.join(map(repr, record_names()))}.")
    return pd.read_parquet(FOLDER / f"{name}.parquet")
