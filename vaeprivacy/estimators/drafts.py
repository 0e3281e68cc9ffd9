"""A first draft of a schema, read from the records themselves, and so with a mark on each column that this leaks."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from vaeprivacy.estimators.schema import MOST_LEVELS, SCALE, ColumnSchema, Schema

MOST_DECIMALS = 6
COMMA = r"[-+]?\d[\d.]*,\d[\d,.]*"  # a number with a comma somewhere


def draft_schema(frame: pd.DataFrame, *, drop: Sequence[str] = ()) -> Schema:
    """Return the schema that a table looks like: kinds of its columns, with the bounds and levels that occur.

    Every column is marked (``from_data``): the smallest and largest number, and which answers occur, belong to single
    records. Replace them by what is known without the records before a guarantee is stated.

    Parameters
    ----------
    frame : pandas.DataFrame
        A table, one record a row, with a name for each column.
    drop : sequence of str
        Columns to leave out: identifiers, names, free text.

    Raises
    ------
    TypeError, ValueError
        If it is no table, or a column is of no kind: with mixed types, without a value, with infinite numbers, or an
        identifier or text.
    """
    frame = check_frame(frame, drop=drop)
    return Schema(tuple(_draft_column(frame[name]) for name in frame.columns))


def check_frame(frame: pd.DataFrame, *, drop: Sequence[str] = ()) -> pd.DataFrame:
    """Return a table without some columns, if its columns have names and it has records.

    Raises
    ------
    TypeError, ValueError
        If it is none.
    """
    if isinstance(drop, str):
        raise TypeError(f"drop is the string {drop!r}; expected a list of names of columns: [{drop!r}].")
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"expected a pandas.DataFrame, one record a row, not {type(frame).__name__}.")
    nameless = [name for name in frame.columns if not isinstance(name, str)]
    if nameless:
        raise ValueError(f"a column is called {nameless[0]!r}; expected names: frame.columns = [...].")
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"two columns are called {twice!r}; give each a name of its own.")
    unknown = [name for name in drop if name not in frame.columns]
    if unknown:
        raise ValueError(f"drop names a column {unknown[0]!r}, which is not there.")
    frame = frame.drop(columns=list(drop))
    if frame.empty:
        raise ValueError("the table has no records, or no columns; expected one record a row.")
    return frame


def _draft_column(values: pd.Series) -> ColumnSchema:
    """Return what one column looks like; see :func:`draft_schema`."""
    present, what = values.dropna(), f"column {values.name!r}"
    if present.empty:
        raise ValueError(f"{what} has no value at all; name it in drop.")
    options = {"name": values.name, "missing": len(present) < len(values), "from_data": True}
    dtype = present.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        levels = tuple(dtype.categories)
        return ColumnSchema(kind="category", levels=levels, ordered=bool(dtype.ordered), **options)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return _date(present, options)
    if pd.api.types.is_bool_dtype(dtype) or all(isinstance(value, bool | np.bool_) for value in present.head(100)):
        check_one_type(present)
        return ColumnSchema(kind="boolean", **options)
    if pd.api.types.is_numeric_dtype(dtype):
        return _number(present, options)
    return _words(present, options)


def check_one_type(values: pd.Series) -> None:
    """Refuse a column (without missing values) that holds words and numbers, or other things."""
    kinds = {type(value) for value in values} if values.dtype == object else {str}
    if len({"number" if issubclass(kind, int | float | np.number) else kind for kind in kinds}) > 1:
        examples = [next(value for value in values if type(value) is kind) for kind in list(kinds)[:2]]
        raise ValueError(
            f"column {values.name!r} holds both {examples[0]!r} and {examples[1]!r}: make all of it numbers, or all "
            "of it words."
        )


def _date(present: pd.Series, options: dict) -> ColumnSchema:
    if present.dt.tz is not None:
        raise ValueError(
            f"column {present.name!r} has a time zone; convert it: .dt.tz_convert('UTC').dt.tz_localize(None)."
        )
    days = (present.dt.normalize() == present).all()
    ends = [bound.as_unit("ns").value // SCALE for bound in (present.min(), present.max())]
    low, high = (str(pd.Timestamp(end, unit="s").date() if days else pd.Timestamp(end, unit="s")) for end in ends)
    return ColumnSchema(kind="date", low=low, high=high, resolution="day" if days else "second", **options)


def _number(present: pd.Series, options: dict) -> ColumnSchema:
    values = present.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(
            f"column {present.name!r} holds infinite numbers; make them missing, or leave these records out."
        )
    low, high = float(values.min()), float(values.max())
    places = decimals(values)
    if places == 0 and max(abs(low), abs(high)) < 2**52:
        return ColumnSchema(kind="integer", low=int(low), high=int(high), **options)
    return ColumnSchema(kind="number", low=low, high=high, decimals=places or None, **options)


def decimals(values: np.ndarray) -> int | None:
    """Return with how many decimal places all numbers are written, up to six; None if with more."""
    for places in range(MOST_DECIMALS + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = values.round(places)
        if np.allclose(rounded, values, rtol=1e-12, atol=0):
            return places
    return None


def _words(present: pd.Series, options: dict) -> ColumnSchema:
    check_one_type(present)
    if not isinstance(present.iloc[0], str):
        if isinstance(present.iloc[0], int | float | np.number) and not isinstance(present.iloc[0], bool):
            return _number(present.astype(float), options)
        raise ValueError(
            f"column {present.name!r} holds {present.iloc[0]!r}; expected numbers, words, dates, or true and false."
        )
    numbers = pd.to_numeric(present, errors="coerce").notna()
    if numbers.mean() > 0.5 and not numbers.all():
        raise ValueError(
            f"column {present.name!r} holds {present[~numbers].iloc[0]!r} among numbers; make it a number or missing."
        )
    commas = present.str.fullmatch(COMMA)
    if commas.any() and (commas | numbers).all():
        raise ValueError(
            f"column {present.name!r} holds {present[commas].iloc[0]!r}: save numbers with a point before decimals and "
            "nothing between thousands, or in a file with semicolons between columns."
        )
    levels = present.unique()
    too_many = len(levels) > min(MOST_LEVELS, max(20, math.sqrt(len(present)) * 2))
    if too_many and numbers.all():
        raise ValueError(
            f"column {present.name!r} holds numbers as text, such as {present.iloc[0]!r}: save numbers with a point "
            "before decimals, in all columns."
        )
    if too_many:
        raise ValueError(
            f"column {present.name!r} holds {len(levels):,} different texts in {len(present):,} records, as "
            "identifiers or free text do: name it in drop, or give a list of levels in a schema."
        )
    return ColumnSchema(kind="category", levels=tuple(sorted(levels)), **options)
