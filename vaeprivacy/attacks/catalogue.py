"""All attacks by name, and one call that runs those whose adversary knows enough."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.combined import Combined
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

#: Adversaries that copy the defence: what the names of their attacks begin with, and how labels say it.
COPYING = {"adaptive_": ", adaptive", "reconstructed_": ", adaptive, through"}
SEED_PREFIXES = {"reconstructed_": "through_"}
LOOKS_AT = ("classifier", "release", "encoder and decoder")


@dataclass(frozen=True)
class AttackSpec:
    """An attack as runs, tables and the command know it.

    Attributes
    ----------
    name : str
        Its name in results.
    label : str
        What tables and figures call it.
    attack : type of Attack
        The class.
    looks_at : {"classifier", "release", "encoder and decoder"}
        What it attacks.
    options : mapping
        Arguments of the class.
    few : bool
        Whether it is one of the strongest of its kind, which are run where not all are.
    few_on_samples : bool
        The same, on a release whose records are not made of single members.
    random : bool
        Whether the class takes a ``generator``.
    on_images : bool
        Whether the class takes an ``image_shape``, and so needs images.
    seed_name : str
        The name that random numbers are seeded by; by default its name. It stays when the name changes.
    """

    name: str
    label: str
    attack: type[Attack]
    looks_at: str
    options: Mapping[str, Any] = field(default_factory=dict)
    few: bool = False
    few_on_samples: bool = False
    random: bool = False
    on_images: bool = False
    seed_name: str = ""

    @property
    def knowledge(self) -> str:
        """What its adversary must know, in words."""
        return self.attack.knowledge()

    @property
    def by_shadows(self) -> bool:
        """Whether it learns from shadow models, and so needs them to behave like the target."""
        return self.attack.by_shadows()

    def make(self, *, seed: int, image_shape: tuple[int, ...] | None) -> Attack:
        """Return the attack, not yet fitted; see :func:`make_attack`."""
        options = dict(self.options)
        if self.on_images:
            options["image_shape"] = image_shape
        if self.random:
            options["generator"] = seeded_generator(seed, f"attack {self.seed_name or self.name}")
        return self.attack(**options)


#: Every attack by its name; :func:`register` adds one.
ATTACKS: dict[str, AttackSpec] = {}


def register(spec: AttackSpec) -> AttackSpec:
    """Add an attack to :data:`ATTACKS`: from then on runs have it, and tables, figures and the command know it.

    In this process, that is: others have it once they import what registers it. A run that was computed before, with
    the same code of the package, is read as it was: take another directory.

    Raises
    ------
    ValueError
        If there is one of this name, or it looks at nothing that can be attacked.
    """
    if spec.name in ATTACKS:
        raise ValueError(f"There is an attack {spec.name!r} already: give this one another name.")
    if spec.looks_at not in LOOKS_AT:
        raise ValueError(f"looks_at must be one of {', '.join(map(repr, LOOKS_AT))}, not {spec.looks_at!r}.")
    ATTACKS[spec.name] = spec
    return spec


C, R, V = LOOKS_AT
for spec in (
    AttackSpec("gap", "label right or wrong", Gap, C),
    AttackSpec("noise_robustness", "robustness to noise", NoiseRobustness, C, random=True, seed_name="noise"),
    AttackSpec("shift_robustness", "robustness to shifts", ShiftRobustness, C, on_images=True, seed_name="shift"),
    AttackSpec("highest_posterior", "highest posterior", HighestPosterior, C, random=True),
    AttackSpec("loss", "loss threshold", LossThreshold, C, few=True),
    AttackSpec("confidence", "confidence, per class", Confidence, C),
    AttackSpec("entropy", "entropy, per class", Entropy, C),
    AttackSpec("modified_entropy", "modified entropy, per class", ModifiedEntropy, C),
    AttackSpec("top_posteriors", "ML-Leaks, top 3", TopPosteriors, C),
    AttackSpec("shokri_joint", "Shokri, joint", ShokriAttack, C, {"per_class": False}, seed_name="shadow_joint"),
    AttackSpec("shokri", "Shokri, per class", ShokriAttack, C, few=True, seed_name="shadow"),
    AttackSpec("lira_offline", "LiRA offline", LiRA, C, {"online": False}, few=True),
    AttackSpec("rmia_offline", "RMIA offline", RMIA, C, {"online": False}),
    AttackSpec("lira", "LiRA online", LiRA, C, few=True),
    AttackSpec("rmia", "RMIA online", RMIA, C, few=True),
    AttackSpec("nearest_record", "nearest record", NearestRecord, R, few_on_samples=True),
    AttackSpec("domias", "density ratio (DOMIAS)", DensityRatio, R, few_on_samples=True, seed_name="density"),
    AttackSpec("nearest", "nearest to reconstruction", NearestReconstruction, R, few=True),
    AttackSpec("likelihood", "likelihood ratio", LikelihoodRatio, R, few=True),
    AttackSpec("combined", "likelihood and reconstruction, combined", Combined, R),
    AttackSpec("reconstruction", "reconstruction", Reconstruction, V),
    AttackSpec("elbo", "ELBO", ELBO, V, random=True),
    AttackSpec("calibrated_elbo", "ELBO, calibrated", CalibratedELBO, V, random=True),
    AttackSpec(
        "calibrated_reconstruction",
        "reconstruction, calibrated",
        CalibratedReconstruction,
        V,
        few=True,
        seed_name="vae",
    ),
):
    register(spec)


def make_attack(name: str, *, seed: int, image_shape: tuple[int, ...] | None) -> Attack:
    """Return an attack by its name, not yet fitted.

    Parameters
    ----------
    name : str
        A key of :data:`ATTACKS`.
    seed : int
        With the name, decides the random numbers of the attacks that need some.
    image_shape : tuple of int or None
        Height and width of a record's image, for shifts; in colour, channels first; None if records are no images.

    Raises
    ------
    ValueError
        If there is no such attack, or it shifts images and records are none.
    """
    if name not in ATTACKS:
        raise ValueError(f"There is no attack {name!r}; choose one of {', '.join(map(repr, ATTACKS))}.")
    return ATTACKS[name].make(seed=seed, image_shape=image_shape)


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
        if name in ATTACKS and ATTACKS[name].on_images and image_shape is None:
            continue
        attack = make_attack(name, seed=seed, image_shape=image_shape)
        if not attack.missing(knowledge, candidates):
            scores = attack.fit(knowledge).score(candidates).cpu().double()
            threshold = scores.median().item() if attack.threshold is None else attack.threshold
            results[name] = (scores, threshold)
    return results


def seed_name_of(name: str) -> str:
    """Return what random numbers of an attack in results are seeded by: a name that stays when others change."""
    prefix = next((prefix for prefix in COPYING if name.startswith(prefix)), "")
    spec = ATTACKS[name.removeprefix(prefix)]
    return SEED_PREFIXES.get(prefix, prefix) + (spec.seed_name or spec.name)


def attack_label(name: str) -> str:
    """Return what tables and figures call an attack in results: its name in words, and what its adversary copies."""
    prefix = next((prefix for prefix in COPYING if name.startswith(prefix)), "")
    spec = ATTACKS.get(name.removeprefix(prefix))
    return name if spec is None else spec.label + COPYING.get(prefix, "")


def attacks_on(looks_at: str) -> list[str]:
    """Return the names of the attacks that look at something, one of :data:`LOOKS_AT`."""
    return [name for name, spec in ATTACKS.items() if spec.looks_at == looks_at]
