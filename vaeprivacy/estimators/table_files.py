"""People's own tables in files: .csv as spreadsheets save it, .parquet and .npz, whole or in parts."""

import datetime
import decimal
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from vaeprivacy.compute.array_files import naming, read_arrays, reading
from vaeprivacy.compute.csv_text import CsvText, read_csv_text
from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.files import write_whole
from vaeprivacy.datasets.own_files import column_names, decimal_mark, existing, parsed_table
from vaeprivacy.estimators.schema import Schema
from vaeprivacy.estimators.tables import as_parts

KINDS = (".csv", ".parquet", ".npz")
HEAD = 2**20  # bytes of a file from which it is told how it is written
LOOKS_LIKE_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T]\d{2}:\d{2}(:\d{2})?)?")
DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y")
FORMATS = (*DAYS, *(f"{day}{between}{time}" for day in DAYS for between in " T" for time in ("%H:%M", "%H:%M:%S")))


def read_table(path: Path | str, *, schema: Schema | None = None) -> pd.DataFrame:
    """Read a table from a .csv, .parquet or .npz file (arrays x and y, which become columns and "label").

    Columns of text in which all are dates of one format become dates. With a schema, levels that are words are read as
    words (007 stays what it is).

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If there is no such file, or it is no table; the sentence names the file and says what to do.
    ImportError
        If it is a .parquet file and pyarrow is not installed.
    """
    path, kind = existing(path), _kind(path)
    if kind == ".csv":
        found = read_csv_text(path)
        with naming(path):
            return _with_dates(parsed_table(found, words=_words(schema)))
    if kind == ".parquet":
        with extra("experiments", work="A .parquet file"), reading(path, "is no .parquet file ({why})."):
            return _with_plain_types(pd.read_parquet(path))
    arrays = read_arrays(path, only=("x", "y"))
    with naming(path):
        return next(as_parts(arrays["x"], arrays["y"], label="label"))


def read_parts(path: Path | str, *, schema: Schema, rows: int = 100_000) -> Iterator[pd.DataFrame]:
    """Yield a table in a .csv or .parquet file in parts of so many rows: the file may be larger than the memory.

    ``TabularSynthesizer(schema=schema, ...).fit(read_parts(path, schema=schema))`` has one part at a time in memory,
    and keeps two bytes of each value.

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As :func:`read_table`, maybe when a later part is read.
    """
    path, kind = existing(path), _kind(path)
    if kind == ".csv":
        parts = _csv_parts(path, schema, rows)
    elif kind == ".parquet":
        parts = _parquet_parts(path, rows)
    else:
        parts = iter([read_table(path)])
    with naming(path):
        yield from (_with_dates(part, dates=[c.name for c in schema.columns if c.kind == "date"]) for part in parts)


def _kind(path: Path | str) -> str:
    kind = Path(path).suffix.lower()
    if kind not in KINDS:
        raise ValueError(
            f"{path} is of the kind {kind or 'without an ending'!r}; expected .csv, .parquet or .npz: save a "
            "spreadsheet as 'CSV UTF-8'."
        )
    return kind


def _words(schema: Schema | None) -> list[str]:
    """Return the columns whose levels are words."""
    columns = () if schema is None else schema.columns
    return [column.name for column in columns if column.levels and all(isinstance(one, str) for one in column.levels)]


def _csv_parts(path: Path, schema: Schema, rows: int) -> Iterator[pd.DataFrame]:
    """Yield parts of a CSV file in UTF-8; how it is written is told from its first lines."""
    with path.open("rb") as file:
        start = file.read(HEAD)
    if len(start) < HEAD or start.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield parsed_table(read_csv_text(path), words=_words(schema))
        return
    text = start.decode("utf-8-sig", errors="ignore").rpartition("\n")[0]
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    found = CsvText(path, text, "", delimiter, "\n")
    options = {"sep": delimiter, "decimal": decimal_mark(found), "skipinitialspace": True, "encoding": "utf-8-sig"}
    words = dict.fromkeys(set(_words(schema)) & set(column_names(found)), str)
    with reading(path, "is no table with a record in each line ({why}); save it anew as CSV UTF-8."):
        yield from pd.read_csv(path, chunksize=rows, dtype=words, low_memory=False, **options)


def _parquet_parts(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    with extra("experiments", work="A .parquet file"):
        from pyarrow import parquet
    with reading(path, "is no .parquet file ({why})."):
        yield from (
            _with_plain_types(batch.to_pandas()) for batch in parquet.ParquetFile(path).iter_batches(batch_size=rows)
        )


def _with_plain_types(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which days and decimal numbers, which Python has as objects, are pandas' dates and floats."""
    found = {}
    for name, column in frame.items():
        kinds = {type(value) for value in column.dropna()} if column.dtype == object else set()
        if kinds == {datetime.date}:
            found[name] = pd.to_datetime(column)
        elif kinds == {decimal.Decimal}:
            found[name] = column.astype(float)
    return frame.assign(**found)


def _with_dates(frame: pd.DataFrame, *, dates: list[str] | None = None) -> pd.DataFrame:
    """Return a table in which columns of text that are all dates of one format are dates.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table.
    dates : list of str, optional
        Which columns are dates, where that is known.

    Raises
    ------
    ValueError
        If a column has dates in two formats, or it cannot be told which number is the month.
    """
    text = [name for name in frame.columns if frame[name].dtype == object or frame[name].dtype == "str"]
    parsed: Mapping[str, pd.Series] = {}
    for name in text:
        present = frame[name].dropna()
        looks = present.map(lambda value: isinstance(value, str) and bool(LOOKS_LIKE_DATE.fullmatch(value)))
        if len(present) and looks.all() and (dates is None or name in dates):
            parsed[name] = pd.to_datetime(frame[name], format=_date_format(present))
    return frame.assign(**parsed)


def _date_format(values: pd.Series) -> str:
    """Return the one format in which all texts are dates; see ``_with_dates``."""
    fits = [one for one in FORMATS if pd.to_datetime(values, format=one, errors="coerce").notna().all()]
    if len(fits) > 1:
        raise ValueError(
            f"column {values.name!r} holds {values.iloc[0]!r}: it cannot be told which number is the month; write "
            "dates as 2024-12-31."
        )
    if not fits:
        shapes = values.str.replace(r"\d+", "0", regex=True)
        others = values[shapes != shapes.iloc[0]]
        second = others.iloc[0] if len(others) else next(v for v in values if not _is_date_as(values.iloc[0], v))
        raise ValueError(
            f"column {values.name!r} holds dates in two formats, {values.iloc[0]!r} and {second!r}; write all as "
            "2024-12-31."
        )
    return fits[0]


def _is_date_as(first: str, other: str) -> bool:
    """Return whether two texts are dates in one format."""
    both = pd.Series([first, other])
    return any(pd.to_datetime(both, format=one, errors="coerce").notna().all() for one in FORMATS)


def write_table(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a table to a .csv or .parquet file, which is there whole or not at all.

    Raises
    ------
    ValueError, OSError, ImportError
        If the file is of another kind, it cannot be written, or pyarrow is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise ValueError(f"{path} is of the kind {path.suffix!r}; expected .csv or .parquet.")
    if path.suffix.lower() == ".csv":
        write_whole(path, lambda unfinished: frame.to_csv(unfinished, index=False))
        return
    with extra("experiments", work="A .parquet file"):
        import pyarrow  # noqa: F401 (pandas would say that it is missing in other words)
    write_whole(path, lambda unfinished: frame.to_parquet(unfinished, index=False))
