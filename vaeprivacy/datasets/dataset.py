"""What a data set is: labelled records with values in [0, 1], and the table that they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from vaeprivacy.arrays import check_table


@dataclass(frozen=True)
class Column:
    """One column of a table, and how records hold it.

    Attributes
    ----------
    name : str
        Its name in the source.
    categories : tuple
        The answers of a categorical column, one feature each (one-hot); none for a number, which is one feature.
    low, high : float
        The numbers that the features 0 and 1 stand for.
    whole : bool
        Whether only whole numbers occur.
    levels : tuple of float
        The only numbers that occur, ascending, if the column is an ordered scale; else none.
    """

    name: str
    categories: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    whole: bool = False
    levels: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Number of features that hold this column."""
        return len(self.categories) or 1

    def decode(self, features: np.ndarray) -> np.ndarray:
        """Return the values that features stand for: the likeliest category, or the nearest number that can occur.

        Parameters
        ----------
        features : numpy.ndarray
            Shape (records, width), float64.

        Returns
        -------
        numpy.ndarray
            Shape (records,): strings, int64 if only whole numbers occur, or float64.
        """
        if self.categories:
            return np.array(self.categories)[features.argmax(axis=1)]
        numbers = self.low + features[:, 0].clip(0, 1) * (self.high - self.low)
        if self.levels:
            levels = np.array(self.levels)
            numbers = levels[np.abs(numbers[:, None] - levels).argmin(axis=1)]
        return numbers.round().astype(np.int64) if self.whole else numbers


@dataclass(frozen=True)
class Dataset:
    """Labelled records: flat images, or rows of a table.

    Attributes
    ----------
    name : str
        The name under which :func:`vaeprivacy.datasets.load` knows it, or what readers call their own records.
    x : torch.Tensor
        Records, shape (n, features), float32, values in [0, 1].
    y : torch.Tensor
        Labels, shape (n,), int64, from 0 to ``n_classes - 1``.
    image_shape : tuple of int or None
        Height and width of a grey image; channels, height and width of one in colour; None if records are no images.
    class_names : tuple of str
        One name a label.
    columns : tuple of Column
        The columns that the features hold, in order; none if records are images.
    """

    name: str
    x: torch.Tensor
    y: torch.Tensor
    image_shape: tuple[int, ...] | None
    class_names: tuple[str, ...]
    columns: tuple[Column, ...] = ()

    def __str__(self) -> str:
        n, features = self.x.shape
        return f"{self.name}: {n:,} records of {features} features, {self.n_classes} classes, on {self.x.device}"

    @property
    def n_classes(self) -> int:
        """Number of different labels."""
        return len(self.class_names)

    def to(self, device: torch.device | str) -> "Dataset":
        """Return the data set with its records and labels on a device: once, so that no batch need be moved again."""
        return replace(self, x=self.x.to(device), y=self.y.to(device))

    def to_frame(self, x: torch.Tensor) -> pd.DataFrame:
        """Return the table that records stand for, be they from this data set or synthetic.

        Parameters
        ----------
        x : torch.Tensor
            Records, shape (records, features), floating point. Values outside of [0, 1] count as 0 or 1.

        Returns
        -------
        pandas.DataFrame
            One row a record and one column a :class:`Column`.

        Raises
        ------
        TypeError
            If `x` is not a floating-point tensor.
        ValueError
            If this data set holds images, or `x` has another number of features or values that are not finite.
        """
        if not self.columns:
            raise ValueError(f"The records of {self.name} are images, not rows of a table: draw them instead.")
        x = check_table(x)
        widths = [column.width for column in self.columns]
        if x.shape[1] != sum(widths):
            raise ValueError(f"x has {x.shape[1]} features, but records of {self.name} have {sum(widths)}.")
        parts = x.detach().cpu().double().split(widths, dim=1)
        decoded = zip(self.columns, parts, strict=True)
        return pd.DataFrame({column.name: column.decode(part.numpy()) for column, part in decoded})


def encode_table(
    frame: pd.DataFrame, *, categorical: Sequence[str] = (), ordinal: Sequence[str] = ()
) -> tuple[torch.Tensor, tuple[Column, ...]]:
    """Return a table as records with values in [0, 1], and the columns that lead back.

    Ranges and lists of categories are those of all records, whoever becomes a member: they count as public.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a record.
    categorical : sequence of str
        Columns of which each answer becomes a feature; their answers are taken as strings.
    ordinal : sequence of str
        Columns of numbers of which only those that occur have a meaning.

    Returns
    -------
    x : torch.Tensor
        Shape (records, features), float32, in the order of the table's columns.
    columns : tuple of Column
        One a column of the table.
    """
    frame = frame.astype(dict.fromkeys(categorical, str))
    # One transformer a column, so that features come in the order of the columns; numbered, since scikit-learn refuses
    # some names ("n_jobs") that a column may have.
    transformer = ColumnTransformer(
        [
            (str(place), OneHotEncoder(sparse_output=False) if name in categorical else MinMaxScaler(clip=True), [name])
            for place, name in enumerate(frame.columns)
        ]
    ).fit(frame)
    columns = []
    for place, name in enumerate(frame.columns):
        fitted = transformer.named_transformers_[str(place)]
        if name in categorical:
            columns.append(Column(name, categories=tuple(map(str, fitted.categories_[0]))))
        else:
            low, high = float(fitted.data_min_[0]), float(fitted.data_max_[0])
            whole = bool((frame[name] == frame[name].round()).all())
            levels = tuple(map(float, np.unique(frame[name]))) if name in ordinal else ()
            columns.append(Column(name, low=low, high=high, whole=whole, levels=levels))
    return torch.tensor(transformer.transform(frame), dtype=torch.float32), tuple(columns)
