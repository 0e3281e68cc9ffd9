"""The robust membership-inference attack, RMIA (Zarifzadeh, Liu and Shokri, arXiv 2312.03262)."""

import torch

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.lira import side_mean
from vaeprivacy.attacks.scores import loss_score
from vaeprivacy.attacks.shadow_fit import check_both_sides, lacking_sides
from vaeprivacy.checks import check_positive, check_probability


def offline_marginal(outside: torch.Tensor, *, a: float) -> torch.Tensor:
    """Return the average posterior over models with and without a record, from those without it (:eq:`rmia-offline`).

    Parameters
    ----------
    outside : torch.Tensor
        Average posterior of the label over models that were not trained on the record, shape (records,).
    a : float
        How close to it the models with the record are supposed to be, from 0 (they are certain) to 1 (equal).
    """
    return ((1 + a) * outside + (1 - a)) / 2


def domination_score(ratio: torch.Tensor, population_ratio: torch.Tensor, *, gamma: float) -> torch.Tensor:
    """Return the share of population records that each candidate dominates by a factor of `gamma` (:eq:`rmia-score`).

    Parameters
    ----------
    ratio, population_ratio : torch.Tensor
        The target's posterior over the average of the other models, for candidates, shape (records,), and for
        population records, shape (population,).
    gamma : float
        Factor; 1 or more.

    Returns
    -------
    torch.Tensor
        Shape (records,), from 0 to 1.
    """
    in_order = population_ratio.sort().values
    return torch.searchsorted(in_order, ratio / gamma, right=True).double() / len(in_order)


class RMIA(Attack):
    """Compare the target's posterior of a record with that of other models, and this ratio with those of others.

    Parameters
    ----------
    online : bool
        Average over shadow models with and without the candidate. Offline, those without are enough.
    a : float
        Offline: see :func:`offline_marginal`. 0.3 is the value that the peers use for images.
    gamma : float
        See :func:`domination_score`.

    Raises
    ------
    TypeError, ValueError
        If `a` is not from 0 to 1, or `gamma` not positive.
    """

    needs = ("log_posteriors", "candidate_shadows", "population")

    def __init__(self, *, online: bool = True, a: float = 0.3, gamma: float = 1.0) -> None:
        self.online, self.a, self.gamma = online, check_probability(a, "a"), check_positive(gamma, "gamma")

    def missing(self, knowledge: Knowledge, candidates: Candidates) -> list[str]:
        """Return what an adversary lacks; the predictions for the population, and online shadows on both sides, too."""
        lacking = super().missing(knowledge, candidates)
        if not lacking and (knowledge.population.log_posteriors is None or knowledge.population.shadows is None):
            lacking = ["answers about the population"]
        return lacking or lacking_sides(candidates.shadows.is_member, self.online)

    def _fit(self, knowledge: Knowledge) -> None:
        population = knowledge.population
        if population.log_posteriors is None or population.shadows is None:
            raise ValueError("RMIA needs the answers of the target and of shadow models about the population records.")
        # A record that every shadow model was trained on tells nothing about models without it.
        some_without = ~population.shadows.is_member.all(dim=0)
        if not some_without.any():
            raise ValueError(
                f"All {len(population.y)} population records are in the training set of every shadow model: RMIA needs "
                "some that a model was trained without (draw_memberships)."
            )
        about = Candidates(
            x=population.x[some_without],
            y=population.y[some_without],
            log_posteriors=population.log_posteriors[some_without],
            shadows=population.shadows.about(some_without),
        )
        self.population_ratio = self._ratio(about, online=False)

    def _score(self, candidates: Candidates) -> torch.Tensor:
        return domination_score(self._ratio(candidates, online=self.online), self.population_ratio, gamma=self.gamma)

    def _ratio(self, records: Candidates, *, online: bool) -> torch.Tensor:
        """Return the target's posterior of the label over the average of other models, shape (records,)."""
        shadows = records.shadows
        check_both_sides(shadows.is_member, members_too=online)
        posteriors = loss_score(shadows.log_posteriors, records.y).double().exp()
        outside = side_mean(posteriors, ~shadows.is_member)
        if online:
            marginal = (side_mean(posteriors, shadows.is_member) + outside) / 2
        else:
            # The target of an online attack knows the population no better than the shadow models do.
            marginal = outside if self.online else offline_marginal(outside, a=self.a)
        return loss_score(records.log_posteriors, records.y).double().exp() / marginal.clamp(min=1e-300)
