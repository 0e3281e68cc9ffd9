"""What the modules of the golden files share: folders, digits, small settings, and what a command or an error says."""

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from click import unstyle
from typer.testing import CliRunner

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.cli.app import app
from vaeprivacy.datasets import Dataset, load
from vaeprivacy.dp_sgd import DP_SETTINGS, DPSGDTrainer
from vaeprivacy.experiments.config import Config
from vaeprivacy.mechanisms.denoisers import DENOISERS
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAESettings

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COURSEWORK, RECORDS = (ROOT / "vaeprivacy" / room for room in ("course/sources", "reporting/results"))
ARRAYS, TEXTS, SEED_NAMES = HERE / "arrays.npz", HERE / "texts.json", HERE / "seed_names.json"
#: Results of one group: arrays, and texts (or lists and mappings of texts) for JSON. Those whose names begin with
#: "exact" are compared only on the machine where they were recorded.
Results = dict[str, Any]

SMALL = VAESettings(latent_dim=3, hidden=16, epochs=3)
CONDITIONAL = replace(SMALL, n_classes=10)
CONVOLUTIONAL = replace(SMALL, architecture="convolutional", epochs=1)
CLASSIFIER = ClassifierSettings(hidden=16, epochs=3)
RESNET = ClassifierSettings(hidden=4, epochs=1, architecture="resnet9")
RUN = Config(dataset="digits", n_members=24, n_models=4, classifier=CLASSIFIER)
KEY = b"the key of the golden files"
SYNTHESIZERS: dict[str, Synthesizer] = {
    "paper": Synthesizer(EuclideanLaplace(2.0), SMALL),
    "no noise": Synthesizer(None, SMALL),
    "gaussian": Synthesizer(Gaussian(1.0), SMALL, radius=2.0),
    "coordinates": Synthesizer(CoordinateLaplace(2.0), SMALL, radius=2.0),
    "sphere": Synthesizer(VonMisesFisher(2.0, 1.5), SMALL, radius=1.5),
    "conditional": Synthesizer(
        EuclideanLaplace(2.0), CONDITIONAL, denoiser=DENOISERS["posterior-mean"], labels=RandomisedResponse(2.0, 10)
    ),
    "noise-aware": Synthesizer(EuclideanLaplace(2.0), SMALL, noise_aware=True),
    "disjoint": Synthesizer(EuclideanLaplace(2.0), SMALL, trainer=PublicTrainer(), labels=RandomisedResponse(2.0, 10)),
    "DP-SGD": Synthesizer(
        EuclideanLaplace(2.0),
        replace(DP_SETTINGS, latent_dim=3, hidden=16, epochs=3),
        trainer=DPSGDTrainer(8.0),
        labels=RandomisedResponse(2.0, 10),
    ),
}


def seeded(seed: int = 0) -> torch.Generator:
    """Return a seeded generator."""
    return torch.Generator().manual_seed(seed)


@cache
def digits() -> Dataset:
    """Return the images that come with scikit-learn."""
    return load("digits")


@cache
def _shared_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()


def shared_folder() -> Path:
    """Return a folder for files that several runs share, so that what they have in common is trained once."""
    return Path(_shared_folder().name)


@contextlib.contextmanager
def empty_folder() -> Iterator[Path]:
    """Work in an empty folder."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield Path(folder)


def sha256(value: str | bytes) -> str:
    """Return the beginning of a hash."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()[:16]


def command(*arguments: str) -> str:
    """Return what the command prints, after its exit status."""
    plain = {"COLUMNS": "120", "TERM": "dumb", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, list(arguments), env=plain)
    output = re.sub(r"[\w ]+: +\d+%\|[^\]\n]*\][\r\n]*", "", unstyle(result.output))  # no bars, which tell the time
    output = "\n".join(line.rstrip() for line in output.splitlines())
    return f"exit status {result.exit_code}\n{output}"


def refused(call: Callable[[], Any]) -> str:
    """Return the kind and the sentence of the error that a call ends with."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"
