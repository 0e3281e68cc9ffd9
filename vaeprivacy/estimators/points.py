"""Rows of a table as points, so that distances and densities can be computed: for measurements only."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

MOST_CATEGORIES = 50  # of a column; rarer ones count as one
WIDE = 100  # columns; beyond, they are taken for pixels of one scale


def is_number(column: pd.Series) -> bool:
    """Return whether a column holds numbers or dates, which have an order and distances."""
    dated = pd.api.types.is_datetime64_any_dtype(column)
    return dated or (pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))


def as_numbers(column: pd.Series) -> pd.Series:
    """Return numbers as float64; dates as seconds, words by their place in the alphabet."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return (column - pd.Timestamp(0)).dt.total_seconds()
    if is_number(column):
        return column.astype("float64")
    return pd.Series(pd.factorize(as_words(column), sort=True)[0], index=column.index, dtype="float64")


def as_words(column: pd.Series) -> pd.Series:
    """Return values as text, missing ones as "(missing)"."""
    return column.astype(object).where(column.notna(), "(missing)").astype(str)


def as_points(frames: Sequence[pd.DataFrame]) -> list[np.ndarray]:
    """Return rows of tables with the same columns as points, shape (rows, dimensions), float32.

    A number becomes its rank in all tables together, from 0 to 1, and whether it is missing; a category one-hot, at a
    distance of 1 from another. So no column counts more than another, and equal rows are at the same place. Of more
    than :data:`WIDE` numbers nothing is scaled: they are pixels.
    """
    whole = pd.concat(frames, ignore_index=True)
    if whole.shape[1] > WIDE and all(is_number(column) for _, column in whole.items()):
        found = np.array(whole, dtype=np.float32)  # a copy, which PyTorch may write to
    else:
        found = np.concatenate([part for _, column in whole.items() for part in _parts(column)], axis=1)
    return np.split(found, np.cumsum([len(frame) for frame in frames])[:-1])


def _parts(column: pd.Series) -> Iterator[np.ndarray]:
    """Return the coordinates of one column, shape (rows, some) each."""
    if is_number(column):
        yield as_numbers(column).rank(pct=True).fillna(0.5).to_numpy(np.float32)[:, None]
        if column.isna().any():
            yield column.isna().to_numpy(np.float32)[:, None]
        return
    words = as_words(column)
    common = words.value_counts().index[:MOST_CATEGORIES]
    yield (words.to_numpy()[:, None] == common.to_numpy()[None]).astype(np.float32) / np.sqrt(np.float32(2))
