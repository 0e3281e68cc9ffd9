"""Membership-inference attacks: each gives one score per candidate record, higher meaning more likely a member.

All share one interface (:mod:`~vaeprivacy.attacks.base`): ``attack.fit(knowledge).score(candidates)``.
"""

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.catalogue import ATTACK_CLASSES, ON_CLASSIFIER, ON_RELEASE, ON_VAE, make_attack, run_attacks
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
from vaeprivacy.attacks.shadow import (
    ClassifierRecipe,
    Recipe,
    Shadows,
    draw_balanced_memberships,
    draw_memberships,
    train_shadows,
)
from vaeprivacy.attacks.shadow_fit import ShadowFit
from vaeprivacy.attacks.shokri import ShokriAttack
from vaeprivacy.attacks.threshold import Confidence, Entropy, Gap, LossThreshold, ModifiedEntropy

__all__ = [
    "ATTACK_CLASSES",
    "ELBO",
    "ON_CLASSIFIER",
    "ON_RELEASE",
    "ON_VAE",
    "RMIA",
    "WIDTHS",
    "Attack",
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
    "run_attacks",
    "train_shadows",
]
