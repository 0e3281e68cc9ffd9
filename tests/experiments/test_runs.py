"""One run: each model of its pool attacked, its scores, its row."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vaeprivacy.attacks import ATTACKS, Candidates, Knowledge
from vaeprivacy.attacks.reconstruction import calibrated_score, reconstruction_score
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import PriorSampling, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments import game
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.game import attack_target
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import attack_rows, class_auc, run, run_scores
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.metrics import auc
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer

ON_RAW = {"loss", "shokri", "lira_offline", "lira", "rmia"}
COPYING = ON_RAW - {"loss"}
ON_FRAMEWORK = ON_RAW | {f"{way}_{name}" for way in ("adaptive", "reconstructed") for name in COPYING}
ON_FRAMEWORK |= {"nearest", "likelihood", "calibrated_reconstruction"}


def without_time(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "seconds"}


def run_with(config: Config, directory: Path, **defence: object) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Return row and scores of a run whose defence differs in some fields."""
    config = replace(config, defence=replace(config.defence, **defence))
    return run(config, directory=directory), run_scores(config, directory=directory)


@pytest.fixture(scope="module")
def everything(config: Config, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    """A run with all attacks and a pool of six."""
    directory, config = tmp_path_factory.mktemp("everything"), replace(config, attacks="all", n_models=6)
    run(config, directory=directory)
    return directory, config


# What must not happen


@pytest.mark.parametrize("target", range(6))
def test_neither_target_nor_complement_is_among_shadow_models_or_references(
    everything: tuple[Path, Config], monkeypatch: pytest.MonkeyPatch, target: int, digits: Dataset
) -> None:
    directory, config = everything
    pool = Pool.of(config, directory)
    halves, own = pool.is_member, pool.shadows
    allowed = [number for number in range(6) if number // 2 != target // 2]
    seen: list[tuple[Knowledge, Candidates]] = []

    def spying(names: object, *, knowledge: Knowledge, candidates: Candidates, **options: object) -> dict[str, object]:
        seen.append((knowledge, candidates))
        return {}

    monkeypatch.setattr(game, "run_attacks", spying)
    monkeypatch.setattr(game, "ATTACKED_RELEASES", range(6))
    attack_target(pool, target, every=True, n_targets=6)
    assert len(seen) == 5  # three adversaries that query the classifier, then release, then encoder and decoder
    for (knowledge, candidates), answers in zip(seen[:3], (own[0], own[0], own[1]), strict=True):
        assert torch.equal(candidates.shadows.is_member, halves[allowed])
        assert torch.equal(knowledge.shadows.is_member, halves[allowed])
        assert torch.equal(candidates.log_posteriors, answers.log_posteriors[target, :200])
        assert torch.equal(candidates.x, digits.x[pool.candidates])
        assert torch.equal(knowledge.population.x, digits.x[pool.population])
        assert not knowledge.population.shadows.is_member.any()
    for (_, candidates), answers in zip(seen[:3], (pool.undefended.shadows[0], *own), strict=True):
        assert torch.equal(candidates.shadows.log_posteriors, answers.log_posteriors[allowed, :200])
    assert torch.equal(seen[3][0].release.x, pool.release(target).x)
    knowledge, candidates = seen[4]
    assert torch.equal(candidates.in_references, halves[allowed])
    for number, reference in zip(allowed, knowledge.reference_vaes, strict=True):
        expected = pool.vae(number)
        assert all(torch.equal(a, b) for a, b in zip(reference.parameters(), expected.parameters(), strict=True))


def test_the_combined_attack_learns_neither_on_target_nor_on_complement(
    everything: tuple[Path, Config],
) -> None:
    directory, config = everything
    pool = Pool.of(config, directory)
    held, candidates = game.combined_knowledge(pool, 2, game.Game.on(pool, every=False))
    assert torch.equal(candidates.in_references, pool.is_member[[0, 1, 4, 5]])
    learnt_on = [0, 1, 4, 5]
    for number, shadow in zip(learnt_on, held.shadow_targets, strict=True):
        assert torch.equal(shadow.is_member, pool.is_member[number])
        assert torch.equal(shadow.knowledge.release.x, pool.release(number).x)
        # Not its own VAE or its complement's; nor the target's, on whose members it would depend.
        assert torch.equal(shadow.candidates.in_references, pool.is_member[[4, 5] if number < 2 else [0, 1]])


# Known answers


def test_without_noise_the_nearest_reconstruction_gives_every_member_of_each_target_away(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(game, "ATTACKED_RELEASES", range(4))
    # So the memberships of each target are matched with its own release: with those of another, AUC were 0 or 1/2.
    row, arrays = run_with(config, tmp_path, epsilon=None)
    assert arrays["targets/nearest"].tolist() == [0, 1, 2, 3]
    for scores, target in zip(arrays["scores/nearest"], arrays["targets/nearest"], strict=True):
        assert auc(scores, arrays["is_member"][target]).value == 1.0
    assert row["attacks"]["nearest"]["auc"] == 1.0


def test_a_run_with_the_combined_attack_has_it_beside_the_few(config: Config, tmp_path: Path) -> None:
    row, arrays = run_with(replace(config, attacks="combined", n_models=6), tmp_path, epsilon=1e5)
    assert set(row["attacks"]) == ON_FRAMEWORK | {"combined"} and arrays["targets/combined"].tolist() == [0]
    assert row["attacks"]["combined"]["auc"] > 0.95


def test_with_little_noise_the_likelihood_ratio_gives_every_member_away(config: Config, tmp_path: Path) -> None:
    row, arrays = run_with(config, tmp_path, epsilon=1e5)
    assert arrays["targets/likelihood"].tolist() == [0]
    assert row["attacks"]["likelihood"]["auc"] > 0.98
    assert row["attacks"]["nearest"]["auc"] > 0.98


def test_models_that_know_their_members_by_heart_are_found_out(raw: Config, tmp_path: Path) -> None:
    learnt = replace(raw, n_models=8, classifier=ClassifierSettings(hidden=128, epochs=150))
    row = run(learnt, directory=tmp_path)
    assert row["train_accuracy"] == 1.0
    assert row["test_accuracy"] < 0.95
    assert all(attack["auc"] > 0.55 for attack in row["attacks"].values())


def test_the_attack_on_the_vae_is_the_calibrated_one_and_does_not_see_the_noise(
    config: Config, digits: Dataset, tmp_path: Path
) -> None:
    scores = [
        run_with(config, tmp_path, epsilon=epsilon)[1]["scores/calibrated_reconstruction"] for epsilon in (1.0, 8.0)
    ]
    pool = Pool.of(config, tmp_path)
    x, halves = digits.x[pool.candidates], pool.is_member
    for target, references in ((0, [2, 3]), (3, [0, 1])):
        of_references = torch.stack([reconstruction_score(pool.vae(each), x) for each in references])
        own = reconstruction_score(pool.vae(target), x)
        # Each candidate is in one of two complementary references; only the other one may be compared with.
        only_out = torch.where(halves[references[0]], of_references[1], of_references[0])
        expected = calibrated_score(own, only_out[None])
        assert scores[0][target] == pytest.approx(expected.double().numpy(), abs=1e-5)
    assert np.array_equal(scores[0], scores[1])


def test_metrics_of_targets_are_averaged() -> None:
    is_member = np.array([[True, True, False, False], [False, False, True, True]])
    perfect = is_member.astype(float)
    arrays = {"is_member": is_member, "scores/loss": perfect, "thresholds/loss": np.array([0.5, 0.5])}
    assert attack_rows(arrays | {"targets/loss": np.array([0, 1])})["loss"]["auc"] == 1.0
    assert attack_rows(arrays | {"targets/loss": np.array([1, 0])})["loss"]["auc"] == 0.0
    half = attack_rows({**arrays, "scores/loss": perfect[[0, 0]], "targets/loss": np.array([0, 1])})["loss"]
    assert (half["auc"], half["attack_accuracy"], half["of_targets"]) == (0.5, 0.5, 2)


def test_a_classifier_that_knows_shares_only_has_a_class_auc_of_one_half() -> None:
    y = np.array([0, 0, 0, 1])
    assert class_auc(np.log(np.tile([0.75, 0.25], (4, 1))), y) == 0.5
    assert class_auc(np.log(np.array([[0.9, 0.1]] * 3 + [[0.2, 0.8]])), y) == 1.0


# Properties


def test_a_run_leaves_scores_and_a_row(config: Config, tmp_path: Path) -> None:
    row = run(config, directory=tmp_path)
    arrays = run_scores(config, directory=tmp_path)
    assert row["key"] == config.key
    assert set(row["attacks"]) == ON_FRAMEWORK
    assert (row["setting"], row["trainer"], row["n_targets"]) == ("1", "private records", 4)
    assert (row["short_label"], row["full_label"]) == ("1", "framework, epsilon 1")
    assert arrays["is_member"].shape == (4, 200)
    for name, attack in row["attacks"].items():
        n = 1 if name in ("nearest", "likelihood") else 4
        assert arrays[f"scores/{name}"].shape == (n, 200)
        assert arrays[f"thresholds/{name}"].shape == arrays[f"targets/{name}"].shape == (n,)
        assert attack["of_targets"] == n
    right = arrays["log_posteriors"].argmax(axis=2) == arrays["y"]
    assert row["train_accuracy"] == pytest.approx(right[arrays["is_member"]].mean())
    assert set(row["shadows"]) == {"", "adaptive_", "reconstructed_"}


def test_only_the_first_models_are_attacked_and_all_are_shadow_models(config: Config, tmp_path: Path) -> None:
    every = run_with(config, tmp_path)[1]
    first = replace(config, n_targets=2)
    row, arrays = run(first, directory=tmp_path), run_scores(first, directory=tmp_path)
    assert row["n_targets"] == 2
    for name in row["attacks"]:
        n = 1 if name in ("nearest", "likelihood") else 2
        assert arrays[f"targets/{name}"].tolist() == list(range(n))
        assert np.array_equal(arrays[f"scores/{name}"], every[f"scores/{name}"][:n])
    queried = run(replace(first, attacks="all"), directory=tmp_path)["attacks"]
    assert queried["noise_robustness"]["of_targets"] == queried["gap"]["of_targets"] == 2


def test_a_run_with_all_attacks_has_the_whole_suite(everything: tuple[Path, Config]) -> None:
    row = run(everything[1], directory=everything[0])
    assert len(row["attacks"]) == 23 + 2 * 10
    kinds = {attack["looks_at"] for attack in row["attacks"].values()}
    assert kinds == {"classifier", "release", "encoder and decoder"}
    assert row["attacks"]["adaptive_rmia"]["knowledge"] == "posteriors, shadow models, records, recipe"
    on_release = {name: attack["looks_at"] == "release" for name, attack in row["attacks"].items()}
    assert all(row["attacks"][name]["of_targets"] == (1 if there else 6) for name, there in on_release.items())


@pytest.mark.parametrize("training", [PlainTrainer(), PublicTrainer(), DPSGDTrainer(8.0)], ids=str)
def test_the_same_configuration_gives_the_same_row(config: Config, training: Trainer, tmp_path: Path) -> None:
    config = replace(config, defence=replace(config.defence, trainer=training))
    first = run(config, directory=tmp_path / "a")
    assert first["trainer"] == str(training)
    assert set(first["attacks"]) == ON_FRAMEWORK
    # Also if some of its VAEs are there already.
    (tmp_path / "b" / "vaes").mkdir(parents=True)
    for path in sorted((tmp_path / "a" / "vaes").iterdir())[::2]:
        shutil.copy(path, tmp_path / "b" / "vaes")
    assert without_time(first) == without_time(run(config, directory=tmp_path / "b"))


@pytest.mark.parametrize(
    "changes",
    [
        {"noise_aware": True},
        {"noise_aware": True, "conditional": True, "mechanism": "von-mises-fisher"},
        {"conditional": True, "denoiser": "posterior-mean", "labels": RandomisedResponse(2.0, 10)},
        {"conditional": True, "noise_aware": True, "trainer": PublicTrainer(0.5)},
        {"conditional": True, "noise_aware": True, "trainer": DPSGDTrainer(8.0)},
        {"mechanism": "gaussian", "denoiser": "preserve-variance"},
    ],
    ids=lambda changes: ", ".join(changes),
)
def test_every_variant_of_the_framework_is_attacked_as_the_plain_one_is(
    config: Config, changes: dict[str, Any], tmp_path: Path
) -> None:
    conditional = {"n_classes": 10} if changes.pop("conditional", False) else {}
    defence = replace(config.defence, vae=replace(config.defence.vae, **conditional), **changes)
    row = run(replace(config, defence=defence), directory=tmp_path)
    assert set(row["attacks"]) == ON_FRAMEWORK
    assert all(0 <= attack["auc"] <= 1 for attack in row["attacks"].values())


@pytest.mark.parametrize(
    ("defence", "more"),
    [
        (PriorSampling(), {"nearest_record", "domias", "calibrated_reconstruction"}),
        (RecordNoise(), {"nearest", "likelihood"}),
        (Regularised(epochs=3), set()),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_each_defence_is_attacked_through_what_it_publishes(
    config: Config, defence: PriorSampling, more: set[str], tmp_path: Path
) -> None:
    if isinstance(defence, PriorSampling):
        defence = replace(defence, vae=config.defence.vae)
    found = set(run(replace(config, defence=defence), directory=tmp_path)["attacks"])
    assert more | ON_RAW | {f"adaptive_{name}" for name in COPYING} <= found
    on_release_or_vae = {name for name, attack in ATTACKS.items() if attack.looks_at != "classifier"}
    assert found & on_release_or_vae == more


def test_shadow_models_that_are_unlike_the_target_make_their_attacks_weak(config: Config, tmp_path: Path) -> None:
    # Much noise: the target is right about few records, shadow models on raw records about most.
    noisy = replace(config, classifier=ClassifierSettings(epochs=60))
    row, _ = run_with(noisy, tmp_path, epsilon=0.5)
    assert "do NOT behave like the target" in row["shadows"][""]
    assert {name for name, attack in row["attacks"].items() if attack["weak"]} == COPYING
