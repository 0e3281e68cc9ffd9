"""Readers of files meet damaged ones: valid files with bytes, lengths and fields changed.

Whatever they are given, they end soon, with one sentence or with the values that were written. ``make fuzz`` tries
2,000 of each kind (the environment variable ``FUZZ`` says how many); ``make test`` tries 100.
"""

import contextlib
import csv
import io
import json
import os
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML
from seeding import seeded

from vaeprivacy.compute.array_files import read_arrays, read_tensors, write_arrays, write_tensors
from vaeprivacy.compute.files import RESULTS, append_row, read_rows
from vaeprivacy.course.assignments import read_assignment
from vaeprivacy.course.grading import grade_submission
from vaeprivacy.course.sandbox_cells import read_submission
from vaeprivacy.datasets import from_csv
from vaeprivacy.experiments import grids
from vaeprivacy.experiments.external import load_arrays
from vaeprivacy.experiments.grids import read_grid
from vaeprivacy.vae import VAE

N = int(os.environ.get("FUZZ", "100"))
LONGEST_S = 2.0
SENTENCES = (ValueError, TypeError)


def changed(data: bytes, rng: random.Random) -> bytes:
    """Return a file with a bit, some bytes, or its length changed, or a piece of it put elsewhere."""
    kind, place = rng.randrange(8), rng.randrange(len(data))
    end = min(len(data), place + rng.randrange(1, 40))
    if kind == 0:
        return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
    if kind == 1:
        return data[:place]
    if kind == 2:
        return data + rng.randbytes(rng.randrange(1, 200))
    if kind == 3:
        return data[:place] + rng.randbytes(end - place) + data[end:]
    if kind == 4:
        return data[:place] + data[end:]
    if kind == 5:
        return data[:place] + data[place:end] * rng.randrange(2, 5) + data[end:]
    if kind == 6:
        return data[:place] + bytes(end - place) + data[end:]
    # The length, or another number, of a header.
    place = rng.choice([0, 4, 18, 22, 26, 28, max(0, len(data) - rng.randrange(1, 70))])
    return data[:place] + rng.randbytes(rng.choice([1, 2, 4, 8])) + data[place + 8 :]


def fuzz(data: bytes, path: Path, read: Callable[[Path], Any], right: Callable[[Any], bool], seed: str) -> int:
    """Read many changed versions of a file; return how many were read, rightly."""
    rng, read_well, slowest = random.Random(seed), 0, 0.0
    for number in range(N):
        version = changed(data, rng)
        for _ in range(rng.randrange(2)):
            version = changed(version or data, rng)
        path.write_bytes(version)
        start = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = read(path)
        except SENTENCES as error:
            assert path.name in str(error), f"{number}: {error}"
            assert "\n" not in str(error) and "allow_pickle" not in str(error), f"{number}: {error}"
        else:
            assert right(found), f"{number}: read {found} of {version!r}"
            read_well += 1
        slowest = max(slowest, time.perf_counter() - start)
    assert slowest < LONGEST_S
    return read_well


def same(found: dict[str, Any], was: dict[str, Any]) -> bool:
    """Return whether all that was read has the values that were written under that name."""
    return all(name in was and np.array_equal(np.asarray(found[name]), np.asarray(was[name])) for name in found)


ARRAYS = {
    "x": np.random.default_rng(0).random((12, 4)).astype(np.float32),
    "y": np.arange(12) % 3,
    "is_member": np.arange(12) < 6,
    "log_posteriors": np.log(np.random.default_rng(1).dirichlet(np.ones(3), 12)),
}


@pytest.mark.parametrize("packed", [False, True], ids=["stored", "compressed"])
def test_npz(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, **ARRAYS)
    data = path.read_bytes()
    assert same(read_arrays(path), ARRAYS) and set(read_arrays(path)) == set(ARRAYS)
    fuzz(data, path, read_arrays, lambda found: same(found, ARRAYS), "npz")
    tensors = {name: torch.as_tensor(value) for name, value in ARRAYS.items()}
    tensors["log_posteriors"] = tensors["log_posteriors"].float()
    fuzz(data, path, load_arrays, lambda found: same(found, tensors), "attack")


def test_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensors = {name: torch.as_tensor(value) for name, value in ARRAYS.items()}
    write_tensors(tensors, path, about={"sizes": "12"})
    assert same(read_tensors(path)[0], tensors)
    fuzz(path.read_bytes(), path, lambda path: read_tensors(path)[0], lambda found: same(found, tensors), "tensors")
    vae = VAE(6, latent_dim=2, hidden=3, generator=seeded())
    vae.save(path)
    weights = vae.state_dict()
    fuzz(path.read_bytes(), path, VAE.load, lambda found: same(found.state_dict(), weights), "vae")


def test_jsonl(tmp_path: Path) -> None:
    rows = [{"key": name, "auc": 0.1 * place, "nested": {"list": [1, None, "ε"]}} for place, name in enumerate("abcde")]
    for row in rows:
        append_row(row, directory=tmp_path)
    written = {row["key"]: row for row in rows}
    assert read_rows(tmp_path) == written

    def right(found: dict[str, Any]) -> bool:
        return all(row == written.get(key) for key, row in found.items())

    path = tmp_path / RESULTS
    assert fuzz(path.read_bytes(), path, lambda path: read_rows(path.parent), right, "jsonl") == N


GRID = b"""# some runs
dataset: digits
seed: [0, 1]
n_members: 100
n_models: 4
defence:
  - none
  - framework:
      epsilon: [1.5, 1e-1]
      vae: {epochs: 3, hidden: 16}
classifier: {hidden: 16, epochs: 20}
"""


def test_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "grid.yaml"
    monkeypatch.setattr(grids, "check", lambda configs, where="": None)  # the data set is there

    def right(found: list[Any]) -> bool:
        given = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8-sig"))
        seeds = {
            each for one in (given if isinstance(given, list) else [given]) for each in _several(one.get("seed", 0))
        }
        return {config.seed for config in found} == seeds

    path.write_bytes(GRID)
    assert len(read_grid(path)) == 6
    path.write_bytes(b"\xef\xbb\xbf" + GRID.replace(b"\n", b"\r\n") + b"# more\n")
    assert len(read_grid(path)) == 6
    fuzz(GRID, path, read_grid, right, "yaml")


def alike(one: str, other: str) -> bool:
    """Return whether two texts are the same, or the same number."""
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_csv(tmp_path: Path) -> None:
    path, rng = tmp_path / "table.csv", np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.random(20).round(3), "colour": rng.choice(["red", "blue"], 20)})
    table["label"] = np.arange(20) % 2
    table.to_csv(path, index=False)
    data = path.read_bytes()

    def read(path: Path) -> Any:
        return from_csv(path, label="label", categorical=["colour"])

    def right(found: Any) -> bool:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
        rows = [row for row in rows if any(row.values())]
        frame = found.to_frame(found.x)
        near = len(frame) == len(rows)
        for column in found.columns:
            if column.name == "colour":
                near &= list(frame.colour) == [row["colour"] for row in rows]
            else:  # its name may have been changed, too
                numbers = [float(row[column.name]) for row in rows]
                near &= np.allclose(frame[column.name], numbers, rtol=1e-6, atol=1e-6 * np.ptp(numbers))
        labels = [found.class_names[label] for label in found.y.tolist()]
        return bool(near) and all(map(alike, labels, [row["label"] for row in rows]))

    assert right(read(path))
    path.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
    assert right(read(path))
    fuzz(data, path, read, right, "csv")


CELLS = [
    ("markdown", "# Twice, and half\n<!-- answer: proof -->\nIt follows from ε > 0."),
    ("code", "import math\n%matplotlib inline"),
    ("code", "def double(x):\n    return 2 * x\n"),
    ("code", "half = 0.5"),
]
ASSIGNMENT = """# %% [markdown]
# # Small
# %% tags=["teacher"]
def make(public, secret):
    return {}
# %% [markdown] tags=["question"] name="first" title="First" section="book/running.html"
# %% tags=["public-test"] points=2
def test_double(student, variant):
    assert student.call("double", 3) == 6
# %% tags=["public-test"] points=1
def test_half(student, variant):
    assert student.value("half") == 0.5
"""


def cells_of(path: Path) -> tuple[list[str], list[str]]:
    """Return the code and the texts of a notebook as its JSON has them, whoever reads notebooks otherwise."""
    cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
    sources = [(cell["cell_type"] == "code", "".join(cell["source"])) for cell in cells]
    return [text for code, text in sources if code], [text for code, text in sources if not code]


def points_of(path: Path) -> float:
    """Return what a notebook should get, by running it here."""
    names: dict[str, Any] = {}
    for code in cells_of(path)[0]:
        with contextlib.suppress(Exception):
            exec(code.replace("%matplotlib inline", ""), names)
    points = 0.0
    with contextlib.suppress(Exception):
        points += 2 * (names["double"](3) == 6)
    with contextlib.suppress(Exception):
        points += names["half"] == 0.5
    return points


def test_ipynb(tmp_path: Path) -> None:
    path, source = tmp_path / "1001.ipynb", tmp_path / "small.py"
    new = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(cells=[new[kind](text, id=f"cell-{n}") for n, (kind, text) in enumerate(CELLS)])
    source.write_text(ASSIGNMENT)
    assignment, graded = read_assignment(source), 0
    variant = assignment.variant("1001", key=b"the key of the tests")

    def right(found: tuple[list[str], list[str]]) -> bool:
        nonlocal graded
        graded += 1
        if graded % 20 == 0:  # each takes a process
            assert grade_submission(assignment, path, variant).points == points_of(path)
        return found == cells_of(path)

    for data in (nbformat.writes(notebook).encode(), json.dumps(notebook).encode()):
        path.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"))
        assert read_submission(path) == cells_of(path) and points_of(path) == 3
        fuzz(data, path, read_as_a_student, right, "ipynb")


def read_as_a_student(path: Path) -> tuple[list[str], list[str]]:
    """Read a submission as its own process does, which makes a sentence of whatever is raised."""
    try:
        return read_submission(path)
    except Exception as error:
        raise ValueError(f"{path.name} cannot be read as a notebook or Python file.") from error


def test_a_fuzzer_that_is_asked_for_changes_something() -> None:
    rng, data = random.Random(0), json.dumps(list(range(100))).encode()
    assert sum(changed(data, rng) != data for _ in range(200)) > 190


def test_arrays_survive_their_files_whatever_their_type(tmp_path: Path) -> None:
    kinds = ["f2", "f4", "f8", ">f8", "i1", ">i4", "u2", "?"]
    arrays = {kind.strip(">"): np.arange(6).reshape(2, 3).astype(kind) for kind in kinds}
    write_arrays(arrays, tmp_path / "a.npz")
    assert same(read_arrays(tmp_path / "a.npz"), arrays)
