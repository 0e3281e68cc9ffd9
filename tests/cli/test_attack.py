"""``vaeprivacy attack``: every attack on a run of ours, or on a target and records in files."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from seeding import seeded
from torch import nn
from typer.testing import CliRunner

from vaeprivacy.classifiers import ClassifierSettings, fit_classifier, predict
from vaeprivacy.cli import app, attack_work
from vaeprivacy.cli.attack_work import likely_shape, pool_size, pooled_scores
from vaeprivacy.compute.files import append_row
from vaeprivacy.compute.parallel import OnThisMachine
from vaeprivacy.datasets import Dataset, split
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.external import load_arrays, load_classifier
from vaeprivacy.experiments.runs import run


@pytest.fixture(scope="module")
def files(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target that knows its members by heart, and records of all kinds, as files."""
    folder = tmp_path_factory.mktemp("files")
    parts = split(digits.y, n_members=100, n_reference=200, n_test=100, generator=seeded())
    x, y = digits.x[parts.members], digits.y[parts.members]
    target = fit_classifier(x, y, ClassifierSettings(hidden=64, epochs=150), n_classes=10, generator=seeded(1))
    save_file(target.state_dict(), folder / "target.safetensors")
    candidates = {"x": digits.x[parts.candidates], "y": digits.y[parts.candidates], "is_member": parts.is_member}
    reference = {"reference_x": digits.x[parts.reference], "reference_y": digits.y[parts.reference]}
    release = {"release_x": x, "release_y": y}  # the records themselves
    np.savez(folder / "all.npz", **candidates, **reference, **release)
    save_file(candidates | {"log_posteriors": predict(target, candidates["x"])}, folder / "answers.safetensors")
    np.savez(folder / "short.npz", **(candidates | {"y": candidates["y"][:5]}))
    np.savez(folder / "unknown.npz", **candidates, z=np.zeros(3))
    np.savez(folder / "poor.npz", **candidates)
    np.savez(folder / "wide.npz", **(candidates | {"x": torch.zeros(200, 5)}))
    (folder / "text.npz").write_text("no arrays")
    save_file({"conv.weight": torch.zeros(3, 3)}, folder / "conv.safetensors")
    return folder


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.npz"], "There is no file"),
        (["short.npz"], "short.npz: y must hold one label for each of the 200 records, but has shape (5,)"),
        (["unknown.npz"], "has ['z'] that is not known"),
        (["text.npz"], "is no .npz or .safetensors file of arrays"),
        (["poor.npz"], "Nothing to attack: pass a target"),
        (["poor.npz", "--target", "none.safetensors"], "There is no file"),
        (["poor.npz", "--target", "conv.safetensors"], "does not hold a multilayer perceptron"),
        (["wide.npz", "--target", "target.safetensors"], "The target takes 64 features, but the records have 5."),
        (["."], "holds no finished run"),
    ],
)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(
    arguments: list[str], sentence: str, files: Path, tmp_path: Path
) -> None:
    arguments = [argument if argument.startswith("--") else str(files / argument) for argument in arguments]
    result = CliRunner().invoke(app.app, ["attack", *arguments, "--directory", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_on_files_every_attack_with_enough_knowledge_is_run(files: Path, tmp_path: Path) -> None:
    data, target = str(files / "all.npz"), str(files / "target.safetensors")
    options = ["--target", target, "--shadows", "6", "--epochs", "150", "--directory", str(tmp_path)]
    result = CliRunner().invoke(app.app, ["attack", data, *options], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "attacks.csv").set_index("attack")
    assert len(table) == 15 + 2  # all on the classifier, and those on the release that need no encoder
    # The release is made of the members themselves.
    assert table.auc["nearest_record"] == 1
    assert table.auc["rmia"] > 0.6
    assert "behave like the target" in result.output
    assert (tmp_path / "attacks.png").stat().st_size > 10_000
    with np.load(tmp_path / "scores.npz") as scores:
        assert scores["scores/lira"].shape == scores["is_member"].shape == (1, 200)
        assert scores["targets/lira"].tolist() == [0]


def test_answers_in_the_file_are_enough(files: Path, tmp_path: Path) -> None:
    options = ["--shadows", "4", "--epochs", "3", "--directory", str(tmp_path)]
    result = CliRunner().invoke(
        app.app, ["attack", str(files / "answers.safetensors"), *options], env={"COLUMNS": "200"}
    )
    assert result.exit_code == 0, result.output
    found = set(pd.read_csv(tmp_path / "attacks.csv").attack)
    assert {"loss", "shokri", "lira", "lira_offline"} <= found
    assert not {"rmia", "gap", "nearest_record"} & found  # no population, no target to ask, no release
    # Shadow models of 3 epochs are unlike a target of 150, and everything says so.
    assert "do NOT behave like the target" in result.output
    assert pd.read_csv(tmp_path / "attacks.csv").set_index("attack").weak["lira"]


def test_without_matplotlib_there_is_no_figure_and_a_note_says_what_to_install(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.delitem(sys.modules, "vaeprivacy.reporting.figures", raising=False)
    options = ["--shadows", "2", "--epochs", "2", "--directory", str(tmp_path)]
    result = CliRunner().invoke(app.app, ["attack", str(files / "answers.safetensors"), *options])
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "The figure was not drawn: The figure needs matplotlib, which is not installed" in said
    assert "pip install 'vaeprivacy[book]'." in said
    assert {path.name for path in tmp_path.glob("*.*")} == {"attacks.csv", "scores.npz"}


def test_a_second_time_the_shadow_models_are_there(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["attack", str(files / "answers.safetensors"), "--shadows", "4", "--epochs", "5"]
    arguments += ["--directory", str(tmp_path)]
    first = CliRunner().invoke(app.app, arguments)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "shadows").rglob("*.npz")}
    second = CliRunner().invoke(app.app, arguments)
    assert first.exit_code == second.exit_code == 0
    assert before and before == {path: path.stat().st_mtime_ns for path in (tmp_path / "shadows").rglob("*.npz")}


def test_a_classifier_survives_its_file(digits: Dataset, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(64, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 10))
    save_file(model.state_dict(), tmp_path / "deep.safetensors")
    assert torch.equal(load_classifier(tmp_path / "deep.safetensors")(digits.x[:9]), model(digits.x[:9]))


def test_arrays_get_their_types(files: Path) -> None:
    arrays = load_arrays(files / "all.npz")
    assert arrays["x"].dtype == arrays["release_x"].dtype == torch.float32
    assert arrays["y"].dtype == arrays["reference_y"].dtype == torch.int64
    assert arrays["is_member"].dtype == torch.bool


def test_the_pool_is_even_and_large_enough_for_each_target() -> None:
    assert [pool_size(n_shadows) for n_shadows in (2, 3, 4, 16)] == [4, 6, 6, 18]


def test_scores_of_all_targets_are_pooled_with_their_own_memberships() -> None:
    is_member = np.array([[True, False], [False, True], [True, True]])
    arrays = {
        "is_member": is_member,
        "scores/loss": np.array([[1.0, 2.0], [3.0, 4.0]]),
        "targets/loss": np.array([2, 0]),
    }
    scores, members = pooled_scores(arrays, "loss")
    assert scores.tolist() == [1, 2, 3, 4]
    assert members.tolist() == [True, True, True, False]


def test_on_a_run_of_ours_every_attack_is_run_on_each_model_of_the_pool(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attack_work, "OnThisMachine", lambda: OnThisMachine(1))
    runs, out = tmp_path / "runs", tmp_path / "out"
    append_row(run(config, directory=runs), directory=runs)
    append_row({"key": "x", "error": "MemoryError: too large"}, directory=runs)  # not the last run: it failed
    options = ["--shadows", "2", "--directory", str(out)]
    result = CliRunner().invoke(app.app, ["attack", str(runs), *options], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "digits, 100 members, framework, epsilon 1, seed 0" in result.output
    assert "A pool of 4 models, each the target once: the 2 others" in result.output
    table = pd.read_csv(out / "attacks.csv")
    assert len(table) == 43
    assert set(table.looks_at) == {"classifier", "release", "encoder and decoder"}
    assert set(table[table.looks_at == "release"].of_targets) == {1}
    assert set(table[table.looks_at != "release"].of_targets) == {4}
    assert (out / "attacks.png").stat().st_size > 10_000
    with np.load(out / "scores.npz") as scores:
        assert scores["scores/lira"].shape == scores["is_member"].shape == (4, 200)
    missing = CliRunner().invoke(app.app, ["attack", str(runs), "--key", "zzz"])
    assert missing.exit_code == 2 and "no finished run whose key begins with zzz" in missing.output


@pytest.mark.parametrize(
    ("features", "shape"), [(784, (28, 28)), (3072, (3, 32, 32)), (600, None), (1, (1, 1)), (6169, None), (108, None)]
)
def test_files_do_not_say_whether_records_are_images_but_their_length_does(
    features: int, shape: tuple[int, ...] | None
) -> None:
    assert likely_shape(features) == shape
