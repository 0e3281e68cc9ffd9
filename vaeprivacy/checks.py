"""Checks of arguments: each returns what it was given, or says in one sentence what is wrong with it."""

import math
from collections.abc import Sequence

import torch


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


def check_positive(value: float, name: str, *, zero: bool = False) -> float:
    """Return `value` as a float if it is a positive (or, with `zero`, non-negative), finite number.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it is zero, negative, NaN or infinite.
    """
    kind = "non-negative" if zero else "positive"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a {kind} number, not {value!r} of type {type(value).__name__}.")
    if not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
        raise ValueError(f"{name} must be {kind} and finite, not {value!r}.")
    return float(value)


def check_whole(value: int, name: str, *, least: int | None = None) -> int:
    """Return `value` if it is a whole number, of at least `least` if that is given; True and False are none.

    Raises
    ------
    TypeError
        If `value` is no whole number.
    ValueError
        If there is a `least`, and it is less, or no whole number.
    """
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
        raise ValueError(f"{name} must be at most 1, not {value!r}.")
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
