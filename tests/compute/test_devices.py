"""Devices: which one is taken, and that everything computes on another one what it computes on the CPU."""

import copy
import multiprocessing
from collections.abc import Callable

import pytest
import torch
from elsewhere import ELSEWHERE, elsewhere
from seeding import seeded

from vaeprivacy import classifiers
from vaeprivacy.attacks.catalogue import attacks_on
from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier, new_classifier
from vaeprivacy.compute.devices import best_device, device_name, exact_device, memory_of, to_double, workers
from vaeprivacy.compute.ensemble import models_that_fit
from vaeprivacy.datasets import load
from vaeprivacy.defences import DPSGD, Framework, MomentsScattering, PriorSampling, RecordNoise
from vaeprivacy.dp_classifier import fit_dp_classifier
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.mechanisms.denoisers import DENOISERS
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher
from vaeprivacy.mechanisms.whitened import WhitenedLaplace
from vaeprivacy.scattering import scattering
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import PlainTrainer, PublicTrainer
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

SMALL = VAESettings(epochs=2, latent_dim=3, hidden=16)
TOLD = VAESettings(epochs=2, latent_dim=3, hidden=16, n_classes=10)
MECHANISMS = {
    "Euclidean": EuclideanLaplace(2.0),
    "Coordinate": CoordinateLaplace(2.0),
    "Gaussian": Gaussian(1.0),
    "vMF": VonMisesFisher(2.0, 3**0.5),
    "Whitened": WhitenedLaplace(2.0, 2 * torch.eye(3)),
}
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def released(x: torch.Tensor, y: torch.Tensor, synthesizer: Synthesizer) -> torch.Tensor:
    return synthesizer.fit(x, y, generator=seeded(1)).release(x, y, generator=seeded(2)).x


def of_mechanism(mechanism, aware: bool) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    return lambda x, y: released(x, y, Synthesizer(mechanism, TOLD if aware else SMALL, noise_aware=aware))


WORK: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor | float]] = {
    "VAE": lambda x, y: fit_vae(x, SMALL, generator=seeded())[1].elbo.iloc[-1],
    "conditional VAE": lambda x, y: fit_vae(x, TOLD, y=y, generator=seeded())[1].elbo.iloc[-1],
    "classifier": lambda x, y: accuracy(fit_classifier(x, y, n_classes=10, generator=seeded()), x, y),
    "DP-SGD": lambda x, y: accuracy(
        fit_dp_classifier(x, y, n_classes=10, epsilon=3.0, delta=1e-5, generator=seeded())[0], x, y
    ),
    "VAE with DP-SGD and labels": lambda x, y: released(
        x,
        y,
        Synthesizer(EuclideanLaplace(2.0), SMALL, labels=RandomisedResponse(1.0, 10), trainer=DPSGDTrainer(3.0, 1e-5)),
    ),
    "scattering": lambda x, y: scattering(x, image_shape=(8, 8)),
    **{f"{name} for the decoder": of_mechanism(mechanism, False) for name, mechanism in MECHANISMS.items()},
    **{f"{name} in training": of_mechanism(mechanism, True) for name, mechanism in MECHANISMS.items()},
    **{
        name: lambda x, y, denoiser=denoiser: released(x, y, Synthesizer(Gaussian(1.0), SMALL, denoiser=denoiser))
        for name, denoiser in DENOISERS.items()
    },
}


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = load("digits")
    return data.x[:120], data.y[:120]


@pytest.mark.parametrize("name", WORK)
def test_another_device_gives_the_same_numbers(name, digits, monkeypatch):
    here = WORK[name](*digits)
    with elsewhere(monkeypatch) as device:
        there = WORK[name](*(each.to(device) for each in digits))
        if isinstance(there, torch.Tensor):
            assert there.device == device
            there = there.cpu()
    assert torch.equal(torch.as_tensor(there), torch.as_tensor(here))


@gpu
@pytest.mark.parametrize("name", WORK)
def test_cuda_gives_the_same_numbers_up_to_rounding(name, digits):
    here = WORK[name](*digits)
    there = WORK[name](*(each.to("cuda") for each in digits))
    torch.testing.assert_close(
        torch.as_tensor(there).cpu(), torch.as_tensor(here), rtol=0, atol=0.02, check_dtype=False
    )


def test_a_mixture_of_devices_is_refused_by_the_pretended_one_too(monkeypatch):
    with elsewhere(monkeypatch) as device:
        with pytest.raises(RuntimeError, match="same device"):
            torch.ones(3, device=device) + torch.ones(3)
        with pytest.raises(TypeError, match="no float64"):
            torch.ones(3, device=device).double()
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, device=device, generator=seeded())


def test_lists_are_indices_there_as_here(monkeypatch):
    here = torch.arange(12.0).reshape(4, 3)
    with elsewhere(monkeypatch) as device:
        there = here.to(device)
        found = [there[[2, 0]], there[[3, 1], [0, 2]], there[:, [1]]]
        there[[1]] = 0.0
    assert [each.tolist() for each in found] == [here[[2, 0]].tolist(), [9.0, 5.0], here[:, [1]].tolist()]
    assert there.tolist()[1] == [0.0, 0.0, 0.0]


DEFENCES = [
    Framework(4.0, vae=TOLD, noise_aware=True, labels=RandomisedResponse(2.0, 10)),
    PriorSampling(vae=SMALL, trainer=PublicTrainer()),
    RecordNoise(8.0),
    DPSGD(8.0, 1e-5, scattering=True),
    MomentsScattering(20.0),
]


def test_a_sweep_elsewhere_finds_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("VAEPRIVACY_DEVICE", "cpu")
    small = {"dataset": "digits", "n_members": 60, "n_models": 4, "classifier": ClassifierSettings(epochs=2)}
    # Scattering takes too long for the attacks that query many copies of each record.
    configs = [Config(defence=each, attacks="few" if each.keeps_features else "all", **small) for each in DEFENCES]
    here = sweep(configs, directory=tmp_path / "here", n_jobs=1, progress=False)
    with elsewhere(monkeypatch):
        there = sweep(configs, directory=tmp_path / "there", n_jobs=1, progress=False)
    assert not there.error.any()
    assert there[["key", "attack", "test_accuracy"]].equals(here[["key", "attack", "test_accuracy"]])
    assert there.auc.to_numpy() == pytest.approx(here.auc.to_numpy(), abs=1e-3)


@pytest.mark.parametrize("training", [PlainTrainer(), PublicTrainer()])
def test_attacks_on_a_generative_model_compute_where_it_is(training, digits, monkeypatch):
    from vaeprivacy.attacks.base import Candidates
    from vaeprivacy.experiments.game import Game

    x, y = digits
    is_member = torch.arange(len(x)) % 2 == torch.arange(4)[:, None] % 2
    vaes = [VAE(64, latent_dim=3, hidden=8, generator=seeded(i)) for i in range(4)]

    def attacked(device: torch.device | str) -> dict[str, torch.Tensor]:
        records = Candidates(x=x.to(device), y=y)
        game = Game(records, records, 0, every=True)
        there = [copy.deepcopy(vae).to(device) for vae in vaes]
        synthesizer = Synthesizer(None, SMALL, vae=there[0], trainer=training)
        others = {"references": there[2:], "in_references": is_member[2:]}
        found = game.attack_vae(game.candidates.x, synthesizer=synthesizer, **others)
        return {name: scores for name, (scores, _) in found.items()}

    here = attacked("cpu")
    assert set(here) == set(attacks_on("encoder and decoder"))
    with elsewhere(monkeypatch) as device:
        there = attacked(device)
    assert all(torch.allclose(there[name], here[name], rtol=1e-5) for name in here)


# Which device is taken


def test_the_variable_decides(monkeypatch):
    monkeypatch.setenv("VAEPRIVACY_DEVICE", "cpu")
    assert best_device() == torch.device("cpu")


@pytest.mark.parametrize("wanted", ["tpu9", "cuda:77"])
def test_a_device_that_is_not_there_is_refused(wanted, monkeypatch):
    monkeypatch.setenv("VAEPRIVACY_DEVICE", wanted)
    with pytest.raises(ValueError, match=rf"VAEPRIVACY_DEVICE is '{wanted}', but this machine has .*cpu: set it"):
        best_device()


def test_cuda_comes_first_and_processes_take_gpus_in_turn(monkeypatch):
    monkeypatch.delenv("VAEPRIVACY_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    taken = []
    for name in ("MainProcess", "LokyProcess-1", "LokyProcess-2", "LokyProcess-3"):
        monkeypatch.setattr(multiprocessing.current_process(), "_name", name)
        taken.append(best_device().index)
    assert taken == [0, 0, 1, 0]


def test_without_cuda_it_is_mps_and_else_the_cpu(monkeypatch):
    monkeypatch.delenv("VAEPRIVACY_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for there, kind in ((True, "mps"), (False, "cpu")):
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=there: there)
        assert best_device().type == kind
        assert exact_device(best_device()).type == "cpu"


def test_a_device_has_a_name_and_memory():
    assert device_name("cpu").endswith("(cpu)") and len(device_name("cpu")) > 6
    assert device_name(ELSEWHERE) == "device (meta)"
    assert 10**6 < memory_of("cpu") < 10**14


def test_processes_are_as_many_as_asked_or_one_a_gpu(monkeypatch):
    monkeypatch.setenv("VAEPRIVACY_DEVICE", "cpu")
    assert [workers(-1), workers(3)] == [-1, 3]
    monkeypatch.delenv("VAEPRIVACY_DEVICE")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [workers(-1), workers(3)] == [2, 3]


def test_models_are_stacked_as_memory_allows_on_a_gpu(monkeypatch):
    config = Config(dataset="digits", n_members=60, n_models=8)
    assert [len(chunk) for chunk in Pool.of(config).chunks] == [4, 4]
    settings = config.classifier
    model = new_classifier(64, settings, n_classes=10, generator=torch.Generator())
    three = models_that_fit(model, 64, batch_size=settings.batch_size, memory=10**9)
    with elsewhere(monkeypatch):
        for fit, sizes in ((three, [8]), (3, [3, 3, 2])):
            monkeypatch.setattr(classifiers, "memory_of", lambda _, fit=fit: 2 * (10**9 * fit // three + 1))
            assert [len(chunk) for chunk in Pool.of(config).chunks] == sizes


def test_double_precision_is_found_where_it_is(monkeypatch):
    assert to_double(torch.ones(2)).dtype == torch.float64
    with elsewhere(monkeypatch) as device:
        doubled = to_double(torch.tensor([0.1, 2.0]).to(device))
        assert (doubled.device.type, doubled.dtype) == ("cpu", torch.float64)
        assert torch.equal(doubled, torch.tensor([0.1, 2.0]).double())
