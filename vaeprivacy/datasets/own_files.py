"""The door for records in files: an .npz file or a .csv file becomes a data set."""

import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from vaeprivacy.compute.array_files import naming, read_arrays
from vaeprivacy.compute.csv_text import CsvText, read_csv_text
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
    path = existing(path)
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
        The file, as spreadsheets save it: names of columns in the first line, values between commas, semicolons or
        tabs (then numbers may have a comma where others have a point), in UTF-8 or UTF-16.
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
    path = existing(path)
    found = read_csv_text(path)
    with naming(path):
        frame = parsed_table(found, words=categorical)
        _check_columns(frame, label, categorical=categorical, ordinal=ordinal)
        labels, names = label_numbers(frame.pop(label), class_names, what=f"column {label!r}")
        for column in frame.columns.difference(categorical, sort=False):
            _check_numbers(frame[column])
    x, columns = encode_table(frame, categorical=categorical, ordinal=ordinal)
    return Dataset(path.stem, x, labels, None, names, columns)


def existing(path: str | Path) -> Path:
    """Return the path of a file, if it is there."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file {path}; give the path of one.")
    return Path(path)


def parsed_table(found: CsvText, *, words: Sequence[str]) -> pd.DataFrame:
    """Return a table with names of columns in its first line, and a record in each other; some columns as words."""
    names = column_names(found)
    options = {"sep": found.delimiter, "decimal": decimal_mark(found), "skipinitialspace": True, "low_memory": False}
    text = found.text.rstrip(",;\t \r\n")  # spreadsheets save empty rows, too
    try:
        # As words, 007 stays what it is.
        frame = pd.read_csv(io.StringIO(text), header=0, names=names, dtype=dict.fromkeys(words, str), **options)
    except ValueError as error:  # pandas' other errors are ValueErrors, too
        counts = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        why = "line {1} has {2} values, the first one {0}".format(*counts.groups()) if counts else "a quote has no end"
        raise ValueError(f"this is no table with a record in each line ({why}); save it anew.") from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("there are more values in a line than names in the first; give each column a name.")
    if frame.empty:
        raise ValueError("there are no records; expected one in each line after that of names of columns.")
    nameless = [name for name in names if isinstance(name, int)]
    for name in nameless:
        if frame[name].notna().any():
            raise ValueError(f"column {name} has no name in the first line; give it one, or leave it out.")
    return frame.drop(columns=nameless)


def column_names(found: CsvText) -> list[str | int]:
    """Return the names of columns; the number of the column where there is none."""
    row = next((row for _, row in found.rows() if any(row)), None)
    if row is None:
        raise ValueError("the file is empty; expected a line of names of columns, then a record a line.")
    names = [name.strip() or place for place, name in enumerate(row, start=1)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"two columns are called {twice[0]!r}; give each a name of its own.")
    return names


def decimal_mark(found: CsvText) -> str:
    """Return what stands before a fraction: a point or, where semicolons or tabs are between cells, maybe a comma."""
    edge = rf"(?:^|{found.delimiter}|$)"
    numbers = [] if found.delimiter == "," else re.findall(rf"(?m){edge} *\"?(-?\d+,\d+)\"? *(?={edge})", found.text)
    if numbers and all(re.fullmatch(r"-?[1-9]\d{0,2},\d{3}", number) for number in numbers):
        raise ValueError(f"{numbers[0]} may be a fraction or thousands; save numbers with a point, and without commas.")
    return "," if numbers else "."


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
    low, high = column.min(), column.max()
    if not math.isfinite(float(high) - float(low)):
        raise ValueError(f"column {column.name!r} holds infinite or too large numbers; leave these records out.")
    too_many = int(high) - int(low) >= 2**24 or max(abs(int(low)), abs(int(high))) > 2**53
    if too_many and (column == column.round()).all():
        raise ValueError(
            f"column {column.name!r} holds whole numbers from {low} to {high}, which single precision cannot tell "
            "apart; leave it out if it is a key, name it in categorical, or take a larger unit."
        )
