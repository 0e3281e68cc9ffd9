"""What several test files share: the digits, a configuration that trains in a moment, and no network."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
# Before torch and scikit-learn are loaded: on such small tables, threads that wait for each other cost far more time.
os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib.pyplot as plt
import pandas as pd
import pooch
import pytest
import torch
from hypothesis import settings
from order import pytest_collection_modifyitems  # noqa: F401 (a hook: long files first)
from seeding import seeded

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset, load, sources
from vaeprivacy.defences import Framework, NoDefence
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAE, VAESettings

# The same examples at every run: a failure on one machine is a failure on all. No deadline, because machines differ.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep each test off the network, away from the user's data folder, and to one thread."""

    def no_network(*args: object, **options: object) -> None:
        # Not an OSError: the package turns those into advice, and a test would not notice the attempt.
        raise AssertionError("A test tried to download something.")

    monkeypatch.setattr(pooch, "retrieve", no_network)
    monkeypatch.setattr(sources, "unpack_package", no_network)
    monkeypatch.delenv("VAEPRIVACY_DATA", raising=False)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    plt.close("all")


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """The 1,797 images that come with scikit-learn."""
    return load("digits")


@pytest.fixture(scope="session")
def x(digits: Dataset) -> torch.Tensor:
    """Forty of the images."""
    return digits.x[:40]


@pytest.fixture(scope="session")
def y(digits: Dataset) -> torch.Tensor:
    """Their labels."""
    return digits.y[:40]


@pytest.fixture(scope="session")
def config() -> Config:
    """A run on 100 members that takes a moment."""
    return Config(
        dataset="digits",
        defence=Framework(1.0, vae=VAESettings(latent_dim=3, hidden=16, epochs=3)),
        n_members=100,
        n_models=4,
        classifier=ClassifierSettings(hidden=16, epochs=20),
    )


@pytest.fixture(scope="session")
def raw(config: Config) -> Config:
    """The same without defence."""
    return replace(config, defence=NoDefence())


@pytest.fixture(scope="session")
def configs(config: Config, raw: Config) -> list[Config]:
    """A small sweep: raw data, the framework without noise and with noise."""
    return [raw, replace(config, defence=replace(config.defence, epsilon=None)), config]


@pytest.fixture(scope="session")
def swept(configs: list[Config], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Directory and table of that sweep, undisturbed and in one process."""
    directory = tmp_path_factory.mktemp("swept")
    return directory, sweep(configs, directory=directory, n_jobs=1, progress=False)


@pytest.fixture(scope="session")
def vae() -> VAE:
    """A VAE for digits as it is before training: what holds for any weights is tested on these."""
    return VAE(64, latent_dim=3, hidden=16, generator=seeded(5))


@pytest.fixture
def fitted(vae: VAE) -> Synthesizer:
    """A synthesizer with much noise and a ball so small that it cuts some codes off."""
    return Synthesizer(EuclideanLaplace(0.5), VAESettings(latent_dim=3, hidden=16, epochs=2), radius=0.26, vae=vae)
