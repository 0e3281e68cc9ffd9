"""Tables and numbers: each value of a table is a cell of its column's schema, and each cell stands for values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from vaeprivacy.estimators.drafts import check_one_type
from vaeprivacy.estimators.schema import SCALE, ColumnSchema, Schema
from vaeprivacy.randomness import RandomSource, uniforms


@dataclass(frozen=True)
class Codec:
    """From a table to cells and back, by what is known of its columns.

    Cell 0 of a column that may lack values stands for a missing one; then come its levels, or equal parts of its
    range in ascending order.

    Attributes
    ----------
    schema : Schema
        What is known of the columns.
    dtypes : mapping of str to str
        The pandas type of each column, as tables that come out have it.
    categories : mapping of str to list
        Of columns of the type "category", their categories in the table's own order.
    """

    schema: Schema
    dtypes: Mapping[str, str]
    categories: Mapping[str, list]

    @classmethod
    def of(cls, frame: pd.DataFrame, schema: Schema) -> "Codec":
        """Return the codec whose tables look like this one.

        Raises
        ------
        ValueError
            If the table and the schema do not have the same columns.
        """
        _check_columns(frame, schema)
        in_order = Schema(tuple(schema[name] for name in frame.columns))
        categories = {}
        for column in in_order.columns:
            dtype = frame[column.name].dtype
            if isinstance(dtype, pd.CategoricalDtype):
                own, levels = list(dtype.categories), list(column.levels)
                categories[column.name] = own if set(own) == set(levels) else levels
        return cls(in_order, {name: str(dtype) for name, dtype in frame.dtypes.items()}, categories)

    @property
    def sizes(self) -> list[int]:
        """Number of cells of each column, one more where a value may be missing."""
        return [column.cells + column.missing for column in self.schema.columns]

    def features(self, label: int | None) -> int:
        """Return how many features :meth:`to_unit` makes of all columns but the label."""
        columns = [column for place, column in enumerate(self.schema.columns) if place != label]
        return sum(column.missing + (1 if column.is_ordered else column.cells) for column in columns)

    def part(self, places: Sequence[int]) -> "Codec":
        """Return the codec of some columns."""
        return replace(self, schema=Schema(tuple(self.schema.columns[place] for place in places)))

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the cells of a table, shape (records, columns), uint16.

        Raises
        ------
        ValueError
            If a value is not what the schema says: missing, infinite, of another type, or no level of a category.
            Numbers and dates beyond the bounds are moved to them.
        """
        _check_columns(frame, self.schema)
        cells = np.empty((len(frame), len(self.schema.columns)), dtype=np.uint16)
        for place, column in enumerate(self.schema.columns):
            cells[:, place] = _encode_column(frame[column.name], column)
        return cells

    def decode(self, cells: np.ndarray, *, generator: RandomSource) -> pd.DataFrame:
        """Return a table, each value drawn evenly from what its cell stands for.

        Parameters
        ----------
        cells : numpy.ndarray
            Shape (records, columns).
        generator : torch.Generator or SystemEntropy
            Source of the numbers within cells.
        """
        made = {}
        for place, column in enumerate(self.schema.columns):
            within = uniforms((len(cells),), generator=generator).numpy()
            values = _decode_column(cells[:, place].astype(np.int64), column, within)
            made[column.name] = self._as_before(values, column.name)
        return pd.DataFrame(made)

    def _as_before(self, values: pd.Series, name: str) -> pd.Series:
        """Return values in the type that the column had, or the nearest that can hold missing ones."""
        dtype = self.dtypes[name]
        if dtype == "category":
            ordered = self.schema[name].ordered
            return values.astype(pd.CategoricalDtype(self.categories[name], ordered=ordered))
        if values.isna().any() and dtype.startswith(("int", "uint", "bool")):
            return values.astype({"b": "boolean", "i": "Int64", "u": "UInt64"}[dtype[0]])
        return values.astype(dtype)

    def to_unit(self, cells: np.ndarray) -> torch.Tensor:
        """Return records as a network takes them, shape (records, features), float32 in [0, 1].

        A number is one feature, a category one for each level (one-hot), and whether a value is missing another one.
        """
        return torch.from_numpy(np.concatenate(list(self._features(cells)), axis=1, dtype=np.float32))

    def _features(self, cells: np.ndarray) -> Iterator[np.ndarray]:
        for place, column in enumerate(self.schema.columns):
            own = cells[:, place].astype(np.int64) - column.missing
            if column.missing:
                yield (own < 0)[:, None]
            if column.is_ordered:
                yield (own.clip(0) / max(column.cells - 1, 1))[:, None]
            else:
                yield own[:, None] == np.arange(column.cells)

    def from_unit(self, x: torch.Tensor) -> np.ndarray:
        """Return the cells that records of a network are nearest to, shape (records, columns), uint16."""
        rows, at, found = x.detach().cpu().double().numpy(), 0, []
        for column in self.schema.columns:
            missing = rows[:, at] > 0.5 if column.missing else np.zeros(len(rows), dtype=bool)
            at += column.missing
            width = 1 if column.is_ordered else column.cells
            part = rows[:, at : at + width]
            cell = (part[:, 0] * (column.cells - 1)).round() if column.is_ordered else part.argmax(axis=1)
            found.append(np.where(missing, 0, cell.clip(0, column.cells - 1) + column.missing))
            at += width
        return np.stack(found, axis=1).astype(np.uint16)


def _check_columns(frame: pd.DataFrame, schema: Schema) -> None:
    """Refuse a table that has other columns than its schema."""
    lacking = [name for name in schema.names if name not in frame.columns]
    strange = [name for name in frame.columns if name not in schema.names]
    if lacking or strange:
        which = (
            f"lacks the column {lacking[0]!r} of the schema"
            if lacking
            else f"has a column {strange[0]!r} that is not in the schema"
        )
        raise ValueError(f"the table {which}; expected {', '.join(schema.names[:20])}: mend the schema, or use drop.")


def _encode_column(values: pd.Series, column: ColumnSchema) -> np.ndarray:
    """Return the cell of each value of one column, shape (records,), int64; see :meth:`Codec.encode`."""
    missing = values.isna().to_numpy()
    if missing.any() and not column.missing:
        raise ValueError(
            f"column {column.name!r} lacks a value in {missing.sum():,} of {len(values):,} records; write 'missing: "
            "true' into the schema, fill these in, or leave the records out."
        )
    found = np.zeros(len(values), dtype=np.int64)
    present = values[~missing]
    if len(present):
        of_kind = _cells_of_words if column.kind in ("category", "boolean") else _cells_of_numbers
        found[~missing] = of_kind(present, column) + column.missing
    return found


def _cells_of_words(present: pd.Series, column: ColumnSchema) -> np.ndarray:
    levels = column.levels or (False, True)
    cells = pd.Index(levels, dtype=object).get_indexer(present.astype(object))
    if (cells < 0).any() and column.other is not None:
        cells = np.where(cells < 0, levels.index(column.other), cells)
    if (cells < 0).any():
        value = present[cells < 0].iloc[0]
        shown = ", ".join(map(repr, levels[:10])) + (", ..." if len(levels) > 10 else "")
        raise ValueError(
            f"column {column.name!r} holds {value!r}, but the schema expects one of {shown}: mend the values, or the "
            "levels (with 'other:' one of them stands for all that are not listed)."
        )
    return cells


def _numbers(present: pd.Series, column: ColumnSchema) -> np.ndarray:
    """Return values as numbers; dates in seconds since 1970."""
    if column.kind == "date":
        if not pd.api.types.is_datetime64_any_dtype(present.dtype):
            raise ValueError(f"column {column.name!r} holds {present.iloc[0]!r}; expected dates: pd.to_datetime.")
        return present.astype("datetime64[ns]").astype(np.int64).to_numpy() / SCALE
    check_one_type(present)
    if not pd.api.types.is_numeric_dtype(present.dtype) and isinstance(present.iloc[0], str):
        raise ValueError(
            f"column {column.name!r} holds {present.iloc[0]!r}, which is no number; mend it or the schema."
        )
    numbers = present.to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"column {column.name!r} holds infinite numbers; make them missing, or leave the records out.")
    return numbers


def _cells_of_numbers(present: pd.Series, column: ColumnSchema) -> np.ndarray:
    low, high = column.bounds
    values = _numbers(present, column).clip(low, high) - low
    if column.cells == 1:
        return np.zeros(len(values), dtype=np.int64)
    if column.step:
        steps = (values / column.step).round().astype(np.int64).clip(0, column.steps - 1)
        return (steps * column.cells) // column.steps
    return (values / (high - low) * column.cells).astype(np.int64).clip(0, column.cells - 1)


def _decode_column(cells: np.ndarray, column: ColumnSchema, within: np.ndarray) -> pd.Series:
    """Return a value for each cell of one column, taken at a place from 0 to 1 within the cell."""
    missing = cells < column.missing
    own = np.where(missing, 0, cells - column.missing)
    if column.kind in ("category", "boolean"):
        levels = np.array(column.levels or (False, True), dtype=object)
        values = pd.Series(levels[own], dtype=object)
    else:
        values = _values_of(own, column, within)
    return values.mask(pd.Series(missing)) if missing.any() else values


def _values_of(own: np.ndarray, column: ColumnSchema, within: np.ndarray) -> pd.Series:
    """Return numbers, or dates, within cells."""
    low, high = column.bounds
    if not column.step:
        return pd.Series((low + (own + within) / column.cells * (high - low)).clip(low, high))
    first = -(-own * column.steps // column.cells)  # rounded up, as in all that follows
    last = -(-(own + 1) * column.steps // column.cells)
    values = low + (first + np.floor(within * (last - first))) * column.step
    if column.kind == "date":
        return pd.Series(pd.to_datetime(np.round(values), unit="s"))
    return pd.Series(values.round(column.decimals or 0).clip(low, high))
