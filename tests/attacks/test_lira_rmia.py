"""LiRA and RMIA: agreement with public implementations on recorded signals, and known answers."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from seeding import seeded

from vaeprivacy.attacks import RMIA, Candidates, Knowledge, LiRA, Shadows
from vaeprivacy.attacks.lira import offline_score, online_score, side_mean, side_std
from vaeprivacy.attacks.rmia import domination_score, offline_marginal
from vaeprivacy.metrics import auc

PEERS = np.load(Path(__file__).parent / "mia_scores.npz")


def tensor(name: str) -> torch.Tensor:
    array = torch.from_numpy(PEERS[name])
    return array.double() if array.is_floating_point() else array


def two_classes(probability: torch.Tensor) -> torch.Tensor:
    """Return made-up log-posteriors of two classes in which the label 0 has a probability."""
    return torch.stack([probability, 1 - probability], dim=-1).log()


def recorded() -> tuple[Candidates, Candidates]:
    """The candidates and the population of the recorded experiment."""
    y, population_y = torch.zeros(1000, dtype=torch.int64), torch.zeros(500, dtype=torch.int64)
    never = torch.zeros(16, 500, dtype=torch.bool)
    shadows = Shadows(two_classes(tensor("reference_probabilities")), y, tensor("in_reference"))
    on_population = Shadows(two_classes(tensor("population_reference_probabilities")), population_y, never)
    return (
        Candidates(
            x=torch.zeros(1000, 1), y=y, log_posteriors=two_classes(tensor("target_probability")), shadows=shadows
        ),
        Candidates(
            x=torch.zeros(500, 1),
            y=population_y,
            log_posteriors=two_classes(tensor("population_target_probability")),
            shadows=on_population,
        ),
    )


# Agreement with peers


@pytest.mark.parametrize(("per_record", "name"), [(True, "per_record"), (False, "fixed")])
def test_lira_agrees_with_privacy_guard(per_record: bool, name: str) -> None:
    ours = online_score(
        tensor("target_logit"), tensor("reference_logits"), tensor("in_reference"), per_record=per_record
    )
    assert torch.allclose(ours, tensor(f"lira_online_{name}_variance_privacy_guard"), rtol=1e-6, atol=1e-6)


def test_rmia_online_agrees_with_privacy_guard() -> None:
    candidates, population = recorded()
    ours = RMIA().fit(Knowledge(population=population)).score(candidates)
    difference = (ours - tensor("rmia_online_privacy_guard_a0.3")).abs()
    # In single precision, the peer's, ratios near 1 tie: a few records differ by one population record in 500.
    assert difference.max() <= 0.0021
    assert (difference > 0).sum() <= 10


@pytest.mark.parametrize("a", [0.0, 0.3, 0.6, 1.0])
def test_rmia_offline_agrees_with_privacy_meter(a: float) -> None:
    # The peer averages over the 8 highest of the 16 probabilities that models without the record give: for candidates
    # there are 8 anyway, for population records it takes the upper half. With that average, the scores agree.
    highest = tensor("population_reference_probabilities").topk(8, dim=0).values.mean(dim=0)
    outside = side_mean(tensor("reference_probabilities"), ~tensor("in_reference"))
    ours = domination_score(
        tensor("target_probability") / offline_marginal(outside, a=a),
        tensor("population_target_probability") / offline_marginal(highest, a=a),
        gamma=1.0,
    )
    theirs = tensor(f"rmia_offline_privacy_meter_a{a}")
    assert (ours - theirs).abs().max() <= 0.0101
    # Whatever the population's average, candidates come in the same order.
    candidates, population = recorded()
    by_class = RMIA(online=False, a=a).fit(Knowledge(population=population)).score(candidates)
    assert spearmanr(by_class, theirs).statistic > 0.999
    assert auc(by_class, PEERS["is_member"]).value == pytest.approx(auc(theirs, PEERS["is_member"]).value, abs=0.002)


# Known answers


def gaussian_world(shift: float, n_models: int, n: int = 1500) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return halves, and signals that are N(mu, 1) without a record and N(mu + shift, 1) with it, mu from record to
    record; the last model is the target."""
    generator = seeded(7)
    difficulty = 3 * torch.randn(n, generator=generator, dtype=torch.float64)
    halves = torch.rand(n_models + 1, n, generator=generator) < 0.5
    signals = difficulty + shift * halves + torch.randn(n_models + 1, n, generator=generator, dtype=torch.float64)
    return halves, signals, difficulty


@pytest.mark.parametrize("score", [online_score, offline_score])
def test_with_many_models_lira_reaches_the_optimum_of_two_normal_laws(score) -> None:
    halves, signals, _ = gaussian_world(1.5, n_models=128)
    scores = score(signals[-1], signals[:-1], halves[:-1], per_record=False)
    optimum = 0.5 * math.erfc(-1.5 / 2)  # Phi(shift / sqrt 2)
    assert auc(scores, halves[-1]).value == pytest.approx(optimum, abs=0.025)
    # A threshold on the signal does not know the difficulty of the records.
    assert auc(signals[-1], halves[-1]).value < optimum - 0.1


def test_without_a_shift_lira_and_rmia_find_nothing() -> None:
    halves, signals, _ = gaussian_world(0.0, n_models=16)
    y = torch.zeros(1500, dtype=torch.int64)
    log_posteriors = two_classes(signals.sigmoid())
    shadows = Shadows(log_posteriors[:-1], y, halves[:-1])
    candidates = Candidates(x=torch.zeros(1500, 1), y=y, log_posteriors=log_posteriors[-1], shadows=shadows)
    population = Candidates(
        x=candidates.x, y=y, log_posteriors=log_posteriors[0], shadows=Shadows(log_posteriors[1:], y, halves[1:])
    )
    for attack in (LiRA(), LiRA(online=False), LiRA(per_record=True), RMIA(), RMIA(online=False)):
        found = auc(attack.fit(Knowledge(population=population)).score(candidates), halves[-1])
        assert abs(found.value - 0.5) < found.high - found.low  # four standard errors


def test_lira_through_the_class_is_the_function_on_logits() -> None:
    candidates, _ = recorded()
    logit = torch.logit(tensor("target_probability"))
    logits = torch.logit(tensor("reference_probabilities"))
    finite = logit.isfinite() & logits.isfinite().all(dim=0)
    expected = online_score(logit, logits, tensor("in_reference"), per_record=True)
    scores = LiRA(per_record=True).fit(Knowledge()).score(candidates)
    assert finite.sum() > 500
    assert torch.allclose(scores[finite], expected[finite], rtol=1e-6)


def test_a_memorising_target_is_found_by_all_of_them() -> None:
    halves, signals, _ = gaussian_world(12.0, n_models=16)
    y = torch.zeros(1500, dtype=torch.int64)
    log_posteriors = torch.stack([signals.sigmoid().log(), (-signals).sigmoid().log()], dim=-1)
    candidates = Candidates(
        x=torch.zeros(1500, 1),
        y=y,
        log_posteriors=log_posteriors[-1],
        shadows=Shadows(log_posteriors[:-1], y, halves[:-1]),
    )
    for attack in (LiRA(), LiRA(online=False)):
        assert auc(attack.fit(Knowledge()).score(candidates), halves[-1]).value > 0.99


# Impossible input and properties


@pytest.mark.parametrize("attack", [LiRA(), RMIA()])
def test_an_online_attack_needs_models_on_both_sides_of_each_candidate(attack) -> None:
    candidates, population = recorded()
    knowledge = Knowledge(population=population)
    assert attack.missing(knowledge, candidates) == []
    never = Candidates(
        x=candidates.x,
        y=candidates.y,
        log_posteriors=candidates.log_posteriors,
        shadows=Shadows(
            candidates.shadows.log_posteriors, candidates.y, torch.zeros_like(candidates.shadows.is_member)
        ),
    )
    assert attack.missing(knowledge, never) == ["shadow models trained on each candidate"]
    with pytest.raises(ValueError, match=r"1000 in that of none.*or take the attack offline"):
        attack.fit(knowledge).score(never)


def test_rmia_needs_answers_about_the_population() -> None:
    candidates, _ = recorded()
    silent = Knowledge(population=Candidates(x=candidates.x, y=candidates.y))
    assert RMIA().missing(silent, candidates) == ["answers about the population"]
    with pytest.raises(ValueError, match="answers of the target and of shadow models about the population"):
        RMIA().fit(silent)


@pytest.mark.parametrize(("option", "value"), [("a", -0.1), ("a", 1.1), ("gamma", 0.0)])
def test_impossible_options_of_rmia_are_refused(option: str, value: float) -> None:
    with pytest.raises(ValueError, match=option):
        RMIA(**{option: value})


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=30), st.floats(1, 3))
def test_the_score_of_rmia_grows_with_the_ratio_and_counts_the_dominated(ratios: list[float], gamma: float) -> None:
    ratio = torch.tensor(sorted(ratios), dtype=torch.float64)
    population = torch.tensor([0.5, 1.0, 1.0, 2.0], dtype=torch.float64)
    scores = domination_score(ratio, population, gamma=gamma)
    assert (scores.diff() >= 0).all()
    expected = (ratio[:, None] / gamma >= population).double().mean(dim=1)
    assert torch.equal(scores, expected)


def test_one_variance_for_all_is_the_average_and_never_zero() -> None:
    signals, side = torch.tensor([[0.0, 1.0], [2.0, 1.0]]), torch.ones(2, 2, dtype=torch.bool)
    assert side_std(signals, side, per_record=True).tolist() == pytest.approx([1.0, 1e-6])
    assert side_std(signals, side, per_record=False).tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("per_record", "name"), [(True, "per_record"), (False, "fixed")])
def test_the_class_agrees_with_the_peer_too_where_probabilities_round_to_one(per_record: bool, name: str) -> None:
    # Logits as log-posteriors of two classes: nothing is lost, however sure the answer.
    logit, logits = tensor("target_logit"), tensor("reference_logits")
    log_p, log_ps = (torch.nn.functional.logsigmoid(torch.stack([z, -z], dim=-1)) for z in (logit, logits))
    y = torch.zeros(1000, dtype=torch.int64)
    shadows = Shadows(log_ps, y, tensor("in_reference"))
    candidates = Candidates(x=torch.zeros(1000, 1), y=y, log_posteriors=log_p, shadows=shadows)
    scores = LiRA(per_record=per_record).fit(Knowledge()).score(candidates)
    assert (tensor("reference_probabilities") == 1).any()
    assert torch.allclose(scores, tensor(f"lira_online_{name}_variance_privacy_guard"), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("per_record", [True, False])
def test_with_hundreds_of_models_online_lira_is_within_two_percent_of_the_optimum(per_record: bool) -> None:
    halves, signals, _ = gaussian_world(1.5, n_models=256, n=4000)
    scores = online_score(signals[-1], signals[:-1], halves[:-1], per_record=per_record)
    assert auc(scores, halves[-1]).value == pytest.approx(0.5 * math.erfc(-1.5 / 2), abs=0.02)


def test_offline_attacks_need_models_without_each_candidate_only() -> None:
    candidates, population = recorded()
    everyone = replace(candidates.shadows, is_member=torch.ones(16, 1000, dtype=torch.bool))
    for attack in (LiRA(online=False), RMIA(online=False)):
        lacking = attack.missing(Knowledge(population=population), replace(candidates, shadows=everyone))
        assert lacking == ["shadow models trained without each candidate"]
        with pytest.raises(ValueError, match=r"1000 are in the training set of every shadow model.*memberships\)\.$"):
            attack.fit(Knowledge(population=population)).score(replace(candidates, shadows=everyone))
    assert LiRA().threshold == 0 and LiRA(online=False).threshold is RMIA().threshold is None


@pytest.mark.parametrize("options", [{"a": "0.3"}, {"a": True}, {"gamma": None}])
def test_options_of_rmia_that_are_no_numbers_are_refused(options: dict) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be a .* number"):
        RMIA(**options)


def test_population_records_in_every_shadow_model_tell_nothing_and_are_left_out() -> None:
    _, population = recorded()
    is_member = torch.zeros(16, 500, dtype=torch.bool)
    is_member[:, :100] = True
    partly = replace(population, shadows=replace(population.shadows, is_member=is_member))
    fitted = RMIA().fit(Knowledge(population=partly))
    expected = RMIA().fit(Knowledge(population=population)).population_ratio[100:]
    assert torch.equal(fitted.population_ratio, expected)


def test_a_population_that_every_shadow_model_was_trained_on_is_refused() -> None:
    _, population = recorded()
    everyone = replace(population.shadows, is_member=torch.ones(16, 500, dtype=torch.bool))
    with pytest.raises(ValueError, match="All 500 population records are in the training set of every shadow model"):
        RMIA().fit(Knowledge(population=replace(population, shadows=everyone)))
