"""The framework for people's own tables: each row is encoded, noised and decoded, one for one."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.distances import EUCLIDEAN
from vaeprivacy.guarantee import Guarantee, ModelCoverage, ReleaseCount
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import TRAINERS, DPSGDTrainer, PlainTrainer, Trainer
from vaeprivacy.vae import VAESettings
from vaeprivacy.vae_training import new_vae

PREFIX = "vae "  # of the names of weights in a file


def framework(epsilon: float, trainer: Trainer | None) -> Synthesizer:
    """Return the framework whose noise makes any two records of one label epsilon-indistinguishable, given the model.

    No two codes are further apart than twice the radius, so epsilon per unit of distance is epsilon / (2 R).
    """
    settings = VAESettings()
    radius = EUCLIDEAN.typical_norm(settings.latent_dim)
    return Synthesizer(EuclideanLaplace(epsilon / (2 * radius)), settings, trainer=trainer or PlainTrainer())


def promise(synthesizer: Synthesizer, *, releases: int, seeded: bool) -> Guarantee:
    """Return what so many releases promise, at least one, and what they leave out."""
    of_mechanism = synthesizer.mechanism.guarantee(synthesizer.radius)
    return replace(of_mechanism, model=synthesizer.coverage, releases=max(1, releases), seeded=seeded)


def to_file(synthesizer: Synthesizer) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the weights of a fitted framework, and what else a file says of it.

    Raises
    ------
    ValueError
        If its trainer keeps what no file may hold, as PublicTrainer does, or is of an unknown kind.
    """
    trainer = synthesizer.trainer
    if not isinstance(trainer, PlainTrainer | DPSGDTrainer):
        raise ValueError(f"Only what PlainTrainer() or DPSGDTrainer(...) trained is written to files, not {trainer!r}.")
    weights = {PREFIX + name: weight.contiguous() for name, weight in synthesizer.vae.state_dict().items()}
    return weights, {"trainer": asdict(trainer), "coverage": asdict(synthesizer.coverage)}


def from_file(
    tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any], *, features: int, releases: ReleaseCount
) -> Synthesizer:
    """Return the framework that :func:`to_file` took apart, for records of so many features.

    Raises
    ------
    Exception
        Of some kind, if the parts do not fit each other.
    """
    trainer = dict(about["trainer"])
    made = framework(about["settings"]["epsilon"], TRAINERS[trainer.pop("name")](**trainer))
    made.vae = new_vae(features, made.settings, generator=torch.Generator())
    weights = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    made.vae.load_state_dict(weights)
    if not all(weight.isfinite().all() for weight in weights.values()):
        raise ValueError("Some weights are not finite.")
    coverage = dict(about["coverage"])
    coverage["dp"] = coverage["dp"] and Indistinguishability(**coverage["dp"])
    return replace(made, coverage=ModelCoverage(**coverage), releases=releases)
