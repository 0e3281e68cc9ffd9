"""Membership-inference attacks: each gives one score per candidate record, higher meaning more likely a member.

All share one interface (:mod:`~vaeprivacy.attacks.base`): ``attack.fit(knowledge).score(candidates)``.
"""

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.catalogue import (
    ATTACKS,
    AttackSpec,
    attack_label,
    attacks_on,
    make_attack,
    register,
    run_attacks,
)
from vaeprivacy.attacks.domias import DensityRatio
from vaeprivacy.attacks.label_only import NoiseRobustness, ShiftRobustness
from vaeprivacy.attacks.likelihood import WIDTHS, LikelihoodRatio, log_likelihoods, noisy_codes
from vaeprivacy.attacks.lira import LiRA, online_score
from vaeprivacy.attacks.mlleaks import HighestPosterior, TopPosteriors
from vaeprivacy.attacks.nearest import NearestReconstruction, NearestRecord, nearest_record_score
from vaeprivacy.attacks.reconstruction import (
    ELBO,
    CalibratedELBO,
    CalibratedReconstruction,
    Reconstruction,
    calibrated_score,
    elbo_score,
    reconstruction_score,
)
from vaeprivacy.attacks.rmia import RMIA
from vaeprivacy.attacks.scores import logit_score, loss_score
from vaeprivacy.attacks.shadow import ClassifierRecipe, Recipe, Shadows, train_shadows
from vaeprivacy.attacks.shadow_fit import ShadowFit
from vaeprivacy.attacks.shokri import ShokriAttack
from vaeprivacy.attacks.threshold import Confidence, Entropy, Gap, LossThreshold, ModifiedEntropy
from vaeprivacy.datasets import draw_balanced_memberships, draw_memberships

__all__ = [
    "ATTACKS",
    "ELBO",
    "RMIA",
    "WIDTHS",
    "Attack",
    "AttackSpec",
    "CalibratedELBO",
    "CalibratedReconstruction",
    "Candidates",
    "ClassifierRecipe",
    "Confidence",
    "DensityRatio",
    "Entropy",
    "Gap",
    "HighestPosterior",
    "Knowledge",
    "LiRA",
    "LikelihoodRatio",
    "LossThreshold",
    "ModifiedEntropy",
    "NearestReconstruction",
    "NearestRecord",
    "NoiseRobustness",
    "Recipe",
    "Reconstruction",
    "ShadowFit",
    "Shadows",
    "ShiftRobustness",
    "ShokriAttack",
    "TopPosteriors",
    "attack_label",
    "attacks_on",
    "calibrated_score",
    "draw_balanced_memberships",
    "draw_memberships",
    "elbo_score",
    "log_likelihoods",
    "logit_score",
    "loss_score",
    "make_attack",
    "nearest_record_score",
    "noisy_codes",
    "online_score",
    "reconstruction_score",
    "register",
    "run_attacks",
    "train_shadows",
]
