"""Attacks that compare one number about the target's prediction with a threshold."""

from collections.abc import Callable

import torch
from sklearn.metrics import roc_curve

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.scores import answers, loss_score, negative_entropy, negative_modified_entropy


class LossThreshold(Attack):
    """A record is a member if the target's loss is below the average loss of members (Yeom et al., arXiv 1709.01604).

    The average is that of shadow models on their members. It moves the threshold, but not the order of the scores.
    """

    needs = ("log_posteriors", "shadows")
    threshold = 0.0

    @classmethod
    def by_shadows(cls) -> bool:
        """Return that its ranking does not depend on shadow models."""
        return False

    def _fit(self, knowledge: Knowledge) -> None:
        shadows = knowledge.shadows
        if not shadows.is_member.any():
            raise ValueError(
                "No shadow model was trained on any of the records: there is no loss of members to average."
            )
        self.average = loss_score(shadows.log_posteriors, shadows.y)[shadows.is_member].mean()

    def _score(self, candidates: Candidates) -> torch.Tensor:
        return loss_score(candidates.log_posteriors, candidates.y) - self.average


class Gap(Attack):
    """A record is a member if the target's predicted label is right (Yeom et al., arXiv 1709.01604)."""

    needs = ("query_label",)
    threshold = 0.5

    def _fit(self, knowledge: Knowledge) -> None:
        self.query_label = knowledge.query_label

    def _score(self, candidates: Candidates) -> torch.Tensor:
        return (answers(self.query_label, candidates.x) == candidates.y).double()


class SignalThreshold(Attack):
    """A record is a member if a signal is above the threshold of its class (Song and Mittal, arXiv 2003.10595).

    The thresholds are those at which the balanced accuracy on the predictions of shadow models is highest, one a class
    (:eq:`class-threshold`). The score is the signal less the threshold of the record's class.
    """

    needs = ("log_posteriors", "shadows")
    threshold = 0.0
    signal: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

    def _fit(self, knowledge: Knowledge) -> None:
        shadows = knowledge.shadows.two_sided()
        signals = type(self).signal(shadows.log_posteriors, shadows.y)
        self.thresholds = {}
        for label in shadows.y.unique().tolist():
            mine = shadows.y == label
            self.thresholds[label] = best_threshold(signals[:, mine], shadows.is_member[:, mine])

    def _score(self, candidates: Candidates) -> torch.Tensor:
        check_labels(candidates.y, self.thresholds)
        signals = type(self).signal(candidates.log_posteriors, candidates.y).double()
        return signals - torch.tensor([self.thresholds[label] for label in candidates.y.tolist()])


class Confidence(SignalThreshold):
    """The signal is the posterior of the label."""

    signal = staticmethod(loss_score)


class Entropy(SignalThreshold):
    """The signal is minus the entropy of the posteriors."""

    signal = staticmethod(negative_entropy)


class ModifiedEntropy(SignalThreshold):
    """The signal is minus the modified entropy."""

    signal = staticmethod(negative_modified_entropy)


def best_threshold(signals: torch.Tensor, is_member: torch.Tensor) -> float:
    """Return the threshold above which "member" has the highest balanced accuracy (:eq:`class-threshold`).

    Raises
    ------
    ValueError
        If there are only members, or none.
    """
    if is_member.all() or not is_member.any():
        raise ValueError(
            f"A threshold needs members and non-members, but {int(is_member.sum())} of {is_member.numel()} answers of "
            "shadow models are about members: give the attack more records of each label."
        )
    flat = signals.flatten().double().cpu().numpy()
    fpr, tpr, thresholds = roc_curve(is_member.flatten().cpu().numpy(), flat, drop_intermediate=False)
    best = (tpr - fpr).argmax()
    # scikit-learn says "member" from a threshold on, we above it: halfway to the next lower signal both agree.
    lower = thresholds[best + 1] if best + 1 < len(thresholds) else thresholds[best] - 1.0
    return float((min(thresholds[best], flat.max() + 1.0) + lower) / 2)


def check_labels(y: torch.Tensor, known: dict[int, object]) -> None:
    """Refuse labels that no shadow model has seen.

    Raises
    ------
    ValueError
        If there are any.
    """
    unknown = sorted(set(y.tolist()) - set(known))
    if unknown:
        raise ValueError(f"The attack was fitted on labels {sorted(known)} and cannot score labels {unknown}.")
