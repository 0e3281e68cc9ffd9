"""The stages of a run that leave files: generative models, and the answers of the classifiers of its pool.

Each file is named after all that it depends on, the package's own code included. So an interrupted sweep continues
where it stopped, and changed code never meets old files.
"""

from dataclasses import replace
from functools import cache, lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vaeprivacy.attacks import Shadows
from vaeprivacy.classifiers import models_at_once, predict
from vaeprivacy.compute.devices import best_device
from vaeprivacy.compute.files import load_or_compute, read_arrays, write_arrays, write_whole
from vaeprivacy.datasets import Dataset, load
from vaeprivacy.experiments.cache import run_key
from vaeprivacy.experiments.config import Config
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE


@cache
def load_once(name: str) -> Dataset:
    """Return a data set on the device to compute with; runs of one process share it."""
    return load(name).to(best_device())


def members(config: Config, number: int) -> torch.Tensor:
    """Return the records that one model of the pool is trained on, as indices into the data set."""
    y = load_once(config.dataset).y
    return config.parts(y).candidates[config.memberships(y, n_models=number + 1)[number]]


def fitted_model(config: Config, directory: Path, number: int) -> VAE:
    """Return the generative model behind one classifier of the pool; on public records, it is everybody's.

    Parameters
    ----------
    config : Config
        The run.
    directory : pathlib.Path
        Where the files of all stages are; a model that is there is not trained again.
    number : int
        Which classifier, from 0.
    """
    who = "public" if config.defence.on_public_records else f"model {number}"
    path = directory / "vaes" / f"{run_key(config.model, who)}.safetensors"

    def make() -> VAE:
        data = load_once(config.dataset)
        mine = config.parts(data.y).public if who == "public" else members(config, number)
        generator = seeded_generator(config.seed, f"{who} vae")
        options = {"n_classes": data.n_classes, "generator": generator}
        return config.model.defence.fit_model(data.x[mine], data.y[mine], **options)

    return load_or_compute(path, make, VAE.save, VAE.load).to(best_device())


def reference_vaes(config: Config, directory: Path, numbers: list[int]) -> list[VAE]:
    """Return the generative models of some others of the pool, to compare that of a target with."""
    return [fitted_model(config.reference_model, directory, number) for number in numbers]


def released(config: Config, directory: Path, number: int) -> tuple[Synthesizer | None, Release]:
    """Return what one classifier of the pool is trained on, and the synthesizer that made it of the members, if any."""
    data, mine = load_once(config.dataset), members(config, number)
    model = None if config.defence.model is None else fitted_model(config, directory, number)
    generator = seeded_generator(config.seed, f"model {number} noise {config.defence.seed_name}")
    options = {"model": model, "n_classes": data.n_classes, "generator": generator}
    synthesizer = config.defence.synthesizer(model, n_features=data.x.shape[1])
    return synthesizer, config.defence.release(data.x[mine], data.y[mine], **options)


def encoder_of(config: Config, directory: Path, number: int) -> Synthesizer | None:
    """Return the synthesizer with the encoder and decoder behind one classifier of the pool, if there are such."""
    if config.defence.model is None:
        return None
    model = fitted_model(config, directory, number)
    return config.defence.synthesizer(model, n_features=load_once(config.dataset).x.shape[1])


def chunks(config: Config) -> list[tuple[int, ...]]:
    """Return the numbers of the models of the pool, in the chunks in which they are trained."""
    data = load_once(config.dataset)
    at_once = models_at_once(data.x, config.classifier, n_classes=data.n_classes)
    return [tuple(chunk.tolist()) for chunk in torch.arange(config.n_models).split(at_once)]


@lru_cache(maxsize=1)
def asked_features(config: Config, directory: Path) -> torch.Tensor:
    """Return what classifiers see of candidates and population; features that take long are kept in a file."""
    data = load_once(config.dataset)

    def compute() -> torch.Tensor:
        return config.defence.features(data.x[config.parts(data.y).asked], image_shape=data.image_shape)

    if not config.defence.keeps_features:
        return compute()
    # They depend on the split of the data set, not on what is trained on them.
    path = directory / "features" / f"{run_key(config.raw.trained, f'features for {config.defence.name}')}.npz"
    arrays = load_or_compute(path, lambda: {"features": compute().cpu().numpy()}, write_arrays, read_arrays)
    return torch.from_numpy(arrays["features"]).to(data.x.device)


def training_set(config: Config, directory: Path, number: int) -> Release:
    """Return what one classifier of the pool is trained on, as it looks at it."""
    data = load_once(config.dataset)
    release = released(config, directory, number)[1]
    if config.defence.keeps_features:
        mine = config.memberships(data.y, n_models=number + 1)[number]
        return replace(release, x=asked_features(config, directory)[: len(mine)][mine])
    return replace(release, x=config.defence.features(release.x, image_shape=data.image_shape))


@lru_cache(maxsize=2)
def fitted_classifiers(config: Config, directory: Path, numbers: tuple[int, ...]) -> list[nn.Module]:
    """Train some classifiers of the pool, at once where the defence allows it."""
    data = load_once(config.dataset)
    return config.defence.fit_classifiers(
        [training_set(config, directory, number) for number in numbers],
        config.classifier,
        n_classes=data.n_classes,
        generators=[seeded_generator(config.seed, f"model {number} classifier") for number in numbers],
    )


def chunk_answers(config: Config, directory: Path, numbers: tuple[int, ...]) -> np.ndarray:
    """Train a chunk of the pool, or read what it left, and return its answers about candidates and population.

    Each model leaves a file of its own, so that nothing depends on how many are trained at once: another machine, with
    more memory, finds them.

    Returns
    -------
    numpy.ndarray
        Log-posteriors, shape (models, records, ways, classes). There are two ways to ask if a synthesizer stands before
        the classifier: about a record as it is, and as encoder and decoder render it; otherwise there is one.
    """
    folder = directory / "answers" / run_key(config.trained)
    paths = [folder / f"model-{number}.npz" for number in numbers]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        # All of them, even if a killed process left some: the last digits depend on the size of the chunk.
        for path, answers in zip(paths, _answers(config, directory, numbers), strict=True):
            if not path.exists():
                write_whole(path, partial(write_arrays, {"log_posteriors": answers}))
    return np.stack([read_arrays(path)["log_posteriors"] for path in paths])


def _answers(config: Config, directory: Path, numbers: tuple[int, ...]) -> np.ndarray:
    """Train a chunk of the pool and return its answers, see :func:`chunk_answers`."""
    data = load_once(config.dataset)
    look = partial(config.defence.features, image_shape=data.image_shape)
    asked, y = (each[config.parts(data.y).asked] for each in (data.x, data.y))
    as_they_are, answers = asked_features(config, directory), []
    for number, classifier in zip(numbers, fitted_classifiers(config, directory, numbers), strict=True):
        encoder = encoder_of(config, directory, number)
        ways = [as_they_are] if encoder is None else [as_they_are, look(encoder.reconstruct(asked, y))]
        answers.append(torch.stack([predict(classifier, x) for x in ways], dim=1))
    return torch.stack(answers).cpu().numpy()


def pool(config: Config, directory: Path) -> list[Shadows]:
    """Return what all models of a run say about candidates and population.

    Parameters
    ----------
    config : Config
        The run.
    directory : pathlib.Path
        Where the files of all stages are; models that are there are not trained again.

    Returns
    -------
    list of Shadows
        One for each way to ask, see :func:`chunk_answers`; candidates come first.
    """
    answers = torch.from_numpy(np.concatenate([chunk_answers(config, directory, chunk) for chunk in chunks(config)]))
    y = load_once(config.dataset).y.cpu()
    parts, is_member = config.parts(y), config.memberships(y)
    outside = torch.zeros(len(is_member), len(parts.population), dtype=torch.bool)
    is_member = torch.cat([is_member, outside], dim=1)
    return [Shadows(of_way, y[parts.asked], is_member) for of_way in answers.unbind(dim=2)]
