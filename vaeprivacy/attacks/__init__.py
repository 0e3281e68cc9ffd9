"""Membership-inference attacks: each gives one score per candidate record, higher meaning more likely a member.

What the adversary knows are the arguments of each function or class: posteriors of the target and records of its own
(:mod:`~vaeprivacy.attacks.shokri`), posteriors only (:mod:`~vaeprivacy.attacks.threshold`), the release with its
encoder and decoder (:mod:`~vaeprivacy.attacks.nearest`), or encoder and decoder and records of its own
(:mod:`~vaeprivacy.attacks.reconstruction`).
"""

from vaeprivacy.attacks.nearest import nearest_record_score
from vaeprivacy.attacks.reconstruction import calibrated_reconstruction_score, reconstruction_score
from vaeprivacy.attacks.shadow import Recipe, Shadows, draw_memberships, train_shadows
from vaeprivacy.attacks.shokri import ShokriAttack
from vaeprivacy.attacks.threshold import loss_score

__all__ = [
    "Recipe",
    "Shadows",
    "ShokriAttack",
    "calibrated_reconstruction_score",
    "draw_memberships",
    "loss_score",
    "nearest_record_score",
    "reconstruction_score",
    "train_shadows",
]
