"""Checks of arguments: each returns what it was given, or says in one sentence what is wrong with it."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

MOST = 10_000_000  # of a size of a network or a training: no memory, or life, is long enough for more
MAY_BE_NONE = ("n_classes", "patience")  # no labels are told; the first epoch that is no better ends a training


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
    """Return `value` as a float if it is a positive (or, with `zero`, non-negative), finite number, of Python or NumPy.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it is zero, negative, NaN or infinite.
    """
    kind = "non-negative" if zero else "positive"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a {kind} number, not {value!r} of type {type(value).__name__}.")
    if not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
        raise ValueError(f"{name} must be {kind} and finite, not {value!r}.")
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
    whole = isinstance(value, Integral) and not isinstance(value, bool)
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
        raise ValueError(f"{name} must be at most 1, not {value!r}.")
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
