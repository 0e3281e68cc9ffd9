"""The door for all other records, readers' own included: arrays become a data set.

What does not fit is refused in one sentence. Ranges of columns, lists of categories and names of classes that are taken
from the records count as public.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike

from vaeprivacy.datasets.dataset import Column, Dataset


def from_arrays(
    x: np.ndarray | torch.Tensor,
    y: ArrayLike | torch.Tensor,
    *,
    name: str = "own records",
    class_names: Sequence[str] | None = None,
    image_shape: Sequence[int] | None = None,
) -> Dataset:
    """Return a data set from features and labels.

    Parameters
    ----------
    x : numpy.ndarray or torch.Tensor
        Records, shape (n, features), or images, shape (n, height, width) or (n, channels, height, width). They hold
        floating-point values in [0, 1]; or zeros and ones of any type; or, as uint8, grey values up to 255, which are
        divided by 255.
    y : array, tensor or list
        Labels, shape (n,) or (n, 1): whole numbers or strings.
    name : str
        What the data set is called.
    class_names : sequence of str, optional
        One name a class, for labels that are numbers from 0 or these names; by default the classes are the different
        labels, in ascending order, under their own names.
    image_shape : sequence of int, optional
        Height and width, or channels, height and width, if records are flat images.

    Returns
    -------
    Dataset
        On the CPU; nothing of it shares memory with `x` or `y`.

    Raises
    ------
    TypeError
        If `x` is no array of numbers.
    ValueError
        If shapes do not fit, a value is missing, infinite or outside of [0, 1], labels are neither whole numbers nor
        strings, or there are fewer than two classes.
    """
    values = _array(x)
    shape = _image_shape(values.shape, image_shape)
    labels, names = label_numbers(y, class_names)
    if len(values) != len(labels):
        raise ValueError(f"x has {len(values):,} records and y {len(labels):,} labels; expected one label a record.")
    records, high = _unit(values)
    records = records.reshape(len(records), -1)
    column = Column("feature", high=high, whole=values.dtype.kind != "f")
    columns = () if shape else tuple(replace(column, name=f"feature {i + 1}") for i in range(records.shape[1]))
    return Dataset(name, records, labels, shape, names, columns)


def _from_torch(values: object) -> object:
    """Return a tensor as an array, and anything else as it is."""
    if not isinstance(values, torch.Tensor):
        return values
    values = values.detach().cpu().to_dense()
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy()


def _array(x: np.ndarray | torch.Tensor) -> np.ndarray:
    """Return `x` as an array, if it is one of real numbers."""
    x = _from_torch(x)
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiub":
        kind = f"of type {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
        raise TypeError(
            f"x is {kind}; expected a NumPy array or torch.Tensor of real numbers: convert it, e.g. with "
            "np.asarray(x, dtype=np.float32)."
        )
    return x


def _image_shape(shape: tuple[int, ...], given: Sequence[int] | None) -> tuple[int, ...] | None:
    """Return the shape of one image, if records of this shape are images, as :class:`Dataset` has it."""
    if not 2 <= len(shape) <= 4 or 0 in shape:
        raise ValueError(
            f"x has shape {shape}; expected (n, features), (n, height, width) or (n, channels, height, width), none of "
            "them 0."
        )
    if len(shape) == 4 and shape[3] in (1, 3, 4) and shape[1] > 4:
        raise ValueError(f"x has shape {shape}, channels last; put them first, e.g. with np.moveaxis(x, -1, 1).")
    if given is None:
        return _without_one_channel(shape[1:]) if len(shape) > 2 else None
    wanted = (given,) if isinstance(given, int) else tuple(given)
    fits = len(wanted) in (2, 3) and all(size > 0 for size in wanted) and math.prod(wanted) == math.prod(shape[1:])
    if not fits or (len(shape) > 2 and _without_one_channel(wanted) != _without_one_channel(shape[1:])):
        raise ValueError(
            f"image_shape is {wanted}, which does not fit x of shape {shape}; expected (height, width) or (channels, "
            "height, width) with as many pixels as a record has features."
        )
    return _without_one_channel(wanted)


def _without_one_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[1:] if len(shape) == 3 and shape[0] == 1 else shape


def _unit(values: np.ndarray) -> tuple[torch.Tensor, float]:
    """Return a copy in float32, if all of it is in [0, 1] or grey values, and what its ones stand for."""
    if not np.isfinite(values).all():
        raise ValueError("x contains NaN or infinite values; remove or replace these records first.")
    with np.errstate(over="ignore"):
        x = torch.from_numpy(values.astype(np.float32, order="C"))
    if values.dtype == np.uint8 and x.max() > 1:
        return x.div_(255), 255.0
    if x.min() < 0 or x.max() > 1:
        raise ValueError(
            f"x has values from {x.min():.9g} to {x.max():.9g}; expected 0 to 1: pass grey values as uint8, and scale "
            "others by a range of each feature that is known without the records, (x - low) / (high - low)."
        )
    return x, 1.0


def label_numbers(
    y: ArrayLike | torch.Tensor, class_names: Sequence[str] | None, what: str = "y"
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Return labels from 0, int64, and the names of the classes; in sentences, the labels are called `what`."""
    values = _numbers_or_strings(_label_vector(y, what), what)
    different, places = np.unique(values, return_inverse=True)
    if len(different) < 2:
        raise ValueError(f"{what} holds only the label {different.tolist()[0]!r}; expected at least two classes.")
    if class_names is None:
        return torch.from_numpy(places.astype(np.int64)), tuple(map(str, different.tolist()))
    names = _class_names(class_names)
    known = names if values.dtype == object else range(len(names))
    strange = [value for value in different.tolist() if value not in known]
    if strange:
        expected = "one of class_names" if values.dtype == object else f"0 to {len(names) - 1}, one a class name"
        raise ValueError(f"{what} holds the label {strange[0]!r}; expected {expected}: mend the labels or class_names.")
    numbers = np.array([known.index(value) for value in different.tolist()], dtype=np.int64)
    return torch.from_numpy(numbers[places]), names


def _label_vector(y: ArrayLike | torch.Tensor, what: str) -> np.ndarray:
    """Return labels as a vector, if there is one a record."""
    # A list becomes an array of objects, since NumPy would make a missing label among strings the string "nan".
    y = np.array(y, dtype=object) if isinstance(y, list | tuple) else np.asarray(_from_torch(y))
    if y.ndim == 2 and y.shape[1] > 1:
        raise ValueError(
            f"{what} has shape {y.shape}; expected one label a record: if it is one-hot, pass y.argmax(axis=1)."
        )
    if y.ndim not in (1, 2) or y.size == 0:
        raise ValueError(f"{what} has shape {y.shape}; expected (n,), one label a record, in an array or list.")
    return y.reshape(-1)


def _numbers_or_strings(y: np.ndarray, what: str) -> np.ndarray:
    """Return labels as numbers, if all are whole numbers, or as strings, if all are strings."""
    missing = np.flatnonzero(pd.isna(y))
    if len(missing):
        raise ValueError(f"{what} lacks {len(missing):,} of {len(y):,} labels; leave these records out.")
    values = y.tolist()
    if all(isinstance(value, str | bytes) for value in values):
        # As objects, since NumPy's strings drop zeros at their end.
        return np.array([value.decode() if isinstance(value, bytes) else value for value in values], dtype=object)
    found = "labels of type " + " and ".join(sorted({type(value).__name__ for value in values}))
    if all(isinstance(value, int | float | np.integer | np.floating | np.bool_) for value in values):
        numbers = np.array(values)
        if numbers.dtype.kind in "biu":
            return numbers
        numbers = numbers.astype(float)
        broken = (numbers != numbers.round()) | (np.abs(numbers) >= 2**53)  # above, not every whole number is a double
        if not broken.any():
            return numbers.astype(np.int64)
        found = f"the number {values[broken.argmax()]!r}"
    raise ValueError(
        f"{what} holds {found}; expected whole numbers only, or strings only, such as [str(label) for label in y]."
    )


def _class_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes, if they tell at least two apart."""
    found = () if isinstance(names, str) else tuple(names)
    if len(found) < 2 or len(set(found)) < len(found) or not all(isinstance(name, str) for name in found):
        raise ValueError(f"class_names is {names!r}; expected at least two different strings, one a class.")
    return found
