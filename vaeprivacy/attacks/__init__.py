"""Membership-inference attacks: each gives one score per candidate record, higher meaning more likely a member.

All share one interface (:mod:`~vaeprivacy.attacks.attack`): ``attack.fit(knowledge).score(candidates)``.
"""

from vaeprivacy.attacks.attack import Attack, Knowledge, Records
from vaeprivacy.attacks.density import DensityRatio
from vaeprivacy.attacks.label_only import NoiseRobustness, ShiftRobustness
from vaeprivacy.attacks.likelihood import LikelihoodRatio
from vaeprivacy.attacks.likeness import Likeness
from vaeprivacy.attacks.lira import LiRA
from vaeprivacy.attacks.mlleaks import HighestPosterior, TopPosteriors
from vaeprivacy.attacks.nearest import NearestReconstruction, NearestRecord
from vaeprivacy.attacks.reconstruction import ELBO, CalibratedELBO, CalibratedReconstruction, Reconstruction
from vaeprivacy.attacks.rmia import RMIA
from vaeprivacy.attacks.shadow import (
    ClassifierRecipe,
    Recipe,
    Shadows,
    draw_balanced_memberships,
    draw_memberships,
    train_shadows,
)
from vaeprivacy.attacks.shokri import ShokriAttack
from vaeprivacy.attacks.threshold import Confidence, Entropy, Gap, LossThreshold, ModifiedEntropy

__all__ = [
    "ELBO",
    "RMIA",
    "Attack",
    "CalibratedELBO",
    "CalibratedReconstruction",
    "ClassifierRecipe",
    "Confidence",
    "DensityRatio",
    "Entropy",
    "Gap",
    "HighestPosterior",
    "Knowledge",
    "LiRA",
    "LikelihoodRatio",
    "Likeness",
    "LossThreshold",
    "ModifiedEntropy",
    "NearestReconstruction",
    "NearestRecord",
    "NoiseRobustness",
    "Recipe",
    "Reconstruction",
    "Records",
    "Shadows",
    "ShiftRobustness",
    "ShokriAttack",
    "TopPosteriors",
    "draw_balanced_memberships",
    "draw_memberships",
    "train_shadows",
]
