"""What is measured: records that went into a release, records that did not, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from vaeprivacy.estimators.points import is_number
from vaeprivacy.estimators.tables import MOST_CLASSES
from vaeprivacy.gaussian_bounds import Measure


class Fitted(Protocol):
    """A synthesizer that was fitted: what all measurements ask of it."""

    def sample(self, n: int) -> pd.DataFrame:
        """Return synthetic rows."""

    def log_density(self, rows: pd.DataFrame) -> np.ndarray | None:
        """Return how likely rows are under the released model, shape (rows,); None if it has no density."""

    def statistics(self, rows: pd.DataFrame, known: pd.DataFrame) -> np.ndarray | None:
        """Return what the released model says for each row's part in it, shape (rows, numbers); None if unknown.

        `known` are all other records, as whoever asks about one may know them. Of histograms, it is the released
        count of the cells that a row lies in, less the known records there.
        """


Refit = Callable[[pd.DataFrame], Fitted]


@dataclass(frozen=True)
class Subject:
    """A release, and what its owner knows.

    Attributes
    ----------
    members, held_out : pandas.DataFrame
        Records that the release was made of, and others of the same kind that it was not made of.
    synthetic : pandas.DataFrame
        The release, with the same columns.
    label : str or None
        The column to be predicted.
    promised : Indistinguishability or GaussianIndistinguishability
        What replacing one record may change; :data:`~vaeprivacy.estimators.measurement.NOTHING` without a promise.
    fitted : Fitted or None
        The released model, if it is released.
    refit : callable or None
        Makes a release of other records in just the same way, with noise of its own.
    images : bool
        Whether columns are pixels: then they are nothing to be singled out or guessed by.
    """

    members: pd.DataFrame
    held_out: pd.DataFrame
    synthetic: pd.DataFrame
    label: str | None
    promised: Measure
    fitted: Fitted | None = None
    refit: Refit | None = None
    images: bool = False

    def __post_init__(self) -> None:
        names = list(self.members.columns)
        for what in ("held_out", "synthetic"):
            if list(getattr(self, what).columns) != names:
                raise ValueError(f"{what} must have the columns of the members, in the same order: {', '.join(names)}.")
            if len(getattr(self, what)) < LEAST:
                raise ValueError(f"{what} has {len(getattr(self, what))} rows; a measurement needs at least {LEAST}.")

    @property
    def class_label(self) -> str | None:
        """The label if it has classes; None if there is none, or it is a number with too many values for that."""
        if self.label is None or _has_classes(self.members[self.label]):
            return self.label
        return None

    def balanced(self, *, most: int, generator: np.random.Generator) -> "Subject":
        """Return the same with as many members as held-out records, drawn at random, and at most so many of each.

        Of the synthetic rows at most ten times as many are kept.
        """
        n = min(len(self.members), len(self.held_out), most)
        return replace(
            self,
            members=drawn(self.members, n, generator=generator),
            held_out=drawn(self.held_out, n, generator=generator),
            synthetic=drawn(self.synthetic, min(len(self.synthetic), 10 * most), generator=generator),
        )


LEAST = 20


def _has_classes(column: pd.Series) -> bool:
    """Return whether a label is one of classes: not a number with over 20 values (``MOST_CLASSES``)."""
    return not is_number(column) or column.nunique() <= MOST_CLASSES


def drawn(rows: pd.DataFrame, n: int, *, generator: np.random.Generator) -> pd.DataFrame:
    """Return `n` rows drawn without replacement, or all of them in their order if there are no more."""
    if len(rows) <= n:
        return rows.reset_index(drop=True)
    return rows.iloc[np.sort(generator.permutation(len(rows))[:n])].reset_index(drop=True)
