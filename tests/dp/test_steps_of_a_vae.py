"""The steps of DP-SGD in the training of a VAE: clipped gradients, noise and batches."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest
import torch
from dp_steps import ONE_STEP, SETTINGS, Steps, weights
from seeding import seeded

from vaeprivacy import dp_sgd
from vaeprivacy.accounting import dp_sgd_plan
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.datasets import Dataset
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.vae import VAE

# Warnings are errors: those of Opacus' hooks and accountant are no news to anybody who trains a VAE.
pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("planned")]

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
    DPSGDTrainer(8.0, max_grad_norm=max_grad_norm).fit(x, ONE_STEP, generator=seeded())
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
        DPSGDTrainer(8.0, max_grad_norm=max_grad_norm).fit(records, ONE_STEP, generator=seeded())
    before, after = steps.gradients
    assert 0 < (before - after).norm() <= 2 * max_grad_norm * (1 + 1e-5)
    assert before.norm() <= len(x) * max_grad_norm * (1 + 1e-5)


def test_each_weight_of_each_step_gets_noise_of_its_own_of_the_planned_size(
    x: torch.Tensor, steps: Steps, without_noise: Callable[[], None]
) -> None:
    training = DPSGDTrainer(8.0, max_grad_norm=0.5)
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
    training = DPSGDTrainer(8.0)
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
    vae, _ = DPSGDTrainer(8.0).fit(x, SETTINGS, generator=seeded())
    assert [len(batch) for batch in steps.batches] == [0] * 6
    noise = torch.cat([part.flatten() for part in steps.noise])
    assert torch.allclose(torch.cat(steps.gradients).double(), 1.5 * noise, rtol=1e-5)
    assert weights(vae).isfinite().all()


# Properties of the batches


def test_each_step_takes_each_record_with_the_same_probability(digits: Dataset, steps: Steps) -> None:
    # 400 steps that take each of 16 records with probability 1/4.
    x = digits.x[:16]
    DPSGDTrainer(8.0).fit(x, replace(SETTINGS, epochs=100, batch_size=4), generator=seeded())
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
        DPSGDTrainer(8.0).fit(records, settings, generator=seeded())
        assert len(steps.gradients) == expected


def test_there_are_no_held_out_records_and_no_early_stopping(x: torch.Tensor, steps: Steps) -> None:
    # Both would look at the private records outside of what the accountant counts.
    vaes = [
        DPSGDTrainer(8.0).fit(x, replace(ONE_STEP, patience=patience, held_out=held_out), generator=seeded())[0]
        for patience, held_out in product((0, 5), (0.1, 0.9))
    ]
    assert all(torch.equal(batch, x) for batch in steps.batches)
    assert len(steps.batches) == len(steps.gradients) == 4  # one call of the ELBO a step, none to watch progress
    assert all(torch.equal(weights(vae), weights(vaes[0])) for vae in vaes)


def test_the_accountant_is_asked_about_the_steps_that_are_taken(
    x: torch.Tensor, steps: Steps, planned: list[tuple[float, float, float, int]]
) -> None:
    model = DPSGDTrainer(3.0, delta=1e-6).fit(x, SETTINGS, generator=seeded())[1]
    # 40 records, batches of 20, 3 epochs; then what the same steps cost a record that is replaced.
    assert planned == [(3.0, 1e-6, 0.5, 6), (1e-6, 1.5, 0.5, 6)]
    assert len(steps.gradients) == 6
    assert model.dp == Indistinguishability(4.0, 1e-6)
