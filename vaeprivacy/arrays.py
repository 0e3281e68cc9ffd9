"""Checks of arrays: what the package computes with, made of what people have, or one sentence on what is wrong.

Tensors and NumPy arrays of any precision and byte order are taken, and a column of shape (n, 1) as a vector. What looks
like something else (one-hot labels, probabilities in place of their logarithms) is refused, with the line to write.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

Array = torch.Tensor | ArrayLike
#: What a posterior of zero counts as, in nats: single precision has no smaller positive number.
FLOOR = math.log(2.0**-149)
NUMBERS = "convert it, e.g. with np.asarray({name}, dtype=np.float32)"


def as_tensor(values: Array, name: str, *, instead: str = NUMBERS) -> torch.Tensor:
    """Return real numbers as a tensor: a tensor itself, and a copy of anything else.

    Parameters
    ----------
    values : torch.Tensor or array-like
        The numbers, of any real type and byte order.
    name : str
        What sentences call them.
    instead : str
        What to write if they are no numbers, with the name in braces.

    Raises
    ------
    TypeError
        If they are strings, complex numbers, Python objects or rows of different lengths.
    """
    if isinstance(values, torch.Tensor):
        found, kind = values, f"complex numbers ({values.dtype})" if values.is_complex() else ""
    else:
        found, kind = _of_array(values)
    if kind:
        raise TypeError(f"{name} must hold real numbers, not {kind}; {instead.format(name=name)}.")
    # torch can compute little with its long unsigned numbers.
    return found.long() if found.dtype in (torch.uint16, torch.uint32, torch.uint64) else found


def _of_array(values: Any) -> tuple[torch.Tensor, str]:
    """Return an array as a tensor and nothing; or, if that cannot be, an empty one and what the array holds."""
    try:
        array = np.asarray(values)
    except (ValueError, TypeError):
        return torch.empty(0), f"a {type(values).__name__} of rows of different lengths"
    kinds = {"U": "text", "S": "text", "c": "complex numbers", "M": "dates", "m": "times"}
    if array.dtype.kind not in "fiub":
        kind = f"{kinds.get(array.dtype.kind, 'Python objects')} ({array.dtype})"
        return torch.empty(0), kind if array.ndim else type(values).__name__
    wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
    # A copy in the byte order of this machine, in one piece of memory that may be written to, as torch wants it.
    return torch.from_numpy(np.array(array, dtype=np.float64 if wide else array.dtype.newbyteorder("="), order="C")), ""


def as_vector(values: Array, name: str, *, instead: str = NUMBERS) -> torch.Tensor:
    """Return real numbers as a vector, shape (n,); for parameters see :func:`as_tensor`.

    Raises
    ------
    TypeError, ValueError
        If they are no real numbers, or neither a vector nor one column.
    """
    vector = as_tensor(values, name, instead=instead)
    vector = vector[:, 0] if vector.ndim == 2 and vector.shape[1] == 1 else vector
    if vector.ndim != 1:
        hint = f"; if it is one-hot, pass {name}.argmax(axis=1)" if vector.ndim == 2 else ""
        raise ValueError(f"{name} must hold one number a record, not have shape {tuple(vector.shape)}{hint}.")
    return vector


def check_table(x: Array, name: str = "x") -> torch.Tensor:
    """Return `x` as a tensor, in its own precision, if it is a table: floating point, not empty and finite.

    Raises
    ------
    TypeError
        If `x` is not floating point.
    ValueError
        If it has another rank than 2, no rows or columns, or a NaN or infinite value.
    """
    if isinstance(x, list | tuple):
        raise TypeError(
            f"{name} must be a floating-point torch.Tensor or NumPy array, not {type(x).__name__}: pass "
            f"np.asarray({name})."
        )
    x = as_tensor(x, name)
    if not x.is_floating_point():
        raise TypeError(f"{name} must be a floating-point torch.Tensor, not {x.dtype}; convert it, e.g. with .float().")
    if x.ndim != 2 or 0 in x.shape:
        hint = f": pass {name}.reshape(len({name}), -1)" if x.ndim > 2 else ""
        raise ValueError(
            f"{name} must have shape (records, features) with at least one record, not {tuple(x.shape)}{hint}."
        )
    if not torch.isfinite(x).all():
        raise ValueError(f"{name} contains NaN or infinite values; remove or replace these records first.")
    return x


def check_records(x: Array, name: str = "x", *, features: int | None = None) -> torch.Tensor:
    """Return `x` in single precision, shape (records, features), if it can be a table of records.

    Parameters
    ----------
    x : torch.Tensor or numpy.ndarray
        Records: floating point of any precision, or zeros and ones of any type.
    name : str
        What sentences call them.
    features : int, optional
        Number of features that they must have.

    Raises
    ------
    TypeError, ValueError
        If it is no finite table, or holds whole numbers that are not all 0 or 1, or has another number of features.
    """
    if not isinstance(x, list | tuple):
        x = as_tensor(x, name)
        if not x.is_floating_point() and x.numel() and (x.min() < 0 or x.max() > 1):
            how = f"pass grey values as {name} / 255" if x.dtype == torch.uint8 else "convert it, e.g. with .float()"
            raise TypeError(
                f"{name} must be a floating-point torch.Tensor or array, not {x.dtype} from {x.min()} to {x.max()}: "
                f"{how}."
            )
        x = x.float()
    x = check_table(x, name)
    if features is not None and x.shape[1] != features:
        raise ValueError(f"{name} has {x.shape[1]} features a record, but must have {features}.")
    return x


def check_unit_records(x: Array, name: str = "x", *, least: int = 10, features: int | None = None) -> torch.Tensor:
    """Return `x` in single precision if it is a table of at least so many records with values in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    x = check_records(x, name, features=features)
    if x.min() < 0 or x.max() > 1 or len(x) < least:
        how_many = f"at least {least} records" if least > 1 else "records"
        raise ValueError(
            f"{name} must hold {how_many} with values in [0, 1], not {len(x)} with values from {x.min():.3g} to "
            f"{x.max():.3g}; scale the features first."
        )
    return x


def check_labels(
    y: Array, name: str = "y", *, of: torch.Tensor | None = None, n_classes: int | None = None
) -> torch.Tensor:
    """Return labels as int64, shape (records,), on the device of their records.

    Parameters
    ----------
    y : torch.Tensor or array-like
        Whole numbers of any type, shape (records,) or (records, 1).
    name : str
        What sentences call them.
    of : torch.Tensor, optional
        What they are the labels of, one a row.
    n_classes : int, optional
        Number of classes: then labels must be from 0 to ``n_classes - 1``.

    Raises
    ------
    TypeError, ValueError
        If they are no such vector, or one is missing, no whole number, or out of range.
    """
    y = as_vector(y, name, instead="number the classes, e.g. with np.unique({name}, return_inverse=True)[1]")
    if y.isnan().any():
        raise ValueError(f"{name} lacks {int(y.isnan().sum())} of {len(y)} labels (NaN); leave these records out.")
    if y.is_floating_point() and (broken := (y != y.round()) | (y.abs() >= 2**53)).any():
        raise ValueError(f"{name} holds {y[broken][0]:g}, but labels must be whole numbers, one a class.")
    y, n = y.long(), len(y) if of is None else len(of)
    if len(y) != n or len(y) == 0 or (n_classes is not None and (y.min() < 0 or y.max() >= n_classes)):
        which = "" if n_classes is None else f" from 0 to {n_classes - 1}"
        raise ValueError(
            f"{name} must hold one label{which} for each of the {n} records, but has shape {tuple(y.shape)} and values "
            f"{sorted(set(y.tolist()))[:20]}."
        )
    return y if of is None else y.to(of.device)


def check_memberships(is_member: Array, name: str = "is_member", *, shape: Sequence[int | None]) -> torch.Tensor:
    """Return who is a member of what as bool.

    Parameters
    ----------
    is_member : torch.Tensor or array-like
        True and False, or 1 and 0, of any type; a vector may be a column.
    name : str
        What sentences call it.
    shape : sequence of int or None
        The shape that it must have; None stands for any length.

    Raises
    ------
    TypeError, ValueError
        If it has another shape, or a value that is neither 0 nor 1.
    """
    told = as_tensor(is_member, name, instead="compare it with the word for members, e.g. {name} == 'True'")
    told = told[:, 0] if len(shape) == 1 and told.ndim == 2 and told.shape[1] == 1 else told
    if told.ndim != len(shape) or any(wanted not in (None, n) for wanted, n in zip(shape, told.shape, strict=False)):
        wanted = ", ".join("any" if n is None else f"{n}" for n in shape) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name} must have shape ({wanted}), one value a record, not {tuple(told.shape)}.")
    strange = told[(told != 0) & (told != 1)]
    if len(strange):
        hint = f"{name} > 0" if set(told.unique().tolist()) <= {-1, 0, 1} else f"{name} > 0.5"
        raise ValueError(f"{name} must hold True and False, or 1 and 0, not {strange[0]:g}; pass e.g. {hint}.")
    return told.bool()


def check_log_posteriors(
    values: Array, name: str = "log_posteriors", *, of: torch.Tensor | None = None, models: int | None = None
) -> torch.Tensor:
    """Return log-posteriors, or logits, without infinite values.

    A posterior of zero (minus infinity) counts as the smallest one that there is, at most e to the :data:`FLOOR`.

    Parameters
    ----------
    values : torch.Tensor or array-like
        Shape (records, classes), or (models, records, classes), floating point.
    name : str
        What sentences call them.
    of : torch.Tensor, optional
        What they are about, one a row.
    models : int, optional
        Number of models, if there is an axis of models.

    Raises
    ------
    TypeError, ValueError
        If they have another shape, or are NaN or plus infinity somewhere, zero for all classes, or probabilities.

    Warns
    -----
    UserWarning
        If posteriors are zero.
    """
    found = as_tensor(values, name)
    axes, lead = ("records", "classes"), () if models is None else (models,)
    axes = axes if models is None else ("models", *axes)
    n = found.shape[-2] if of is None and found.ndim > 1 else 0 if of is None else len(of)
    if (
        not found.is_floating_point()
        or found.ndim != len(axes)
        or found.shape[:-1] != (*lead, n)
        or 0 in found.shape[-2:]
    ):
        raise ValueError(
            f"{name} must hold floating-point numbers of shape ({', '.join(axes)}), a row for each of {n} records, not "
            f"{found.dtype} of shape {tuple(found.shape)}."
        )
    if found.shape[-1] < 2:
        raise ValueError(f"{name} has a single column, but must have one a class, two or more.")
    found = found.float() if found.dtype in (torch.float16, torch.bfloat16) else found
    if found.isnan().any() or found.isposinf().any():
        raise ValueError(f"{name} contains NaN or infinite values; ask the target about these records again.")
    _refuse_probabilities(found, name)
    return _floored(found, name) if found.isneginf().any() else found


def _refuse_probabilities(found: torch.Tensor, name: str) -> None:
    """Refuse rows that are not negative and sum to 1, or to 100: no logarithms of posteriors do."""
    if found.numel() and (found >= 0).all():
        for whole, of_one in ((1, ""), (100, " / 100")):
            if ((found.sum(dim=-1) - whole).abs() <= whole / 100).all():
                raise ValueError(
                    f"{name} holds probabilities: no value is negative, and each row sums to {whole}. Pass their "
                    f"logarithms, np.log({name}{of_one})."
                )


def _floored(found: torch.Tensor, name: str) -> torch.Tensor:
    """Return log-posteriors with the floor in place of minus infinity, and say so."""
    zero = found.isneginf()
    if zero.all(dim=-1).any():
        raise ValueError(f"{name} has records whose posterior is zero for every class; leave them out.")
    total = found.logsumexp(dim=-1, keepdim=True)  # of logits; of log-posteriors it is 0
    # Not above one that is not zero: so long as it is finite, a logarithm can be smaller than the floor.
    floor = min(FLOOR, (found - total)[~zero].min().item())
    warnings.warn(
        f"{int(zero.sum()):,} of {zero.numel():,} posteriors in {name} are 0: their logarithm, minus infinity, counts "
        f"as {floor:.4g}.",
        stacklevel=3,
    )
    return torch.where(zero, total + floor, found)
