"""The contest: a classifier and a release of the same records, and hidden members to be found with both.

What is published can be handed to everybody: only the teacher's key tells who is a member. The classifier was trained
on the members' own records; the release was made from them by the framework, whose encoder and decoder were trained on
others. Candidates are of two parts: of those for practice the membership is known, the others decide the contest.
"""

import copy
import csv
import hmac
import io
import json
import os
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from vaeprivacy.attacks import Candidates, Knowledge
from vaeprivacy.checks import check_positive
from vaeprivacy.classifiers import fit_classifier, predict
from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.course.variants import check_student
from vaeprivacy.datasets import load, stratified_parts
from vaeprivacy.experiments.external import load_classifier
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.randomness import RandomSource, torch_generator
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAE

CONTEST, CANDIDATES, OWN, RELEASE, PRACTICE = "contest.json", "candidates.npz", "own.npz", "release.npz", "practice.csv"
TARGET, MODEL, EXAMPLE, README = "target.safetensors", "encoder_decoder.safetensors", "example.csv", "README.md"
FPR = 0.01
LEAST = 100  # candidates in each part: one non-member in 50 is more than the 1% that scores are measured at
TASK = """# {name}

Somebody trained a classifier on private records, and published a synthetic release of the same records besides. Who
was in them? Give each candidate a score, higher for likelier members. The score that counts is the true-positive rate
at a false-positive rate of 1% on the candidates whose membership you do not know.

| file | what is in it |
|---|---|
| `candidates.npz` | `x`, `y`, and the classifier's answers `log_posteriors`; a candidate's id is its row, from 0 |
| `practice.csv` | whether candidates 0 to {last_practice} are members: half of them are |
| `own.npz` | the same of {n_candidates} records of the same source that nobody trained on: yours |
| `target.safetensors` | the classifier, trained on the members' own records ({n_members} of them) |
| `release.npz` | `x`, `y`: one synthetic record for each member, in random order |
| `encoder_decoder.safetensors` | encoder and decoder of the release, trained on other records |
| `example.csv` | a submission: coin flips |

Candidates {n_practice} to {last} are to be scored; half of them are members too. The release has Euclidean Laplace
noise of epsilon {epsilon:g} per unit of latent distance. Records are of the data set `{dataset}`.

In Python, `open_contest` of `vaeprivacy.course.contest` reads all of it, in the form that the book's attacks take.

A submission is a file named after you (letters, digits, - and _): either a CSV file with the columns `id,score`, or a
`.npy` file with an array of two columns, ids and scores. Each candidate to be scored must be there once; those for
practice may be there, and are not looked at.
"""


@dataclass(frozen=True)
class Contest:
    """What everybody may know of a contest.

    Attributes
    ----------
    name : str
        What it is called.
    dataset : str
        Name for :func:`vaeprivacy.datasets.load`.
    n_practice, n_final : int
        Numbers of candidates of known and of hidden membership, even, and at least 100; half of each are members.
    epsilon : float
        Of the release, per unit of latent distance.
    proof : str
        A hash by which the key is recognised; empty in a contest that is yet to be made.
    salt : str
        Random, so that the members are others in each contest: they follow from the key, the name and the salt.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    name: str
    dataset: str = "fashion-mnist"
    n_practice: int = 1000
    n_final: int = 4000
    epsilon: float = 8.0
    proof: str = ""
    salt: str = ""

    def __post_init__(self) -> None:
        check_student(self.name)
        check_positive(self.epsilon, "epsilon")
        for name in ("n_practice", "n_final"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < LEAST or value % 2:
                raise ValueError(f"{name} must be an even number, at least {LEAST}, not {value!r}.")

    @property
    def n_candidates(self) -> int:
        """The number of all candidates."""
        return self.n_practice + self.n_final

    def hidden(self, key: bytes) -> np.ndarray:
        """Return who is a member, shape (candidates,), bool: exactly half of each part."""
        rng = self._rng(key, "members")
        return np.concatenate([rng.permutation(np.arange(n) < n // 2) for n in (self.n_practice, self.n_final)])

    def public_half(self, key: bytes) -> np.ndarray:
        """Return which final candidates the board shows while the contest runs, shape (n_final,), bool.

        They are half of the members and half of the non-members. The other half decides in the end: nobody has seen
        anything of it.
        """
        rng, is_member = self._rng(key, "public half"), self.hidden(key)[self.n_practice :]
        chosen = np.zeros(self.n_final, dtype=bool)
        for group in (is_member, ~is_member):
            chosen[rng.permutation(np.flatnonzero(group))[: group.sum() // 2]] = True
        return chosen

    def _rng(self, key: bytes, purpose: str) -> np.random.Generator:
        salt = f"{self.salt}/" if self.salt else ""
        return np.random.default_rng(int.from_bytes(_digest(key, f"contest/{self.name}/{salt}{purpose}"), "big"))

    def proof_of(self, key: bytes) -> str:
        """Return the hash by which a key is recognised."""
        return _digest(key, f"contest/{self.name}/proof").hex()


def _digest(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, purpose.encode(), "sha256")


@dataclass(frozen=True)
class OpenContest:
    """A contest as its teams have it.

    Attributes
    ----------
    contest : Contest
        Its description.
    candidates : Records
        All candidates with the classifier's answers; their ids are 0, 1, 2, ...
    knowledge : Knowledge
        What an adversary holds beside them: its own records, the classifier to ask, release, encoder and decoder.
    practice : numpy.ndarray
        Whether the first candidates are members, shape (n_practice,), bool.
    """

    contest: Contest
    candidates: Candidates
    knowledge: Knowledge
    practice: np.ndarray


def make_contest(contest: Contest, folder: Path, *, key: bytes, generator: RandomSource) -> None:
    """Draw records, train classifier, encoder and decoder, make the release, and write what teams get.

    Parameters
    ----------
    contest : Contest
        What to make.
    folder : pathlib.Path
        Where to; it appears whole or not at all.
    key : bytes
        The teacher's. Who is a member follows from it, the contest's name and its salt, and nothing else does.
    generator : torch.Generator or SystemEntropy
        Source of all else. For a contest that counts, the operating system's: from a seed, noise can be computed.

    Raises
    ------
    FileExistsError, FileNotFoundError, ValueError
        If the folder exists, or the data set is not there or too small.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists: a contest that runs must not change; choose another folder.")
    data, n = load(contest.dataset), contest.n_candidates
    if len(data.y) < 2 * n + n // 2:
        raise ValueError(f"{n:,} candidates need {2 * n + n // 2:,} records; {contest.dataset} has {len(data.y):,}.")
    parts = stratified_parts(data.y, [n, n, n // 2], generator=torch_generator(generator))
    (x, y), own, public = ((data.x[part], data.y[part]) for part in parts)
    mine = torch.from_numpy(contest.hidden(key))
    target = fit_classifier(x[mine], y[mine], n_classes=data.n_classes, generator=torch_generator(generator))
    synthesizer = Synthesizer(EuclideanLaplace(contest.epsilon), trainer=PublicTrainer())
    release = synthesizer.fit(*public, generator=generator).release(x[mine], y[mine], generator=generator)
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    save_file(target.state_dict(), unfinished / TARGET)
    synthesizer.vae.save(unfinished / MODEL)
    write_arrays({"x": release.x.numpy(), "y": release.y.numpy()}, unfinished / RELEASE)
    for name, records in ((CANDIDATES, (x, y)), (OWN, own)):
        write_arrays(_answered(target, *records), unfinished / name)
    _write_texts(contest, unfinished, key=key, generator=generator)
    os.replace(unfinished, folder)


@torch.no_grad()
def _answered(target: nn.Module, x: torch.Tensor, y: torch.Tensor) -> dict[str, np.ndarray]:
    """Return records and what the target answers about them, as arrays.

    In double precision: in single, the losses of all records that the target is sure of are zero, and no threshold lies
    between them.
    """
    answers = predict(copy.deepcopy(target).double(), x.double())
    return {"x": x.numpy(), "y": y.numpy(), "log_posteriors": answers.numpy()}


def _write_texts(contest: Contest, folder: Path, *, key: bytes, generator: RandomSource) -> None:
    """Write the description, the known memberships and an example of a submission."""
    described = asdict(contest) | {"proof": contest.proof_of(key)}
    (folder / CONTEST).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    known = contest.hidden(key)[: contest.n_practice]
    (folder / PRACTICE).write_text(_columns("is_member", range(len(known)), known.astype(int)), encoding="utf-8")
    ids = np.arange(contest.n_practice, contest.n_candidates)
    coins = torch.rand(len(ids), generator=torch_generator(generator)).numpy()
    (folder / EXAMPLE).write_text(_columns("score", ids, coins), encoding="utf-8")
    n, practice = contest.n_candidates, contest.n_practice
    numbers = {"n_candidates": f"{n:,}", "n_members": f"{n // 2:,}", "last_practice": practice - 1, "last": n - 1}
    text = TASK.format(**asdict(contest), **numbers)
    (folder / README).write_text(text, encoding="utf-8")


def _columns(name: str, ids: object, values: object) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([["id", name], *zip(ids, values, strict=True)])
    return file.getvalue()


def write_scores(scores: torch.Tensor | np.ndarray, path: Path) -> None:
    """Write a submission as CSV: one score a candidate, shape (candidates,), in the order of their ids."""
    path.write_text(_columns("score", range(len(scores)), np.asarray(scores, dtype=float)), encoding="utf-8")


def read_contest(folder: Path) -> Contest:
    """Read a contest's description.

    Raises
    ------
    FileNotFoundError, ValueError
        If the folder has none, or one that cannot be read.
    """
    path = folder / CONTEST
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} has no {CONTEST}: name the folder that `vaeprivacy course contest make` made."
        )
    try:
        return Contest(**json.loads(path.read_text(encoding="utf-8")))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not the description of a contest: take it from where it was made.") from error


def open_contest(folder: Path) -> OpenContest:
    """Read what teams get, in the form that attacks take.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or damaged.
    """
    contest = read_contest(folder)
    candidates, own = (_records(folder / name) for name in (CANDIDATES, OWN))
    release = read_arrays(folder / RELEASE)
    target = load_classifier(folder / TARGET)
    knowledge = Knowledge(
        population=own,
        query=torch.no_grad()(partial(predict, target)),
        release=Release(torch.from_numpy(release["x"]), torch.from_numpy(release["y"]), None),
        synthesizer=Synthesizer(EuclideanLaplace(contest.epsilon), vae=VAE.load(folder / MODEL)),
    )
    known = np.loadtxt(folder / PRACTICE, delimiter=",", skiprows=1, dtype=int)
    return OpenContest(contest, candidates, knowledge, known[:, 1].astype(bool))


def _records(path: Path) -> Candidates:
    return Candidates(**{name: torch.from_numpy(array) for name, array in read_arrays(path).items()})
