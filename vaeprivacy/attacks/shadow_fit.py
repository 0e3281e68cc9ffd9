"""Do shadow models behave like the target? If not, the attack is weaker than it could be, and its AUC says little."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from vaeprivacy.attacks.shadow import Shadows

SPREADS = 4.0  # beyond so many spreads, a difference is not due to chance


@dataclass(frozen=True)
class ShadowFit:
    """Accuracy of a target and of shadow models, on records that they were trained on and on others.

    Only whoever knows the target's members can compute it: it is a check by those who report an attack, not a part of
    the attack.

    Attributes
    ----------
    target : tuple of float
        The target's accuracy on its members and on others.
    shadows : tuple of float
        The same of the shadow models, on average.
    spread : tuple of float
        Standard deviation that chance gives the two differences: that of shadow models among themselves (at least what
        the number of records makes of it), and that of the averages.
    """

    target: tuple[float, float]
    shadows: tuple[float, float]
    spread: tuple[float, float]

    @property
    def numbers(self) -> np.ndarray:
        """The three pairs as an array, shape (3, 2)."""
        return np.array([self.target, self.shadows, self.spread])

    @property
    def comparable(self) -> bool:
        """Whether target and shadow models differ by no more than :data:`SPREADS` spreads, on both kinds of records."""
        parts = zip(self.target, self.shadows, self.spread, strict=True)
        return all(abs(target - shadow) <= SPREADS * spread for target, shadow, spread in parts)

    @classmethod
    def between(
        cls, shadows: Shadows, log_posteriors: torch.Tensor, y: torch.Tensor, is_member: torch.Tensor
    ) -> "ShadowFit":
        """Compare shadow models with a target.

        Parameters
        ----------
        shadows : Shadows
            The adversary's models, with records on both sides.
        log_posteriors : torch.Tensor
            The target's predictions for the candidates, shape (candidates, classes).
        y, is_member : torch.Tensor
            Labels of the candidates, and whether they are members; shape (candidates,).

        Raises
        ------
        ValueError
            If members or others are missing among the candidates, or among the records of all shadow models.
        """
        for whose, mask in (("candidates", is_member), ("shadow models' records", shadows.is_member)):
            if mask.all() or not mask.any():
                raise ValueError(f"The {whose} must hold members and others, but all are on one side.")
        target_right = (log_posteriors.cpu().argmax(dim=1) == y.cpu()).double()
        right = (shadows.log_posteriors.argmax(dim=2) == shadows.y).double()
        sides = [
            _compare(target_right[is_member], right, shadows.is_member),
            _compare(target_right[~is_member], right, ~shadows.is_member),
        ]
        return cls(*zip(*sides, strict=True))

    def __str__(self) -> str:
        verdict = (
            "behave like the target" if self.comparable else "do NOT behave like the target, so the attack is weak"
        )
        return (
            f"The shadow models {verdict}: accuracy on members {self.shadows[0]:.3f} (target {self.target[0]:.3f}), "
            f"on others {self.shadows[1]:.3f} (target {self.target[1]:.3f})."
        )


def check_about(shadows: Shadows, x: torch.Tensor, log_posteriors: torch.Tensor | None) -> None:
    """Refuse candidates that shadow models say nothing about, and a target's predictions of other classes.

    Parameters
    ----------
    shadows : Shadows
        What shadow models say.
    x : torch.Tensor
        Candidates, shape (candidates, features).
    log_posteriors : torch.Tensor or None
        The target's predictions, shape (candidates, classes).

    Raises
    ------
    ValueError
        If the number of records or classes is another one.
    """
    classes = shadows.log_posteriors.shape[2]
    if len(shadows.y) != len(x) or (log_posteriors is not None and log_posteriors.shape[1] != classes):
        of_target = "" if log_posteriors is None else f" and a target of {log_posteriors.shape[1]} classes"
        raise ValueError(
            f"The shadow models say something about {len(shadows.y)} records of {classes} classes, but there are "
            f"{len(x)} candidates{of_target}: take shadows.about(...) for these."
        )


def lacking_sides(is_member: torch.Tensor, members_too: bool) -> list[str]:
    """Return which shadow models an attack lacks for some candidates, of those trained without and on them."""
    lacking = ["shadow models trained without each candidate"] if is_member.all(dim=0).any() else []
    return lacking + (
        ["shadow models trained on each candidate"] if members_too and not is_member.any(dim=0).all() else []
    )


def check_both_sides(is_member: torch.Tensor, *, members_too: bool) -> None:
    """Refuse candidates that no shadow model was trained without, or (with `members_too`) none was trained on.

    Parameters
    ----------
    is_member : torch.Tensor
        Whether each model was trained on each candidate, shape (shadows, candidates), bool.
    members_too : bool
        Whether the attack also needs models that were trained on each candidate.

    Raises
    ------
    ValueError
        If there are such candidates.
    """
    if lacking_sides(is_member, members_too):
        never_out, never_in = is_member.all(dim=0).sum(), (~is_member).all(dim=0).sum()
        raise ValueError(
            f"Of {is_member.shape[1]} candidates, {int(never_out)} are in the training set of every shadow model and "
            f"{int(never_in)} in that of none: "
            + ("an online attack needs models on both sides of each. " if members_too else "")
            + "Train more models (draw_balanced_memberships)"
            + (", or take the attack offline." if members_too else ".")
        )


def _compare(target_right: torch.Tensor, right: torch.Tensor, side: torch.Tensor) -> tuple[float, float, float]:
    """Return the target's accuracy, the shadow models' average, and the spread of their difference, on one side."""
    counts = side.sum(dim=1)
    of_each = torch.where(side, right, 0).sum(dim=1)[counts > 0] / counts[counts > 0]
    target, mean = target_right.mean().item(), of_each.mean().item()
    n_records = min(len(target_right), int(counts.max()))
    by_records = ((target * (1 - target) + mean * (1 - mean)) / 2 + 1 / n_records) / n_records
    among_models = of_each.var().item() if len(of_each) > 1 else 0.0
    return target, mean, math.sqrt(max(among_models, by_records) + by_records)
