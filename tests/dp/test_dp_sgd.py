"""The steps of DP-SGD that all trainings share; what those of a VAE are is tested in test_steps_of_a_vae.py."""

import math

import dp_accounting
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from dp_accounting.pld import PLDAccountant
from seeding import seeded
from torch import nn

from vaeprivacy import dp_sgd
from vaeprivacy.accounting import check_budget, dp_sgd_plan, dp_sgd_schedule
from vaeprivacy.dp_sgd import train_with_dp_sgd
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.networks import mlp
from vaeprivacy.randomness import SYSTEM_ENTROPY

pytestmark = pytest.mark.filterwarnings("error")  # those of Opacus' hooks are no news

X = torch.randn(12, 4, generator=seeded(7))
Y = torch.arange(12) % 3
ONE_STEP = {
    "sample_rate": 1.0, "steps": 1, "noise_multiplier": 0.0, "max_grad_norm": 0.5, "learning_rate": 0.01,
}  # fmt: skip


@pytest.fixture
def gradients(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What Adam gets in each step of a test."""
    seen, step = [], torch.optim.Adam.step

    def spying_step(adam: torch.optim.Adam, *args: object) -> object:
        seen.append(torch.cat([p.grad.flatten() for p in adam.param_groups[0]["params"]]).clone())
        return step(adam, *args)

    monkeypatch.setattr(torch.optim.Adam, "step", spying_step)
    return seen


def train(seed: int = 0, **changed: object) -> nn.Sequential:
    """Train a small classifier on 12 records."""
    model = mlp([4, 5, 3], generator=seeded(), activation=nn.Tanh)
    options = ONE_STEP | {"generator": seeded(seed)} | changed
    train_with_dp_sgd(model, lambda taken: F.cross_entropy(model(X[taken]), Y[taken], reduction="none"), 12, **options)
    return model


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


# Impossible input


@pytest.mark.parametrize("delta", [1, 1.5])
def test_a_delta_of_one_or_more_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match=r"^delta must be below 1, not "):
        check_budget(1.0, delta)


@pytest.mark.parametrize("epsilon", [0.04, 101])
def test_an_epsilon_outside_of_the_accountants_range_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match=r"^epsilon must be from 0\.05 to 100"):
        check_budget(epsilon, 1e-5)


# A known answer


def test_a_budget_comes_back_as_floats() -> None:
    assert [repr(value) for value in check_budget(8, 1e-5)] == ["8.0", "1e-05"]


@pytest.mark.parametrize(
    ("n", "epochs", "batch_size", "expected"),
    [(40, 3, 20, (0.5, 6)), (40, 3, 1000, (1.0, 3)), (40, 1, 30, (0.75, 1)), (2500, 20, 250, (0.1, 200))],
)
def test_schedules_by_hand(n: int, epochs: int, batch_size: int, expected: tuple[float, int]) -> None:
    assert dp_sgd_schedule(n, epochs=epochs, batch_size=batch_size) == expected


def test_a_step_sums_the_clipped_gradients_of_the_records(gradients: list[torch.Tensor]) -> None:
    model = mlp([4, 5, 3], generator=seeded(), activation=nn.Tanh)
    each = [
        torch.autograd.grad(F.cross_entropy(model(x[None]), y[None]), list(model.parameters()))
        for x, y in zip(X, Y, strict=True)
    ]
    each = torch.stack([torch.cat([part.flatten() for part in parts]) for parts in each])
    norms = each.norm(dim=1, keepdim=True)
    length = norms.median().item()  # so that some are clipped and some are not
    train(max_grad_norm=length)
    assert torch.allclose(gradients[0], (each * (length / norms).clamp(max=1)).sum(dim=0), atol=1e-5)


def test_noise_has_the_planned_size() -> None:
    # Without a learning rate nothing but the noise differs; 43 weights, 400 steps.
    seen = []
    original = torch.optim.Adam.step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            torch.optim.Adam, "step", lambda adam: seen.append(adam.param_groups[0]["params"][0].grad.clone())
        )
        train(steps=400, noise_multiplier=3.0)
        train(steps=400)
    assert torch.optim.Adam.step is original
    noise = (torch.stack(seen[:400]) - torch.stack(seen[400:])).flatten()
    assert noise.std().item() == pytest.approx(1.5, rel=5 / math.sqrt(2 * len(noise)))
    assert abs(noise.mean().item()) < 5 * 1.5 / math.sqrt(len(noise))


def test_an_empty_batch_is_a_step_of_noise_alone(
    gradients: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dp_sgd, "uniforms", lambda shape, **options: torch.full(shape, 0.999, dtype=torch.float64))
    train(sample_rate=0.5)
    train(sample_rate=0.5, noise_multiplier=1.0)
    assert not gradients[0].any()
    assert gradients[1].all()


# Properties


@pytest.mark.parametrize("length", [0.1, 10.0])
def test_without_one_record_the_sum_changes_by_at_most_the_clipping_length(
    gradients: list[torch.Tensor], length: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the accountant relies on.
    train(max_grad_norm=length)
    without_one = torch.tensor([0.9] + [0.1] * 11, dtype=torch.float64)
    monkeypatch.setattr(dp_sgd, "uniforms", lambda shape, **options: without_one)
    train(max_grad_norm=length, sample_rate=0.5)
    assert 0 < (gradients[0] - gradients[1]).norm() <= length * (1 + 1e-5)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    options = {"steps": 5, "noise_multiplier": 1.0, "sample_rate": 0.5}
    first, again, other = (weights(train(seed, **options)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_with_the_systems_entropy_two_trainings_differ() -> None:
    first, second = (weights(train(noise_multiplier=1.0, generator=SYSTEM_ENTROPY)) for _ in range(2))
    assert not torch.equal(first, second)


def test_training_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    train(noise_multiplier=1.0)
    assert torch.equal(torch.get_rng_state(), before)


# A known answer: how much noise is needed

PLANS = [(8.0, 1e-8, 0.1, 100), (2.0, 1e-5, 0.1, 100), (8.0, 1e-8, 1.0, 10), (2.0, 1e-5, 1.0, 1)]


@pytest.mark.parametrize("plan", PLANS)
def test_the_budget_is_spent_and_not_exceeded(plan: tuple[float, float, float, int]) -> None:
    epsilon, (noise_multiplier, spent) = plan[0], dp_sgd_plan(*plan)
    assert epsilon - 0.01 <= spent <= epsilon
    assert noise_multiplier > 0


@pytest.mark.parametrize("plan", PLANS)
def test_another_accountant_states_the_same_epsilon(plan: tuple[float, float, float, int]) -> None:
    # Google's, with another method than Opacus': the distribution of the privacy loss, made discrete.
    _, delta, sample_rate, n_steps = plan
    noise_multiplier, spent = dp_sgd_plan(*plan)
    step = dp_accounting.PoissonSampledDpEvent(sample_rate, dp_accounting.GaussianDpEvent(noise_multiplier))
    accountant = PLDAccountant(dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE)
    accountant.compose(dp_accounting.SelfComposedDpEvent(step, n_steps))
    # Both state upper bounds; that of the package's is rounded up by about 0.01.
    assert spent == pytest.approx(accountant.get_epsilon(delta), rel=0.01)
    assert accountant.get_epsilon(delta) <= plan[0]


@pytest.mark.parametrize("plan", [(8.0, 1e-8, 1.0, 10), (2.0, 1e-5, 1.0, 1), (1.0, 1e-6, 1.0, 50)])
def test_if_every_step_takes_all_records_the_epsilon_is_that_of_gaussian_noise(
    plan: tuple[float, float, float, int],
) -> None:
    _, delta, _, n_steps = plan
    noise_multiplier, spent = dp_sgd_plan(*plan)
    exact = GaussianIndistinguishability(math.sqrt(n_steps) / noise_multiplier).epsilon(delta)
    assert exact <= spent == pytest.approx(exact, abs=0.011)


def test_less_budget_more_steps_and_larger_batches_need_more_noise() -> None:
    reference = dp_sgd_plan(2.0, 1e-5, 1.0, 100)[0]
    for plan in ((1.0, 1e-5, 1.0, 100), (2.0, 1e-7, 1.0, 100), (2.0, 1e-5, 1.0, 200)):
        assert dp_sgd_plan(*plan)[0] > reference
    assert dp_sgd_plan(2.0, 1e-5, 0.1, 100)[0] < reference
