"""Fixtures of the tests of DP-SGD: what trainings ask the accountant, and what their steps meet."""

from collections.abc import Callable

import pytest
import torch
from dp_steps import Steps

from vaeprivacy import accounting, dp_sgd
from vaeprivacy.accounting import dp_sgd_plan, replacing_epsilon
from vaeprivacy.vae import VAE


@pytest.fixture(autouse=True)
def searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Search each plan here: none is looked up."""
    monkeypatch.setattr(accounting, "known_plans", dict)


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float, float, int]]:
    """What trainings of a test ask the accountant. It takes seconds unless all steps take all records."""
    asked = []

    def quick_plan(epsilon: float, delta: float, sample_rate: float, steps: int, adjacency: str) -> tuple[float, float]:
        asked.append((epsilon, delta, sample_rate, steps))
        return dp_sgd_plan(epsilon, delta, sample_rate, steps, adjacency) if sample_rate == 1 else (1.5, epsilon)

    def quick_replacing(delta: float, *, noise_multiplier: float, sample_rate: float, steps: int) -> float:
        asked.append((delta, noise_multiplier, sample_rate, steps))
        options = {"noise_multiplier": noise_multiplier, "sample_rate": sample_rate, "steps": steps}
        return replacing_epsilon(delta, **options) if sample_rate == 1 else 4.0

    monkeypatch.setattr(dp_sgd, "dp_sgd_plan", quick_plan)
    monkeypatch.setattr(dp_sgd, "replacing_epsilon", quick_replacing)
    return asked


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """The steps of all trainings of a test, in order."""
    seen = Steps([], [], [])
    elbo, step, normals = VAE.elbos, torch.optim.Adam.step, dp_sgd.normals

    def spying_elbo(vae: VAE, batch: torch.Tensor, *args: object, **options: object) -> object:
        seen.batches.append(batch)
        return elbo(vae, batch, *args, **options)

    def spying_step(adam: torch.optim.Adam, *args: object) -> object:
        parameters = adam.param_groups[0]["params"]
        seen.gradients.append(torch.cat([p.grad.flatten() for p in parameters]).clone())
        return step(adam, *args)

    def spying_normals(*args: object, **options: object) -> torch.Tensor:
        seen.noise.append(normals(*args, **options))
        return seen.noise[-1]

    monkeypatch.setattr(VAE, "elbos", spying_elbo)
    monkeypatch.setattr(torch.optim.Adam, "step", spying_step)
    monkeypatch.setattr(dp_sgd, "normals", spying_normals)
    return seen


@pytest.fixture
def without_noise(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the noise of DP-SGD zero from now on."""

    def zeros(shape: torch.Size, **options: object) -> torch.Tensor:
        return torch.zeros(shape, dtype=torch.float64)

    return lambda: monkeypatch.setattr(dp_sgd, "normals", zeros)
