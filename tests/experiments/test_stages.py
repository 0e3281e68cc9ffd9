"""What each model of a run is trained on, and which models runs share."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaeprivacy import trainers
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import DPSGD, Framework, PriorSampling, RecordNoise, Regularised, base, dp_sgd
from vaeprivacy.dp_classifier import DPClassifierSettings
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments import stages
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.stages import chunk_answers, chunks, fitted_model, pool, reference_vaes, released
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.scattering import scattering
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Train classifiers anew in each test: a process keeps the last ones in memory."""
    stages.fitted_classifiers.cache_clear()


@pytest.fixture
def fitted_on(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[torch.Tensor]]:
    """The records that each VAE and each classifier is fitted on, in order."""
    seen: dict[str, list[torch.Tensor]] = {"vae": [], "classifier": []}
    fit_vae, fit_classifiers = trainers.fit_vae, base.fit_classifiers

    def spy_on_vae(x: torch.Tensor, *args: object, **options: object) -> object:
        seen["vae"].append(x)
        return fit_vae(x, *args, **options)

    def spy_on_classifiers(x: torch.Tensor, *args: object, subsets: list[torch.Tensor], **options: object) -> object:
        seen["classifier"] += [x[subset] for subset in subsets]
        return fit_classifiers(x, *args, subsets=subsets, **options)

    monkeypatch.setattr(trainers, "fit_vae", spy_on_vae)
    monkeypatch.setattr(base, "fit_classifiers", spy_on_classifiers)
    return seen


def with_training(config: Config, training: Trainer) -> Config:
    return replace(config, defence=replace(config.defence, training=training))


def halves(config: Config, digits: Dataset) -> list[torch.Tensor]:
    """Return the records of each model of a pool."""
    candidates = digits.x[config.parts(digits.y).candidates]
    return [candidates[mine] for mine in config.memberships(digits.y)]


def same(seen: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    return len(seen) == len(expected) and all(map(torch.equal, seen, expected))


def nearest(x: torch.Tensor, records: torch.Tensor) -> torch.Tensor:
    """Return the distance of each record to the nearest of others."""
    return (x[:, None] - records).norm(dim=2).min(dim=1).values


# What must not happen


@pytest.mark.parametrize("training", [PlainTrainer(), PublicTrainer(), DPSGDTrainer(8.0)], ids=str)
def test_with_the_framework_no_classifier_sees_a_private_record(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], training: Trainer, tmp_path: Path
) -> None:
    pool(with_training(config, training), tmp_path)
    assert len(fitted_on["classifier"]) == config.n_models
    for synthetic in fitted_on["classifier"]:
        assert synthetic.shape == (config.n_members, 64)
        assert nearest(synthetic, digits.x).min() > 0
        assert len(synthetic.unique(dim=0)) == len(synthetic)


@pytest.mark.parametrize("made", [PriorSampling(), RecordNoise(8.0)], ids=lambda made: made.name)
def test_other_defences_that_make_records_do_not_show_true_ones_either(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], made: PriorSampling, tmp_path: Path
) -> None:
    vae = {"vae": config.defence.vae} if isinstance(made, PriorSampling) else {}
    pool(replace(config, defence=replace(made, **vae)), tmp_path)
    for synthetic in fitted_on["classifier"]:
        assert nearest(synthetic, digits.x).min() > 0


def test_a_vae_on_disjoint_records_sees_public_ones_only_and_is_everybodys(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    disjoint = with_training(config, PublicTrainer())
    vaes = [fitted_model(disjoint, tmp_path, number) for number in range(4)]
    assert same(fitted_on["vae"], [digits.x[disjoint.parts(digits.y).public]])
    assert all(torch.equal(a, b) for vae in vaes for a, b in zip(vae.parameters(), vaes[0].parameters(), strict=True))


def test_models_and_runs_share_no_noise(config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Whoever subtracts two releases of the same records with the same noise learns the difference of their codes.
    directions, sample = [], EuclideanLaplace.sample

    def spying(mechanism: EuclideanLaplace, *shape: int, **options: object) -> torch.Tensor:
        noise = sample(mechanism, *shape, **options)
        directions.append(tuple((noise[0] / noise[0].norm()).tolist()))
        return noise

    monkeypatch.setattr(EuclideanLaplace, "sample", spying)
    regularised = (PlainTrainer(), PublicTrainer(), DPSGDTrainer(8.0), DPSGDTrainer(8.0, delta=1e-9))
    runs = [with_training(config, training) for training in regularised]
    runs += [replace(config, seed=1), replace(config, defence=replace(config.defence, epsilon=2.0))]
    runs += [replace(config, defence=replace(config.defence, denoiser="shrink"))]
    for each in runs:
        for number in (0, 1):
            released(each, tmp_path, number)
    assert len(directions) == len(set(directions)) == 2 * len(runs)


# Known answers


def test_without_defence_each_model_is_trained_on_its_half(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    pool(config.raw, tmp_path)
    assert same(fitted_on["classifier"], halves(config, digits))
    assert fitted_on["vae"] == []


def test_behind_each_classifier_stands_a_vae_on_its_own_half(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    pool(config, tmp_path)
    assert same(fitted_on["vae"], halves(config, digits))


def test_a_vae_with_dp_sgd_sees_the_half_of_its_owner(
    config: Config, digits: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen, fit = [], DPSGDTrainer.fit

    def spying(training: DPSGDTrainer, x: torch.Tensor, *args: object, **options: object) -> object:
        seen.append(x)
        return fit(training, x, *args, **options)

    monkeypatch.setattr(DPSGDTrainer, "fit", spying)
    reference_vaes(with_training(config, DPSGDTrainer(8.0)), tmp_path, [2, 3])
    assert same(seen, halves(config, digits)[2:])


@pytest.mark.parametrize("training", [PlainTrainer(), PublicTrainer()], ids=str)
def test_the_adversary_compares_with_vaes_of_its_own_records(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], training: Trainer, tmp_path: Path
) -> None:
    reference_vaes(with_training(config, training), tmp_path, [1, 3])
    assert same(fitted_on["vae"], halves(config, digits)[1::2])


def test_a_regularised_classifier_is_trained_on_its_half_with_changed_settings(
    config: Config,
    digits: Dataset,
    fitted_on: dict[str, list[torch.Tensor]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    used, fit = [], base.fit_on_releases

    def spying(releases: object, settings: ClassifierSettings, **options: object) -> object:
        used.append(settings)
        return fit(releases, settings, **options)

    monkeypatch.setattr(base, "fit_on_releases", spying)
    pool(replace(config, defence=Regularised(epochs=2)), tmp_path)
    assert same(fitted_on["classifier"], halves(config, digits))
    assert used == [replace(config.classifier, epochs=2)]


def test_a_classifier_with_dp_sgd_is_trained_on_its_half(
    config: Config, digits: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []

    def stand_in(
        x: torch.Tensor, y: torch.Tensor, settings: DPClassifierSettings, **options: object
    ) -> tuple[torch.nn.Module, None]:
        seen.append((x, options["epsilon"], options["delta"], settings))
        return torch.nn.Linear(64, 10), None

    monkeypatch.setattr(dp_sgd, "fit_dp_classifier", stand_in)
    pool(replace(config, defence=DPSGD(2.0, delta=1e-6)), tmp_path)
    assert same([x for x, *_ in seen], halves(config, digits))
    assert {tuple(options) for _, *options in seen} == {(2.0, 1e-6, DPClassifierSettings())}


def test_scattering_features_are_computed_once_for_all_runs_of_a_split(
    config: Config, digits: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scattered, seen = [], []

    def spying(x: torch.Tensor, *, image_shape: tuple[int, int]) -> torch.Tensor:
        scattered.append(x)
        return scattering(x, image_shape=image_shape)

    def stand_in(
        x: torch.Tensor, y: torch.Tensor, settings: DPClassifierSettings, **options: object
    ) -> tuple[torch.nn.Module, None]:
        seen.append(x)
        return torch.nn.Linear(x.shape[1], 10), None

    monkeypatch.setattr(dp_sgd, "scattering", spying)
    monkeypatch.setattr(dp_sgd, "fit_dp_classifier", stand_in)
    for epsilon in (1.0, 2.0):
        pool(replace(config, defence=DPSGD(epsilon, scattering=True)), tmp_path)
    assert same(scattered, [digits.x[config.parts(digits.y).asked]])
    for found, half in zip(seen, 2 * halves(config, digits), strict=True):
        assert torch.allclose(found, scattering(half, image_shape=digits.image_shape), atol=1e-5)


def test_models_are_asked_as_they_are_and_through_their_own_framework(
    config: Config, digits: Dataset, tmp_path: Path
) -> None:
    as_they_are, through = pool(config, tmp_path)
    assert as_they_are.log_posteriors.shape == through.log_posteriors.shape == (4, 400, 10)
    assert torch.equal(as_they_are.is_member[:, :200], config.memberships(digits.y))
    assert not as_they_are.is_member[:, 200:].any()
    assert torch.equal(as_they_are.is_member, through.is_member)
    assert torch.equal(as_they_are.y, digits.y[config.parts(digits.y).asked])
    assert not torch.allclose(as_they_are.log_posteriors, through.log_posteriors)
    assert len(pool(config.raw, tmp_path)) == 1


# What runs share


def test_runs_with_other_noise_share_their_vaes_and_not_their_noise(config: Config, tmp_path: Path) -> None:
    files = []
    for epsilon in (1.0, 2.0, None):
        each = replace(config, defence=replace(config.defence, epsilon=epsilon))
        pool(each, tmp_path)
        files.append(sorted(path.name for path in (tmp_path / "vaes").iterdir()))
    assert files[0] == files[1] == files[2]
    assert len(files[0]) == config.n_models


def test_what_encoder_and_decoder_are_trained_for_has_its_own_and_what_comes_after_has_not(
    config: Config, tmp_path: Path
) -> None:
    aware = replace(config.defence, noise_aware=True)
    made = [
        aware,
        replace(aware, epsilon=2.0),
        replace(aware, mechanism="von-mises-fisher"),
        replace(aware, radius=3.0),
        replace(aware, vae=replace(aware.vae, n_classes=10)),
        config.defence,
    ]
    n_files = []
    for each in made:
        denoiser = None if each.mechanism == "von-mises-fisher" else "shrink"
        for variant in (each, replace(each, denoiser=denoiser, labels=RandomisedResponse(1.0, 10))):
            fitted_model(replace(config, defence=variant), tmp_path, 0)
        n_files.append(len(list((tmp_path / "vaes").iterdir())))
    assert n_files == [1, 2, 3, 4, 5, 6]


def test_the_pool_without_defence_is_one_for_all_defences(
    config: Config, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    for made in (config.defence, Framework(), RecordNoise(), Regularised(epochs=1)):
        pool(replace(config, defence=made).raw, tmp_path)
    assert len(fitted_on["classifier"]) == config.n_models


def test_pools_of_other_sizes_share_their_models(
    config: Config, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    small, large = pool(config, tmp_path), pool(replace(config, n_models=8), tmp_path)
    assert len(fitted_on["vae"]) == len(fitted_on["classifier"]) == 8
    for few, many in zip(small, large, strict=True):
        assert torch.equal(few.log_posteriors, many.log_posteriors[:4])


def test_a_chunk_does_not_depend_on_the_pool_that_asks_for_it(config: Config, tmp_path: Path) -> None:
    large = replace(config, n_models=8, attacks="all")
    assert chunks(large) == [(0, 1, 2, 3), (4, 5, 6, 7)]
    of_large = chunk_answers(large, tmp_path / "large", (4, 5, 6, 7))
    assert np.array_equal(of_large, chunk_answers(large.trained, tmp_path / "own", (4, 5, 6, 7)))
