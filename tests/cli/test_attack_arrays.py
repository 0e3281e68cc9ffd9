"""Arrays in files for ``vaeprivacy attack``: taken, converted, or refused in one sentence with file and array."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from vaeprivacy.cli import app
from vaeprivacy.experiments.external import load_arrays, load_classifier

RNG = np.random.default_rng(0)
X, Y, M = RNG.random((120, 16)).astype("f4"), RNG.integers(0, 3, 120), np.arange(120) < 60
LP = np.log(RNG.dirichlet(np.ones(3), 120)).astype("f4")
BASE = {"x": X, "y": Y, "is_member": M, "log_posteriors": LP}
REFERENCE = {"reference_x": X[:50] / 2, "reference_y": Y[:50], "reference_log_posteriors": LP[:50]}
ZERO = np.where(np.arange(120)[:, None] + np.arange(3) == 0, -np.inf, LP)


def attack(folder: Path, arrays: dict[str, Any], *options: str) -> Any:
    np.savez(folder / "d.npz", **arrays)
    arguments = ["attack", str(folder / "d.npz"), "--shadows", "2", "--epochs", "1", "--directory", str(folder / "out")]
    return CliRunner().invoke(app.app, [*arguments, *options], env={"COLUMNS": "200"})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "probabilities": ({"log_posteriors": np.exp(LP)}, "log_posteriors holds probabilities"),
    "one-hot labels": ({"y": np.eye(3)[Y]}, "y must hold one number a record, not have shape (120, 3); if"),
    "fractional labels": ({"y": Y + 0.5}, "but labels must be whole numbers"),
    "NaN labels": ({"y": np.where(Y == 0, np.nan, Y)}, "labels (NaN); leave these records out"),
    "labels in words": ({"y": Y.astype(str)}, "y must hold real numbers, not text"),
    "labels of other classes": ({"y": Y + 1}, "y must hold one label from 0 to 2"),
    "±1 memberships": ({"is_member": np.where(M, 1, -1)}, "pass e.g. is_member > 0."),
    "fractional memberships": ({"is_member": np.where(M, 0.9, 0.1)}, "pass e.g. is_member > 0.5."),
    "a NaN membership": ({"is_member": np.where(np.arange(120) == 90, np.nan, M)}, "not nan"),
    "memberships in words": ({"is_member": M.astype(str)}, "is_member == 'True'"),
    "complex records": ({"x": X + 1j}, "x must hold real numbers, not complex numbers"),
    "grey values": ({"x": (255 * X).astype("u1")}, "pass grey values as x / 255"),
    "images": ({"x": X.reshape(120, 4, 4)}, "pass x.reshape(len(x), -1)"),
    "records without labels": ({"release_x": X[:30]}, "release_x is there, but release_y is missing"),
    "labels without records": ({"reference_y": Y[:30]}, "reference_y is there, but reference_x is missing"),
    "predictions without records": ({"reference_log_posteriors": LP[:30]}, "but reference_x is missing"),
    "another width": (REFERENCE | {"reference_x": X[:50, :4]}, "reference_x has 4 features a record, but must have 16"),
    "other classes": (REFERENCE | {"reference_log_posteriors": LP[:50, :2]}, "has 2 classes, but log_posteriors has 3"),
    "posteriors that are all zero": ({"log_posteriors": np.where(Y[:, None] == 0, -np.inf, LP)}, "for every class"),
    "members alone": ({"is_member": M | True}, "is_member must tell members from others, but all candidates are on"),
    "posteriors of one class": ({"log_posteriors": LP[:, :1], "y": 0 * Y}, "log_posteriors has a single column, but"),
    "objects": ({"x": X.astype(object)}, "it holds Python objects, which might run code"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_means_something_else_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    changed, sentence = REFUSED[case]
    result = attack(tmp_path, BASE | changed)
    assert result.exit_code == 2, result.output
    assert len(result.output.strip().splitlines()) == 1
    assert result.output.startswith(f"vaeprivacy: {tmp_path / 'd.npz'}") and sentence in result.output
    assert not (tmp_path / "out").exists()


TAKEN: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "columns": lambda a: a | {"y": Y[:, None], "is_member": M[:, None]},
    "double precision": lambda a: {name: value.astype("f8") for name, value in a.items()},
    "another byte order": lambda a: {name: value.astype(value.dtype.newbyteorder()) for name, value in a.items()},
    "small whole numbers": lambda a: a | {"y": Y.astype("u1"), "is_member": M.astype("i1")},
    "columns first": lambda a: {name: np.asfortranarray(value) for name, value in a.items()},
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_means_the_same_is_read_as_the_same(case: str, tmp_path: Path) -> None:
    for name, arrays in {"plain": BASE, "other": TAKEN[case](BASE)}.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    plain, other = (load_arrays(tmp_path / f"{name}.npz") for name in ("plain", "other"))
    assert list(plain) == list(other)
    assert all(torch.equal(plain[name], other[name]) and plain[name].dtype == other[name].dtype for name in plain)


def test_answers_about_reference_records_are_enough_for_all_that_they_tell(tmp_path: Path) -> None:
    result = attack(tmp_path, BASE | REFERENCE)
    assert result.exit_code == 0, result.output
    assert "rmia" in set(pd.read_csv(tmp_path / "out" / "attacks.csv").attack)


def test_a_posterior_of_zero_has_a_floor_and_a_note(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="1 of 360 posteriors in log_posteriors are 0"):
        result = attack(tmp_path, BASE | {"log_posteriors": ZERO})
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "out" / "scores.npz") as scores:
        assert all(np.isfinite(scores[name]).all() for name in scores.files)


def test_reference_records_that_are_members_are_counted(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **BASE, reference_x=X[50:70], reference_y=Y[50:70])
    with pytest.warns(UserWarning, match="10 of the 20 reference records are equal to members"):
        load_arrays(tmp_path / "d.npz")


def test_a_target_in_half_precision_is_read(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 3)).bfloat16()
    save_file(model.state_dict(), tmp_path / "t.safetensors")
    state = load_classifier(tmp_path / "t.safetensors").state_dict()
    assert all(torch.equal(state[name], weight.float()) for name, weight in model.state_dict().items())
    save_file({name: torch.as_tensor(value).bfloat16() if name == "x" else torch.as_tensor(value)
               for name, value in BASE.items()}, tmp_path / "d.safetensors")  # fmt: skip
    assert load_arrays(tmp_path / "d.safetensors")["x"].dtype == torch.float32


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({}, "it has no tensor"),
        ({"layers.0.weight": torch.zeros(3, 16)}, "it has layers.0.weight"),
        ({"0.weight": torch.zeros(3, 16)}, "it has 0.weight"),
        ({"0.weight": torch.zeros(4, 16), "0.bias": torch.zeros(4), "1.weight": torch.zeros(4)}, "it has 0.bias, 0.w"),
    ],
)
def test_a_target_with_other_names_is_told_which_it_has(
    state: dict[str, torch.Tensor], why: str, tmp_path: Path
) -> None:
    save_file(state, tmp_path / "t.safetensors")
    with pytest.raises(ValueError, match=rf"t.safetensors does not hold a multilayer perceptron \(.*: {why}"):
        load_classifier(tmp_path / "t.safetensors")


def test_a_target_without_numbers_is_refused_by_name(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 3))
    nn.init.constant_(model[2].weight, torch.nan)
    save_file(model.state_dict(), tmp_path / "t.safetensors")
    result = attack(tmp_path, BASE, "--target", str(tmp_path / "t.safetensors"))
    assert result.exit_code == 2
    assert f"{tmp_path / 't.safetensors'} holds NaN or infinite weights in 2.weight" in result.output
