"""A VAE for people's own records: rows that are encoded, noised and decoded, or samples of one with DP-SGD."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import torch

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_whole
from vaeprivacy.distances import EUCLIDEAN
from vaeprivacy.dp_sgd import DP_SETTINGS
from vaeprivacy.guarantee import Guarantee, ModelCoverage, ReleaseCount
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.randomness import RandomSource, normals
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import TRAINERS, DPSGDTrainer, PlainTrainer, Trainer
from vaeprivacy.vae import VAE, VAESettings, check_finite
from vaeprivacy.vae_training import new_vae

PREFIX = "vae "  # of the names of weights in a file
HOW = (
    "The model is a VAE that was trained on whole records with DP-SGD, up to the last digits of its single-precision "
    "noise, which nobody has accounted for."
)


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
    return weights_of(synthesizer.vae), {"trainer": asdict(trainer), "coverage": asdict(synthesizer.coverage)}


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
    made.vae = vae_of(tensors, features, made.settings)
    coverage = dict(about["coverage"])
    coverage["dp"] = coverage["dp"] and Indistinguishability(**coverage["dp"])
    return replace(made, coverage=ModelCoverage(**coverage), releases=releases)


def weights_of(vae: VAE) -> dict[str, torch.Tensor]:
    """Return the weights of a VAE under names of their own."""
    return {PREFIX + name: weight.contiguous() for name, weight in vae.state_dict().items()}


def vae_of(tensors: Mapping[str, torch.Tensor], features: int, settings: VAESettings = DP_SETTINGS) -> VAE:
    """Return the VAE with the weights that :func:`weights_of` gave."""
    vae = new_vae(features, settings, generator=torch.Generator())
    weights = {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items() if name.startswith(PREFIX)}
    vae.load_state_dict(weights)
    if not all(weight.isfinite().all() for weight in weights.values()):
        raise ValueError("Some weights are not finite.")
    return vae


def dp_trainer(epsilon: float, delta: float) -> DPSGDTrainer:
    """Return what trains a VAE so that all that is made with it is (epsilon, delta)-private for replacing a record."""
    return DPSGDTrainer(epsilon, delta, adjacency="replace")


def fit_vae(x: torch.Tensor, *, epsilon: float, delta: float, generator: RandomSource) -> VAE:
    """Train a VAE with DP-SGD on whole records in [0, 1], shape (n, features), labels included."""
    return dp_trainer(epsilon, delta).fit(x, DP_SETTINGS, generator=generator)[0]


@torch.no_grad()
def sampled(vae: VAE, n: int, *, generator: RandomSource) -> torch.Tensor:
    """Return `n` samples of a VAE's prior, decoded, shape (n, features), values in [0, 1]."""
    codes = normals((check_whole(n, "n", least=1), vae.sizes["latent_dim"]), generator=generator)
    return check_finite(vae.decode(codes.float()), "synthetic records")
