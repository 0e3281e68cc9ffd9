"""Planted errors: every check raises an alarm at the error, and hardly ever at the correct code."""

import re
from pathlib import Path

import pytest

from vaeprivacy.audit.faults import ALL_FAULTS, NOISE_FAULTS, Fault

REPETITIONS = 40
NUMBERS = [bug.number for bug in ALL_FAULTS]

# Outputs, noise vectors or records that a check may use for 98% power, as measured before the package was written.
LARGEST = {
    "1": 32, "2": 1000, "3": 32, "3b": 1000, "4": 32, "4b": 32, "4c": 300, "5": 32, "5b": 100, "6": 32, "7": 32,
    "8": 32, "9": 32, "10": 100, "11": 1000, "12": 32, "13": 100, "14": 2, "15": 1000, "16": 1000, "17": 2, "18": 20,
    "19": 1000, "20": 0, "21": 1, "22": 32,
}  # fmt: skip


def test_the_collection_has_all_22_kinds_of_error() -> None:
    assert {int(re.match(r"\d+", number)[0]) for number in NUMBERS} == set(range(1, 23))
    assert len(set(NUMBERS)) == len(NUMBERS) == 26


def test_no_check_needs_more_than_was_found_to_be_enough() -> None:
    assert {bug.number: bug.n for bug in ALL_FAULTS} == LARGEST


@pytest.mark.parametrize("bug", ALL_FAULTS, ids=NUMBERS)
def test_the_check_catches_the_error_and_leaves_correct_code_alone(bug: Fault) -> None:
    caught, false = bug.rates(repetitions=REPETITIONS, seed=1000)
    # With 98% power, 35 or fewer of 40 happen once in a thousand times; so do two alarms at a level of 0.1%.
    assert caught >= 36
    assert false <= 1


def test_errors_in_the_noise_are_told_by_statistics_of_the_law() -> None:
    assert {bug.check for bug in NOISE_FAULTS} == {
        "mean length",
        "variance of length",
        "distribution of length",
        "mean direction",
        "roundness",
        "repeated rows",
        "rank",
        "zeros",
    }


def test_a_check_that_never_fails_would_be_noticed() -> None:
    silent = Fault("0", "nothing", "nothing", 1, wrong=lambda generator: False, right=lambda generator: False)
    assert silent.rates(repetitions=5, seed=0) == (0, 0)


def test_all_errors_stand_in_the_table_of_the_audit_chapter() -> None:
    chapter = (Path(__file__).parents[2] / "notebooks" / "audit.md").read_text(encoding="utf-8")
    assert "faults.ALL_FAULTS" in chapter
    assert "## Twenty-six planted errors" in chapter
