"""Checkpoints: a training that was interrupted ends as if it had not been."""

import itertools
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
from elsewhere import elsewhere
from seeding import seeded
from systems import posix_only

from vaeprivacy.classifiers import ClassifierSettings, fit_classifier
from vaeprivacy.compute import checkpoints
from vaeprivacy.compute.checkpoints import Checkpoint, fingerprint, to_cpu
from vaeprivacy.datasets import load
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

VAE_SETTINGS = VAESettings(latent_dim=3, hidden=16, epochs=6, n_classes=10)
CLASSIFIER = ClassifierSettings(hidden=16, epochs=5, batch_size=20)


class StopError(Exception):
    """Stands for whatever interrupts a training."""


@pytest.fixture(scope="module")
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    data = load("digits")
    return data.x[:200], data.y[:200]


@pytest.fixture
def always(monkeypatch):
    """Write at each occasion."""
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)


def small(path=None):
    """Return a checkpoint of an optimizer of one weight, and of a generator."""
    return Checkpoint(path, ["about"], torch.optim.Adam([torch.zeros(2, requires_grad=True)]), [seeded()])


def vae_of(digits, path=None, stop_after=None, settings=VAE_SETTINGS, seed=0):
    def stop(history: pd.DataFrame) -> None:
        if stop_after is not None and history.epoch.max() == stop_after:
            raise StopError

    return fit_vae(digits[0], settings, y=digits[1], generator=seeded(seed), checkpoint=path, on_epoch=stop)


def same(one: torch.nn.Module, two: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), two.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# Impossible


def test_a_file_of_another_kind_is_refused_and_stays(tmp_path):
    path = tmp_path / "vae.ckpt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match=r"vae.ckpt is no checkpoint \(it is of another kind\): delete it\.$"):
        small(path).resume()
    assert path.read_bytes() == b"not a checkpoint"


@pytest.mark.parametrize("change", ["settings", "data", "seed"])
def test_a_checkpoint_of_another_training_is_refused(digits, tmp_path, always, change):
    path = tmp_path / "vae.ckpt"
    with pytest.raises(StopError):
        vae_of(digits, path, stop_after=1)
    data = (digits[0] * 0.5, digits[1]) if change == "data" else digits
    settings = VAESettings(latent_dim=3, hidden=16, epochs=7, n_classes=10) if change == "settings" else VAE_SETTINGS
    with pytest.raises(ValueError, match=r"vae.ckpt is the checkpoint of a training with other settings, data or seed"):
        vae_of(data, path, settings=settings, seed=1 if change == "seed" else 0)


# Known answers


def test_without_a_file_there_is_nothing_to_read_and_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "fingerprint", lambda *_: pytest.fail("must not look at the data"))
    none = small()
    none.keep(1, now=True)
    assert none.resume() is None
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_written_when_it_is_time_to(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])
    checkpoint = small(tmp_path / "a" / "b.ckpt")
    assert checkpoint.resume() is None
    for clock[0], expected in ((1.0, 1.0), (5.0, 1.0), (11.5, 11.5), (15.0, 11.5), (22.0, 22.0)):
        checkpoint.keep({"at": clock[0]})
        assert checkpoint.resume() == {"at": expected}
    checkpoint.keep({"n": 9}, now=True)
    assert checkpoint.resume() == {"n": 9}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.ckpt"]  # and no unfinished files


def test_weights_optimizer_and_random_numbers_go_back_in_place(tmp_path):
    def step(checkpoint: Checkpoint) -> torch.Tensor:
        weight = checkpoint.optimizer.param_groups[0]["params"][0]
        weight.grad = torch.rand(2, generator=checkpoint.generators[0])
        checkpoint.optimizer.step()
        return weight

    kept, resumed = small(tmp_path / "a.ckpt"), small(tmp_path / "a.ckpt")
    step(kept)
    kept.keep(None)
    expected = step(kept)
    resumed.resume()
    assert torch.equal(step(resumed), expected)
    assert not torch.equal(step(small()), expected)


def test_what_is_kept_can_be_read_without_the_device(monkeypatch):
    with elsewhere(monkeypatch) as device:
        tensor = torch.ones(2).to(device)
        kept = to_cpu({"a": [tensor, (1, tensor)], "b": "text"})
    assert type(kept["a"][0]) is type(kept["a"][1][1]) is torch.Tensor
    assert kept["b"] == "text" and kept["a"][1][0] == 1


def test_a_fingerprint_tells_shapes_types_and_values_apart():
    one = torch.arange(4.0)
    others = [one.reshape(2, 2), one.int(), one + 1, one.double()]
    assert len({fingerprint("settings", each) for each in [one, *others]}) == 5
    assert fingerprint("a", one) != fingerprint("b", one)
    assert fingerprint("a", one) == fingerprint("a", one.clone())


# Properties


@pytest.mark.parametrize("stop_after", [1, 3, 5, 6])
def test_a_vae_that_was_interrupted_is_the_same(digits, tmp_path, always, stop_after):
    whole, history = vae_of(digits)
    path = tmp_path / "vae.ckpt"
    with pytest.raises(StopError):
        vae_of(digits, path, stop_after=stop_after)
    seen = []
    resumed, again = fit_vae(
        digits[0],
        VAE_SETTINGS,
        y=digits[1],
        generator=seeded(),
        checkpoint=path,
        on_epoch=lambda history: seen.append(history.epoch.max()),
    )
    assert seen == list(range(stop_after + 1, 7))
    assert same(resumed, whole)
    assert again.equals(history)


def test_a_vae_that_stopped_early_is_not_trained_further(digits, tmp_path):
    settings = VAESettings(latent_dim=3, hidden=16, epochs=50, patience=1, learning_rate=0.3)
    path, options = tmp_path / "vae.ckpt", {"generator": seeded()}
    first, history = fit_vae(digits[0], settings, checkpoint=path, **options)
    assert history.epoch.max() < 50
    again, same_history = fit_vae(
        digits[0], settings, checkpoint=path, generator=seeded(), on_epoch=lambda _: pytest.fail("an epoch too many")
    )
    assert same(first, again) and same_history.equals(history)


@pytest.mark.parametrize("stop_after", [1, 4])
def test_a_classifier_that_was_interrupted_is_the_same(digits, tmp_path, always, monkeypatch, stop_after):
    x, y = digits
    whole = fit_classifier(x, y, CLASSIFIER, n_classes=10, generator=seeded())
    path, keep, times = tmp_path / "classifier.ckpt", Checkpoint.keep, itertools.count(1)

    def keep_and_stop(self, more, *, now=False):
        keep(self, more, now=now)
        if next(times) == stop_after:
            raise StopError

    monkeypatch.setattr(Checkpoint, "keep", keep_and_stop)
    with pytest.raises(StopError):
        fit_classifier(x, y, CLASSIFIER, n_classes=10, generator=seeded(), checkpoint=path)
    resumed = fit_classifier(x, y, CLASSIFIER, n_classes=10, generator=seeded(), checkpoint=path)
    assert next(times) == 5 + 1  # five occasions in all: no epoch was done twice
    assert same(resumed, whole)


KILLED = """
import sys
from pathlib import Path
from vaeprivacy.compute import checkpoints
from vaeprivacy.datasets import load
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.vae import VAESettings
from vaeprivacy.vae_training import fit_vae
checkpoints.EVERY_S = 0.0
vae, _ = fit_vae(load("digits").x, VAESettings(epochs=12, patience=12), generator=seeded_generator(0, "killed"),
                 checkpoint=Path(sys.argv[1]))
vae.save(sys.argv[2])
"""


@posix_only
def test_a_training_that_was_killed_goes_on(tmp_path):
    path, saved = tmp_path / "vae.ckpt", tmp_path / "vae.safetensors"
    command = [sys.executable, "-c", KILLED, str(path)]
    process = subprocess.Popen([*command, str(saved)])
    while not path.exists() and process.poll() is None:
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not saved.exists() and path.exists()
    subprocess.run([*command, str(saved)], check=True)
    settings = VAESettings(epochs=12, patience=12)
    whole, _ = fit_vae(load("digits").x, settings, generator=seeded_generator(0, "killed"))
    assert same(VAE.load(saved), whole)
