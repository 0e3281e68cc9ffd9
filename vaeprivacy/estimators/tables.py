"""What comes in as a table: a DataFrame, an array, or parts of a table one after the other."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from vaeprivacy.arrays import Array
from vaeprivacy.checks import check_whole
from vaeprivacy.estimators.schema import ColumnSchema
from vaeprivacy.randomness import RandomSource, uniforms

Table = pd.DataFrame | Array | Iterable[pd.DataFrame]
MOST_CLASSES = 20  # of a label that is a number: more are put into bins


def as_parts(x: Table, y: Array | Sequence | None, *, label: str | None) -> Iterator[pd.DataFrame]:
    """Yield the parts of a table as DataFrames, with labels in a column of their own.

    Raises
    ------
    TypeError, ValueError
        If it is no table, or `y` does not fit it.
    """
    if isinstance(x, np.ndarray | torch.Tensor):
        values = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else x
        if values.ndim != 2:
            raise ValueError(f"X has shape {values.shape}; expected (records, columns).")
        x = pd.DataFrame(values, columns=[f"column {i + 1}" for i in range(values.shape[1])])
    if y is None:
        yield from [x] if isinstance(x, pd.DataFrame) else x
        return
    if not isinstance(x, pd.DataFrame) or len(y) != len(x):
        raise ValueError(f"y holds {len(y):,} labels; expected one for each record of a single table X.")
    labels = y.detach().cpu().numpy() if isinstance(y, torch.Tensor) else y
    yield x.assign(**{label or "label": labels if isinstance(labels, np.ndarray) else list(labels)})


def one_row_each(frame: pd.DataFrame, unit: str, *, generator: RandomSource) -> pd.DataFrame:
    """Return one row of each person, drawn at random.

    Replacing a person then replaces one row, and the number of persons is public.

    Raises
    ------
    ValueError
        If there is no such column, or it lacks a value.
    """
    if unit not in frame.columns:
        raise ValueError(f"unit is {unit!r}; expected one of the columns {', '.join(map(str, frame.columns[:20]))}.")
    if frame[unit].isna().any():
        raise ValueError(f"column {unit!r} lacks a value in {frame[unit].isna().sum():,} records; say whose they are.")
    shuffled = frame.iloc[uniforms((len(frame),), generator=generator).argsort().numpy()]
    return shuffled.drop_duplicates(unit).reset_index(drop=True)


def class_starts(column: ColumnSchema, bins: int | None) -> np.ndarray:
    """Return the first cell of each class of a label, and last the number of cells.

    Raises
    ------
    ValueError
        If a number has so many values that they are no classes, and there are no bins.
    """
    cells = column.cells + column.missing
    if bins is not None:
        if not column.is_ordered or check_whole(bins, "bins", least=2) > column.cells:
            raise ValueError(
                f"bins are for a label that is a number with over {bins} values, which {column.name!r} is not."
            )
        starts = column.missing + np.arange(bins + 1) * column.cells // bins
        return np.concatenate([[0], starts]) if column.missing else starts
    if column.kind in ("number", "integer", "date") and column.cells > MOST_CLASSES:
        raise ValueError(
            f"the label {column.name!r} is a number with over {MOST_CLASSES} values: give bins, or leave the label out "
            "and it is a column like others."
        )
    return np.arange(cells + 1)
