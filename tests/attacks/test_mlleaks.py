"""The three adversaries of ML-Leaks."""

import math

import pytest
import torch
from seeding import seeded
from toy_worlds import about, answers, made_up_shadows

from vaeprivacy.attacks import Candidates, HighestPosterior, Knowledge, Shadows, TopPosteriors
from vaeprivacy.attacks.mlleaks import top_posteriors
from vaeprivacy.metrics import auc


def asked(n_seen: list[torch.Tensor]):
    """Return a black box that keeps what it is asked, and whose confidence in class 0 is the first feature."""

    def ask(x: torch.Tensor) -> torch.Tensor:
        n_seen.append(x)
        p = 0.5 + 0.5 * x[:, 0]
        return torch.stack([p, 1 - p], dim=1).log()

    return ask


def test_one_sided_answers_cannot_be_learnt_from() -> None:
    shadows = made_up_shadows(1.0)
    alone = Shadows(shadows.log_posteriors[:1], shadows.y, torch.ones(1, 600, dtype=torch.bool))
    with pytest.raises(ValueError, match="No record is a member"):
        TopPosteriors().fit(Knowledge(shadows=alone))


def test_the_first_shadow_model_of_several_needs_members_and_others_too() -> None:
    y = torch.zeros(4, dtype=torch.int64)
    is_member = torch.stack([torch.zeros(4, dtype=torch.bool), torch.tensor([True, True, False, False])])
    with pytest.raises(ValueError, match="no member, or nothing but members, of any class among 2 answers"):
        TopPosteriors().fit(Knowledge(shadows=Shadows(torch.zeros(2, 4, 3), y, is_member)))


def test_the_highest_posteriors_come_in_descending_order() -> None:
    log_posteriors = torch.tensor([[0.1, 0.5, 0.05, 0.35]]).log()
    assert top_posteriors(log_posteriors, k=3).exp()[0].tolist() == pytest.approx([0.5, 0.35, 0.1])


def test_with_fewer_classes_all_posteriors_are_used() -> None:
    attack = TopPosteriors(k=9).fit(Knowledge(shadows=made_up_shadows(3.0)))
    assert attack.k == 3


def test_it_learns_from_one_shadow_model_only() -> None:
    shadows = made_up_shadows(8.0)
    # The second model's answers are nonsense, and nobody looks at them.
    spoilt = Shadows(torch.stack([shadows.log_posteriors[0], torch.zeros(600, 3)]), shadows.y, shadows.is_member)
    y, is_member = torch.arange(3).repeat(100), torch.arange(300) < 150
    candidates = about(answers(y, is_member, 8.0, seeded(5)), y)
    first, second = (TopPosteriors().fit(Knowledge(shadows=each)).score(candidates) for each in (shadows, spoilt))
    assert torch.allclose(first, second)
    assert auc(first, is_member).value > 0.6


def test_other_classes_than_the_targets_do_as_well_which_is_data_transfer() -> None:
    shadows = made_up_shadows(8.0)
    renamed = Shadows(shadows.log_posteriors[..., [2, 0, 1]], (shadows.y + 1) % 3, shadows.is_member)
    y, is_member = torch.arange(3).repeat(100), torch.arange(300) < 150
    candidates = about(answers(y, is_member, 8.0, seeded(5)), y)
    first, second = (TopPosteriors().fit(Knowledge(shadows=each)).score(candidates) for each in (shadows, renamed))
    assert torch.allclose(first, second)


def test_without_a_shadow_model_the_threshold_is_a_percentile_over_records_of_noise() -> None:
    seen: list[torch.Tensor] = []
    attack = HighestPosterior(generator=seeded(), n_random=4000, percentile=0.75).fit(Knowledge(query=asked(seen)))
    log_posteriors = torch.tensor([[0.9, 0.1], [0.3, 0.7]]).log()
    scores = attack.score(Candidates(x=torch.zeros(2, 5), y=torch.tensor([1, 0]), log_posteriors=log_posteriors))
    # The confidence on uniform noise is uniform on 1/2 to 1.
    assert math.exp(attack.threshold) == pytest.approx(0.875, abs=0.01)
    assert scores.exp().tolist() == pytest.approx([0.9, 0.7])
    assert seen[0].shape == (4000, 5)
    assert 0 <= seen[0].min() < 0.01 and 0.99 < seen[0].max() <= 1


def test_the_records_of_noise_come_from_the_generator() -> None:
    thresholds = []
    for seed in (1, 1, 2):
        attack = HighestPosterior(generator=seeded(seed), n_random=50).fit(Knowledge(query=asked([])))
        attack.score(Candidates(x=torch.zeros(1, 3), y=torch.zeros(1), log_posteriors=torch.zeros(1, 2)))
        thresholds.append(attack.threshold)
    assert thresholds[0] == thresholds[1] != thresholds[2]
