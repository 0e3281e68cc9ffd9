"""Sweeps: the table, and what an interruption leaves of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

from vaeprivacy import experiment
from vaeprivacy.config import Config
from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, WithDPSGD
from vaeprivacy.experiment import run
from vaeprivacy.parallel import in_parallel
from vaeprivacy.stages import framework_vae
from vaeprivacy.storage import RESULTS
from vaeprivacy.sweep import _vaes, grid, shadow_fit, sweep

ON_RAW = ["loss", "shadow", "lira_offline", "rmia_offline"]
ADAPTIVE = [f"{way}_{name}" for way in ("adaptive", "through") for name in ON_RAW[1:]]


@pytest.fixture(scope="module")
def configs(config: Config) -> list[Config]:
    return [config.raw, replace(config, epsilon=None), config]


@pytest.fixture(scope="module")
def swept(configs: list[Config], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    directory = tmp_path_factory.mktemp("swept")
    return directory, sweep(configs, directory=directory, n_jobs=1, progress=False)


def test_bad_epsilons_are_refused_before_any_work() -> None:
    with pytest.raises(ValueError, match="epsilon must be positive"):
        grid(seeds=[0], epsilons=[1.0, -1.0])


def test_the_grid_has_raw_data_no_noise_and_each_epsilon_for_each_seed() -> None:
    configs = grid(seeds=[3, 4], epsilons=[1.0, 8.0], dataset="digits")
    assert [c.label for c in configs] == ["raw data", "no noise", "1", "8"] * 2
    assert [c.seed for c in configs] == [3] * 4 + [4] * 4
    assert {c.dataset for c in configs} == {"digits"}


def test_the_table_has_one_row_for_each_run_and_attack(swept: tuple[Path, pd.DataFrame]) -> None:
    table = swept[1]
    assert table.groupby("setting").attack.apply(list).to_dict() == {
        "raw data": ON_RAW,
        "no noise": [*ON_RAW, "nearest", "vae", *ADAPTIVE],
        "1": [*ON_RAW, "nearest", "likelihood", "vae", *ADAPTIVE],
    }
    assert table.auc.between(0, 1).all()
    assert set(table.training) == {"private records"}
    assert table.advantage.to_numpy() == pytest.approx(2 * table.attack_accuracy - 1)


def test_without_noise_the_release_gives_every_member_away(swept: tuple[Path, pd.DataFrame]) -> None:
    table = swept[1].set_index(["setting", "attack"])
    assert table.auc["no noise", "nearest"] > 0.999
    assert table.auc["1", "nearest"] < 0.75


def test_a_finished_sweep_computes_nothing_again(
    configs: list[Config], swept: tuple[Path, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*args: object) -> None:
        raise AssertionError("A finished run was computed again.")

    monkeypatch.setattr(experiment, "attack_scores", computed)
    directory, table = swept
    pd.testing.assert_frame_equal(sweep(configs, directory=directory, n_jobs=1, progress=False), table)


def test_a_killed_sweep_continues_and_ends_with_the_same_table(
    configs: list[Config], swept: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    directory = tmp_path / "killed"
    shutil.copytree(swept[0], directory)
    # As a kill may leave it: a torn last line, stages missing, and a file that was being written.
    results = directory / RESULTS
    results.write_text(results.read_text()[:-40])
    for stage in ("runs", "vaes", "shadows/*"):
        next(directory.glob(f"{stage}/*")).unlink()
    (directory / "runs" / "x.npz.1.unfinished").write_bytes(b"half")
    with pytest.warns(UserWarning, match="killed process left unfinished"):
        table = sweep(configs, directory=directory, n_jobs=1, progress=False)
    pd.testing.assert_frame_equal(table, swept[1], check_exact=True)


def test_two_processes_give_the_table_of_one(
    configs: list[Config], swept: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    table = sweep(configs, directory=tmp_path, n_jobs=2, progress=False)
    pd.testing.assert_frame_equal(table, swept[1], check_exact=True)


def test_shadow_models_are_compared_with_their_target(configs: list[Config], swept: tuple[Path, pd.DataFrame]) -> None:
    table = shadow_fit(configs, directory=swept[0])
    assert table.setting.tolist() == ["raw data", "no noise", "1"]
    raw = table.set_index("setting").loc["raw data"]
    train = swept[1].set_index("setting").train_accuracy["raw data"].iloc[0]
    assert raw["target on members"] == pytest.approx(train)
    assert abs(raw["shadows on members"] - raw["target on members"]) < 0.15


def test_each_vae_is_fitted_once_whatever_needs_it(config: Config) -> None:
    disjoint = replace(config, training=OnDisjointRecords())
    needed = _vaes([config, replace(config, epsilon=8.0), disjoint, config.raw])
    names = [(str(each.training), who) for each, who in needed]
    assert sorted(names) == [
        ("disjoint records", "target"),
        ("private records", "shadow 0"),
        ("private records", "shadow 1"),
        ("private records", "target"),
    ]


def test_a_killed_sweep_over_all_trainings_continues_and_ends_with_the_same_table(
    config: Config, tmp_path: Path
) -> None:
    configs = [replace(config, training=training) for training in (OnDisjointRecords(), WithDPSGD(8.0))]
    whole = sweep(configs, directory=tmp_path / "whole", n_jobs=1, progress=False)
    names = dict.fromkeys(whole.training)
    assert list(names) == ["disjoint records", "DP-SGD, epsilon 8"]
    assert whole.groupby("training").attack.apply(list).to_dict() == {
        name: [*ON_RAW, "nearest", "likelihood", "vae", *ADAPTIVE] for name in names
    }
    assert set(whole.setting) == {"1"}
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    for stage in ("runs", "vaes"):
        for path in sorted((tmp_path / "killed" / stage).iterdir())[::2]:
            path.unlink()
    (tmp_path / "killed" / RESULTS).unlink()
    table = sweep(configs, directory=tmp_path / "killed", n_jobs=1, progress=False)
    pd.testing.assert_frame_equal(table, whole, check_exact=True)


def test_what_runs_need_is_prepared_before_they_start(config: Config, tmp_path: Path) -> None:
    # Else two processes would train the same VAE at the same time.
    for training in (OnPrivateRecords(), OnDisjointRecords(), WithDPSGD(8.0)):
        needing = replace(config, training=training)
        for each, who in _vaes([needing]):
            framework_vae(each, tmp_path, who)
        before = set((tmp_path / "vaes").iterdir())
        run(needing, directory=tmp_path)
        assert set((tmp_path / "vaes").iterdir()) == before


def test_a_finished_sweep_appends_nothing(config: Config, tmp_path: Path) -> None:
    for _ in range(2):
        sweep([config.raw], directory=tmp_path, n_jobs=1, progress=False)
        assert len((tmp_path / RESULTS).read_text().split("\n\n")) == 1


def test_a_run_that_is_asked_for_twice_is_computed_once(config: Config, tmp_path: Path) -> None:
    table = sweep([config.raw] * 2, directory=tmp_path, n_jobs=1, progress=False)
    assert len(table) == 8
    assert len((tmp_path / RESULTS).read_text().split("\n\n")) == 1


@pytest.mark.parametrize("in_threads", [False, True])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_process_or_thread_computes_with_one_thread(n_jobs: int, in_threads: bool) -> None:
    # As the documentation of n_jobs says; results could depend on it in their last digits.
    torch.set_num_threads(2)
    assert list(in_parallel([torch.get_num_threads] * 3, n_jobs=n_jobs, in_threads=in_threads)) == [1] * 3
    assert torch.get_num_threads() == 2


def test_a_run_by_itself_gives_the_row_of_a_sweep(config: Config, tmp_path: Path) -> None:
    table = sweep([config], directory=tmp_path / "sweep", n_jobs=1, progress=False)
    row = run(config, directory=tmp_path / "run")
    assert table.set_index("attack").auc.to_dict() == {name: m["auc"] for name, m in row["attacks"].items()}
