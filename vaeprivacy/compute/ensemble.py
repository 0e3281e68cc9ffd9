"""Many networks of one shape as one: their weights are stacked, so that one step is a step of each."""

import copy
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import torch
from torch import nn


class Stack(Protocol):
    """Networks of one shape, each with its own records.

    Attributes
    ----------
    weights : list of torch.Tensor
        All weights, those of each kind stacked, shape (models, ...); leaves that an optimizer can change.
    """

    weights: list[torch.Tensor]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return what each model says about its own records: (models, batch, features) to (models, batch, outputs)."""
        ...

    def unstack(self, models: Sequence[nn.Module]) -> None:
        """Copy the weights into the models."""
        ...


def stack_models(models: Sequence[nn.Module]) -> Stack:
    """Return networks of one shape as one.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        On one device. None may have buffers, or normalise over a batch.
    """
    layers = {type(layer) for layer in models[0]} if isinstance(models[0], nn.Sequential) else set()
    return StackedMLPs(models) if layers <= {nn.Linear, nn.ReLU} and layers else StackedModules(models)


class StackedMLPs:
    """Multilayer perceptrons with ReLU. A step is batched matrix products and little else.

    (What :class:`StackedModules` does with them takes half as long again on a CPU.)

    Parameters
    ----------
    models : sequence of torch.nn.Sequential
        Linear layers with ReLU between them.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.layers = [
            (
                # As the products need them, (models, inputs, outputs) and (models, 1, outputs).
                torch.stack([layer.weight.detach().T for layer in same]).contiguous().requires_grad_(),
                torch.stack([layer.bias.detach()[None] for layer in same]).requires_grad_(),
            )
            for same in _linear_layers(models)
        ]
        self.weights = [weight for layer in self.layers for weight in layer]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs; see :class:`Stack`."""
        for weight, bias in self.layers[:-1]:
            x = torch.baddbmm(bias, x, weight).relu()
        weight, bias = self.layers[-1]
        return torch.baddbmm(bias, x, weight)

    @torch.no_grad()
    def unstack(self, models: Sequence[nn.Module]) -> None:
        """Copy the weights into the models."""
        for same, (weight, bias) in zip(_linear_layers(models), self.layers, strict=True):
            for number, layer in enumerate(same):
                layer.weight.copy_(weight[number].T)
                layer.bias.copy_(bias[number, 0])


def _linear_layers(models: Sequence[nn.Module]) -> list[tuple[nn.Linear, ...]]:
    """Return the first linear layers of all models, then the second ones, and so on."""
    return list(zip(*[[layer for layer in model if isinstance(layer, nn.Linear)] for model in models], strict=True))


class StackedModules:
    """Any networks, by way of ``torch.func``: convolutions of all models become one convolution in groups.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        The networks.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.by_name, _ = torch.func.stack_module_state(models)
        self.weights = list(self.by_name.values())
        skeleton = copy.deepcopy(models[0]).to("meta")  # the order of the layers, without weights
        self.outputs = torch.func.vmap(partial(torch.func.functional_call, skeleton))

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs; see :class:`Stack`."""
        return self.outputs(self.by_name, x)

    @torch.no_grad()
    def unstack(self, models: Sequence[nn.Module]) -> None:
        """Copy the weights into the models."""
        for number, model in enumerate(models):
            for weight, stack in zip(model.parameters(), self.weights, strict=True):
                weight.copy_(stack[number])


def memory_of_training(model: nn.Module, features: int, *, batch_size: int) -> int:
    """Return about how many bytes the training of one model with Adam takes.

    Parameters
    ----------
    model : torch.nn.Module
        The network.
    features : int
        Number of values of a record.
    batch_size : int
        Records a step.
    """
    outputs = 0

    def count(_: nn.Module, __: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal outputs
        outputs += output.numel()

    shapes = copy.deepcopy(model).to("meta")  # without values
    for layer in shapes.modules():
        if not list(layer.children()):
            layer.register_forward_hook(count)
    shapes(torch.empty(1, features, device="meta"))
    weights = sum(weight.numel() for weight in model.parameters())
    # Weights, gradients and two moments; a batch of records, and of each layer's outputs and their gradients.
    return 4 * (4 * weights + batch_size * (features + 2 * outputs))


def models_that_fit(model: nn.Module, features: int, *, batch_size: int, memory: int) -> int:
    """Return how many models of one shape can be trained at once in so much memory; at least 1.

    Parameters
    ----------
    model : torch.nn.Module
        One of them.
    features : int
        Number of values of a record.
    batch_size : int
        Records a step.
    memory : int
        Bytes beside those of the records themselves.
    """
    return max(1, memory // memory_of_training(model, features, batch_size=batch_size))
