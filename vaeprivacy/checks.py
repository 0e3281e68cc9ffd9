"""Checks of arguments: each returns what it was given, or says in one sentence what is wrong with it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

MOST = 10_000_000  # of a size of a network or a training: no memory, or life, is long enough for more
MAY_BE_NONE = ("n_classes", "patience")  # no labels are told; the first epoch that is no better ends a training

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
    """Return `value` as a float if it is a positive (or, with `zero`, non-negative), finite number, of Python or NumPy.

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


def check_whole(value: int, name: str, *, least: int | None = None, most: int | None = None) -> int:
    """Return `value` as an int if it is a whole number, of Python or NumPy, in a range; True and False are none.

    Raises
    ------
    TypeError
        If `value` is no whole number.
    ValueError
        If there is a `least`, and it is less, or no whole number; or if it is more than `most`.
    """
    value = plain(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if least is not None and not (whole and value >= least):
        given = shortened(value) if whole else repr(value)
        raise ValueError(f"{name} must be a whole number of at least {least}, not {given}.")
    if not whole:
        raise TypeError(f"{name} must be a whole number, not {value!r} of type {type(value).__name__}.")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most:,}, not {shortened(value)}.")
    return int(value)


def shortened(value: int) -> str:
    """Return a whole number in words of bearable length."""
    return f"{value:,}" if abs(value) < 10**18 else f"a number of {math.log10(abs(value)):.0f} digits"


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


def check_sizes(settings: object, *names: str) -> None:
    """Refuse fields of a frozen dataclass that are no sizes, and make ints of Python of those that are.

    Sizes are whole numbers from 1 to :data:`MOST`; those in :data:`MAY_BE_NONE` may be 0.

    Raises
    ------
    TypeError, ValueError
        If a field has another value.
    """
    for name in names:
        value = check_whole(getattr(settings, name), name, most=MOST)
        least = 0 if name in MAY_BE_NONE else 1
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}.")
        object.__setattr__(settings, name, value)
