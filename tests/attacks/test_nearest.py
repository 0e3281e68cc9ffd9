"""Attacks on the release that look for a record close to the candidate, or for more of them than there should be."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gaussian_kde
from seeding import seeded

from vaeprivacy.attacks import Candidates, DensityRatio, Knowledge, NearestReconstruction, NearestRecord
from vaeprivacy.attacks.nearest import nearest_record_score
from vaeprivacy.datasets import Dataset
from vaeprivacy.metrics import auc
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE, VAESettings


def unlabelled(x: torch.Tensor) -> Candidates:
    return Candidates(x=x, y=torch.zeros(len(x), dtype=torch.int64))


def released(x: torch.Tensor) -> Release:
    return Release(x, torch.zeros(len(x), dtype=torch.int64), None)


# Known answers: the nearest record


def test_the_score_is_minus_the_distance_to_the_nearest_record_of_the_label() -> None:
    release_x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    candidates = torch.tensor([[0.0, 0.0], [0.0, 0.0], [6.0, 8.0]])
    scores = nearest_record_score(
        candidates, torch.tensor([0, 1, 0]), release_x=release_x, release_y=torch.tensor([0, 1, 1])
    )
    # The first is a copy; the second's copy has another label; the third's only fellow is at the origin.
    assert scores.tolist() == [0, -5, -10]


def test_a_label_that_was_not_released_scores_lowest() -> None:
    scores = nearest_record_score(
        torch.zeros(2, 3), torch.tensor([0, 4]), release_x=torch.full((1, 3), 1e9), release_y=torch.tensor([0])
    )
    assert scores[1] == -math.inf < scores[0]


def test_a_copy_and_a_close_neighbour_are_told_apart() -> None:
    # Far from the origin, distances by way of a matrix product would round both to zero.
    release_x = torch.full((30, 64), 100.0)
    candidates = torch.stack([release_x[0], release_x[0] + 1e-3])
    scores = nearest_record_score(
        candidates, torch.zeros(2), release_x=release_x, release_y=torch.zeros(30, dtype=torch.int64)
    )
    assert scores.tolist() == pytest.approx([0, -8e-3], rel=0.05)


def test_a_release_of_the_records_themselves_gives_all_members_away() -> None:
    generator = seeded()
    x, y = torch.rand(200, 64, generator=generator), torch.randint(10, (200,), generator=generator)
    is_member = torch.arange(200) < 100
    knowledge = Knowledge(release=Release(x[is_member], y[is_member], None))
    scores = NearestRecord().fit(knowledge).score(Candidates(x=x, y=y))
    assert auc(scores, is_member).value == 1
    assert (scores[is_member] == 0).all()


def test_a_release_without_noise_gives_all_members_away_to_those_who_hold_the_vae(vae: VAE, digits: Dataset) -> None:
    synthesizer = Synthesizer(None, VAESettings(latent_dim=3, hidden=16), vae=vae)
    release = synthesizer.release(digits.x[:100], digits.y[:100], generator=seeded())
    candidates = Candidates(x=digits.x[:200], y=digits.y[:200])
    knowledge = Knowledge(release=release, synthesizer=synthesizer)
    assert auc(NearestReconstruction().fit(knowledge).score(candidates), torch.arange(200) < 100).value == 1
    # Who does not hold it compares records as they are with blurred ones.
    assert auc(NearestRecord().fit(knowledge).score(candidates), torch.arange(200) < 100).value < 0.7


@given(seed=st.integers(0, 100))
def test_more_released_records_can_only_be_nearer(seed: int) -> None:
    generator = seeded(seed)
    x, y = torch.rand(30, 4, generator=generator), torch.randint(3, (30,), generator=generator)
    release_x, release_y = torch.rand(20, 4, generator=generator), torch.randint(3, (20,), generator=generator)
    few = nearest_record_score(x, y, release_x=release_x[:5], release_y=release_y[:5])
    many = nearest_record_score(x, y, release_x=release_x, release_y=release_y)
    assert (many >= few).all()


# Known answers: the density


def test_in_few_features_the_score_is_the_ratio_of_two_kernel_estimates() -> None:
    generator = seeded(1)
    population, release = torch.randn(300, 2, generator=generator), 0.5 * torch.randn(200, 2, generator=generator)
    candidates = torch.randn(20, 2, generator=generator)
    attack = DensityRatio().fit(Knowledge(release=released(release), population=unlabelled(population)))
    # Turning the axes, which is all that principal components of all features do, changes no kernel estimate.
    of_release, of_population = (gaussian_kde(x.double().numpy().T) for x in (release, population))
    expected = of_release.logpdf(candidates.numpy().T) - of_population.logpdf(candidates.numpy().T)
    assert attack.score(unlabelled(candidates)).tolist() == pytest.approx(expected.tolist(), abs=1e-3)


def test_two_normal_densities_have_the_ratio_that_theory_says() -> None:
    generator = seeded(2)
    population, release = torch.randn(4000, 1, generator=generator), 1 + torch.randn(4000, 1, generator=generator)
    attack = DensityRatio().fit(Knowledge(release=released(release), population=unlabelled(population)))
    x = torch.tensor([[-0.5], [0.5], [1.5]])
    # log N(x; 1, 1) - log N(x; 0, 1) = x - 1/2, somewhat flattened by the kernels.
    assert attack.score(unlabelled(x)).tolist() == pytest.approx([-1, 0, 1], abs=0.15)


def test_a_generator_that_repeats_a_corner_of_the_population_gives_it_away() -> None:
    generator = seeded(3)
    population, others = torch.randn(2, 500, 20, generator=generator)
    members = 2 + 0.1 * torch.randn(100, 20, generator=generator)
    release = members[:50] + 0.05 * torch.randn(50, 20, generator=generator)
    attack = DensityRatio(n_components=3)
    attack.fit(Knowledge(release=released(release), population=unlabelled(torch.cat([population, 2 * population]))))
    scores = attack.score(unlabelled(torch.cat([members, others])))
    assert auc(scores, torch.arange(600) < 100).value > 0.95


def test_a_generator_that_resembles_the_population_gives_nothing_away() -> None:
    population, release, candidates = torch.randn(3, 400, 5, generator=seeded(4))
    attack = DensityRatio().fit(Knowledge(release=released(release), population=unlabelled(population)))
    found = auc(attack.score(unlabelled(candidates)), torch.arange(400) < 200)
    assert found.low < 0.5 < found.high


def test_labels_are_not_looked_at() -> None:
    population, release, x = torch.randn(3, 100, 3, generator=seeded(5))
    attack = DensityRatio().fit(Knowledge(release=released(release), population=unlabelled(population)))
    assert torch.equal(attack.score(unlabelled(x)), attack.score(Candidates(x=x, y=torch.arange(100))))
