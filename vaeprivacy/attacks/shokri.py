"""The shadow-model attack of Shokri, Stronati, Song and Shmatikov (arXiv 1610.05820)."""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vaeprivacy.attacks.shadow import Shadows
from vaeprivacy.attacks.threshold import loss_score


def attack_features(log_posteriors: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """Return what the attack model sees of an answer: the log-posteriors in descending order, and the loss.

    Parameters
    ----------
    log_posteriors : torch.Tensor
        Answers, shape (records, classes).
    y : torch.Tensor
        Labels, shape (records,).

    Returns
    -------
    numpy.ndarray
        Shape (records, classes + 1).
    """
    in_order = log_posteriors.sort(dim=1, descending=True).values
    return torch.cat([in_order, -loss_score(log_posteriors, y)[:, None]], dim=1).double().cpu().numpy()


class ShokriAttack:
    """One attack model for each class, trained on the answers of shadow models.

    The attack models are logistic regressions on standardised features (our choice).
    """

    def fit(self, shadows: Shadows) -> "ShokriAttack":
        """Learn to tell members from non-members by what shadow models answer about records of known membership.

        Parameters
        ----------
        shadows : Shadows
            The adversary's own models.

        Returns
        -------
        ShokriAttack
            Itself, fitted.

        Raises
        ------
        ValueError
            If the shadow models have only members or only non-members of a class.
        """
        self._models = {}
        n_shadows = len(shadows.log_posteriors)
        for label in shadows.y.unique().tolist():
            mine = shadows.y == label
            answers = shadows.log_posteriors[:, mine].flatten(0, 1)
            features = attack_features(answers, shadows.y[mine].repeat(n_shadows))
            is_member = shadows.is_member[:, mine].flatten().cpu().numpy()
            if is_member.all() or not is_member.any():
                raise ValueError(
                    f"The shadow models have no member, or nothing but members, of class {label} among their "
                    f"{int(mine.sum())} records of it: the attack needs more members (and reference records)."
                )
            self._models[label] = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(
                features, is_member
            )
        return self

    def score(self, log_posteriors: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the probability that each candidate is a member.

        Parameters
        ----------
        log_posteriors : torch.Tensor
            The target's answers, shape (records, classes).
        y : torch.Tensor
            Labels, shape (records,).

        Returns
        -------
        torch.Tensor
            Shape (records,), float64, from 0 to 1: above 0.5 the attack says "member".

        Raises
        ------
        ValueError
            If a label occurs that no shadow model has seen.
        """
        unknown = sorted(set(y.tolist()) - set(self._models))
        if unknown:
            raise ValueError(
                f"The attack was fitted on labels {sorted(self._models)} and cannot score labels {unknown}."
            )
        scores = torch.empty(len(y), dtype=torch.float64)
        for label, model in self._models.items():
            mine = (y == label).cpu()
            if mine.any():
                features = attack_features(log_posteriors[mine], y[mine])
                scores[mine] = torch.from_numpy(model.predict_proba(features)[:, 1])
        return scores
