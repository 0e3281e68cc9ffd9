"""The likelihood-ratio attack, LiRA (Carlini et al., arXiv 2112.03570)."""

import torch

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.scores import logit_score
from vaeprivacy.attacks.shadow_fit import check_both_sides, lacking_sides


def side_mean(signals: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
    """Return the mean of each record's signals over the shadow models of one side (trained on it, or not).

    Parameters
    ----------
    signals : torch.Tensor
        Shape (shadows, records).
    side : torch.Tensor
        Which models count for which record, shape (shadows, records), bool.

    Returns
    -------
    torch.Tensor
        Shape (records,); NaN where there is no model on that side.
    """
    return torch.where(side, signals, 0).sum(dim=0) / side.sum(dim=0)


def side_std(signals: torch.Tensor, side: torch.Tensor, *, per_record: bool) -> torch.Tensor:
    """Return the standard deviation of each record's signals over the models of one side.

    Squares are divided by the number of models (not by one less), which ranks records the same if both sides have as
    many models and share deviations. Roots are averaged over records; the paper's code pools signals of all records.

    Parameters
    ----------
    signals, side : torch.Tensor
        As for :func:`side_mean`.
    per_record : bool
        Estimate one for each record, which takes dozens of models; otherwise all records share the average.

    Returns
    -------
    torch.Tensor
        Shape (records,), at least 1e-6.
    """
    squares = torch.where(side, (signals - side_mean(signals, side)) ** 2, 0).sum(dim=0)
    std = (squares / side.sum(dim=0)).sqrt()
    return (std if per_record else std.mean().expand(len(std))).clamp(min=1e-6)


def online_score(
    signal: torch.Tensor, signals: torch.Tensor, is_member: torch.Tensor, *, per_record: bool
) -> torch.Tensor:
    """Return the log of the likelihood ratio of the target's signal, member against non-member (:eq:`lira-online`).

    Parameters
    ----------
    signal : torch.Tensor
        The target's signal for each record, shape (records,).
    signals : torch.Tensor
        Those of shadow models, shape (shadows, records).
    is_member : torch.Tensor
        Which models were trained on which record, shape (shadows, records), bool.
    per_record : bool
        See :func:`side_std`.
    """
    log_likelihoods = []
    for side in (is_member, ~is_member):
        std = side_std(signals, side, per_record=per_record)
        log_likelihoods.append(-0.5 * ((signal - side_mean(signals, side)) / std) ** 2 - std.log())
    return log_likelihoods[0] - log_likelihoods[1]


def offline_score(
    signal: torch.Tensor, signals: torch.Tensor, is_member: torch.Tensor, *, per_record: bool
) -> torch.Tensor:
    """Return how many standard deviations the target's signal is above that of models without the record.

    This is :eq:`lira-offline`; the tail probability of the paper is an increasing function of it. Parameters are those
    of :func:`online_score`.
    """
    std = side_std(signals, ~is_member, per_record=per_record)
    return (signal - side_mean(signals, ~is_member)) / std


class LiRA(Attack):
    """Compare the target's logit with its distribution over shadow models trained with the record, and without it.

    Parameters
    ----------
    online : bool
        Use both distributions: some shadow models must be trained on the candidates. Offline, the distribution without
        is enough, and shadow models can be trained before any candidate is known.
    per_record : bool
        Estimate a variance for each record: better from dozens of shadow models on (section V-C of the paper).
    """

    needs = ("log_posteriors", "candidate_shadows")

    def __init__(self, *, online: bool = True, per_record: bool = False) -> None:
        self.online, self.per_record = online, per_record
        # A log-likelihood ratio of 0 means equally probable.
        self.threshold = 0.0 if online else None

    def missing(self, knowledge: Knowledge, candidates: Candidates) -> list[str]:
        """Return what an adversary lacks; online, also shadow models that were trained on the candidates."""
        return super().missing(knowledge, candidates) or lacking_sides(candidates.shadows.is_member, self.online)

    def _score(self, candidates: Candidates) -> torch.Tensor:
        shadows = candidates.shadows
        check_both_sides(shadows.is_member, members_too=self.online)
        signal = logit_score(candidates.log_posteriors.double(), candidates.y)
        signals = logit_score(shadows.log_posteriors.double(), candidates.y)
        score = online_score if self.online else offline_score
        return score(signal, signals, shadows.is_member, per_record=self.per_record)
