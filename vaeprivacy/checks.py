"""Checks of arguments: each returns what it was given, or says in one sentence what is wrong with it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

#: Codes and noise of these sizes, and their squares in double precision, are far from the ends of float32.
SMALLEST, LARGEST = 1e-30, 1e30


def check_choice(value: str, name: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of the choices.

    Raises
    ------
    ValueError
        If it is not.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}.")
    return value


def plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's number, so that it is written, hashed and computed with like one."""
    return value.item() if isinstance(value, np.generic) else value


def make_plain(settings: object) -> None:
    """Turn the fields of a frozen dataclass that are NumPy scalars into Python's numbers, see :func:`plain`."""
    for name, value in vars(settings).items():
        object.__setattr__(settings, name, plain(value))


def check_positive(value: float, name: str, *, zero: bool = False) -> float:
    """Return `value` as a float if it is a positive (or, with `zero`, non-negative), finite number.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it is zero, negative, NaN or infinite.
    """
    kind, value = "non-negative" if zero else "positive", plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a {kind} number, not {value!r} of type {type(value).__name__}.")
    try:
        number = float(value)
    except OverflowError:  # a whole number with more digits than any float
        number = math.inf
    if not (math.isfinite(number) and (number > 0 or (zero and number == 0))):
        raise ValueError(f"{name} must be {kind} and finite, not {value!r}.")
    return number


def check_size(value: float, name: str) -> float:
    """Return `value` as a float if codes and noise of this size (or of one over it) can be computed in float32.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it is not from 1e-30 to 1e30.
    """
    if not SMALLEST <= check_positive(value, name) <= LARGEST:
        raise ValueError(
            f"{name} must be from {SMALLEST:g} to {LARGEST:g}, not {plain(value)!r}: beyond, noise cannot be computed "
            "in the single precision of codes."
        )
    return float(value)


def check_whole(value: int, name: str, *, least: int | None = None) -> int:
    """Return `value` as an int if it is a whole number, of at least `least` if given; True and False are none.

    Raises
    ------
    TypeError
        If `value` is no whole number.
    ValueError
        If there is a `least`, and it is less, or no whole number.
    """
    value = plain(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if least is not None and not (whole and value >= least):
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    if not whole:
        raise TypeError(f"{name} must be a whole number, not {value!r} of type {type(value).__name__}.")
    return value


def check_probability(value: float, name: str) -> float:
    """Return `value` as a float if it is a number from 0 to 1.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it is negative, NaN or above 1.
    """
    if check_positive(value, name, zero=True) > 1:
        raise ValueError(f"{name} must be at most 1, not {plain(value)!r}.")
    return float(value)


def check_records(x: torch.Tensor, name: str = "x") -> torch.Tensor:
    """Return `x` if it can be a table of records: two-dimensional, floating point, not empty and finite.

    Raises
    ------
    TypeError
        If `x` is not a floating-point tensor.
    ValueError
        If it has another rank than 2, no rows, or a NaN or infinite value.
    """
    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, torch.Tensor) else type(x).__name__
        raise TypeError(f"{name} must be a floating-point torch.Tensor, not {kind}; convert it, e.g. with .float().")
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"{name} must have shape (records, features) with at least one record, not {tuple(x.shape)}.")
    if not torch.isfinite(x).all():
        raise ValueError(f"{name} contains NaN or infinite values; remove or replace these records first.")
    return x


def check_unit_records(x: torch.Tensor) -> torch.Tensor:
    """Return `x` if a VAE can be trained on it: a finite table of at least ten records with values in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    check_records(x)
    if x.min() < 0 or x.max() > 1 or len(x) < 10:
        raise ValueError(
            f"x must hold at least 10 records with values in [0, 1], not {len(x)} with values from {x.min():.3g} to "
            f"{x.max():.3g}; scale the features first."
        )
    return x


def check_labels(x: torch.Tensor, y: torch.Tensor, n_classes: int) -> None:
    """Refuse labels that do not fit the records.

    Parameters
    ----------
    x, y : torch.Tensor
        Records, shape (records, features), and labels, shape (records,).
    n_classes : int
        Number of classes.

    Raises
    ------
    TypeError
        If the labels are no integers.
    ValueError
        If there is not one a record, or one is no number from 0 to ``n_classes - 1``.
    """
    if y.is_floating_point():
        raise TypeError(f"y must hold integer labels, not {y.dtype}; convert it with .long().")
    if y.shape != (len(x),) or y.min() < 0 or y.max() >= n_classes:
        raise ValueError(
            f"y must hold one label from 0 to {n_classes - 1} for each of the {len(x)} records, but has shape "
            f"{tuple(y.shape)} and values {sorted(set(y.flatten().tolist()))[:20]}."
        )
