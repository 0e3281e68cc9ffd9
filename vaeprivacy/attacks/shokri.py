"""The shadow-model attack of Shokri, Stronati, Song and Shmatikov (arXiv 1610.05820)."""

import numpy as np
import torch
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.scores import loss_score
from vaeprivacy.attacks.threshold import check_labels


def attack_features(log_posteriors: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """Return what the attack model sees of a prediction: the log-posteriors in descending order, and the loss.

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


class ShokriAttack(Attack):
    """Attack models, trained on the predictions of shadow models to tell members from non-members.

    They are logistic regressions on standardised features (our choice).

    Parameters
    ----------
    per_class : bool
        Train one attack model for each class, as the paper does; otherwise a joint one for all classes.
    """

    needs = ("log_posteriors", "shadows")
    threshold = 0.5

    def __init__(self, *, per_class: bool = True) -> None:
        self.per_class = per_class

    def _fit(self, knowledge: Knowledge) -> None:
        shadows = knowledge.shadows.two_sided()
        n_shadows = len(shadows.is_member)
        self._models = {}
        for label in shadows.y.unique().tolist():
            mine = shadows.y == label
            if not self.per_class and self._models:
                self._models[label] = next(iter(self._models.values()))
                continue
            mine = mine if self.per_class else torch.ones_like(mine)
            features = attack_features(shadows.log_posteriors[:, mine].flatten(0, 1), shadows.y[mine].repeat(n_shadows))
            self._models[label] = fit_attack_model(features, shadows.is_member[:, mine], what=f"class {label}")

    def _score(self, candidates: Candidates) -> torch.Tensor:
        y = candidates.y
        check_labels(y, self._models)
        scores = torch.empty(len(y), dtype=torch.float64)
        for label, model in self._models.items():
            mine = (y == label).cpu()
            if mine.any():
                features = attack_features(candidates.log_posteriors[mine], y[mine])
                scores[mine] = torch.from_numpy(model.predict_proba(features)[:, 1])
        return scores


@config_context(skip_parameter_validation=True)  # of two estimators as they are made here: half of the time
def fit_attack_model(features: np.ndarray, is_member: torch.Tensor, *, what: str) -> Pipeline:
    """Return an attack model: a logistic regression on standardised features.

    Parameters
    ----------
    features : numpy.ndarray
        Shape (predictions, features).
    is_member : torch.Tensor
        Whether each prediction is about a member, shape (predictions,).
    what : str
        What the predictions are about, for the message.

    Raises
    ------
    ValueError
        If all predictions are about members, or none is.
    """
    truth = is_member.flatten().cpu().numpy()
    if truth.all() or not truth.any():
        raise ValueError(
            f"The shadow models have no member, or nothing but members, of {what} among {len(truth)} answers: the "
            "attack needs more members (and reference records)."
        )
    # Newton's method: with many more predictions than features it takes a tenth of the default's time.
    return make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky")).fit(features, truth)
