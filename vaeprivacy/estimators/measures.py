"""All measurements of a release, in the order of what they cost, within some minutes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vaeprivacy.estimators.fidelity import train_synthetic_test_real
from vaeprivacy.estimators.measurement import Measurement, exceeding
from vaeprivacy.estimators.membership import attack_release, attack_with_shadows, make_shadows
from vaeprivacy.estimators.risks import inference, linkability, singling_out
from vaeprivacy.estimators.subject import Subject, drawn
from vaeprivacy.estimators.worst_case import audit_worlds, bounds_on_records

MOST_CANDIDATES = 2000
MOST_REFITTED = 4000  # records of a release that is made again and again
SHADOWS = 32


@dataclass(frozen=True)
class Measured:
    """What was found about a release.

    Attributes
    ----------
    leaks : list of Measurement
        One a kind of adversary.
    utility : pandas.DataFrame
        As of :func:`~vaeprivacy.estimators.fidelity.train_synthetic_test_real`.
    notes : list of str
        What was not measured, or on fewer records, and why.
    """

    leaks: list[Measurement]
    utility: pd.DataFrame
    notes: list[str]

    @property
    def exceeding(self) -> list[Measurement]:
        """The measurements that the promise does not allow."""
        return exceeding(self.leaks)

    @property
    def strongest(self) -> Measurement | None:
        """The attack whose AUC may be highest: the one with the highest upper limit; None if none ranks records."""
        ranking = [each for each in self.leaks if each.group == "membership"]
        return max(ranking, key=lambda each: each.auc.high, default=None)


def measure(
    subject: Subject,
    *,
    generator: np.random.Generator,
    seconds: float = 600.0,
    bounds: dict[str, tuple[float, float]] | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> Measured:
    """Measure what a release leaks about its members, and what it is good for.

    Parameters
    ----------
    subject : Subject
        The release, its records, and others.
    generator : numpy.random.Generator
        Decides which records are taken, and in which order.
    seconds : float
        Time for releases that are made anew; all else takes seconds, and is always done.
    bounds : dict, optional
        By column, the least and largest value that the schema calls public.
    progress : callable
        Told what is being measured.
    """
    few = subject.balanced(most=MOST_CANDIDATES, generator=generator)
    notes = [f"Attacks were tried on {len(few.members):,} members of {len(subject.members):,}, drawn at random, and on "
             f"{len(few.held_out):,} held-out records."]  # fmt: skip
    progress("attacks on the rows")
    found = attack_release(few)
    if not subject.images:
        progress("singling out, linking, guessing")
        found += singling_out(few, generator=generator) + linkability(few, generator=generator) + inference(few)
        found += bounds_on_records(pd.concat([subject.members, subject.held_out]), bounds or {})
    else:
        notes.append("Singling out, linking and guessing were not measured: pixels are no columns that somebody knows.")
    progress("models trained on synthetic rows")
    utility = train_synthetic_test_real(subject, generator=generator)
    found += _refitted(subject, few, seconds, notes, generator=generator, progress=progress)
    return Measured(found, utility, notes)


def _refitted(
    subject: Subject,
    few: Subject,
    seconds: float,
    notes: list[str],
    *,
    generator: np.random.Generator,
    progress: Callable[[str], None],
) -> list[Measurement]:
    """Return what releases that are made anew tell: shadow releases for the attacks, and two worlds for the audit."""
    if subject.refit is None or seconds <= 0:
        notes.append("No release was made anew, so the likelihood ratio and the worst case were not measured.")
        return []
    small = replace(
        subject,
        members=drawn(subject.members, MOST_REFITTED, generator=generator),
        held_out=drawn(subject.held_out, MOST_REFITTED, generator=generator),
    )
    if len(small.members) < len(subject.members):
        notes.append(f"Releases that were made anew are of {MOST_REFITTED:,} records, to save time.")
    start = time.monotonic()
    subject.refit(small.members)
    n = int(min(SHADOWS, seconds / 3 / max(time.monotonic() - start, 1e-3) / 2))
    found = []
    progress(f"{n} shadow releases")
    if n >= 2:
        found += attack_with_shadows(few, make_shadows(small, few, n, generator=generator))
    else:
        notes.append("Shadow releases were not made: they need more minutes.")
    progress("releases with and without a strange record")
    of_worlds = audit_worlds(small, seconds=2 * seconds / 3)
    if not of_worlds:
        notes.append("The worst case was not measured: releases of two worlds need more minutes.")
    return found + of_worlds
