"""Planted errors of noisy moments: two neighbouring sets of records show each, and never the correct code."""

import pytest

from vaeprivacy.audit.faults import ALL_FAULTS, MOMENT_FAULTS, Fault


@pytest.mark.parametrize("bug", MOMENT_FAULTS, ids=[bug.number for bug in MOMENT_FAULTS])
def test_a_pair_of_neighbours_shows_the_error_and_never_the_correct_code(bug: Fault) -> None:
    assert bug.rates(repetitions=40, seed=1000) == (40, 0)


def test_errors_of_moments_have_numbers_of_their_own() -> None:
    numbers = [bug.number for bug in ALL_FAULTS + MOMENT_FAULTS]
    assert len(set(numbers)) == len(numbers)
    assert [bug.number for bug in MOMENT_FAULTS] == ["23", "24", "25"]
