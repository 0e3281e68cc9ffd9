"""Sources, variants and solutions of the assignments, made once."""

from functools import cache
from pathlib import Path

from vaeprivacy.course.assignments import Assignment, find_assignment, student_version
from vaeprivacy.course.grading import QuestionGrade
from vaeprivacy.course.variants import Variant

ROOT = Path(__file__).resolve().parents[2]
KEY = b"the key of the tests"
STUDENT = "1001"


def check_grade(grade: QuestionGrade, points: float) -> None:
    """Check that an answer got its points, and feedback with a link to the book if it lacks some."""
    assert grade.points == points, grade.feedback
    assert bool(grade.feedback) == (points < grade.possible)
    assert not grade.feedback or "https://" in grade.feedback[-1]


@cache
def assignment_of(name: str) -> Assignment:
    return find_assignment(name, folder=ROOT / "coursework")


@cache
def variant_of(name: str, student: str = STUDENT) -> Variant:
    return assignment_of(name).variant(student, key=KEY)


@cache
def solution_of(name: str, student: str = STUDENT) -> str:
    return student_version(assignment_of(name), variant_of(name, student), suffix="py", solution=True)
