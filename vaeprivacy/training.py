"""The pieces that every training loop shares: layers, mini-batches, progress, checks of arguments."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import nn
from tqdm import tqdm  # plain text: it needs no widgets

T = TypeVar("T")


def mlp(sizes: Sequence[int], *, generator: torch.Generator, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Return a multilayer perceptron with ReLU (or another activation) between its linear layers.

    For its weights see :func:`drawn`.

    Parameters
    ----------
    sizes : sequence of int
        Number of inputs, of each hidden layer's units, and of outputs.
    generator : torch.Generator
        Source of the initial weights.
    activation : type of torch.nn.Module
        What stands between linear layers.

    Returns
    -------
    torch.nn.Sequential
        The network, on the generator's device.
    """

    def layers() -> nn.Sequential:
        pairs = [(nn.Linear(n_in, n_out), activation()) for n_in, n_out in pairwise(sizes)]
        return nn.Sequential(*[layer for pair in pairs for layer in pair][:-1])

    return drawn(layers, generator=generator)


def drawn(make: Callable[[], nn.Module], *, generator: torch.Generator) -> nn.Module:
    """Return a new network whose weights are drawn from a generator, layer after layer.

    The distribution is the one that PyTorch uses by default: uniform on :math:`\\pm 1/\\sqrt{n_\\text{in}}`, with the
    number of values that a unit looks at.

    Parameters
    ----------
    make : callable
        Builds the network, of linear layers, convolutions, and layers whose weights do not start at random.
    generator : torch.Generator
        Source of the initial weights.

    Returns
    -------
    torch.nn.Module
        The network, on the generator's device.
    """
    with torch.device("meta"):  # without values, so that PyTorch's global generator is left alone
        network = make()
    network = network.to_empty(device=generator.device)
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
        elif isinstance(layer, nn.GroupNorm):
            layer.reset_parameters()  # to one and zero
    return network


def minibatches(n: int, *, batch_size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Yield the indices 0 to n - 1 in random order, `batch_size` at a time (the last batch may be smaller)."""
    yield from torch.randperm(n, generator=generator, device=generator.device).split(batch_size)


def progress_bar(iterable: Iterable[T] | None = None, *, show: bool, **options: Any) -> "tqdm[T]":
    """Wrap an iterable in tqdm's progress bar, or return one to update.

    `show` turns it on, unless the user's ``TQDM_DISABLE`` turns it off.
    """
    # An explicit disable=False would overrule the environment variable.
    return tqdm(iterable, **options, **({} if show else {"disable": True}))


PRECISIONS = ("float32", "bfloat16")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Return the context in which products are computed in a precision of :data:`PRECISIONS`."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()


def checked_choice(value: str, name: str, choices: Sequence[str]) -> str:
    """Return `value` if it is one of the choices.

    Raises
    ------
    ValueError
        If it is not.
    """
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}.")
    return value


def checked_records(x: torch.Tensor, name: str = "x") -> torch.Tensor:
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


def checked_positive(value: float, name: str, *, zero: bool = False) -> float:
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


def checked_probability(value: float, name: str) -> float:
    """Return `value` as a float if it is a number from 0 to 1.

    Raises
    ------
    TypeError
        If `value` is not a real number.
    ValueError
        If it is negative, NaN or above 1.
    """
    if checked_positive(value, name, zero=True) > 1:
        raise ValueError(f"{name} must be at most 1, not {value!r}.")
    return float(value)
