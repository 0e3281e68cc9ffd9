"""What a chapter says: numbers that its notebook reports, and sentences that it claims, beside those of the book.

This module is for notebooks: it needs IPython, which is there whenever one runs.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
from IPython.display import display

from vaeprivacy.compute.provenance import hardware, versions
from vaeprivacy.metrics import Estimate, mean_interval
from vaeprivacy.reporting.results import FOLDER

#: The type of an output that the build of the book reads: a value or a claim, as JSON.
MIME = "application/vnd.vaeprivacy.reporting.chapter+json"
#: The values and claims of the book, chapter by chapter, as its last build was accepted.
REFERENCE = FOLDER / "reference.json"
EXACT = 1e-6  # relative tolerance of a number without an interval: it is computed, not measured
#: Tolerance of a number measured on one training, in widths of its interval. That speaks of the records, and a
#: processor that rounds in another way trains other weights.
OF_ONE_TRAINING = 4


@dataclass(frozen=True)
class Reported:
    """A number as a chapter states it.

    Attributes
    ----------
    value : float or None
        The number; None if it could not be measured with the parameters of the run.
    low, high : float or None
        Ends of its 95% interval; None if it has none, be it computed or measured only once.
    n : int or None
        How many measurements it is the mean of; None if it is not a mean.
    of : str
        What was measured so often, such as "seeds".
    form : str
        How Python's :func:`format` writes it.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    of: str = "seeds"
    form: str = ".3f"

    @classmethod
    def of_measured(cls, value: float | Estimate | Sequence[float], *, of: str, form: str) -> "Reported":
        """Return a number, a number with its interval, or the mean of repeated measurements, see :class:`Chapter`."""
        estimate = _estimate(value)
        number, low, high = (float(f"{x:.8g}") if math.isfinite(x) else None for x in estimate)
        if isinstance(value, Estimate):
            return cls(number, low, high, of=of, form=form)
        if hasattr(value, "__len__"):
            return cls(number, low, high, n=len(value), of=of, form=form)
        return cls(number, of=of, form=form)

    @property
    def short(self) -> str:
        """The number alone, as it is written in a sentence."""
        return "not measured" if self.value is None else format(self.value, self.form)

    @property
    def tolerance(self) -> float:
        """How far another run's number may lie from this one.

        A mean over seeds: as far as its interval is wide. (Of a hundred such means, measured anew with other
        randomness, one to three lie further off.) A number of one training: :data:`OF_ONE_TRAINING` times as far. A
        mean of one measurement says nothing of its spread; any number is near it.
        """
        if self.low is None or self.high is None:
            return math.inf if self.n == 1 else EXACT * abs(self.value or 0)
        return (self.high - self.low) * (OF_ONE_TRAINING if self.n is None else 1)

    def agrees(self, other: "Reported") -> bool:
        """Say whether another run's number is written alike, or lies within the tolerance of this one."""
        if self.value is None or other.value is None:
            return self.value is other.value
        return self.short == other.short or abs(other.value - self.value) <= self.tolerance

    def holds(self, value: float | None) -> bool:
        """Say whether a number lies inside the interval, or is the same where there is none."""
        if self.low is None or self.high is None:
            return self.agrees(replace(self, value=value))
        return value is not None and self.low <= value <= self.high

    def __str__(self) -> str:
        low, high = (None if x is None else format(x, self.form) for x in (self.low, self.high))
        interval = [f"{low} to {high}"] if low and high else []
        count = [] if self.n is None else [f"{self.n} {self.of if self.n > 1 else self.of.removesuffix('s')}"]
        return f"{self.short} ({', '.join([*interval, *count])})" if interval or count else self.short


@dataclass
class Chapter:
    """What one chapter reports and claims.

    Each call shows a line, and leaves the same in a form that the build of the book reads: it inserts the numbers into
    the sentences of the page, and fails if a claim of the page does not hold. Here nothing fails: with other
    parameters a claim may well be wrong.

    Attributes
    ----------
    name : str
        Name of the chapter's file, without ending.
    values : dict
        What was reported so far, name to :class:`Reported`.
    """

    name: str
    values: dict[str, Reported] = field(default_factory=dict)

    def report(
        self,
        name: str,
        value: float | Estimate | Sequence[float],
        *,
        n: int | None = None,
        of: str = "seeds",
        form: str = ".3f",
    ) -> None:
        """Report a number.

        Parameters
        ----------
        name : str
            What sentences call it, without colon or backtick.
        value : float, Estimate, or sequence of float
            A number that is computed, so that it is the same on each machine; a measured one with its interval; or one
            measurement a seed, of which the mean is reported with Student's interval. NaN: not measured.
        n : int, optional
            How many measurements an Estimate is the mean of; of a sequence, it is the length.
        of : str
            What the measurements are, in the plural.
        form : str
            How :func:`format` writes it, such as ".1%".

        Raises
        ------
        ValueError
            If the name has a colon or backtick.
        """
        if ":" in name or "`" in name:
            raise ValueError(f"The name of a number must have no colon and no backtick, unlike {name!r}.")
        reported = Reported.of_measured(value, of=of, form=form)
        self.values[name] = reported if n is None else replace(reported, n=n)
        _show(f"{name}: {self.values[name]}", {"kind": "value", "name": name, **asdict(self.values[name])})

    def claim(self, sentence: str, holds: bool, *, shown: str = "") -> None:
        """Claim a sentence of the page.

        Parameters
        ----------
        sentence : str
            As the page says it.
        holds : bool
            Whether it is true in this run.
        shown : str
            The numbers behind it, for the line that is shown.
        """
        holds = bool(holds)
        line = f"{'holds' if holds else 'does NOT hold here'}: {sentence}{f' ({shown})' if shown else ''}"
        _show(line, {"kind": "claim", "sentence": sentence, "holds": holds, "shown": shown})

    def claim_order(
        self, sentence: str, *ascending: float | Estimate | Sequence[float], of: str = "seeds", form: str = ".3f"
    ) -> None:
        """Claim that numbers ascend: each interval ends before the next one begins.

        Where two settings share their seeds, claim that the interval of the difference begins above zero. If all are
        plain numbers, such as means, the line that is shown says that no interval was compared.

        Parameters
        ----------
        sentence : str
            As the page says it.
        *ascending : float, Estimate, or sequence of float
            The numbers, the smallest first, each as for :meth:`report`.
        of, form : str
            As for :meth:`report`.
        """
        holds = all(_estimate(first).high < _estimate(second).low for first, second in pairwise(ascending))
        shown = " is below ".join(str(Reported.of_measured(each, of=of, form=form)) for each in ascending)
        points = all(isinstance(each, (float, int)) for each in ascending)
        self.claim(sentence, holds, shown=f"{shown}; compared without intervals" if points else shown)

    def compare(self) -> pd.DataFrame:
        """Set the numbers of this run beside the book's.

        Returns
        -------
        pandas.DataFrame
            One row a number, with columns ``yours``, ``the book's`` and ``yours is``, which says whether it lies inside
            the book's interval.
        """
        here, book = {**hardware(), **versions()}, reference()
        for whose, made in (("Yours", here), ("The book's", book["made_with"])):
            print(
                f"{whose}: {made['device']}, {made['cores']} cores of {made['processor']}; vaeprivacy "
                f"{made['vaeprivacy']}, PyTorch {made['torch']}, NumPy {made['numpy']}, Python {made['python']}"
            )
        rows, pinned = {}, pinned_values(book, self.name)
        for name in {**pinned, **self.values}:
            yours, theirs = self.values.get(name), pinned.get(name)
            inside = "inside" if yours and theirs and theirs.holds(yours.value) else "outside"
            verdict = inside if yours and theirs else "not in the book" if yours else "not computed"
            rows[name] = [str(yours or ""), str(theirs or ""), verdict]
        return pd.DataFrame.from_dict(rows, orient="index", columns=["yours", "the book's", "yours is"])


def _estimate(value: float | Estimate | Sequence[float]) -> Estimate:
    """Return a number with its interval: Student's for repeated measurements, a point for a plain number."""
    if isinstance(value, Estimate):
        return value
    return mean_interval(value) if hasattr(value, "__len__") else Estimate(value, value, value)


def reference(path: Path = REFERENCE) -> dict:
    """Read the book's values and claims.

    Parameters
    ----------
    path : pathlib.Path
        By default those of the book that this version of the package belongs to.

    Returns
    -------
    dict
        ``made_with``: versions and hardware; ``chapters``: for each chapter its ``values`` (name to the fields of
        :class:`Reported`) and ``claims`` (sentence to whether it holds).
    """
    return json.loads(path.read_text(encoding="utf-8"))


def pinned_values(book: dict, chapter: str) -> dict[str, Reported]:
    """Return the values of one chapter in what :func:`reference` reads; none if it has none."""
    return {name: Reported(**one) for name, one in book["chapters"].get(chapter, {}).get("values", {}).items()}


def _show(line: str, data: dict) -> None:
    """Show a line, and leave the data behind it in the notebook."""
    display({"text/plain": line, MIME: data}, raw=True)
