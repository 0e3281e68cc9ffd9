"""An adversary that reads the release and the VAE together, with weights that it learns on shadow models."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from vaeprivacy.arrays import check_memberships
from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.likelihood import LikelihoodRatio
from vaeprivacy.attacks.nearest import NearestReconstruction
from vaeprivacy.attacks.reconstruction import CalibratedReconstruction


@dataclass(frozen=True, kw_only=True)
class ShadowTarget:
    """A shadow model that is attacked like the target, by an adversary that made it and knows its members.

    Attributes
    ----------
    knowledge, candidates : Knowledge, Candidates
        What the adversary would hold if this were the target.
    is_member : torch.Tensor
        Which candidates it was trained on, shape (records,), bool.
    """

    knowledge: Knowledge
    candidates: Candidates
    is_member: torch.Tensor


def fit_weights(scores: torch.Tensor, is_member: torch.Tensor) -> Pipeline:
    """Learn how much each of several scores says about membership: logistic regression on standardised scores.

    Parameters
    ----------
    scores : torch.Tensor
        Of shadow models' candidates, shape (shadows, records, parts).
    is_member : torch.Tensor
        Which of them were trained on which record, shape (shadows, records), bool.

    Returns
    -------
    sklearn.pipeline.Pipeline
        For :func:`combined_score`.

    Raises
    ------
    ValueError
        If there is no shadow model, or one was trained on all records, or on none.
    """
    is_member = check_memberships(is_member, shape=scores.shape[:2])
    if not len(is_member) or is_member.all(dim=1).any() or not is_member.any(dim=1).all():
        raise ValueError("Weights are learnt on shadow models that know some of the records: pass at least one.")
    fitted = make_pipeline(StandardScaler(), LogisticRegression())
    return fitted.fit(_finite(scores).flatten(0, 1).numpy(), is_member.flatten().numpy())


def combined_score(weights: Pipeline, scores: torch.Tensor) -> torch.Tensor:
    """Return the log-odds of membership, shape (records,), from several scores, shape (records, parts)."""
    return torch.from_numpy(weights.decision_function(_finite(scores).numpy()))


def _finite(scores: torch.Tensor) -> torch.Tensor:
    """Return scores without infinities, which no regression takes: a likelihood of zero becomes a very small one."""
    return scores.double().clamp(-1e3, 1e3)


class Combined(Attack):
    """Weigh what the release says about a candidate, and what encoder and decoder say.

    The likelihood ratio of the release is the best attack on codes that are independent of the VAE; but the VAE was
    trained on the members and knows them, too. (A release without noise has no likelihood: then it is the nearest
    reconstruction.) Weights are learnt on shadow models alone, each attacked as if it were the target.
    """

    needs = ("release", "synthesizer", "population", "reference_vaes", "shadow_targets")
    threshold = 0.0

    def _fit(self, knowledge: Knowledge) -> None:
        targets = knowledge.shadow_targets
        scores = [_scores(_fitted_parts(each.knowledge), each.candidates) for each in targets]
        self._weights = fit_weights(torch.stack(scores), torch.stack([each.is_member for each in targets]))
        self._parts = _fitted_parts(knowledge)

    def _score(self, candidates: Candidates) -> torch.Tensor:
        return combined_score(self._weights, _scores(self._parts, candidates))


def _fitted_parts(knowledge: Knowledge) -> list[Attack]:
    on_release = NearestReconstruction if knowledge.synthesizer.mechanism is None else LikelihoodRatio
    return [part.fit(knowledge) for part in (on_release(), CalibratedReconstruction())]


def _scores(parts: Sequence[Attack], candidates: Candidates) -> torch.Tensor:
    return torch.stack([part.score(candidates).double() for part in parts], dim=1)
