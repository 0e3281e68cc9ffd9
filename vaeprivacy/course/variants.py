"""Each student's own data and constants, and the hidden parts that only the teacher's key leads to."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vaeprivacy.compute.array_files import read_arrays, write_arrays

TRIAL_KEY = b"for trying it out, and no secret"
LEAST_KEY = 16
VARIANT_FILE = "variant.json"
OPTIONS = ("A", "B", "C", "D")
NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"  # of a student or a team: part of a file's name


@dataclass(frozen=True)
class Variant:
    """One student's version of an assignment.

    Attributes
    ----------
    assignment, student : str
        Which it is.
    constants : dict
        What stands in for ``{{name}}`` in texts; known to the student.
    files : dict of str to dict of arrays
        Contents of the .npz files that the student gets.
    hidden : dict
        What only the grader knows; empty in a student's own check.
    """

    assignment: str
    student: str
    constants: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)

    def rng(self, purpose: str) -> np.random.Generator:
        """Return a generator for a test: with hidden parts nobody can foresee it, in a student's own check anybody."""
        return np.random.default_rng(_number(self.hidden.get("seed", b""), self.assignment, self.student, purpose))


MakeVariant = Callable[[np.random.Generator, np.random.Generator], dict[str, Any]]


def make_variant(assignment: str, student: str, *, key: bytes, make: MakeVariant) -> Variant:
    """Return a student's variant.

    Parameters
    ----------
    assignment, student : str
        Name of the assignment and number of the student.
    key : bytes
        The teacher's key. Hidden parts follow from its HMAC (RFC 2104) of the student's number.
    make : callable
        The assignment's own function of two generators, ``public`` and ``secret``. What it returns has some of the keys
        ``constants``, ``files`` and ``hidden``.

    Raises
    ------
    ValueError
        If the number has other characters than letters, digits, ``-`` and ``_``.
    """
    check_student(student)
    seed = hmac.digest(key, f"{assignment}/{student}".encode(), "sha256")
    public = np.random.default_rng(_number(b"", assignment, student, "public"))
    made = make(public, np.random.default_rng(int.from_bytes(seed, "big")))
    hidden = {**made.get("hidden", {}), "seed": seed}
    return Variant(assignment, student, made.get("constants", {}), made.get("files", {}), hidden)


def letter_options(rng: np.random.Generator, name: str, options: list[str]) -> tuple[dict[str, str], str]:
    """Put four options in random order.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the order.
    name : str
        What the constants are called: ``name_a`` to ``name_d``.
    options : list of str
        The right one first.

    Returns
    -------
    constants, letter
        The options for a variant's constants, and the letter of the right one.
    """
    order = rng.permutation(len(OPTIONS)).tolist()
    constants = {f"{name}_{letter.lower()}": options[which] for letter, which in zip(OPTIONS, order, strict=True)}
    return constants, OPTIONS[order.index(0)]


def check_student(student: str) -> str:
    """Return a student's number, or raise ValueError if it could not be part of a file's name."""
    if not re.fullmatch(NAME, student):
        raise ValueError(f"A student's number has letters, digits, - and _ only (at most 64), unlike {student!r}.")
    return student


def read_key(path: Path | None) -> bytes:
    """Return the key in a file, without white space around it; without a file, one that everybody knows.

    Raises
    ------
    FileNotFoundError, ValueError
        If the file is not there, or shorter than :data:`LEAST_KEY` bytes.
    """
    if path is None:
        return TRIAL_KEY
    if not path.is_file():
        raise FileNotFoundError(f"There is no key file {path}: make one with `openssl rand -hex 32 > {path}`.")
    key = path.read_bytes().strip()
    if len(key) < LEAST_KEY:
        raise ValueError(f"The key in {path} has {len(key)} bytes; it must have at least {LEAST_KEY}.")
    return key


def write_files(variant: Variant, folder: Path) -> None:
    """Write what a student gets beside the questions: data files, and the constants as JSON."""
    for name, arrays in variant.files.items():
        write_arrays(arrays, folder / name)
    content = {"assignment": variant.assignment, "student": variant.student, "constants": variant.constants}
    content["files"] = list(variant.files)
    (folder / VARIANT_FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_variant(folder: Path) -> Variant:
    """Return the variant that a student's folder holds, which has no hidden parts.

    Raises
    ------
    FileNotFoundError, ValueError
        If the folder does not hold one, or it is damaged.
    """
    path = folder / VARIANT_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} has no {VARIANT_FILE}: check a submission in the folder that you were given."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # Folders that were made before the files were listed hold no others, unless the student has put some there.
        names = content.get("files") or sorted(each.name for each in folder.glob("*.npz"))
        variant = Variant(str(content["assignment"]), str(content["student"]), dict(content["constants"]))
        files = {str(name): folder / Path(name).name for name in names}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path} is damaged: take it from the folder that you were given.") from None
    return replace(variant, files={name: read_arrays(file) for name, file in files.items()})


def _number(key: bytes, *parts: str) -> int:
    return int.from_bytes(hashlib.sha256(key + "/".join(parts).encode()).digest(), "big")
