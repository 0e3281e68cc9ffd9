"""Sweeps: the table, what an interruption or a failure leaves of it."""

import json
import multiprocessing
import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from systems import posix_only
from tables import assert_same

from vaeprivacy.compute.files import RESULTS, read_rows
from vaeprivacy.compute.parallel import in_parallel
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments import game, runs, sweeps
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import config_of
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import run, shadow_fit
from vaeprivacy.experiments.sweeps import (
    TABLE,
    Piece,
    _predictions,
    _vaes,
    leave_predictions,
    sweep,
    tidy,
    unfinished,
)
from vaeprivacy.trainers import PlainTrainer, PublicTrainer

ON_RAW = ["loss", "shokri", "lira_offline", "lira", "rmia"]
COPYING = [f"{way}_{name}" for way in ("adaptive", "reconstructed") for name in ON_RAW[1:]]
Swept = tuple[Path, pd.DataFrame]
quietly = partial(sweep, n_jobs=1, progress=False)


def other_defence(config: Config, **changes: object) -> Config:
    return replace(config, defence=replace(config.defence, **changes))


# What is impossible, and what fails


def test_a_row_of_other_code_ends_the_sweep_at_once(
    raw: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "run_with_provenance", lambda config, directory: {"key": "of other code"})
    with pytest.raises(RuntimeError, match=r"^The code of the package was changed while .*: start the sweep again\.$"):
        quietly([raw], directory=tmp_path)
    assert read_rows(tmp_path) == {}


def test_an_impossible_split_is_refused_before_any_work(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="n_members may be at most 449"):
        quietly([config, replace(config, n_members=800)], directory=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_is_recorded_and_the_others_go_on_and_it_is_tried_again(
    configs: list[Config], swept: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(pool: Pool, *args: object, **options: object) -> object:
        if pool.defence.label == "no noise":
            raise ValueError("no luck\ntoday.")
        return attack_target(pool, *args, **options)

    attack_target = game.attack_target
    with monkeypatch.context() as patch, pytest.warns(UserWarning, match="1 of 3 runs failed, .*ValueError: no luck"):
        patch.setattr(game, "attack_target", failing)
        table = quietly(configs, directory=tmp_path)
    failed = table[table.error != ""]
    assert failed.error.tolist() == ["ValueError: no luck today."]
    assert failed[["setting", "seed", "key"]].to_numpy().tolist() == [["no noise", 0, configs[1].key]]
    assert failed[["attack", "auc", "test_accuracy", "of_targets", "weak", "seconds"]].isna().all(axis=None)
    assert "in failing" in read_rows(tmp_path)[configs[1].key]["traceback"]
    others = swept[1][swept[1].setting != "no noise"].reset_index(drop=True)
    fine = table[table.error == ""].reset_index(drop=True)
    assert_same(fine.astype(others.dtypes), others)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / TABLE), table)
    assert unfinished(configs, directory=tmp_path) == [configs[1]]
    assert_same(quietly(configs, directory=tmp_path), swept[1])


def test_all_runs_that_need_a_piece_fail_with_it_and_no_others(
    config: Config, raw: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: object, **options: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(PlainTrainer, "fit", failing)
    configs = [
        config,
        other_defence(config, epsilon=2.0),
        raw,
        other_defence(config, trainer=DPSGDTrainer(8.0)),
    ]
    with pytest.warns(UserWarning, match="2 of 4 runs failed"):
        table = quietly(configs, directory=tmp_path)
    assert table.drop_duplicates("key").error.tolist() == ["MemoryError: too large"] * 2 + ["", ""]


def test_if_all_fail_there_is_still_a_table(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: object, **options: object) -> None:
        raise RuntimeError("none works")

    monkeypatch.setattr(runs, "attack_pool", failing)
    with pytest.warns(UserWarning, match="1 of 1 runs failed"):
        table = quietly([config], directory=tmp_path)
    assert table.error.tolist() == pd.read_parquet(tmp_path / TABLE).error.tolist() == ["RuntimeError: none works"]


# Known answers


def test_the_table_has_one_row_for_each_run_and_attack(swept: Swept) -> None:
    table = swept[1]
    assert table.groupby("setting", sort=False).attack.apply(list).to_dict() == {
        "raw data": ON_RAW,
        "no noise": [*ON_RAW, *COPYING, "nearest", "calibrated_reconstruction"],
        "1": [*ON_RAW, *COPYING, "nearest", "likelihood", "calibrated_reconstruction"],
    }
    assert table.auc.between(0, 1).all()
    assert (table.error == "").all()
    assert table.advantage.to_numpy() == pytest.approx(2 * table.attack_accuracy - 1)
    assert set(table.trainer[table.defence == "framework"]) == {"private records"}
    labels = table.drop_duplicates("key")[["defence", "short_label", "full_label"]].to_numpy().tolist()
    assert labels == [
        ["none", "", "raw data"],
        ["framework", "no noise", "framework, no noise"],
        ["framework", "1", "framework, epsilon 1"],
    ]
    assert set(table.latent_dim.dropna()) == {3.0}
    assert set(table.classifier_hidden) == {16}


def test_a_row_tells_where_it_comes_from(configs: list[Config], swept: Swept) -> None:
    table = swept[1]
    assert list(dict.fromkeys(table.key)) == [config.key for config in configs]
    assert [config_of(json.loads(config)) for config in dict.fromkeys(table.config)] == configs
    assert set(table.torch) == {torch.__version__}
    assert set(table.threads) == {1}
    assert (table.seconds > 0).all()
    assert (table.cores >= 1).all()
    assert pd.to_datetime(table.finished).dt.tz is not None
    for column in ("python", "numpy", "vaeprivacy", "processor"):
        assert table[column].nunique() == 1


def test_the_parquet_file_holds_the_table(swept: Swept) -> None:
    pd.testing.assert_frame_equal(pd.read_parquet(swept[0] / TABLE), swept[1], check_exact=True)
    assert [path.name for path in swept[0].iterdir() if path.is_file()].count(TABLE) == 1
    assert not list(swept[0].rglob("*.unfinished"))


def test_without_noise_the_release_gives_every_member_away(swept: Swept) -> None:
    table = swept[1].set_index(["setting", "attack"])
    assert table.auc["no noise", "nearest"] == 1.0
    assert table.auc["1", "nearest"] < 0.75


def test_shadow_models_are_compared_with_their_target(configs: list[Config], swept: Swept) -> None:
    table = shadow_fit(configs, directory=swept[0])
    assert table.setting.tolist() == ["raw data", "no noise", "1"]
    raw = table.set_index("setting").loc["raw data"]
    assert raw["target on members"] == pytest.approx(swept[1].set_index("setting").train_accuracy["raw data"].iloc[0])
    assert abs(raw["shadows on members"] - raw["target on members"]) < 0.15


def test_an_empty_sweep_is_an_empty_table(tmp_path: Path) -> None:
    assert len(quietly([], directory=tmp_path)) == len(tidy([])) == 0


# Each piece once


def needed(runs: list[Config], what: Callable[[Config, Path], list[Piece]], directory: Path) -> list[Piece]:
    """Return the pieces that runs need, the first of each name."""
    pieces: dict[str, Piece] = {}
    for each in runs:
        for piece in what(each, directory):
            pieces.setdefault(piece.name, piece)
    return list(pieces.values())


def test_each_piece_is_there_once_whatever_needs_it(config: Config, raw: Config, tmp_path: Path) -> None:
    disjoint = other_defence(config, trainer=PublicTrainer())
    runs = [config, other_defence(config, epsilon=8.0), disjoint, raw, replace(config, n_models=8)]
    vaes = needed(runs, _vaes, tmp_path)
    assert Counter(str(piece.config.defence.trainer) for piece in vaes) == {
        "private records": 8,
        "disjoint records": 1,
    }
    chunks = needed(runs, _predictions, tmp_path)
    # Of raw data and of epsilon 1 two chunks each, the first of which serves both sizes of pools.
    found = Counter()
    for piece in chunks:
        numbers, undefended = piece.arguments
        found["raw data" if undefended else piece.config.defence.label, numbers] += 1
    assert found == {
        ("raw data", (0, 1, 2, 3)): 1,
        ("raw data", (4, 5, 6, 7)): 1,
        ("1", (0, 1, 2, 3)): 2,  # disjoint and private
        ("1", (4, 5, 6, 7)): 1,
        ("8", (0, 1, 2, 3)): 1,
    }
    for what, pieces in ((_vaes, vaes), (_predictions, chunks)):
        names = {piece.name for piece in needed(runs[::-1], what, tmp_path)}
        assert names == {piece.name for piece in pieces}  # whoever comes first


@pytest.mark.parametrize("training", [PlainTrainer(), PublicTrainer(), DPSGDTrainer(8.0)], ids=str)
def test_what_runs_need_is_prepared_before_they_start(config: Config, training: DPSGDTrainer, tmp_path: Path) -> None:
    # Else two processes would train the same model at the same time.
    needing = replace(other_defence(config, trainer=training), n_models=6)
    for piece in (*_vaes(needing, tmp_path), *_predictions(needing, tmp_path)):
        piece.do(tmp_path)
    before = {path for stage in ("vaes", "predictions") for path in (tmp_path / stage).rglob("*")}
    assert len([path for path in before if path.is_file()]) >= 12
    run(needing, directory=tmp_path)
    assert {path for stage in ("vaes", "predictions") for path in (tmp_path / stage).rglob("*")} == before


def test_a_piece_leaves_what_it_is_named_after(config: Config, tmp_path: Path) -> None:
    disjoint = other_defence(config, trainer=PublicTrainer())
    for piece in needed([config, disjoint], _vaes, tmp_path):
        piece.do(tmp_path)
        assert (tmp_path / "vaes" / f"{piece.name}.safetensors").is_file()
    for piece in needed([disjoint], _predictions, tmp_path):
        piece.do(tmp_path)
        assert len(list((tmp_path / piece.name.rpartition("/")[0]).glob("model-*.npz"))) == 4


def test_a_piece_sends_nothing_back(raw: Config, tmp_path: Path) -> None:
    assert Piece("", leave_predictions, raw, ((0, 1), False)).do(tmp_path) is None


# Interrupted, repeated, in other places


def test_a_finished_sweep_computes_and_appends_nothing(
    configs: list[Config], swept: Swept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def computed(*args: object) -> None:
        raise AssertionError("A finished run was computed again.")

    monkeypatch.setattr(runs, "attack_run", computed)
    directory, table = swept
    before = (directory / RESULTS).read_bytes()
    assert_same(quietly(configs, directory=directory), table)
    assert (directory / RESULTS).read_bytes() == before


def test_rows_come_in_the_order_of_the_runs_asked_for(configs: list[Config], swept: Swept) -> None:
    table = quietly([configs[2], configs[0], configs[2]], directory=swept[0])
    assert table.key.drop_duplicates().tolist() == [configs[2].key, configs[0].key]
    assert len(table) == 2 * 16 + 5


def test_a_torn_line_and_lost_files_change_nothing(configs: list[Config], swept: Swept, tmp_path: Path) -> None:
    directory = shutil.copytree(swept[0], tmp_path / "killed")
    results = directory / RESULTS
    results.write_text(results.read_text()[:-40])
    for stage in ("runs", "vaes", "predictions/*"):
        next(path for path in directory.glob(f"{stage}/*") if path.is_file()).unlink()
    (directory / "runs" / "x.npz.1.unfinished").write_bytes(b"half")
    with pytest.warns(UserWarning, match="a killed process left it unfinished"):
        table = quietly(configs, directory=directory)
    assert_same(table, swept[1])


@posix_only
def test_a_sweep_that_is_killed_at_random_moments_ends_with_the_same_table(
    configs: list[Config], swept: Swept, tmp_path: Path
) -> None:
    context, moments = multiprocessing.get_context("forkserver"), random.Random(0)
    context.set_forkserver_preload(["vaeprivacy.experiments.sweeps"])  # imports once, so that kills hit the work
    options = {"directory": tmp_path, "n_jobs": 1, "progress": False}
    done = 0
    for _ in range(6):
        process = context.Process(target=sweep, args=(configs,), kwargs=options)
        process.start()
        left = set(tmp_path.rglob("*"))
        while process.is_alive() and set(tmp_path.rglob("*")) == left:  # until it works
            process.join(0.02)
        process.join(moments.uniform(0, 0.6))
        process.kill()
        process.join()
        done += len(list((tmp_path / "vaes").glob("*.safetensors"))) > 0
    assert done  # some kills came after the first files
    assert_same(quietly(configs, directory=tmp_path), swept[1])


def test_two_processes_give_the_table_of_one(configs: list[Config], swept: Swept, tmp_path: Path) -> None:
    assert_same(sweep(configs, directory=tmp_path, n_jobs=2, progress=False), swept[1])


@pytest.mark.parametrize("in_threads", [False, True])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_process_or_thread_computes_with_one_thread(n_jobs: int, in_threads: bool) -> None:
    # As the documentation of n_jobs says; results could depend on it in their last digits.
    torch.set_num_threads(2)
    assert list(in_parallel([torch.get_num_threads] * 3, n_jobs=n_jobs, in_threads=in_threads)) == [1] * 3
    assert torch.get_num_threads() == 2


def test_a_run_by_itself_gives_the_row_of_a_sweep(config: Config, swept: Swept, tmp_path: Path) -> None:
    row = run(config, directory=tmp_path)
    table = swept[1][swept[1].setting == "1"].set_index("attack")
    assert table.auc.to_dict() == {name: metrics["auc"] for name, metrics in row["attacks"].items()}
