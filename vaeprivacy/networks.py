"""The pieces that every training shares: layers, initial weights, mini-batches, precision."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

import torch
from torch import nn


def mlp(sizes: Sequence[int], *, generator: torch.Generator, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Return a multilayer perceptron with ReLU (or another activation) between its linear layers.

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

    return init_weights(layers, generator=generator)


def init_weights(make: Callable[[], nn.Module], *, generator: torch.Generator) -> nn.Module:
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


PRECISIONS = ("float32", "bfloat16")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Return the context in which products are computed in a precision of :data:`PRECISIONS`."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()
