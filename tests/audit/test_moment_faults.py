"""Planted errors of noisy moments: two neighbouring sets of records show each, and never the correct code."""

import math

import pytest
from seeding import seeded

from vaeprivacy.audit.faults import ALL_FAULTS, MOMENT_FAULTS, Fault
from vaeprivacy.audit.faults.moments import overspends
from vaeprivacy.moments import MomentSettings


@pytest.mark.parametrize("bug", MOMENT_FAULTS, ids=[bug.number for bug in MOMENT_FAULTS])
def test_a_pair_of_neighbours_shows_the_error_and_never_the_correct_code(bug: Fault) -> None:
    assert bug.rates(repetitions=40, seed=1000) == (40, 0)


def test_the_pair_is_the_worst_one_for_the_second_step(monkeypatch: pytest.MonkeyPatch) -> None:
    # Noise for 17 in place of 18 is too little already.
    right = MomentSettings.deviations

    def too_small(settings: MomentSettings, mu: float) -> dict[str, float]:
        less = {"sums", "second", "counts"}
        return {
            name: value * (math.sqrt(17 / 18) if name in less else 1) for name, value in right(settings, mu).items()
        }

    assert not overspends("none", seeded())
    monkeypatch.setattr(MomentSettings, "deviations", too_small)
    assert overspends("none", seeded())


def test_errors_of_moments_have_numbers_of_their_own() -> None:
    numbers = [bug.number for bug in ALL_FAULTS + MOMENT_FAULTS]
    assert len(set(numbers)) == len(numbers)
    assert [bug.number for bug in MOMENT_FAULTS] == ["23", "24", "25"]
