"""Files that are written whole or not at all, the results file, one line a run, and YAML."""

import json
import os
import re
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np

RESULTS = "results.jsonl"
T = TypeVar("T")


def load_or_compute(path: Path, make: Callable[[], T], write: Callable[[T, Path], Any], read: Callable[[Path], T]) -> T:
    """Read the file of a stage; if there is none, compute it first.

    Parameters
    ----------
    path : pathlib.Path
        Where the file belongs. It appears there only once it is complete, even if the process is killed.
    make : callable
        Computes what the file holds.
    write, read : callable
        Write it to a path, read it from one.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, partial(write, make()))
    return read(path)


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under another name and move it to its place, so that it is there whole or not at all."""
    # A name of its own for each writer: another machine may have a process with the same number.
    unfinished = path.with_name(f"{path.name}.{uuid4().hex[:12]}.unfinished")
    write(unfinished)
    os.replace(unfinished, path)


def write_arrays(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Write named arrays to an .npz file."""
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the named arrays of an .npz file; files with Python objects in them are refused."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def append_row(row: dict[str, Any], *, directory: Path | str) -> None:
    """Append the row of a run to the results file of a directory, in one write."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / RESULTS).open("a", encoding="utf-8") as file:
        # The leading newline closes a line that a killed process may have left unfinished.
        file.write(f"\n{json.dumps(row)}\n")


def read_rows(directory: Path | str) -> dict[str, dict[str, Any]]:
    """Return all rows of a directory's results file by their keys; an unfinished line is skipped with a warning."""
    path = Path(directory) / RESULTS
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line) if line else None
        except json.JSONDecodeError:
            warnings.warn(
                f"{path} has a line that a killed process left unfinished; that run is computed again.", stacklevel=2
            )
            continue
        if row:
            rows[row["key"]] = row
    return rows


def read_yaml(path: Path) -> Any:
    """Return what a YAML file (of version 1.2: 1e-4 is a number) holds: mappings, lists, texts, numbers, and so on.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is no YAML, or has a key twice.
    """
    from ruamel.yaml import YAML, YAMLError  # only here: few of those who write files read grids
    from ruamel.yaml.constructor import DuplicateKeyError

    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; pass a YAML file.")
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except DuplicateKeyError as error:
        key, line = error.problem.split('"')[1], error.problem_mark.line + 1
        problem, cause = f"{key!r} stands twice in one mapping, the second time in line {line}", error
    except (YAMLError, ValueError, TypeError) as error:
        # The line is said twice: 'line 3, column 5: ... (line: 3)'.
        problem, cause = re.sub(r" \(line: \d+\)", "", " ".join(str(error).split())), error
    raise ValueError(f"{path} cannot be read as YAML: {problem}.") from cause
