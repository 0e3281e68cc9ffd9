"""Which models pools share, what they are called, and what a black box says of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pools import train, with_training

from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import Framework, NoDefence, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool, trained_classifiers
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import PlainTrainer, PublicTrainer

pytestmark = pytest.mark.usefixtures("forgetful")


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
