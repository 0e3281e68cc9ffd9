"""Many networks of one shape as one."""

from functools import partial

import pytest
import torch
from seeding import seeded
from torch import nn

from vaeprivacy.compute.ensemble import StackedMLPs, StackedModules, memory_of_training, stack_models
from vaeprivacy.convolutional import resnet9
from vaeprivacy.networks import init_weights, mlp

MAKE = {
    "mlp": lambda seed: mlp([64, 8, 7, 3], generator=seeded(seed)),
    "linear": lambda seed: mlp([64, 3], generator=seeded(seed)),
    "tanh": lambda seed: mlp([64, 8, 3], generator=seeded(seed), activation=nn.Tanh),
    "resnet9": lambda seed: init_weights(partial(resnet9, 64, 2, 3), generator=seeded(seed)),
}


@pytest.mark.parametrize("kind", MAKE)
def test_a_stack_says_what_its_models_say(kind):
    models = [MAKE[kind](seed) for seed in range(3)]
    x = torch.rand(3, 5, 64, generator=seeded(9))
    with torch.no_grad():
        expected = torch.stack([model(own) for model, own in zip(models, x, strict=True)])
        assert torch.allclose(stack_models(models)(x), expected, atol=1e-5)


@pytest.mark.parametrize("kind", MAKE)
def test_each_model_gets_its_own_gradient_and_its_own_weights_back(kind):
    models = [MAKE[kind](seed) for seed in range(2)]
    x = torch.rand(2, 5, 64, generator=seeded(9))
    stack = stack_models(models)
    stack(x).square().sum().backward()
    with torch.no_grad():
        for weight in stack.weights:
            weight -= 0.1 * weight.grad
    for model, own in zip(models, x, strict=True):
        model(own).square().sum().backward()
    expected = [[(w - 0.1 * w.grad).detach() for w in model.parameters()] for model in models]
    stack.unstack(models)
    for model, weights in zip(models, expected, strict=True):
        for found, wanted in zip(model.parameters(), weights, strict=True):
            assert torch.allclose(found, wanted, atol=1e-4)


def test_only_perceptrons_with_relu_are_stacked_by_hand():
    kinds = {kind: type(stack_models([make(0), make(1)])) for kind, make in MAKE.items()}
    by_hand = {"mlp", "linear"}
    assert kinds == {kind: StackedMLPs if kind in by_hand else StackedModules for kind in MAKE}


def test_both_ways_to_stack_perceptrons_agree():
    models = [MAKE["mlp"](seed) for seed in range(3)]
    x = torch.rand(3, 5, 64, generator=seeded(9))
    assert torch.allclose(StackedMLPs(models)(x), StackedModules(models)(x), atol=1e-6)


def test_training_takes_weights_four_times_a_batch_and_outputs_twice():
    # 64 x 3 weights and 3 biases; one linear layer with 3 outputs.
    assert memory_of_training(MAKE["linear"](0), 64, batch_size=10) == 4 * (4 * 195 + 10 * (64 + 2 * 3))


def test_a_wider_network_and_larger_batches_take_more_memory():
    def memory(width: int, batch_size: int) -> int:
        network = init_weights(partial(resnet9, 64, width, 3), generator=seeded())
        return memory_of_training(network, 64, batch_size=batch_size)

    assert memory(2, 10) < memory(4, 10) < memory(4, 20)
