"""Submissions to a contest: files of scores, each checked before it is ranked; and the baselines beside them.

No code of a team is run.
"""

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from vaeprivacy.attacks import LikelihoodRatio
from vaeprivacy.attacks.scores import loss_score
from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.compute.csv_text import read_csv_text
from vaeprivacy.compute.files import load_or_compute
from vaeprivacy.course.contest import Contest, OpenContest, open_contest
from vaeprivacy.course.leaderboard import Entry
from vaeprivacy.course.variants import NAME

SUFFIXES = (".csv", ".npy")
TOO_LARGE = 4 * 2**20
COIN, LOSS, REFERENCE = "coin flip", "loss threshold", "likelihood of the release"


def read_scores(path: Path, contest: Contest) -> np.ndarray:
    """Read and check a submission.

    Parameters
    ----------
    path : pathlib.Path
        A ``.csv`` file with the columns ``id,score``, or a ``.npy`` file with an array of shape (rows, 2).
    contest : Contest
        What it is a submission to.

    Returns
    -------
    numpy.ndarray
        Scores of the final candidates in the order of their ids, shape (n_final,).

    Raises
    ------
    ValueError
        If it is no such file, too large, cannot be read, or has not one finite score for each final candidate.
    """
    if path.is_symlink() or not path.is_file() or path.suffix.lower() not in SUFFIXES:
        raise ValueError("a submission is one .csv or .npy file")
    if path.stat().st_size > TOO_LARGE:
        raise ValueError(f"the file is larger than {TOO_LARGE // 2**20} MiB")
    ids, scores = (_from_csv if path.suffix.lower() == ".csv" else _from_npy)(path)
    return _checked(ids, scores, contest)


def _from_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return ids and scores of a CSV file."""
    try:
        rows = list(read_csv_text(path).rows())
    except ValueError:
        raise ValueError("the file cannot be read as CSV in UTF-8") from None
    if not rows or [name.strip().lower() for name in rows[0][1]] != ["id", "score"]:
        raise ValueError("the first line must be id,score")
    ids, scores = [], []
    for number, row in rows[1:]:
        if not row:
            continue
        try:
            one, score = (float(cell.replace(",", ".")) for cell in row)  # a comma where others have a point
            if not one.is_integer():  # 7.0 is, which pandas writes
                raise ValueError
        except ValueError:
            raise ValueError(f"line {number} is not a whole number, a comma and a number") from None
        ids.append(one)
        scores.append(score)
    return _whole(np.array(ids)), np.array(scores)


def _from_npy(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return ids and scores of a .npy file; as a memory map, so that a header cannot ask for more than is there."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        found = np.array(array, dtype=float) if array.dtype.kind in "iuf" else None
    except Exception:  # whatever a broken file makes its reader raise
        raise ValueError("the file cannot be read as a .npy array of numbers") from None
    if found is None or found.ndim != 2 or found.shape[1] != 2:
        raise ValueError("the array must have two columns of numbers, ids and scores")
    return _whole(found[:, 0]), found[:, 1]


def _whole(ids: np.ndarray) -> np.ndarray:
    """Return ids as whole numbers."""
    if not (np.abs(ids) < 2**53).all() or (ids % 1 != 0).any():
        raise ValueError("ids must be whole numbers")
    return ids.astype(np.int64)


def _checked(ids: np.ndarray, scores: np.ndarray, contest: Contest) -> np.ndarray:
    """Return the scores of the final candidates in their order, if each has one that is finite."""
    strangers = ids[(ids < 0) | (ids >= contest.n_candidates)]
    if len(strangers):
        raise ValueError(f"there is no candidate {strangers[0]}: ids go from 0 to {contest.n_candidates - 1}")
    numbers, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise ValueError(f"candidate {numbers[counts > 1][0]} has {counts.max()} scores")
    final = np.arange(contest.n_practice, contest.n_candidates)
    missing = np.setdiff1d(final, numbers)
    if len(missing):
        raise ValueError(f"{len(missing)} of {len(final)} scores are missing, the first of candidate {missing[0]}")
    ordered = scores[np.argsort(ids)][numbers >= contest.n_practice]
    if not np.isfinite(ordered).all():
        wrong = np.flatnonzero(~np.isfinite(ordered))[0]
        raise ValueError(f"the score of candidate {final[wrong]} is {ordered[wrong]}; it must be a finite number")
    return ordered


def read_entries(folder: Path, contest: Contest) -> tuple[list[Entry], dict[str, str]]:
    """Return the submissions of a folder, and what is wrong with those that cannot be ranked, by name.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    if not paths:
        raise FileNotFoundError(f"{folder} holds no submissions: .csv or .npy files named after the teams.")
    names = [path.stem for path in paths]
    entries, refused = [], {}
    for path in paths:
        try:
            if names.count(path.stem) > 1:
                raise ValueError(f"there are {names.count(path.stem)} files of this name")
            if not re.fullmatch(NAME, path.stem):
                raise ValueError("the name may have letters, digits, - and _ only, at most 64")
            entries.append(Entry(path.stem, read_scores(path, contest)))
        except Exception as error:  # whatever a file makes its reader raise costs this file only
            refused[_printable(path.name)] = _sentence(error)
    return entries, refused


def _printable(name: str) -> str:
    """Return a file's name in a form that cannot change the page around it."""
    return "".join(c if c.isalnum() or c in "-_. " else "?" for c in name)[:80]


def _sentence(error: Exception) -> str:
    known = isinstance(error, ValueError | OSError) and str(error)
    text = known or f"the file cannot be read ({type(error).__name__})"
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def baseline_scores(opened: OpenContest) -> dict[str, np.ndarray]:
    """Return scores of the final candidates by coin flips, the loss, and the likelihood of the release."""
    contest, candidates = opened.contest, opened.candidates
    likelihood = LikelihoodRatio().fit(opened.knowledge).score(candidates)
    coins = torch.rand(contest.n_candidates, generator=torch.Generator().manual_seed(0))
    scores = {COIN: coins, LOSS: loss_score(candidates.log_posteriors, candidates.y), REFERENCE: likelihood}
    return {name: np.nan_to_num(of_all.numpy()[contest.n_practice :]) for name, of_all in scores.items()}


def baselines(folder: Path, contest: Contest, *, output: Path) -> list[Entry]:
    """Return the baselines of a contest; they are computed once, and kept in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        What the teams got.
    contest : Contest
        Its description.
    output : pathlib.Path
        Where they are kept.
    """
    described = json.dumps(asdict(contest), sort_keys=True).encode()
    path = output / f"baselines-{hashlib.sha256(described).hexdigest()[:16]}.npz"
    scores = load_or_compute(path, lambda: baseline_scores(open_contest(folder)), write_arrays, read_arrays)
    return [Entry(name, scores[name], baseline=True) for name in (COIN, LOSS, REFERENCE)]
