"""ML-Leaks, three adversaries that assume ever less (Salem et al., arXiv 1806.01246)."""

import torch

from vaeprivacy.arrays import check_log_posteriors
from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.scores import confidence
from vaeprivacy.attacks.shokri import fit_attack_model


def top_posteriors(log_posteriors: torch.Tensor, *, k: int) -> torch.Tensor:
    """Return the `k` highest log-posteriors of each prediction in descending order, shape (..., records, k)."""
    return log_posteriors.topk(k, dim=-1).values


class TopPosteriors(Attack):
    """Adversaries 1 and 2: one attack model on the three highest posteriors, whatever the class.

    Adversary 1 has one shadow model, of the target's kind and on records like the target's. Adversary 2 has neither:
    its shadow model is trained on another data set (data transfer), which such features allow. Which one it is depends
    on the shadow models that it is fitted on.

    Parameters
    ----------
    k : int
        How many posteriors; all of them if there are fewer classes.
    """

    needs = ("log_posteriors", "shadows")
    threshold = 0.5

    def __init__(self, *, k: int = 3) -> None:
        self.k = k

    def _fit(self, knowledge: Knowledge) -> None:
        shadows = knowledge.shadows.two_sided()
        self.k = min(self.k, shadows.log_posteriors.shape[2])
        # One shadow model is all that these adversaries have.
        features = top_posteriors(shadows.log_posteriors[0], k=self.k)
        self._model = fit_attack_model(features.double().cpu().numpy(), shadows.is_member[0], what="any class")

    def _score(self, candidates: Candidates) -> torch.Tensor:
        features = top_posteriors(candidates.log_posteriors, k=self.k).double().cpu().numpy()
        return torch.from_numpy(self._model.predict_proba(features)[:, 1])


class HighestPosterior(Attack):
    """Adversary 3: no shadow model; a record is a member if the target is surer of it than of random records.

    The threshold is a percentile of the highest posterior on records of uniform noise (section V of the paper).

    Parameters
    ----------
    generator : torch.Generator
        Source of the random records.
    n_random : int
        How many there are.
    percentile : float
        Share of them below the threshold; the paper finds 0.9 to do well.
    """

    needs = ("log_posteriors", "query")

    def __init__(self, *, generator: torch.Generator, n_random: int = 1000, percentile: float = 0.9) -> None:
        self.generator, self.n_random, self.percentile = generator, n_random, percentile

    def _fit(self, knowledge: Knowledge) -> None:
        self._query = knowledge.query

    def _score(self, candidates: Candidates) -> torch.Tensor:
        shape = (self.n_random, candidates.x.shape[1])
        noise = torch.rand(shape, generator=self.generator, dtype=candidates.x.dtype).to(candidates.x.device)
        on_noise = confidence(
            check_log_posteriors(self._query(noise), "query(x)", of=noise).cpu(), torch.zeros(self.n_random)
        )
        self.threshold = on_noise.quantile(self.percentile).item()
        return confidence(candidates.log_posteriors, candidates.y)
