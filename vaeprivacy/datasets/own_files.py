"""The door for records in files: an .npz file or a .csv file becomes a data set."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vaeprivacy.compute.array_files import naming, read_arrays
from vaeprivacy.datasets.dataset import Dataset, encode_table
from vaeprivacy.datasets.own import from_arrays, label_numbers


def from_npz(
    path: str | Path, *, class_names: Sequence[str] | None = None, image_shape: Sequence[int] | None = None
) -> Dataset:
    """Return a data set from the arrays `x` and `y` of a file that ``numpy.savez`` wrote, named after the file.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    class_names, image_shape
        As for :func:`~vaeprivacy.datasets.own.from_arrays`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If it is damaged, no .npz file, lacks an array, or holds Python objects, which are not read because that may run
        any code; or if :func:`~vaeprivacy.datasets.own.from_arrays` refuses the arrays.
    """
    path = _existing(path)
    arrays = read_arrays(path, only=("x", "y"))
    with naming(path):
        return from_arrays(**arrays, name=path.stem, class_names=class_names, image_shape=image_shape)


def from_csv(
    path: str | Path,
    *,
    label: str,
    categorical: Sequence[str] = (),
    ordinal: Sequence[str] = (),
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """Return a data set from a table with a header, named after the file.

    Numbers are scaled to [0, 1] by the smallest and largest one *in this file*, and each answer that occurs in it
    becomes a feature: these ranges and lists count as public. If they are not, scale the columns by ranges that are
    known without the records, and use :func:`~vaeprivacy.datasets.own.from_arrays`.

    Parameters
    ----------
    path : str or pathlib.Path
        The file: values between commas, names of columns in the first line.
    label : str
        The column of labels, whole numbers or strings.
    categorical : sequence of str
        Columns of which each answer becomes a feature.
    ordinal : sequence of str
        Columns of numbers of which only those that occur have a meaning.
    class_names : sequence of str, optional
        As for :func:`~vaeprivacy.datasets.own.from_arrays`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If it is no table, lacks a column or a value, or has a column of words that is not named as categorical; or if
        its labels are not what :func:`~vaeprivacy.datasets.own.from_arrays` takes.
    """
    path = _existing(path)
    frame = _read_table(path)
    with naming(path):
        _check_columns(frame, label, categorical=categorical, ordinal=ordinal)
        labels, names = label_numbers(frame.pop(label), class_names, what=f"column {label!r}")
        for column in frame.columns.difference(categorical, sort=False):
            _check_numbers(frame[column])
    x, columns = encode_table(frame, categorical=categorical, ordinal=ordinal)
    return Dataset(path.stem, x, labels, None, names, columns)


def _existing(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}; give the path of one.")
    return Path(path)


def _read_table(path: Path) -> pd.DataFrame:
    """Read a file with names of columns in its first line, and a record in each other."""
    if b"\0" in path.read_bytes():
        raise ValueError(f"{path} holds zeros in place of text: it is damaged, or in UTF-16; save it anew, in UTF-8.")
    try:
        frame = pd.read_csv(path, low_memory=False)
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path} is empty; expected a line of names of columns, then a record a line.") from error
    except ValueError as error:  # pandas' other errors are ValueErrors, too
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is no table with values between commas ({reason}); save it anew.") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError(f"{path} has more values in a line than names in its first line; give each column a name.")
    if frame.empty:
        raise ValueError(f"{path} has no records; expected one in each line after that of names of columns.")
    return frame


def _check_columns(frame: pd.DataFrame, label: str, *, categorical: Sequence[str], ordinal: Sequence[str]) -> None:
    """Refuse names of columns that are not there, and columns that lack values."""
    features = [column for column in frame.columns if column != label]
    _check_names([label], "label", frame.columns)
    if not features:
        raise ValueError(f"there is no column beside the label {label!r}; expected at least one feature.")
    _check_names(categorical, "categorical", features)
    _check_names(ordinal, "ordinal", features)
    for name, lacking in frame.isna().sum().items():
        if lacking:
            raise ValueError(
                f"column {name!r} lacks a value in {lacking:,} of {len(frame):,} records; fill these in, or leave the "
                "records out."
            )


def _check_names(names: Sequence[str], what: str, columns: Sequence[str]) -> None:
    """Refuse what is no list of names of columns."""
    if isinstance(names, str):
        raise TypeError(f"{what} is the string {names!r}; expected a list of names of columns: [{names!r}].")
    for name in names:
        if name not in columns:
            known = ", ".join(map(repr, columns[:20])) + (", ..." if len(columns) > 20 else "")
            raise ValueError(f"{what} names a column {name!r}; expected one of {known}.")


def _check_numbers(column: pd.Series) -> None:
    """Refuse a column that cannot be scaled to [0, 1]."""
    if not pd.api.types.is_numeric_dtype(column):
        word = next((value for value in column if isinstance(value, str)), column.iloc[0])
        raise ValueError(
            f"column {column.name!r} holds {word!r}, which is no number; name it in categorical, or leave it out."
        )
    if not math.isfinite(float(column.max()) - float(column.min())):
        raise ValueError(f"column {column.name!r} holds infinite or too large numbers; leave these records out.")
