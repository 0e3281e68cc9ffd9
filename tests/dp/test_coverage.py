"""Three ways to train encoder and decoder, and what each lets a guarantee say."""

import math
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from dp_steps import ONE_STEP, SETTINGS, Steps, weights
from seeding import seeded

from vaeprivacy import dp_sgd, trainers
from vaeprivacy.accounting import dp_sgd_plan, replacing_epsilon
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.datasets import Dataset
from vaeprivacy.dp_sgd import DP_SETTINGS, DPSGDTrainer
from vaeprivacy.guarantee import NOT_COVERED, ModelCoverage
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.randomness import SYSTEM_ENTROPY, RandomSource
from vaeprivacy.synthesizer import MechanismNoise
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer, check_trainer
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

# Warnings are errors: those of Opacus' hooks and accountant are no news to anybody who trains a VAE.
pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.usefixtures("planned")]

ALL = [PlainTrainer(), PublicTrainer(), DPSGDTrainer(8.0)]


# Impossible input


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("field", ["epsilon", "delta", "max_grad_norm"])
def test_a_number_that_is_not_positive_and_finite_is_refused_by_its_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{field} must be positive and finite, not {value}"):
        DPSGDTrainer(**{"epsilon": 8.0, field: value})


@pytest.mark.parametrize("value", ["8", None, True, torch.tensor(8.0)])
@pytest.mark.parametrize("field", ["epsilon", "delta", "max_grad_norm"])
def test_what_is_no_number_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{field} must be a positive number"):
        DPSGDTrainer(**{"epsilon": 8.0, field: value})


@pytest.mark.parametrize("delta", [1, 1.0, 2.5])
def test_a_delta_of_one_or_more_promises_nothing_and_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match=r"^delta must be below 1, not "):
        DPSGDTrainer(8.0, delta=delta)


@pytest.mark.parametrize("epsilon", [1e-4, 0.049, 100.1, 1e6])
def test_an_epsilon_outside_of_the_accountants_range_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match=rf"^epsilon must be from 0\.05 to 100, .* not {epsilon}"):
        DPSGDTrainer(epsilon)


@pytest.mark.parametrize("delta", [1e-300, 1e-11, 0.91, 1 - 1e-12])
def test_a_delta_outside_of_the_accountants_range_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match=rf"^delta must be from 1e-10 to 0\.9, .* not {delta}"):
        DPSGDTrainer(1.0, delta=delta)


def test_a_plan_for_hardly_any_epsilon_is_refused() -> None:
    with pytest.raises(ValueError, match="budget is too low"):
        dp_sgd_plan(1e-4, 1e-8, 1.0, 1)


@pytest.mark.parametrize("training", ["disjoint", None, DPSGDTrainer, PublicTrainer, {"epsilon": 8.0}])
def test_what_is_no_training_is_refused_with_what_is_allowed(training: object) -> None:
    sentence = r"^trainer must be PlainTrainer\(\), PublicTrainer\(\) or DPSGDTrainer\(epsilon\).*not "
    with pytest.raises(TypeError, match=sentence):
        check_trainer(training)


@pytest.mark.parametrize(
    ("records", "error"),
    [
        (torch.full((20, 4), 2.0), ValueError),
        (torch.full((20, 4), math.nan), ValueError),
        (torch.zeros(9, 4), ValueError),
        (torch.full((20, 4), 2), TypeError),
    ],
)
@pytest.mark.parametrize("training", ALL, ids=str)
def test_records_that_no_vae_can_be_trained_on_are_refused(
    training: Trainer, records: torch.Tensor, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"^x "):
        training.fit(records, SETTINGS, generator=seeded())


# A known answer: what is covered


def test_each_training_has_the_name_that_tables_use() -> None:
    assert [str(training) for training in ALL] == ["private records", "disjoint records", "DP-SGD, epsilon 8"]
    assert all(check_trainer(training) is training for training in ALL)


def test_a_whole_number_and_the_same_number_with_a_point_are_the_same_training() -> None:
    # Else one configuration would have two keys.
    assert repr(DPSGDTrainer(8, max_grad_norm=1)) == repr(DPSGDTrainer(8.0, max_grad_norm=1.0))


def test_training_on_private_records_covers_nothing(x: torch.Tensor) -> None:
    assert PlainTrainer().fit(x, SETTINGS, generator=seeded())[1] == NOT_COVERED
    assert not NOT_COVERED.covered


def test_training_on_disjoint_records_leaves_nothing_to_cover(x: torch.Tensor) -> None:
    model = PublicTrainer().fit(x, SETTINGS, generator=seeded())[1]
    assert model == ModelCoverage("disjoint records")
    assert model.covered
    assert model.replace_one == Indistinguishability(0.0)


def test_dp_sgd_covers_what_its_accountant_states(x: torch.Tensor) -> None:
    model = DPSGDTrainer(8.0, delta=1e-6).fit(x, ONE_STEP, generator=seeded())[1]
    noise_multiplier = dp_sgd_plan(8.0, 1e-6, 1.0, 1)[0]
    spent = replacing_epsilon(1e-6, noise_multiplier=noise_multiplier, sample_rate=1.0, steps=1)
    assert model == ModelCoverage("DP-SGD", Indistinguishability(spent, 1e-6), seeded=True)
    assert model.replace_one == DPSGDTrainer(8.0, delta=1e-6).coverage(len(x), ONE_STEP).replace_one


@pytest.mark.parametrize("training", ALL[:2], ids=str)
def test_without_dp_sgd_the_vae_is_that_of_fit_vae(training: Trainer, x: torch.Tensor) -> None:
    vae = training.fit(x, SETTINGS, generator=seeded())[0]
    assert torch.equal(weights(vae), weights(fit_vae(x, SETTINGS, generator=seeded())[0]))


# Properties of what comes out


@pytest.mark.parametrize("training", ALL, ids=str)
def test_the_same_seed_gives_the_same_vae_bit_for_bit_and_another_seed_another(
    training: Trainer, x: torch.Tensor
) -> None:
    first, again, other = (weights(training.fit(x, SETTINGS, generator=seeded(seed))[0]) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("source", [seeded(), SYSTEM_ENTROPY], ids=["seeded", "entropy"])
@pytest.mark.parametrize("training", ALL, ids=str)
def test_training_leaves_the_global_generator_alone(training: Trainer, source: RandomSource, x: torch.Tensor) -> None:
    before = torch.get_rng_state()
    training.fit(x, SETTINGS, generator=source)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("training", ALL, ids=str)
def test_with_the_systems_entropy_two_trainings_differ_and_none_is_seeded(training: Trainer, x: torch.Tensor) -> None:
    (first, model), (second, _) = (training.fit(x, SETTINGS, generator=SYSTEM_ENTROPY) for _ in range(2))
    assert (weights(first) != weights(second)).double().mean() > 0.9
    assert not model.seeded


def test_with_the_systems_entropy_whoever_guesses_the_seed_of_the_weights_still_lacks_noise_and_batches(
    x: torch.Tensor, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (trainers, dp_sgd):
        monkeypatch.setattr(module, "torch_generator", lambda source: seeded())
    # If both steps take all records, the noise is all that differs.
    for _ in range(2):
        DPSGDTrainer(8.0).fit(x, ONE_STEP, generator=SYSTEM_ENTROPY)
    assert torch.equal(*steps.batches)
    first, second = (torch.cat([part.flatten() for part in steps.noise[i : i + 8]]) for i in (0, 8))
    assert (first != second).all()
    for seen in steps:
        seen.clear()
    for _ in range(2):
        DPSGDTrainer(8.0).fit(x, SETTINGS, generator=SYSTEM_ENTROPY)
    assert (torch.cat(steps.gradients[:6]) != torch.cat(steps.gradients[6:])).double().mean() > 0.99
    assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(steps.batches[:6], steps.batches[6:]))  # noqa: B905
    assert len({round(part.flatten()[0].item(), 9) for part in steps.noise}) == len(steps.noise) == 2 * 6 * 8


@pytest.mark.parametrize("training", ALL, ids=str)
def test_the_vae_is_saved_and_loaded_like_any_other(training: Trainer, x: torch.Tensor, tmp_path: Path) -> None:
    vae, _ = training.fit(x, SETTINGS, generator=seeded())
    vae.save(tmp_path / "vae.safetensors")
    assert type(vae) is VAE
    assert torch.equal(weights(VAE.load(tmp_path / "vae.safetensors")), weights(vae))


def test_nothing_of_the_gradients_is_left_in_a_vae_of_dp_sgd(x: torch.Tensor) -> None:
    # Opacus keeps the last sum of clipped gradients, before noise, as an attribute of each weight: pickled along, it
    # would give away what the noise hides.
    vae, _ = DPSGDTrainer(8.0).fit(x, SETTINGS, generator=seeded())
    plain = VAE(64, latent_dim=3, hidden=16, generator=seeded())
    assert all(weight.grad is None and not vars(weight) for weight in vae.parameters())
    for mine, theirs in zip(vae.modules(), plain.modules(), strict=True):
        assert vars(mine).keys() == vars(theirs).keys()
    assert len(pickle.dumps(vae)) == len(pickle.dumps(plain))


def test_a_vae_of_dp_sgd_has_no_hooks_and_can_be_trained_on(x: torch.Tensor) -> None:
    vae, _ = DPSGDTrainer(8.0).fit(x, SETTINGS, generator=seeded())
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
    trained, _ = DPSGDTrainer(8.0).fit(x, settings, generator=seeded())
    with torch.no_grad():
        before, after = (vae.elbo(unseen, generator=seeded(9)).value.item() for vae in (untrained, trained))
    assert after > before + 10


def test_dp_sgd_trains_a_conditional_noise_aware_vae_and_accounts_for_it_as_for_any(digits: Dataset) -> None:
    settings = VAESettings(latent_dim=3, hidden=16, epochs=2, batch_size=50, n_classes=10)
    noise = MechanismNoise(EuclideanLaplace(2.0), 1.5)
    options = {"y": digits.y[:200], "latent_noise": noise, "generator": seeded()}
    vae, covered = DPSGDTrainer(8.0).fit(digits.x[:200], settings, **options)
    plain = DPSGDTrainer(8.0).fit(digits.x[:200], replace(settings, n_classes=0), generator=seeded())[1]
    assert vae.sizes["n_classes"] == 10
    assert covered.dp == plain.dp
