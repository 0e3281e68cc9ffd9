"""What each model of a pool is trained on, and which models pools share."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaeprivacy import trainers
from vaeprivacy.attacks import Shadows
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import (
    DPSGD,
    Framework,
    NoDefence,
    PriorSampling,
    RecordNoise,
    Regularised,
    base,
    dp_sgd,
)
from vaeprivacy.dp_classifier import DPClassifierSettings
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.config import Config, draw_parts
from vaeprivacy.experiments.pool import Pool, trained_classifiers
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.scattering import scattering
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Train classifiers anew in each test: a process keeps the last ones in memory."""
    trained_classifiers.cache_clear()


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
    return replace(config, defence=replace(config.defence, trainer=training))


def train(config: Config, directory: Path | None = None) -> list[Shadows]:
    """Return what all models of a run's pool say, trained if they are not there."""
    return Pool.of(config, directory).shadows


def halves(config: Config, digits: Dataset) -> list[torch.Tensor]:
    """Return the records of each model of a pool."""
    candidates, _, _ = draw_parts(digits.y, config)
    return [digits.x[candidates][mine] for mine in Pool.of(config).is_member]


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
    train(with_training(config, training), tmp_path)
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
    train(replace(config, defence=replace(made, **vae)), tmp_path)
    for synthetic in fitted_on["classifier"]:
        assert nearest(synthetic, digits.x).min() > 0


def test_a_vae_on_disjoint_records_sees_public_ones_only_and_is_everybodys(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    disjoint = with_training(config, PublicTrainer())
    vaes = [Pool.of(disjoint, tmp_path).vae(number) for number in range(4)]
    assert same(fitted_on["vae"], [digits.x[draw_parts(digits.y, disjoint)[2]]])
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
            Pool.of(each, tmp_path).release(number)
    assert len(directions) == len(set(directions)) == 2 * len(runs)


# Known answers


def test_without_defence_each_model_is_trained_on_its_half(
    raw: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    train(raw, tmp_path)
    assert same(fitted_on["classifier"], halves(raw, digits))
    assert fitted_on["vae"] == []


def test_behind_each_classifier_stands_a_vae_on_its_own_half(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    train(config, tmp_path)
    assert same(fitted_on["vae"], halves(config, digits))


def test_a_vae_with_dp_sgd_sees_the_half_of_its_owner(
    config: Config, digits: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen, fit = [], DPSGDTrainer.fit

    def spying(training: DPSGDTrainer, x: torch.Tensor, *args: object, **options: object) -> object:
        seen.append(x)
        return fit(training, x, *args, **options)

    monkeypatch.setattr(DPSGDTrainer, "fit", spying)
    references = Pool.of(with_training(config, DPSGDTrainer(8.0)), tmp_path).references
    for number in (2, 3):
        references.vae(number)
    assert same(seen, halves(config, digits)[2:])


@pytest.mark.parametrize("training", [PlainTrainer(), PublicTrainer()], ids=str)
def test_the_adversary_compares_with_vaes_of_its_own_records(
    config: Config, digits: Dataset, fitted_on: dict[str, list[torch.Tensor]], training: Trainer, tmp_path: Path
) -> None:
    references = Pool.of(with_training(config, training), tmp_path).references
    for number in (1, 3):
        references.vae(number)
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
    train(replace(config, defence=Regularised(epochs=2)), tmp_path)
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
    train(replace(config, defence=DPSGD(2.0, delta=1e-6)), tmp_path)
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
        train(replace(config, defence=DPSGD(epsilon, scattering=True)), tmp_path)
    assert same(scattered, [digits.x[torch.cat(draw_parts(digits.y, config)[:2])]])
    for found, half in zip(seen, 2 * halves(config, digits), strict=True):
        assert torch.allclose(found, scattering(half, image_shape=digits.image_shape), atol=1e-5)


def test_models_are_queried_with_records_as_they_are_and_as_their_own_framework_renders_them(
    config: Config, raw: Config, digits: Dataset, tmp_path: Path
) -> None:
    pool = Pool.of(config, tmp_path)
    as_they_are, rendered = pool.shadows
    assert as_they_are.log_posteriors.shape == rendered.log_posteriors.shape == (4, 400, 10)
    assert torch.equal(as_they_are.is_member[:, :200], pool.is_member)
    assert not as_they_are.is_member[:, 200:].any()
    assert torch.equal(as_they_are.is_member, rendered.is_member)
    assert torch.equal(as_they_are.y, digits.y[torch.cat(draw_parts(digits.y, config)[:2])])
    assert not torch.allclose(as_they_are.log_posteriors, rendered.log_posteriors)
    assert len(train(raw, tmp_path)) == 1


# The halves


def test_a_pool_has_the_parts_of_its_run_and_queries_candidates_and_population(config: Config, digits: Dataset) -> None:
    for each in (config, with_training(config, PublicTrainer())):
        pool, parts = Pool.of(each), draw_parts(digits.y, each)
        assert all(map(torch.equal, (pool.candidates, pool.population, pool.public), parts))
        assert torch.equal(pool.queries, torch.cat(parts[:2]))
        assert torch.equal(pool.members(1), pool.candidates[pool.is_member[1]])


def test_models_come_in_pairs_of_complementary_halves(config: Config) -> None:
    is_member = Pool.of(replace(config, n_models=8)).is_member
    assert is_member.shape == (8, 200)
    assert (is_member[0::2] ^ is_member[1::2]).all()
    assert (is_member.sum(dim=0) == 4).all()  # each candidate is in half of the models,
    assert (is_member.sum(dim=1) == 100).all()  # and each model has half of the candidates
    assert len(is_member.unique(dim=0)) == 8


def test_halves_hold_as_many_records_of_each_class(config: Config, digits: Dataset) -> None:
    pool = Pool.of(config)
    y = digits.y[pool.candidates]
    for half in pool.is_member:
        assert (torch.bincount(y[half]) - torch.bincount(y[~half])).abs().max() <= 1


def test_what_a_model_is_trained_on_does_not_depend_on_the_size_of_its_pool(config: Config) -> None:
    small, middle, large = (Pool.of(replace(config, n_models=n)).is_member for n in (4, 8, 12))
    assert torch.equal(large[:4], small)
    assert torch.equal(large[:8], middle)


def test_others_are_all_but_target_and_complement(config: Config) -> None:
    pool = Pool.of(replace(config, n_models=6))
    assert pool.others(0) == pool.others(1) == [2, 3, 4, 5]
    assert pool.others(4) == pool.others(5) == [0, 1, 2, 3]


# What runs share


def test_runs_with_other_noise_share_their_vaes_and_not_their_noise(config: Config, tmp_path: Path) -> None:
    files = []
    for epsilon in (1.0, 2.0, None):
        each = replace(config, defence=replace(config.defence, epsilon=epsilon))
        train(each, tmp_path)
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
            Pool.of(replace(config, defence=variant), tmp_path).vae(0)
        n_files.append(len(list((tmp_path / "vaes").iterdir())))
    assert n_files == [1, 2, 3, 4, 5, 6]


def test_the_pool_without_defence_is_one_for_all_defences(
    config: Config, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    for made in (config.defence, Framework(), RecordNoise(), Regularised(epochs=1), NoDefence()):
        assert Pool.of(replace(config, defence=made), tmp_path).undefended.shadows
    assert len(fitted_on["classifier"]) == config.n_models


def test_pools_of_other_sizes_share_their_models(
    config: Config, fitted_on: dict[str, list[torch.Tensor]], tmp_path: Path
) -> None:
    small, large = train(config, tmp_path), train(replace(config, n_models=8), tmp_path)
    assert len(fitted_on["vae"]) == len(fitted_on["classifier"]) == 8
    for few, many in zip(small, large, strict=True):
        assert torch.equal(few.log_posteriors, many.log_posteriors[:4])


def test_a_chunk_does_not_depend_on_the_pool_that_asks_for_it(config: Config, tmp_path: Path) -> None:
    large, larger = (replace(config, n_models=n, attacks=which) for n, which in ((8, "all"), (12, "few")))
    assert Pool.of(large).chunks == [(0, 1, 2, 3), (4, 5, 6, 7)]
    of_large = Pool.of(large, tmp_path / "large").predictions((4, 5, 6, 7))
    trained_classifiers.cache_clear()
    assert np.array_equal(of_large, Pool.of(larger, tmp_path / "own").predictions((4, 5, 6, 7)))


def test_without_a_directory_pools_find_the_same_and_leave_nothing(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pool = Pool.of(config)
    in_memory = pool.shadows
    assert list(tmp_path.iterdir()) == []
    trained_classifiers.cache_clear()
    for remembered, kept in zip(in_memory, train(config, tmp_path / "files"), strict=True):
        assert torch.equal(remembered.log_posteriors, kept.log_posteriors)
    assert pool.undefended.store is pool.references.store is pool.store


# Names


def test_names_tell_what_is_kept_apart(config: Config) -> None:
    disjoint = Pool.of(with_training(config, PublicTrainer()))
    pool = Pool.of(config)
    names = {config.key, disjoint.vae_name(0), pool.vae_name(0), pool.vae_name(1), pool.predictions_name}
    assert len(names) == 5
    assert all(np.char.isalnum(name.removeprefix("predictions/")) for name in names)
    assert disjoint.vae_name(0) == disjoint.vae_name(1)


def test_names_tell_records_and_seeds_apart(config: Config) -> None:
    changes = ({}, {"seed": 1}, {"n_members": 50}, {"n_population": 100})
    pools = [Pool.of(replace(config, **change)) for change in changes]
    assert len({pool.vae_name(0) for pool in pools}) == len({pool.predictions_name for pool in pools}) == 4


def test_pools_without_defence_and_vaes_are_shared_by_runs_that_need_not_differ(config: Config, raw: Config) -> None:
    same = [replace(config, attacks="all"), replace(config, defence=replace(config.defence, epsilon=2.0))]
    same += [replace(config, n_targets=1)]
    other = with_training(config, DPSGDTrainer(8.0))
    pool, pools = Pool.of(config), [Pool.of(each) for each in same]
    without = {each.undefended.predictions_name for each in (pool, *pools, Pool.of(other))}
    assert without == {Pool.of(raw).predictions_name}
    assert pool.undefended.defence == NoDefence()
    assert {each.vae_name(0) for each in pools} == {pool.vae_name(0)}
    assert Pool.of(other).vae_name(0) != pool.vae_name(0)
    for each in (replace(config, n_models=8), same[0], same[2]):
        assert Pool.of(each).predictions_name == pool.predictions_name
    assert Pool.of(same[1]).predictions_name != pool.predictions_name


def test_the_adversary_trains_vaes_as_the_defender_does_but_on_its_own_records(config: Config) -> None:
    for training, reference in (
        (PlainTrainer(), PlainTrainer()),
        (PublicTrainer(), PlainTrainer()),
        (DPSGDTrainer(8.0), DPSGDTrainer(8.0)),
    ):
        assert Pool.of(with_training(config, training)).references.defence.trainer == reference


# Black boxes


def test_a_black_box_says_of_candidates_what_the_pool_says(config: Config, digits: Dataset, tmp_path: Path) -> None:
    pool = Pool.of(config, tmp_path)
    said = pool.shadows[0].log_posteriors
    trained_classifiers.cache_clear()
    for target in (1, 2):
        box = pool.black_box(target, n_targets=4)
        assert torch.equal(box["query"](digits.x[pool.queries]), said[target])
        assert torch.equal(box["query_label"](digits.x[pool.queries]), said[target].argmax(dim=1))
