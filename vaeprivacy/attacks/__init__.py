"""Membership-inference attacks: each gives one score per candidate record, higher meaning more likely a member.

All share one interface (:mod:`~vaeprivacy.attacks.base`): ``attack.fit(knowledge).score(candidates)``.
"""

from vaeprivacy._lazy import lazy_exports
from vaeprivacy.datasets import draw_balanced_memberships, draw_memberships  # noqa: F401 (halves for shadow models)

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "base": ["Attack", "Candidates", "Knowledge"],
        "catalogue": ["ATTACKS", "AttackSpec", "attack_label", "attacks_on", "make_attack", "register", "run_attacks"],
        "combined": ["Combined", "ShadowTarget", "combined_score", "fit_weights"],
        "density": ["class_log_density", "density_score"],
        "domias": ["DensityRatio"],
        "label_only": ["NoiseRobustness", "ShiftRobustness"],
        "likelihood": ["WIDTHS", "LikelihoodRatio", "log_likelihoods", "noisy_codes"],
        "lira": ["LiRA", "online_score"],
        "mlleaks": ["HighestPosterior", "TopPosteriors"],
        "nearest": ["NearestReconstruction", "NearestRecord", "nearest_record_score"],
        "reconstruction": [
            "ELBO",
            "CalibratedELBO",
            "CalibratedReconstruction",
            "Reconstruction",
            "calibrated_score",
            "elbo_score",
            "reconstruction_score",
        ],
        "rmia": ["RMIA", "domination_score"],
        "scores": ["logit_score", "loss_score"],
        "shadow": ["ClassifierRecipe", "Recipe", "Shadows", "train_shadows"],
        "shadow_fit": ["ShadowFit"],
        "shokri": ["ShokriAttack"],
        "threshold": ["Confidence", "Entropy", "Gap", "LossThreshold", "ModifiedEntropy"],
    },
)
