"""What a privacy card says: the promise in words, limits, and what a verdict means."""

import math
from collections.abc import Sequence
from typing import Any

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.estimators.measurement import ALARM_RATE, Measurement
from vaeprivacy.estimators.measures import Measured
from vaeprivacy.estimators.released_models import promised_measure
from vaeprivacy.gaussian_bounds import Measure
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.whole_guarantee import WholeGuarantee

LIMITS = (
    "To decide about single persons: no row belongs to anybody.",
    "To count rare cases: groups of a few dozen records are mostly noise.",
    "As records to be protected by a further release: its promise would not be about persons.",
)
OF_SAMPLES = "To look for somebody: a row that resembles a person was not made of that person's record."
OF_EACH_RECORD = (
    "To look for somebody: each row was made of one record and then changed by noise, so what it says of that person "
    "may be false."
)
OF_TABLES = "To find relations that no pair of columns shows: the model knows columns, pairs of columns, and the label."
OF_IMAGES = "To study fine detail: the model knows only coarse patterns of each class."
FOR_OWNERS = (
    "It is with the owner: what is measured on private records tells something about them, and no budget paid for it. "
    "That this release was not withheld tells that no measurement was beyond the promise; that is not covered either."
)
NOT_MEASURED = "Nothing was measured."
CHOICE = (
    "Whoever ran the command set epsilon to {epsilon:g}; nothing was computed from the records to choose it, so the "
    "choice cost nothing. If several were tried on the same records and the best one was kept, each of them is a "
    "release: this promise counts {releases}."
)
DELETION = (
    "Delete two folders, the release and this one: rm -r {release} {owner}. Nothing else was written. Copies that were "
    "handed on, and backups, are yours to find."
)


def limits(guarantee: WholeGuarantee | Guarantee, *, images: bool) -> list[str]:
    """Return what a release must not be used for; a Guarantee is one of a row for each record."""
    if isinstance(guarantee, Guarantee):
        return [*LIMITS, OF_EACH_RECORD]
    return [*LIMITS, OF_SAMPLES, OF_IMAGES if images else OF_TABLES]


def promise_texts(
    guarantee: WholeGuarantee | Guarantee, *, unit: str, rows: int, images: bool = False, leaks: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the promise in the book's sentence, and what it is about, a line each.

    `leaks` are columns whose bounds or levels were read from the records.
    """
    row = "image" if images else "row"
    measure = promised_measure(guarantee)
    leaks = tuple(getattr(guarantee, "not_covered", leaks))
    not_covered = ["what the sentence above leaves out"] if isinstance(guarantee, Guarantee) else []
    not_covered += [f"{', '.join(leaks)}: bounds or levels were read from the records"] if leaks else []
    whole = isinstance(guarantee, WholeGuarantee) and not leaks
    facts = {
        "Protected": f"one row of each {unit!r}, drawn at random; the others were not used" if unit
        else f"one {row}; of a person with several {row}s each is protected by itself",
        "Compared are": f"two sets of as many {row}s, all the same but one (replace-one); their number is public",
        "Covered": f"everything that is published: {row}s, labels, model, and whatever is made of them" if whole
        else "see the sentence above: not all of it",
        "Not covered": "; ".join(not_covered) or "nothing of what is published",
    }  # fmt: skip
    if measure.max_tpr(0.0) < 1:
        given = "(given the bounds and levels that are not covered) " if leaks else ""
        facts["The best attack"] = (
            f"{given}that accuses 1% of others finds at most {100 * measure.max_tpr(0.01):.2g}% of the members; its "
            f"AUC is at most {measure.max_auc():.3f} (0.5 is a guess)"
        )
    if rows < 1000:
        facts[f"Few {row}s"] = f"with {rows:,} {row}s, noise that hides one hides much of what all have in common"
    return {"sentence": str(guarantee), "facts": facts, **numbers_of(guarantee)}


def numbers_of(guarantee: WholeGuarantee | Guarantee) -> dict[str, Any]:
    """Return epsilon, delta and the count of releases of a guarantee; None where nothing is promised for the whole."""
    found: dict[str, Any] = {"epsilon": None, "delta": None, "releases": getattr(guarantee, "releases", 1)}
    try:
        total: Indistinguishability = guarantee.whole_release()
    except ValueError:
        return found
    return found | {"epsilon": total.epsilon, "delta": total.delta}


def verdict(measured: Measured, measure: Measure) -> dict[str, Any]:
    """Return whether what was measured is what the promise allows."""
    bad, n = measured.exceeding, len(measured.leaks)
    if bad:
        return {
            "kind": "fail",
            "title": "Fails.",
            "text": f"{len(bad)} of {n} measurements are beyond what the promise allows. Do not publish this release.",
            "reasons": [reason(each) for each in sorted(bad, key=lambda each: each.p_value)[:6]],
        }
    if math.isclose(measure.max_advantage(), 1.0):
        return {"kind": "none", "title": "No promise to test.", "text": "Nothing is promised for the whole release, so "
                "no measurement can be beyond it. Read the measured leaks themselves.", "reasons": []}  # fmt: skip
    return {
        "kind": "pass",
        "title": "Passes.",
        "text": f"None of {n} measurements is beyond what the promise allows (a release that keeps its promise fails "
        f"in at most {ALARM_RATE:.0%} of all cases, all measurements together: Holm). This proves no promise: it found "
        "no mistake.",
        "reasons": [],
    }


def reason(measurement: Measurement) -> str:
    """Return why a measurement is beyond a promise, in one sentence."""
    value, low, high = measurement.advantage
    if measurement.group == "schema":
        on_one, n = (int(measurement.details[name]) for name in ("on one record", "bounds"))
        return (
            f"{on_one} of {n} bounds that the schema calls public are exactly the value of one record each: they were "
            "read from the records."
        )
    return (
        f"{measurement.group}, {measurement.name}: right about members more often than about others by {value:.3f} "
        f"({low:.3f} to {high:.3f}); at most {measurement.allowed:.3f} is allowed."
    )


def reading(measured: Measured) -> str:
    """Return how the picture of the leaks is read, with the strongest attack."""
    strongest = measured.strongest
    first = "" if strongest is None else f"The strongest attack is {strongest.name!r}: its AUC is {strongest.auc}. "
    return first + (
        "A dot right of zero means that an adversary is right about members more often than about records that were "
        "held out; the black bar is what the promise allows. Hollow dots are weak attacks, diamonds are beyond the "
        "promise."
    )
