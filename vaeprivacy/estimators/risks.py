"""Singling out, linking, guessing: the three risks of European law, as Anonymeter measures them.

Giomi et al. (arXiv 2211.10459) compare how often an attack with the synthetic rows succeeds on members with how often
it does on records that were held out: only what is beyond is due to the release. The attacks are theirs in kind, the
code is ours.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from vaeprivacy.estimators.measurement import Measurement, of_rates
from vaeprivacy.estimators.points import as_points, is_number
from vaeprivacy.estimators.subject import Subject

GUESSES = 300  # of each kind of singling out
NEIGHBOURS = 5  # synthetic rows that link two halves of a record
CLOSE = 0.01  # a number is guessed if it is off by no more of its range
MOST_SECRETS = 12


def singling_out(subject: Subject, *, generator: np.random.Generator) -> list[Measurement]:
    """Measure how many records are the only one that fits a description made of synthetic rows.

    One kind of description uses one column ("income above 312,000", a category that occurs once), the other four.
    """
    kinds = {
        "by one column": ("It takes a value that occurs once in the synthetic rows, or beyond which none is.", _by_one),
        "by four columns": ("It describes a synthetic row by four of its columns.", _by_several),
    }
    found = []
    for name, (how, describe) in kinds.items():
        rows = [set(), set()]
        for description in describe(subject.synthetic, generator=generator):
            for singled, frame in zip(rows, (subject.members, subject.held_out), strict=True):
                fits = np.flatnonzero(_fits(frame, description))
                singled.update(fits if len(fits) == 1 else ())
        hits, of = (len(rows[0]), len(rows[1])), (len(subject.members), len(subject.held_out))
        found.append(of_rates("singling out", name, how, hits, of, subject.promised))
    return found


Description = list[tuple[str, str, object]]


def _fits(frame: pd.DataFrame, description: Description) -> np.ndarray:
    fits = np.ones(len(frame), dtype=bool)
    for name, relation, value in description:
        column = frame[name]
        fits &= (column <= value if relation == "<=" else column >= value if relation == ">=" else column == value)\
            .fillna(False).to_numpy(bool)  # fmt: skip
    return fits


def _by_one(released: pd.DataFrame, *, generator: np.random.Generator) -> Iterator[Description]:
    descriptions = []
    for name, column in released.items():
        values = column.dropna()
        if is_number(values) and len(values):
            yield [(name, "<=", values.min())]
            yield [(name, ">=", values.max())]
        once = values.value_counts()
        descriptions += [[(name, "==", value)] for value in once[once == 1].index]
    for place in generator.permutation(len(descriptions))[:GUESSES]:
        yield descriptions[place]


def _by_several(released: pd.DataFrame, *, generator: np.random.Generator) -> Iterator[Description]:
    medians = {name: column.quantile(0.5) for name, column in released.items() if is_number(column)}
    for _ in range(GUESSES):
        row = released.iloc[generator.integers(len(released))]
        names = generator.permutation(released.columns)[:4]
        yield [
            (name, "==" if name not in medians else ">=" if row[name] > medians[name] else "<=", row[name])
            for name in names
            if pd.notna(row[name])
        ]


def linkability(subject: Subject, *, generator: np.random.Generator) -> list[Measurement]:
    """Measure how often two halves of a record, known without a name, are put together by the same synthetic row."""
    names = list(subject.members.columns)
    if len(names) < 4:
        return []
    shuffled = list(generator.permutation(names))
    frames = [subject.members, subject.held_out, subject.synthetic]
    linked = [np.zeros(len(frame), dtype=int) for frame in frames[:2]]
    neighbours = []
    for half in (shuffled[: len(names) // 2], shuffled[len(names) // 2 :]):
        *real, released = as_points([frame[half] for frame in frames])
        search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(released))).fit(released)
        neighbours.append([search.kneighbors(points, return_distance=False) for points in real])
    for number, (first, second) in enumerate(zip(*neighbours, strict=True)):
        linked[number] = (first[:, :, None] == second[:, None, :]).any(axis=(1, 2))
    hits = (int(linked[0].sum()), int(linked[1].sum()))
    how = f"It knows two halves of a record, and links them if one of the {NEIGHBOURS} nearest rows is the same."
    return [of_rates("linkability", "half to half", how, hits, tuple(map(len, linked)), subject.promised)]


def inference(subject: Subject) -> list[Measurement]:
    """Measure how often a secret column of a record is guessed by the nearest synthetic row, from all others.

    The label is also guessed from each other column alone: one may carry it.
    """
    names, found = list(subject.members.columns), []
    last = [subject.label] if subject.label in names else []
    secrets = (last + [name for name in names if name not in last])[:MOST_SECRETS]
    if len(names) > 1:
        found = [_guessed(subject, secret, [name for name in names if name != secret]) for secret in secrets]
    if last and len(names) > 2:
        found += [_guessed(subject, last[0], [name]) for name in secrets[1:]]
    return found


def _guessed(subject: Subject, secret: str, known: list[str]) -> Measurement:
    frames = [subject.members, subject.held_out, subject.synthetic]
    *real, released = as_points([frame[known] for frame in frames])
    search = NearestNeighbors(n_neighbors=1).fit(released)
    right = []
    for frame, points in zip(frames, real, strict=False):
        guess = subject.synthetic[secret].iloc[search.kneighbors(points, return_distance=False)[:, 0]]
        right.append(_is_right(frame[secret], guess))
    source = "all other columns" if len(known) > 1 else known[0]
    how = f"It knows {source} of a record, and takes {secret} from the nearest synthetic row."
    hits = (int(right[0].sum()), int(right[1].sum()))
    name = secret if len(known) > 1 else f"{secret}, from {known[0]} alone"
    return of_rates("inference", name, how, hits, (len(right[0]), len(right[1])), subject.promised)


def _is_right(truth: pd.Series, guess: pd.Series) -> np.ndarray:
    if not is_number(truth):
        return truth.astype(str).to_numpy() == guess.astype(str).to_numpy()
    span = truth.max() - truth.min()
    difference = np.abs(truth.reset_index(drop=True) - guess.reset_index(drop=True))
    return (difference <= CLOSE * span).fillna(False).to_numpy(bool)
