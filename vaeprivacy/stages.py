"""The stages of a run that leave files: VAEs of the defender and of adversaries, releases, shadow models.

Each file is named after all that it depends on, the package's own code included. So an interrupted sweep continues
where it stopped, and changed code never meets old files.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vaeprivacy.attacks import Shadows
from vaeprivacy.attacks.shadow import chunk_answers
from vaeprivacy.classifiers import ClassifierRecipe, fit_classifier, predict
from vaeprivacy.config import Config, run_key
from vaeprivacy.coverage import OnDisjointRecords
from vaeprivacy.data import Split, load
from vaeprivacy.mechanisms import EuclideanLaplace
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.storage import stored
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE

MODELS_AT_ONCE = 4  # shadow models trained together in one process: more gain nothing (benchmarks/attacks.py)

# Runs of one process share their data set in memory.
load_once = cache(load)


def framework_vae(config: Config, directory: Path, who: str) -> VAE:
    """Return the VAE of the defender ("target") or of an adversary's copy of the framework ("shadow 0", ...).

    Trained on disjoint records, which are public, the defender's VAE is everybody's.
    """
    who = "public" if isinstance(config.training, OnDisjointRecords) else who
    path = directory / "vaes" / f"{run_key(config.model, who)}.safetensors"

    def make() -> VAE:
        data = load_once(config.dataset)
        parts = config.split(data.y)
        if who.startswith("shadow"):
            number = int(who.removeprefix("shadow "))
            mine = shadow_records(parts)[config.shadow_memberships(data.y, parts)[number]]
        else:
            mine = parts.public if who == "public" else parts.members
        generator = seeded_generator(config.seed, f"{who} vae")
        return config.training.fit(data.x[mine], config.vae, generator=generator)[0]

    return stored(path, make, VAE.save, VAE.load)


def reference_vaes(config: Config, directory: Path) -> list[VAE]:
    """Return the VAEs that the adversary has trained on its own records, to compare the defender's with."""
    return [framework_vae(config.reference_model, directory, f"shadow {i}") for i in range(config.n_shadows)]


def shadow_records(parts: Split) -> torch.Tensor:
    """Return the records that shadow models are asked about, reference records and then candidates, as indices."""
    return torch.cat([parts.reference, parts.candidates])


def training_records(
    config: Config, directory: Path, x: torch.Tensor, y: torch.Tensor, who: str
) -> tuple[Synthesizer | None, Release]:
    """Return what the classifier of the defender or of one shadow is trained on, and the synthesizer that made it."""
    if config.defence == "none":
        return None, Release(x, y, None)
    mechanism = None if config.epsilon is None else EuclideanLaplace(config.epsilon)
    synthesizer = Synthesizer(mechanism, config.vae, vae=framework_vae(config, directory, who))
    generator = seeded_generator(config.seed, f"{who} noise {config.label}, {config.training!r}")
    return synthesizer, synthesizer.release(x, y, generator=generator)


def fit_on(config: Config, release: Release, n_classes: int, who: str) -> nn.Module:
    """Return the classifier of the defender or of one shadow, trained on a release."""
    generator = seeded_generator(config.seed, f"{who} classifier")
    return fit_classifier(release.x, release.y, config.classifier, n_classes=n_classes, generator=generator)


class Defended(nn.Module):
    """A classifier together with the synthesizer that made its training records."""

    def __init__(self, synthesizer: Synthesizer, classifier: nn.Module) -> None:
        super().__init__()
        self.synthesizer, self.classifier = synthesizer, classifier


@torch.no_grad()
def ask_defended(model: Defended, x: torch.Tensor) -> torch.Tensor:
    """Ask about records as they are, and as encoder and decoder render them: shape (records, 2, classes)."""
    return torch.stack([predict(model.classifier, x), predict(model.classifier, model.synthesizer.reconstruct(x))], 1)


@dataclass(frozen=True)
class FrameworkRecipe:
    """Trains shadow models through the adversary's own copy of the framework.

    See :data:`vaeprivacy.attacks.shadow.Recipe`.

    Attributes
    ----------
    config : Config
        The run whose defence is copied.
    directory : pathlib.Path
        Where the VAEs are.
    n_classes : int
        Number of classes.
    """

    config: Config
    directory: Path
    n_classes: int

    def __call__(
        self, x: torch.Tensor, y: torch.Tensor, subsets: list[torch.Tensor], numbers: list[int]
    ) -> list[Defended]:
        """Train the shadow models with these numbers."""
        models = []
        for subset, number in zip(subsets, numbers, strict=True):
            who = f"shadow {number}"
            synthesizer, release = training_records(self.config, self.directory, x[subset], y[subset], who)
            models.append(Defended(synthesizer, fit_on(self.config, release, self.n_classes, who)))
        return models


def shadow_chunks(config: Config) -> list[list[int]]:
    """Return the numbers of a run's shadow models, in the chunks in which they are trained."""
    at_once = MODELS_AT_ONCE if config.defence == "none" else 1
    return [chunk.tolist() for chunk in torch.arange(config.n_shadows).split(at_once)]


def shadow_answers(config: Config, directory: Path, numbers: list[int]) -> np.ndarray:
    """Train a chunk of a run's shadow models, or read what it left, and return its answers.

    Their shape is (models, records, classes), or with the framework (models, records, 2, classes), see
    :func:`ask_defended`.
    """
    data = load_once(config.dataset)
    parts = config.split(data.y)
    records = shadow_records(parts)
    recipe, ask = (
        (ClassifierRecipe(data.n_classes, config.seed, config.classifier), predict)
        if config.defence == "none"
        else (FrameworkRecipe(config, directory, data.n_classes), ask_defended)
    )
    return chunk_answers(
        data.x[records], data.y[records], is_member=config.shadow_memberships(data.y, parts), recipe=recipe, ask=ask,
        directory=directory / "shadows" / run_key(config), numbers=numbers,
    )  # fmt: skip


def shadows(config: Config, directory: Path) -> list[Shadows]:
    """Return what shadow models, trained with the defence of `config`, say about reference records and candidates.

    Parameters
    ----------
    config : Config
        The run.
    directory : pathlib.Path
        Where the files of all stages are; models that are there are not trained again.

    Returns
    -------
    list of Shadows
        The answers about the records as they are; with the framework, also about the records as encoder and decoder of
        each shadow model render them.
    """
    chunks = [shadow_answers(config, directory, numbers) for numbers in shadow_chunks(config)]
    answers = torch.from_numpy(np.concatenate(chunks))
    y = load_once(config.dataset).y
    parts = config.split(y)
    ways = [answers] if config.defence == "none" else answers.unbind(dim=2)
    return [Shadows(of_way, y[shadow_records(parts)], config.shadow_memberships(y, parts)) for of_way in ways]


def train_target(config: Config, directory: Path) -> tuple[nn.Module, Synthesizer | None, Release]:
    """Return the defender's classifier, what made its training records, and these records."""
    data = load_once(config.dataset)
    members = config.split(data.y).members
    synthesizer, release = training_records(config, directory, data.x[members], data.y[members], "target")
    return fit_on(config, release, data.n_classes, "target"), synthesizer, release
