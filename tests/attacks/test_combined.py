"""The combined attack: nothing to find, two signals whose best combination is known, and whose membership it uses."""

import pytest
import torch
from scipy.stats import norm
from seeding import seeded
from toy_worlds import world

from vaeprivacy.attacks import Combined, Knowledge, combined_score, fit_weights
from vaeprivacy.metrics import auc

RECORDS, SHADOWS = 4000, 4


def scores(is_member: torch.Tensor, shifts: tuple[float, float], generator: torch.Generator) -> torch.Tensor:
    """Return two independent normal scores of each record, of different units, that membership shifts."""
    noise = torch.randn(*is_member.shape, 2, generator=generator, dtype=torch.float64)
    return (noise + is_member[..., None] * torch.tensor(shifts)) * torch.tensor([1.0, 50.0])


def found(shifts: tuple[float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return combined scores of a target with such scores, and who its members were."""
    generator = seeded()
    halves = torch.rand(SHADOWS + 1, RECORDS, generator=generator) < 0.5
    parts = scores(halves, shifts, generator)
    return combined_score(fit_weights(parts[1:], halves[1:]), parts[0]), halves[0]


# What must not happen


def test_of_scores_without_a_signal_it_makes_none() -> None:
    estimate = auc(*found((0.0, 0.0)))
    assert estimate.low <= 0.5 <= estimate.high


@pytest.mark.parametrize("members", [torch.ones(2, 5), torch.zeros(2, 5), torch.zeros(0, 5)], ids=["all", "none", "0"])
def test_weights_cannot_be_learnt_where_membership_does_not_vary(members: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="know some of the records: pass at least one"):
        fit_weights(torch.zeros(*members.shape, 2), members.bool())


def test_an_adversary_without_shadow_targets_is_told_so() -> None:
    with pytest.raises(ValueError, match=r"'shadow_targets', which knowledge lacks"):
        Combined().fit(Knowledge())


# Known answers


@pytest.mark.parametrize("shifts", [(0.5, 0.5), (1.0, 0.2), (0.0, 0.7)])
def test_two_independent_signals_are_weighed_as_is_best(shifts: tuple[float, float]) -> None:
    # The best combination of independent normal scores is shifted by the root of the sum of squares.
    together = sum(shift**2 for shift in shifts) ** 0.5
    estimate = auc(*found(shifts))
    assert estimate.low <= norm.cdf(together / 2**0.5) <= estimate.high


def test_a_likelihood_of_zero_says_no_and_an_infinite_one_yes() -> None:
    halves = torch.arange(100).expand(2, -1) % 2 == 0
    parts = torch.where(halves, torch.inf, -torch.inf).double()[..., None].expand(-1, -1, 2)
    combined = combined_score(fit_weights(parts, halves), parts[0])
    assert combined.isfinite().all() and ((combined > 0) == halves[0]).all()


# Properties


def test_scores_are_the_same_whoever_the_members_of_the_target_were() -> None:
    toy = world(memorised=True)
    attack = Combined().fit(toy.knowledge)
    first = attack.score(toy.candidates)
    assert auc(first, toy.is_member).value > 0.95
    # All that tells of the target is what it published: weights do not change with the target.
    weights = Combined().fit(world(memorised=False).knowledge)._weights
    assert torch.equal(torch.from_numpy(weights[-1].coef_), torch.from_numpy(attack._weights[-1].coef_))
