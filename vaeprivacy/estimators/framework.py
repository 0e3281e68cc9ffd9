"""The framework for people's own tables: each row is encoded, noised and decoded, one for one."""

from dataclasses import replace

from vaeprivacy.distances import EUCLIDEAN
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import PlainTrainer, Trainer
from vaeprivacy.vae import VAESettings


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
