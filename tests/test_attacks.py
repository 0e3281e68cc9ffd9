"""Membership-inference attacks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded
from torch import nn

from vaeprivacy.attacks import (
    CalibratedReconstruction,
    Knowledge,
    Records,
    Shadows,
    ShokriAttack,
    draw_memberships,
    train_shadows,
)
from vaeprivacy.attacks.nearest import nearest_record_score
from vaeprivacy.attacks.reconstruction import reconstruction_score
from vaeprivacy.attacks.shokri import attack_features
from vaeprivacy.attacks.signals import loss_score
from vaeprivacy.data import Dataset
from vaeprivacy.metrics import auc
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAE, VAESettings


def answers(y: torch.Tensor, is_member: torch.Tensor, gain: float, generator: torch.Generator) -> torch.Tensor:
    """Return made-up log-posteriors over three classes; `gain` is what membership adds to the right class's logit."""
    logits = torch.randn(len(y), 3, generator=generator)
    logits[torch.arange(len(y)), y] += 1 + gain * is_member
    return torch.log_softmax(logits, dim=1)


def made_up_shadows(gain: float) -> Shadows:
    """Return what two made-up shadow models say about 600 records, half of which each was trained on."""
    generator = seeded(1)
    y = torch.arange(3).repeat(200)
    is_member = draw_memberships(y, n_shadows=2, generator=generator)
    return Shadows(torch.stack([answers(y, mine, gain, generator) for mine in is_member]), y, is_member)


def shokri(shadows: Shadows) -> ShokriAttack:
    return ShokriAttack().fit(Knowledge(shadows=shadows))


def about(log_posteriors: torch.Tensor, y: torch.Tensor) -> Records:
    return Records(x=torch.zeros(len(y), 1), y=y, log_posteriors=log_posteriors)


def calibrated_reconstruction_score(vae: VAE, references: list[VAE], x: torch.Tensor) -> torch.Tensor:
    synthesizer = Synthesizer(None, VAESettings(latent_dim=3), vae=vae)
    knowledge = Knowledge(synthesizer=synthesizer, reference_vaes=references)
    return CalibratedReconstruction().fit(knowledge).score(Records(x=x, y=torch.zeros(len(x), dtype=torch.int64)))


# Impossible input


def test_a_label_that_no_shadow_has_seen_is_refused() -> None:
    attack = shokri(made_up_shadows(1.0))
    with pytest.raises(ValueError, match=r"fitted on labels \[0, 1, 2\] and cannot score labels \[3, 5\]"):
        attack.score(about(torch.zeros(3, 6), torch.tensor([5, 0, 3])))


def test_one_record_cannot_be_halved() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        draw_memberships(torch.zeros(1), n_shadows=2, generator=seeded())


# A known answer: the loss


def test_the_loss_score_is_the_log_posterior_of_the_label() -> None:
    log_posteriors = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]]))
    expected = [math.log(0.1), math.log(0.5)]
    assert loss_score(log_posteriors, torch.tensor([2, 0])).tolist() == pytest.approx(expected)


def test_the_loss_score_is_minus_the_cross_entropy_for_each_of_several_models() -> None:
    logits, y = torch.randn(4, 6, 3, generator=seeded()), torch.tensor([0, 1, 2, 2, 1, 0])
    scores = loss_score(logits.log_softmax(dim=2), y)
    assert scores.shape == (4, 6)
    for model, of_model in zip(logits, scores, strict=True):
        assert torch.allclose(-of_model, nn.functional.cross_entropy(model, y, reduction="none"))


# A known answer: the nearest record


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
    scores = nearest_record_score(x, y, release_x=x[is_member], release_y=y[is_member])
    assert auc(scores, is_member).value == 1
    assert (scores[is_member] == 0).all()


def test_a_release_without_noise_gives_all_members_away(vae: VAE, digits: Dataset) -> None:
    synthesizer = Synthesizer(None, VAESettings(latent_dim=3, hidden=16), vae=vae)
    release = synthesizer.release(digits.x[:100], digits.y[:100], generator=seeded())
    decoded = synthesizer.decode(synthesizer.encode(digits.x[:200]))
    scores = nearest_record_score(decoded, digits.y[:200], release_x=release.x, release_y=release.y)
    assert auc(scores, torch.arange(200) < 100).value == 1


# A known answer: shadow models


def test_a_shadow_is_trained_on_its_half_and_asked_about_all() -> None:
    x, y = torch.arange(8.0).reshape(4, 2), torch.tensor([0, 1, 1, 0])
    is_member = torch.tensor([[True, False, True, False], [False, False, True, True]])
    trained_on = []

    def recipe(x: torch.Tensor, y: torch.Tensor, subsets: list[torch.Tensor], numbers: list[int]) -> list[nn.Module]:
        for subset, number in zip(subsets, numbers, strict=True):
            trained_on.append((x[subset].tolist(), y[subset].tolist(), number))
        return [nn.Identity() if number == 0 else nn.Flatten() for number in numbers]

    shadows = train_shadows(x, y, is_member=is_member, recipe=recipe)
    assert trained_on == [([[0, 1], [4, 5]], [0, 1], 0), ([[4, 5], [6, 7]], [1, 0], 1)]
    assert torch.equal(shadows.log_posteriors, torch.stack([x.log_softmax(dim=1)] * 2))
    assert torch.equal(shadows.y, y)
    assert torch.equal(shadows.is_member, is_member)


def test_each_shadow_gets_half_of_each_class_and_another_half_than_the_others() -> None:
    y = torch.arange(5).repeat(20)
    is_member = draw_memberships(y, n_shadows=3, generator=seeded())
    assert (is_member.shape, is_member.dtype) == ((3, 100), torch.bool)
    for mine in is_member:
        assert y[mine].bincount().tolist() == [10] * 5
    assert len({tuple(mine.tolist()) for mine in is_member}) == 3


def test_an_attack_sees_the_sorted_answer_and_the_loss() -> None:
    log_posteriors = torch.log(torch.tensor([[0.2, 0.7, 0.1]]))
    expected = [math.log(0.7), math.log(0.2), math.log(0.1), -math.log(0.1)]
    assert attack_features(log_posteriors, torch.tensor([2]))[0].tolist() == pytest.approx(expected)


def test_a_target_that_knows_its_members_by_heart_gives_them_away() -> None:
    generator = seeded(2)
    y, is_member = torch.arange(3).repeat(400), torch.arange(1200) < 600
    scores = shokri(made_up_shadows(8.0)).score(about(answers(y, is_member, 8.0, generator), y))
    assert auc(scores, is_member).value > 0.95
    # Half is the threshold at which it says "member".
    assert ((scores > 0.5) == is_member).double().mean() > 0.9


def test_a_target_whose_answers_ignore_membership_gives_nothing_away() -> None:
    generator = seeded(2)
    y, is_member = torch.arange(3).repeat(400), torch.arange(1200) < 600
    scores = shokri(made_up_shadows(8.0)).score(about(answers(y, is_member, 0.0, generator), y))
    area = auc(scores, is_member)
    assert area.low < 0.5 < area.high


# Properties


@given(order=st.permutations(range(5)), seed=st.integers(0, 100))
def test_an_attack_does_not_see_which_wrong_class_is_which(order: list[int], seed: int) -> None:
    log_posteriors = torch.randn(4, 5, generator=seeded(seed)).log_softmax(dim=1)
    y = torch.tensor([0, 1, 2, 3])
    renamed = torch.tensor(order).argsort()[y]
    assert np.allclose(attack_features(log_posteriors[:, order], renamed), attack_features(log_posteriors, y))


def test_scores_are_probabilities_in_the_order_of_the_candidates() -> None:
    attack = shokri(made_up_shadows(3.0))
    generator = seeded(3)
    y, is_member = torch.arange(3).repeat(20), torch.rand(60, generator=generator) < 0.5
    log_posteriors = answers(y, is_member, 3.0, generator)
    scores = attack.score(about(log_posteriors, y))
    assert ((scores >= 0) & (scores <= 1)).all()
    for i in range(60):
        assert attack.score(about(log_posteriors[i : i + 1], y[i : i + 1])).item() == pytest.approx(scores[i].item())


def test_each_class_has_an_attack_model_of_its_own() -> None:
    # Members of class 0 get higher answers than others, those of class 1 lower ones.
    generator = seeded(4)
    y = torch.arange(2).repeat(200)
    is_member = draw_memberships(y, n_shadows=1, generator=generator)
    sign = 1 - 2 * y
    logit = torch.randn(400, generator=generator) + 4 * sign * (2 * is_member[0].double() - 1)
    logits = torch.stack([torch.where(y == 0, logit, 0.0), torch.where(y == 1, logit, 0.0)], dim=1)
    log_posteriors = logits.log_softmax(dim=1)
    scores = shokri(Shadows(log_posteriors[None], y, is_member)).score(about(log_posteriors, y))
    for label in (0, 1):
        assert auc(scores[y == label], is_member[0][y == label]).value > 0.95


@given(seed=st.integers(0, 100))
def test_more_released_records_can_only_be_nearer(seed: int) -> None:
    generator = seeded(seed)
    x, y = torch.rand(30, 4, generator=generator), torch.randint(3, (30,), generator=generator)
    release_x, release_y = torch.rand(20, 4, generator=generator), torch.randint(3, (20,), generator=generator)
    few = nearest_record_score(x, y, release_x=release_x[:5], release_y=release_y[:5])
    many = nearest_record_score(x, y, release_x=release_x, release_y=release_y)
    assert (many >= few).all()


# The attack on the VAE


def test_the_attack_on_a_vae_needs_something_to_compare_with(vae: VAE, digits: Dataset) -> None:
    with pytest.raises(ValueError, match="at least one reference VAE"):
        calibrated_reconstruction_score(vae, [], digits.x[:5])


def test_the_reconstruction_score_is_the_bernoulli_log_likelihood_at_the_mean_code(vae: VAE, digits: Dataset) -> None:
    x = digits.x[:7]
    with torch.no_grad():
        p = vae.decode(vae.encode(x)[0])
    expected = (x * p.log() + (1 - x) * (1 - p).log()).sum(dim=1)
    assert torch.allclose(reconstruction_score(vae, x), expected, atol=1e-4)


def test_calibration_subtracts_the_average_of_the_references(vae: VAE, digits: Dataset) -> None:
    others = [VAE(64, latent_dim=3, hidden=16, generator=seeded(seed)) for seed in (1, 2)]
    x = digits.x[:7]
    mine, *theirs = (reconstruction_score(each, x) for each in (vae, *others))
    assert torch.allclose(calibrated_reconstruction_score(vae, others, x), mine - (theirs[0] + theirs[1]) / 2)
    assert torch.allclose(calibrated_reconstruction_score(vae, [vae], x), torch.zeros(7))


@pytest.fixture(scope="module")
def memorising_vaes(digits: Dataset) -> list[VAE]:
    """VAEs that were trained far too long on 100 digits: the first on members, three others on other records."""
    vaes = []
    for number in range(4):
        vae = VAE(64, latent_dim=8, hidden=128, generator=seeded(number))
        optimizer = torch.optim.Adam(vae.parameters(), lr=5e-3)
        generator = seeded(100 + number)
        for _ in range(250):
            optimizer.zero_grad()
            (-vae.elbo(digits.x[100 * number : 100 * number + 100], generator=generator).value).backward()
            optimizer.step()
        vaes.append(vae)
    return vaes


def test_a_vae_that_memorised_its_members_gives_them_away(memorising_vaes: list[VAE], digits: Dataset) -> None:
    candidates = torch.cat([digits.x[:100], digits.x[400:900]])
    is_member = torch.arange(600) < 100
    target, *references = memorising_vaes
    plain = auc(reconstruction_score(target, candidates), is_member)
    calibrated = auc(calibrated_reconstruction_score(target, references, candidates), is_member)
    assert calibrated.low > 0.8
    assert calibrated.value > plain.value


def test_a_vae_that_was_trained_on_other_records_gives_nothing_away(
    memorising_vaes: list[VAE], digits: Dataset
) -> None:
    # At random: the digits come in the order in which they were written.
    candidates, is_member = digits.x[400:1400], torch.randperm(1000, generator=seeded()) < 500
    target, *references = memorising_vaes
    found = auc(calibrated_reconstruction_score(target, references, candidates), is_member)
    assert found.low < 0.5 < found.high
