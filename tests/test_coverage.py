"""Three ways to train encoder and decoder, and what each lets a guarantee say."""

import math
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from seeding import seeded

from vaeprivacy import coverage, dp_sgd
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.channels import PrivateChannel
from vaeprivacy.coverage import (
    DP_SETTINGS,
    OnDisjointRecords,
    OnPrivateRecords,
    Training,
    WithDPSGD,
    checked_training,
    dp_sgd_plan,
)
from vaeprivacy.data import Dataset
from vaeprivacy.guarantee import NOT_COVERED, ModelCoverage
from vaeprivacy.mechanisms import EuclideanLaplace
from vaeprivacy.randomness import SYSTEM_ENTROPY, RandomSource
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

SETTINGS = VAESettings(latent_dim=3, hidden=16, epochs=3, batch_size=20)
ONE_STEP = replace(SETTINGS, epochs=1, batch_size=1000)  # one step, which takes every record
ALL = [OnPrivateRecords(), OnDisjointRecords(), WithDPSGD(8.0)]


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """Turn warnings into errors: those of Opacus' hooks and accountant are no news to anybody who trains a VAE."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def x(digits: Dataset) -> torch.Tensor:
    return digits.x[:40]


@pytest.fixture(autouse=True)
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float, float, int]]:
    """What trainings of a test ask the accountant. It takes seconds unless all steps take all records."""
    asked = []

    def quick_plan(epsilon: float, delta: float, sample_rate: float, steps: int) -> tuple[float, float]:
        asked.append((epsilon, delta, sample_rate, steps))
        return dp_sgd_plan(epsilon, delta, sample_rate, steps) if sample_rate == 1 else (1.5, epsilon)

    monkeypatch.setattr(coverage, "dp_sgd_plan", quick_plan)
    return asked


def weights(vae: VAE) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in vae.parameters()])


class Steps(NamedTuple):
    """What each step of a training met: its batch, the gradient that Adam got, and the noise, in standard normals."""

    batches: list[torch.Tensor]
    gradients: list[torch.Tensor]
    noise: list[torch.Tensor]


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


# Impossible input


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("field", ["epsilon", "delta", "max_grad_norm"])
def test_a_number_that_is_not_positive_and_finite_is_refused_by_its_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be positive and finite, not {value}"):
        WithDPSGD(**{"epsilon": 8.0, field: value})


@pytest.mark.parametrize("value", ["8", None, True, torch.tensor(8.0)])
@pytest.mark.parametrize("field", ["epsilon", "delta", "max_grad_norm"])
def test_what_is_no_number_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{field} must be a positive number"):
        WithDPSGD(**{"epsilon": 8.0, field: value})


@pytest.mark.parametrize("delta", [1, 1.0, 2.5])
def test_a_delta_of_one_or_more_promises_nothing_and_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match=r"^delta must be below 1, not "):
        WithDPSGD(8.0, delta=delta)


@pytest.mark.parametrize("epsilon", [1e-4, 0.049, 100.1, 1e6])
def test_an_epsilon_outside_of_the_accountants_range_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match=rf"^epsilon must be from 0\.05 to 100, .* not {epsilon}"):
        WithDPSGD(epsilon)


def test_a_delta_too_small_for_the_accountant_is_refused_before_any_training(x: torch.Tensor, steps: Steps) -> None:
    with pytest.raises(ValueError, match="small values of delta"):
        WithDPSGD(1.0, delta=1e-300).fit(x, ONE_STEP, generator=seeded())
    assert not steps.batches


def test_a_plan_for_hardly_any_epsilon_is_refused() -> None:
    with pytest.raises(ValueError, match="budget is too low"):
        dp_sgd_plan(1e-4, 1e-8, 1.0, 1)


@pytest.mark.parametrize("training", ["disjoint", None, WithDPSGD, OnDisjointRecords, {"epsilon": 8.0}])
def test_what_is_no_training_is_refused_with_what_is_allowed(training: object) -> None:
    sentence = r"^training must be OnPrivateRecords\(\), OnDisjointRecords\(\) or WithDPSGD\(epsilon\).*not "
    with pytest.raises(TypeError, match=sentence):
        checked_training(training)


@pytest.mark.parametrize(
    ("records", "error"),
    [
        (torch.full((20, 4), 2.0), ValueError),
        (torch.full((20, 4), math.nan), ValueError),
        (torch.zeros(9, 4), ValueError),
        (torch.zeros(20, 4, dtype=torch.int64), TypeError),
    ],
)
@pytest.mark.parametrize("training", ALL, ids=str)
def test_records_that_no_vae_can_be_trained_on_are_refused(
    training: Training, records: torch.Tensor, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"^x "):
        training.fit(records, SETTINGS, generator=seeded())


# A known answer: what is covered


def test_each_training_has_the_name_that_tables_use() -> None:
    assert [str(training) for training in ALL] == ["private records", "disjoint records", "DP-SGD, epsilon 8"]
    assert all(checked_training(training) is training for training in ALL)


def test_a_whole_number_and_the_same_number_with_a_point_are_the_same_training() -> None:
    # Else one configuration would have two keys.
    assert repr(WithDPSGD(8, max_grad_norm=1)) == repr(WithDPSGD(8.0, max_grad_norm=1.0))


def test_training_on_private_records_covers_nothing(x: torch.Tensor) -> None:
    assert OnPrivateRecords().fit(x, SETTINGS, generator=seeded())[1] == NOT_COVERED
    assert not NOT_COVERED.covered


def test_training_on_disjoint_records_leaves_nothing_to_cover(x: torch.Tensor) -> None:
    model = OnDisjointRecords().fit(x, SETTINGS, generator=seeded())[1]
    assert model == ModelCoverage("disjoint records")
    assert model.covered
    assert model.replace_one == Indistinguishability(0.0)


def test_dp_sgd_covers_what_its_accountant_states(x: torch.Tensor) -> None:
    model = WithDPSGD(8.0, delta=1e-6).fit(x, ONE_STEP, generator=seeded())[1]
    spent = dp_sgd_plan(8.0, 1e-6, 1.0, 1)[1]
    assert model == ModelCoverage("DP-SGD", Indistinguishability(spent, 1e-6), seeded=True)
    assert model.replace_one.epsilon == pytest.approx(2 * spent)
    assert model.replace_one.delta == pytest.approx((1 + math.exp(spent)) * 1e-6)


def test_the_accountant_is_asked_about_the_steps_that_are_taken(
    x: torch.Tensor, steps: Steps, planned: list[tuple[float, float, float, int]]
) -> None:
    model = WithDPSGD(3.0, delta=1e-6).fit(x, SETTINGS, generator=seeded())[1]
    assert planned == [(3.0, 1e-6, 0.5, 6)]  # 40 records, batches of 20, 3 epochs
    assert len(steps.gradients) == 6
    assert model.training == Indistinguishability(3.0, 1e-6)


@pytest.mark.parametrize("training", ALL[:2], ids=str)
def test_without_dp_sgd_the_vae_is_that_of_fit_vae(training: Training, x: torch.Tensor) -> None:
    vae = training.fit(x, SETTINGS, generator=seeded())[0]
    assert torch.equal(weights(vae), weights(fit_vae(x, SETTINGS, generator=seeded())[0]))


# A known answer: one step of DP-SGD


def clipped_by_hand(x: torch.Tensor, max_grad_norm: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sum of clipped gradients of the first step, and the norm of each record's, one record at a time."""
    generator = seeded(seed)
    vae = VAE(x.shape[1], latent_dim=SETTINGS.latent_dim, hidden=SETTINGS.hidden, generator=generator)
    torch.rand(len(x), generator=generator, dtype=torch.float64)  # the batch, which here has all records
    samples = torch.randn(len(x), SETTINGS.latent_dim, generator=generator)
    total, norms = 0, []
    for record, sample in zip(x, samples, strict=True):
        mean, log_variance = vae.encode(record[None])
        logits = vae.decoder(mean + (log_variance / 2).exp() * sample)
        fit = torch.nn.functional.binary_cross_entropy_with_logits(logits[0], record, reduction="sum")
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        gradient = torch.cat([part.flatten() for part in torch.autograd.grad(fit + kl, list(vae.parameters()))])
        norms.append(gradient.norm())
        total += gradient * min(1.0, max_grad_norm / gradient.norm().item())
    return total, torch.stack(norms)


def test_a_step_sums_the_clipped_gradients_of_the_records(
    x: torch.Tensor, steps: Steps, without_noise: Callable[[], None]
) -> None:
    without_noise()
    # So that half of the gradients are clipped and half are not.
    max_grad_norm = clipped_by_hand(x, 1.0)[1].median().item()
    expected, norms = clipped_by_hand(x, max_grad_norm)
    assert (norms < max_grad_norm).sum() > 10 < (norms > max_grad_norm).sum()
    WithDPSGD(8.0, max_grad_norm=max_grad_norm).fit(x, ONE_STEP, generator=seeded())
    (gradient,) = steps.gradients
    assert torch.allclose(gradient, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("max_grad_norm", [0.1, 1.0, 50.0])
@pytest.mark.parametrize("other", ["black", "white", "inverted"])
def test_replacing_one_record_changes_the_sum_by_at_most_twice_the_clipping_length(
    x: torch.Tensor, steps: Steps, without_noise: Callable[[], None], max_grad_norm: float, other: str
) -> None:
    # The only thing about gradients that the accountant relies on.
    without_noise()
    changed = x.clone()
    changed[7] = {"black": torch.ones(64), "white": torch.zeros(64), "inverted": 1 - x[7]}[other]
    for records in (x, changed):
        WithDPSGD(8.0, max_grad_norm=max_grad_norm).fit(records, ONE_STEP, generator=seeded())
    before, after = steps.gradients
    assert 0 < (before - after).norm() <= 2 * max_grad_norm * (1 + 1e-5)
    assert before.norm() <= len(x) * max_grad_norm * (1 + 1e-5)


def test_each_weight_of_each_step_gets_noise_of_its_own_of_the_planned_size(
    x: torch.Tensor, steps: Steps, without_noise: Callable[[], None]
) -> None:
    training = WithDPSGD(8.0, max_grad_norm=0.5)
    training.fit(x, ONE_STEP, generator=seeded())
    without_noise()
    training.fit(x, ONE_STEP, generator=seeded())
    with_noise, plain = steps.gradients
    noise = (with_noise - plain).double()
    scale = dp_sgd_plan(8.0, 1e-8, 1.0, 1)[0] * 0.5
    assert torch.allclose(noise, scale * torch.cat([part.flatten() for part in steps.noise]), atol=1e-5)
    assert noise.std().item() == pytest.approx(scale, rel=5 / math.sqrt(2 * len(noise)))
    assert abs(noise.mean().item()) < 5 * scale / math.sqrt(len(noise))
    assert len(noise.unique()) == len(noise)


def test_the_noise_of_the_steps_is_independent(x: torch.Tensor, steps: Steps) -> None:
    training = WithDPSGD(8.0)
    vae = training.fit(x, SETTINGS, generator=seeded())[0]
    per_step = len(list(vae.parameters()))
    noise = torch.stack([torch.cat([n.flatten() for n in steps.noise[i : i + per_step]]) for i in range(0, 48, 8)])
    assert noise.shape == (6, len(weights(vae)))
    correlations = torch.corrcoef(noise) - torch.eye(6, dtype=torch.float64)
    assert correlations.abs().max() < 5 / math.sqrt(noise.shape[1])


def test_an_empty_batch_is_a_step_of_noise_alone(
    x: torch.Tensor, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dp_sgd, "uniforms", lambda shape, **options: torch.full(shape, 0.999, dtype=torch.float64))
    vae, _ = WithDPSGD(8.0).fit(x, SETTINGS, generator=seeded())
    assert [len(batch) for batch in steps.batches] == [0] * 6
    noise = torch.cat([part.flatten() for part in steps.noise])
    assert torch.allclose(torch.cat(steps.gradients).double(), 1.5 * noise, rtol=1e-5)
    assert weights(vae).isfinite().all()


# Properties of the batches


def test_each_step_takes_each_record_with_the_same_probability(digits: Dataset, steps: Steps) -> None:
    # 400 steps that take each of 16 records with probability 1/4.
    x = digits.x[:16]
    WithDPSGD(8.0).fit(x, replace(SETTINGS, epochs=100, batch_size=4), generator=seeded())
    taken = torch.stack([(x[:, None] == batch).all(dim=2).any(dim=1) for batch in steps.batches]).double()
    assert taken.shape == (400, 16)
    n, q = 400, 0.25
    assert (taken.mean(dim=0) - q).abs().max() < 5 * math.sqrt(q * (1 - q) / n)
    # Poisson batches: sizes as of independent draws, and so is a record's presence from step to step.
    sizes = taken.sum(dim=1)
    assert torch.equal(sizes, torch.tensor([float(len(batch)) for batch in steps.batches], dtype=torch.float64))
    assert sizes.var().item() == pytest.approx(16 * q * (1 - q), rel=5 * math.sqrt(2 / n))
    assert sizes.min() == 0 or len(sizes.unique()) > 6
    twice = (taken[1:] * taken[:-1]).mean().item()
    assert twice == pytest.approx(q**2, abs=5 * math.sqrt(q**2 / (16 * n)))


@pytest.mark.parametrize(("epochs", "batch_size", "expected"), [(3, 20, 6), (3, 40, 3), (3, 1000, 3), (1, 10, 4)])
def test_the_number_of_steps_is_fixed_beforehand(
    x: torch.Tensor, steps: Steps, epochs: int, batch_size: int, expected: int
) -> None:
    for records in (x, torch.zeros(40, 64)):
        steps.gradients.clear()
        settings = replace(SETTINGS, epochs=epochs, batch_size=batch_size)
        WithDPSGD(8.0).fit(records, settings, generator=seeded())
        assert len(steps.gradients) == expected


def test_there_are_no_held_out_records_and_no_early_stopping(x: torch.Tensor, steps: Steps) -> None:
    # Both would look at the private records outside of what the accountant counts.
    vaes = [
        WithDPSGD(8.0).fit(x, replace(ONE_STEP, patience=patience, held_out=held_out), generator=seeded())[0]
        for patience, held_out in product((0, 5), (0.1, 0.9))
    ]
    assert all(torch.equal(batch, x) for batch in steps.batches)
    assert len(steps.batches) == len(steps.gradients) == 4  # one call of the ELBO a step, none to watch progress
    assert all(torch.equal(weights(vae), weights(vaes[0])) for vae in vaes)


# Properties of what comes out


@pytest.mark.parametrize("training", ALL, ids=str)
def test_the_same_seed_gives_the_same_vae_bit_for_bit_and_another_seed_another(
    training: Training, x: torch.Tensor
) -> None:
    first, again, other = (weights(training.fit(x, SETTINGS, generator=seeded(seed))[0]) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("source", [seeded(), SYSTEM_ENTROPY], ids=["seeded", "entropy"])
@pytest.mark.parametrize("training", ALL, ids=str)
def test_training_leaves_the_global_generator_alone(training: Training, source: RandomSource, x: torch.Tensor) -> None:
    before = torch.get_rng_state()
    training.fit(x, SETTINGS, generator=source)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("training", ALL, ids=str)
def test_with_the_systems_entropy_two_trainings_differ_and_none_is_seeded(training: Training, x: torch.Tensor) -> None:
    (first, model), (second, _) = (training.fit(x, SETTINGS, generator=SYSTEM_ENTROPY) for _ in range(2))
    assert (weights(first) != weights(second)).double().mean() > 0.9
    assert not model.seeded


def test_with_the_systems_entropy_whoever_guesses_the_seed_of_the_weights_still_lacks_noise_and_batches(
    x: torch.Tensor, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage, "torch_generator", lambda source: seeded())
    # If both steps take all records, the noise is all that differs.
    for _ in range(2):
        WithDPSGD(8.0).fit(x, ONE_STEP, generator=SYSTEM_ENTROPY)
    assert torch.equal(*steps.batches)
    first, second = (torch.cat([part.flatten() for part in steps.noise[i : i + 8]]) for i in (0, 8))
    assert (first != second).all()
    for seen in steps:
        seen.clear()
    for _ in range(2):
        WithDPSGD(8.0).fit(x, SETTINGS, generator=SYSTEM_ENTROPY)
    assert (torch.cat(steps.gradients[:6]) != torch.cat(steps.gradients[6:])).double().mean() > 0.99
    assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(steps.batches[:6], steps.batches[6:]))  # noqa: B905
    assert len({round(part.flatten()[0].item(), 9) for part in steps.noise}) == len(steps.noise) == 2 * 6 * 8


@pytest.mark.parametrize("training", ALL, ids=str)
def test_the_vae_is_saved_and_loaded_like_any_other(training: Training, x: torch.Tensor, tmp_path: Path) -> None:
    vae, _ = training.fit(x, SETTINGS, generator=seeded())
    vae.save(tmp_path / "vae.safetensors")
    assert type(vae) is VAE
    assert torch.equal(weights(VAE.load(tmp_path / "vae.safetensors")), weights(vae))


def test_nothing_of_the_gradients_is_left_in_a_vae_of_dp_sgd(x: torch.Tensor) -> None:
    # Opacus keeps the last sum of clipped gradients, before noise, as an attribute of each weight: pickled along, it
    # would give away what the noise hides.
    vae, _ = WithDPSGD(8.0).fit(x, SETTINGS, generator=seeded())
    plain = VAE(64, latent_dim=3, hidden=16, generator=seeded())
    assert all(weight.grad is None and not vars(weight) for weight in vae.parameters())
    for mine, theirs in zip(vae.modules(), plain.modules(), strict=True):
        assert vars(mine).keys() == vars(theirs).keys()
    assert len(pickle.dumps(vae)) == len(pickle.dumps(plain))


def test_a_vae_of_dp_sgd_has_no_hooks_and_can_be_trained_on(x: torch.Tensor) -> None:
    vae, _ = WithDPSGD(8.0).fit(x, SETTINGS, generator=seeded())
    hooks = [vars(module)[name] for module in vae.modules() for name in vars(module) if name.endswith("hooks")]
    assert len(hooks) > 0 and not any(hooks)
    adam = torch.optim.Adam(vae.parameters(), lr=2e-3)
    before = vae.elbo(x, generator=seeded()).value.item()
    for _ in range(20):
        adam.zero_grad()
        (-vae.elbo(x, generator=seeded()).value).backward()
        adam.step()
    assert all(set(vars(weight)) <= {"grad"} for weight in vae.parameters())
    assert vae.elbo(x, generator=seeded()).value.item() > before


def test_dp_sgd_learns_something(digits: Dataset) -> None:
    x, unseen = digits.x[:500], digits.x[500:]
    settings = replace(DP_SETTINGS, latent_dim=3, hidden=16, batch_size=100)
    untrained = VAE(64, latent_dim=3, hidden=16, generator=seeded())
    trained, _ = WithDPSGD(8.0).fit(x, settings, generator=seeded())
    with torch.no_grad():
        before, after = (vae.elbo(unseen, generator=seeded(9)).value.item() for vae in (untrained, trained))
    assert after > before + 10


def test_dp_sgd_trains_a_conditional_noise_aware_vae_and_accounts_for_it_as_for_any(digits: Dataset) -> None:
    settings = VAESettings(latent_dim=3, hidden=16, epochs=2, batch_size=50, n_classes=10)
    channel = PrivateChannel(EuclideanLaplace(2.0), 1.5)
    options = {"y": digits.y[:200], "channel": channel, "generator": seeded()}
    vae, covered = WithDPSGD(8.0).fit(digits.x[:200], settings, **options)
    plain = WithDPSGD(8.0).fit(digits.x[:200], replace(settings, n_classes=0), generator=seeded())[1]
    assert vae.sizes["n_classes"] == 10
    assert covered.training == plain.training
