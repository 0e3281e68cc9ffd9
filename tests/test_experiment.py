"""One run: its configuration, its key, its row."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaeprivacy import classifiers, coverage
from vaeprivacy.attacks.reconstruction import calibrated_score, reconstruction_score
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.config import Config, run_key
from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, WithDPSGD
from vaeprivacy.data import Dataset
from vaeprivacy.experiment import run, run_scores
from vaeprivacy.mechanisms import EuclideanLaplace
from vaeprivacy.stages import framework_vae, reference_vaes, shadow_records, shadows, training_records

# What a run in the tests' configuration is attacked with.
ON_RAW = {"loss", "shadow", "lira_offline", "rmia_offline"}
ADAPTIVE = {f"{way}_{name}" for way in ("adaptive", "through") for name in ON_RAW - {"loss"}}
ON_FRAMEWORK = ON_RAW | ADAPTIVE | {"nearest", "likelihood", "vae"}


def test_a_run_leaves_scores_and_a_row(config: Config, tmp_path: Path) -> None:
    row = run(config, directory=tmp_path)
    arrays = run_scores(config, directory=tmp_path)
    assert row["key"] == run_key(config)
    assert set(row["attacks"]) == ON_FRAMEWORK
    assert (row["setting"], row["training"]) == ("1", "private records")
    assert arrays["is_member"].sum() == config.n_members
    assert all(arrays[attack].shape == arrays["is_member"].shape for attack in row["attacks"])
    right = arrays["log_posteriors"].argmax(axis=1) == arrays["y"]
    assert row["train_accuracy"] == pytest.approx(right[arrays["is_member"]].mean())


def test_the_same_configuration_gives_the_same_row(config: Config, tmp_path: Path) -> None:
    assert run(config, directory=tmp_path / "a") == run(config, directory=tmp_path / "b")


def test_runs_with_other_noise_share_the_vae(config: Config, tmp_path: Path, digits) -> None:
    x, y = digits.x[:100], digits.y[:100]
    releases = []
    for epsilon in (1.0, 2.0):
        synthesizer, release = training_records(replace(config, epsilon=epsilon), tmp_path, x, y, "target")
        releases.append((synthesizer.encode(x), release.x))
    assert len(list((tmp_path / "vaes").iterdir())) == 1
    assert torch.equal(releases[0][0], releases[1][0])
    assert not torch.equal(releases[0][1], releases[1][1])


def test_the_targets_records_and_the_adversarys_are_disjoint(config: Config, digits) -> None:
    parts = config.split(digits.y)
    assert not set(parts.reference.tolist()) & set(torch.cat([parts.candidates, parts.test]).tolist())
    halves = config.shadow_memberships(digits.y, parts)
    assert halves.shape == (config.n_shadows, 4 * config.n_members)
    assert not halves[:, len(parts.reference) :].any()
    assert (halves.sum(dim=1) == config.n_members).all()
    assert not torch.equal(halves[0], halves[1])


@pytest.fixture
def fitted_on(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[torch.Tensor]]:
    """The records that each VAE and each classifier of a run is fitted on, in order."""
    seen: dict[str, list[torch.Tensor]] = {"fit_vae": [], "fit_classifier": []}
    fit_vae, fit_classifiers = coverage.fit_vae, classifiers.fit_classifiers

    def spy_on_vae(x: torch.Tensor, *args: object, **options: object) -> object:
        seen["fit_vae"].append(x)
        return fit_vae(x, *args, **options)

    def spy_on_classifiers(x: torch.Tensor, *args: object, subsets: list[torch.Tensor], **options: object) -> object:
        seen["fit_classifier"] += [x[subset] for subset in subsets]
        return fit_classifiers(x, *args, subsets=subsets, **options)

    monkeypatch.setattr(coverage, "fit_vae", spy_on_vae)
    monkeypatch.setattr(classifiers, "fit_classifiers", spy_on_classifiers)
    return seen


def private_records(config: Config, digits: Dataset) -> list[torch.Tensor]:
    """Return what the target and then each shadow may be trained on: members, and halves of the reference records."""
    parts = config.split(digits.y)
    asked = digits.x[shadow_records(parts)]
    return [digits.x[parts.members], *(asked[mine] for mine in config.shadow_memberships(digits.y, parts))]


def same(seen: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    return len(seen) == len(expected) and all(map(torch.equal, seen, expected))


def test_without_defence_target_and_shadows_are_trained_on_their_own_records(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    run(config.raw, directory=tmp_path)
    assert same(fitted_on["fit_classifier"], private_records(config, digits))


def test_with_the_framework_no_classifier_sees_a_private_record(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    run(config, directory=tmp_path)
    private = private_records(config, digits)
    assert same(fitted_on["fit_vae"], private)
    # The target, then the shadows on raw data, then those that copy the framework.
    target, raw, own = (fitted_on["fit_classifier"][part] for part in (slice(1), slice(1, 3), slice(3, None)))
    assert same(raw, private[1:])
    for synthetic, original in zip([*target, *own], private, strict=True):
        assert synthetic.shape == original.shape
        assert not (torch.cdist(synthetic, digits.x).min(dim=1).values == 0).any()
        assert len(synthetic.unique(dim=0)) == len(synthetic)


def test_a_vae_on_disjoint_records_sees_public_ones_only_and_is_everybodys(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    disjoint = replace(config, training=OnDisjointRecords())
    parts = disjoint.split(digits.y)
    assert len(parts.public) == config.n_members
    vaes = [framework_vae(disjoint, tmp_path, who) for who in ("target", "shadow 0", "shadow 1")]
    assert same(fitted_on["fit_vae"], [digits.x[parts.public]])
    assert all(torch.equal(a, b) for vae in vaes for a, b in zip(vae.parameters(), vaes[0].parameters(), strict=True))


@pytest.mark.parametrize("training", [OnPrivateRecords(), OnDisjointRecords()])
def test_the_adversary_compares_with_vaes_of_its_own_records(
    config: Config,
    digits: Dataset,
    fitted_on: dict[str, list[torch.Tensor]],
    training: OnPrivateRecords | OnDisjointRecords,
    tmp_path: Path,
) -> None:
    references = reference_vaes(replace(config, training=training), tmp_path)
    assert len(references) == config.n_shadows
    assert same(fitted_on["fit_vae"], private_records(config, digits)[1:])


def test_the_attack_on_the_vae_is_the_calibrated_one_and_does_not_see_the_noise(
    config: Config, digits: Dataset, tmp_path: Path
) -> None:
    scores = []
    for epsilon in (1.0, 8.0):
        noisy = replace(config, epsilon=epsilon)
        run(noisy, directory=tmp_path)
        scores.append(run_scores(noisy, directory=tmp_path)["vae"])
    vae, references = framework_vae(config, tmp_path, "target"), reference_vaes(config, tmp_path)
    x = digits.x[config.split(digits.y).candidates]
    of_references = torch.stack([reconstruction_score(each, x) for each in references])
    expected = calibrated_score(reconstruction_score(vae, x), of_references)
    assert np.array_equal(scores[0], expected.numpy())
    assert np.array_equal(scores[0], scores[1])


def test_a_vae_with_dp_sgd_sees_the_records_of_its_owner(
    config: Config, digits: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen, fit = [], WithDPSGD.fit

    def spying(training: WithDPSGD, x: torch.Tensor, *args: object, **options: object) -> object:
        seen.append(x)
        return fit(training, x, *args, **options)

    monkeypatch.setattr(WithDPSGD, "fit", spying)
    private = replace(config, training=WithDPSGD(8.0))
    framework_vae(private, tmp_path, "target")
    reference_vaes(private, tmp_path)
    assert same(seen, private_records(config, digits))


@pytest.mark.parametrize("training", [OnDisjointRecords(), WithDPSGD(8.0)], ids=str)
def test_however_the_vae_is_trained_the_same_configuration_gives_the_same_row(
    config: Config, training: OnDisjointRecords | WithDPSGD, tmp_path: Path
) -> None:
    config = replace(config, training=training)
    first = run(config, directory=tmp_path / "a")
    assert first == run(config, directory=tmp_path / "b")
    # Also if its VAEs are there already, and nothing else.
    shutil.copytree(tmp_path / "a" / "vaes", tmp_path / "c" / "vaes")
    assert first == run(config, directory=tmp_path / "c")


def test_runs_with_vaes_of_another_training_share_no_noise(
    config: Config, monkeypatch: pytest.MonkeyPatch, digits: Dataset, tmp_path: Path
) -> None:
    # Whoever has two releases of the same records with the same noise learns the difference of their codes.
    noises, sample = [], EuclideanLaplace.sample

    def spying(mechanism: EuclideanLaplace, *shape: int, **options: object) -> torch.Tensor:
        noises.append(sample(mechanism, *shape, **options))
        return noises[-1]

    monkeypatch.setattr(EuclideanLaplace, "sample", spying)
    trainings = (OnPrivateRecords(), OnDisjointRecords(), WithDPSGD(8.0), WithDPSGD(8.0, delta=1e-9))
    for training in trainings:
        training_records(replace(config, training=training), tmp_path, digits.x[:20], digits.y[:20], "target")
    assert len({round(noise[0, 0].item(), 9) for noise in noises}) == len(trainings)


def test_a_run_with_dp_sgd_goes_through(config: Config, tmp_path: Path) -> None:
    row = run(replace(config, training=WithDPSGD(8.0)), directory=tmp_path)
    assert row["training"] == "DP-SGD, epsilon 8"
    assert set(row["attacks"]) == ON_FRAMEWORK


def test_target_shadows_and_runs_with_another_epsilon_share_no_noise(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Whoever subtracts the noise of two releases that share it, has one of them without noise.
    lengths, sample = [], EuclideanLaplace.sample

    def spying(mechanism: EuclideanLaplace, *shape: int, **options: object) -> torch.Tensor:
        noise = sample(mechanism, *shape, **options)
        lengths.append((mechanism.epsilon * noise[0].norm()).item())
        return noise

    monkeypatch.setattr(EuclideanLaplace, "sample", spying)
    for epsilon in (1.0, 2.0):
        run(replace(config, epsilon=epsilon), directory=tmp_path)
    assert len(lengths) == len({round(length, 9) for length in lengths}) == 6


def test_an_online_run_with_all_attacks_has_the_whole_suite(config: Config, tmp_path: Path) -> None:
    row = run(replace(config, online=True, attacks="all", n_shadows=4), directory=tmp_path)
    assert len(row["attacks"]) == 23 + 2 * 10
    assert {attack["looks_at"] for attack in row["attacks"].values()} == {
        "classifier",
        "release",
        "encoder and decoder",
    }
    assert row["attacks"]["adaptive_rmia"]["knowledge"] == "posteriors, shadow models, records, recipe"


def test_shadow_models_that_are_unlike_the_target_make_their_attacks_weak(config: Config, tmp_path: Path) -> None:
    # Much noise: the target is right about few records, shadow models on raw records about most.
    noisy = replace(config, epsilon=0.5, n_shadows=4, classifier=ClassifierSettings(epochs=60))
    row = run(noisy, directory=tmp_path)
    assert "do NOT behave like the target" in row["shadows"][""]
    weak = {name for name, attack in row["attacks"].items() if attack["weak"]}
    assert weak == {"shadow", "lira_offline", "rmia_offline"}


def test_shadow_models_are_asked_as_they_are_and_through_their_own_framework(config: Config, tmp_path: Path) -> None:
    as_they_are, through = shadows(config, tmp_path)
    assert as_they_are.log_posteriors.shape == through.log_posteriors.shape == (2, 400, 10)
    assert torch.equal(as_they_are.is_member, through.is_member)
    assert not torch.allclose(as_they_are.log_posteriors, through.log_posteriors)
    assert len(shadows(config.raw, tmp_path)) == 1
