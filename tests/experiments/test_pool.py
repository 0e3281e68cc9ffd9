"""What each model of a pool is trained on."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pools import train, with_training

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import DPSGD, PriorSampling, RecordNoise, Regularised, base, dp_sgd
from vaeprivacy.dp_classifier import DPClassifierSettings
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.config import Config, draw_parts
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.scattering import scattering
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer

pytestmark = pytest.mark.usefixtures("forgetful")


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
