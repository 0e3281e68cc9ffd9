"""All attacks by name, and one call that runs those whose adversary knows enough."""

from collections.abc import Iterable, Mapping

import torch

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.domias import DensityRatio
from vaeprivacy.attacks.label_only import NoiseRobustness, ShiftRobustness
from vaeprivacy.attacks.likelihood import LikelihoodRatio
from vaeprivacy.attacks.lira import LiRA
from vaeprivacy.attacks.mlleaks import HighestPosterior, TopPosteriors
from vaeprivacy.attacks.nearest import NearestReconstruction, NearestRecord
from vaeprivacy.attacks.reconstruction import ELBO, CalibratedELBO, CalibratedReconstruction, Reconstruction
from vaeprivacy.attacks.rmia import RMIA
from vaeprivacy.attacks.shokri import ShokriAttack
from vaeprivacy.attacks.threshold import Confidence, Entropy, Gap, LossThreshold, ModifiedEntropy
from vaeprivacy.randomness import seeded_generator

# What each attack looks at: the classifier, the release, or encoder and decoder.
ON_CLASSIFIER: dict[str, type[Attack]] = {
    "gap": Gap,
    "noise": NoiseRobustness,
    "shift": ShiftRobustness,
    "highest_posterior": HighestPosterior,
    "loss": LossThreshold,
    "confidence": Confidence,
    "entropy": Entropy,
    "modified_entropy": ModifiedEntropy,
    "top_posteriors": TopPosteriors,
    "shadow_joint": ShokriAttack,
    "shadow": ShokriAttack,
    "lira_offline": LiRA,
    "rmia_offline": RMIA,
    "lira": LiRA,
    "rmia": RMIA,
}
ON_RELEASE: dict[str, type[Attack]] = {
    "nearest_record": NearestRecord,
    "density": DensityRatio,
    "nearest": NearestReconstruction,
    "likelihood": LikelihoodRatio,
}
ON_VAE: dict[str, type[Attack]] = {
    "reconstruction": Reconstruction,
    "elbo": ELBO,
    "calibrated_elbo": CalibratedELBO,
    "vae": CalibratedReconstruction,
}
ATTACK_CLASSES = ON_CLASSIFIER | ON_RELEASE | ON_VAE


def looks_at(name: str) -> str:
    """Return what an attack looks at: "classifier", "release" or "encoder and decoder"."""
    return "classifier" if name in ON_CLASSIFIER else "release" if name in ON_RELEASE else "encoder and decoder"


def make_attack(name: str, *, seed: int, image_shape: tuple[int, ...] | None) -> Attack:
    """Return an attack by its name in :data:`ON_CLASSIFIER`, :data:`ON_RELEASE` or :data:`ON_VAE`, not yet fitted.

    Parameters
    ----------
    name : str
        The name.
    seed : int
        With the name, decides the random numbers of the attacks that need some.
    image_shape : tuple of int or None
        Height and width of a record's image, for shifts; in colour, channels first; None if records are no images.

    Raises
    ------
    ValueError
        If there is no such attack, or it shifts images and records are none.
    """
    if name not in ATTACK_CLASSES:
        raise ValueError(f"There is no attack {name!r}; choose one of {', '.join(map(repr, ATTACK_CLASSES))}.")
    options = {
        "shadow_joint": {"per_class": False},
        "lira_offline": {"online": False},
        "rmia_offline": {"online": False},
    }
    attack, options = ATTACK_CLASSES[name], options.get(name, {})
    if name == "shift":
        options = {"image_shape": image_shape}
    if name in ("noise", "highest_posterior", "elbo", "calibrated_elbo"):
        options = {"generator": seeded_generator(seed, f"attack {name}")}
    return attack(**options)


def run_attacks(
    names: Iterable[str],
    *,
    knowledge: Knowledge,
    candidates: Candidates,
    seed: int,
    image_shape: tuple[int, ...] | None,
) -> Mapping[str, tuple[torch.Tensor, float]]:
    """Fit and score attacks, leaving out those that this adversary does not know enough for, or that need images.

    Parameters
    ----------
    names : iterable of str
        Names of attacks.
    knowledge, candidates
        As for :meth:`Attack.fit` and :meth:`Attack.score`.
    seed, image_shape
        As for :func:`make_attack`.

    Returns
    -------
    mapping
        For each attack that could be run, its scores, shape (candidates,), and the threshold above which it says
        "member".
    """
    results = {}
    for name in names:
        if name == "shift" and image_shape is None:
            continue
        attack = make_attack(name, seed=seed, image_shape=image_shape)
        if not attack.missing(knowledge, candidates):
            scores = attack.fit(knowledge).score(candidates).cpu().double()
            threshold = scores.median().item() if attack.threshold is None else attack.threshold
            results[name] = (scores, threshold)
    return results
