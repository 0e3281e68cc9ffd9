"""Sources, variants and solutions of the assignments, made once, and submissions that run in this process."""

import contextlib
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from vaeprivacy.course import sandbox_runner
from vaeprivacy.course.assignments import Assignment, find_assignment, read_submission, student_version
from vaeprivacy.course.grading import QuestionGrade
from vaeprivacy.course.sandbox import AnswerError, Student
from vaeprivacy.course.variants import Variant, write_files

ROOT = Path(__file__).resolve().parents[2]
KEY = b"the key of the tests"
STUDENT = "1001"


def check_grade(grade: QuestionGrade, points: float, reason: str = "") -> None:
    """Check that an answer got its points, and feedback with the reason and the way to the book if it lacks some."""
    assert grade.points == points, grade.feedback
    assert reason in " ".join(grade.feedback), grade.feedback
    assert bool(grade.feedback) == (points < grade.possible)
    assert not grade.feedback or grade.feedback[-1].startswith("Read again: ")


def each_answer(
    questions: Mapping[str, Mapping[str, tuple[float, str]]], reasons: Mapping[tuple[str, str], str]
) -> pytest.MarkDecorator:
    """Give a test each answer to each question: the question, its code, the points, and words of the feedback."""
    cases = [
        pytest.param(question, code, points, reasons.get((question, what), ""), id=f"{question}-{what}")
        for question, answers in questions.items()
        for what, (points, code) in answers.items()
    ]
    return pytest.mark.parametrize(("question", "code", "points", "reason"), cases)


@cache
def assignment_of(name: str) -> Assignment:
    return find_assignment(name)


@cache
def variant_of(name: str, student: str = STUDENT) -> Variant:
    return assignment_of(name).variant(student, key=KEY)


@cache
def solution_of(name: str, student: str = STUDENT) -> str:
    return student_version(assignment_of(name), variant_of(name, student), suffix="py", solution=True)


def letters(name: str, answer: str) -> dict[str, tuple[float, str]]:
    """Return answers to a question of 2 points that asks for a letter: two right ones, and four wrong ones."""
    right = variant_of(name).hidden["solution"][answer]
    wrong = {f"wrong {letter}": (0, f"{answer} = '{letter}'") for letter in "ABCD" if letter != right}
    written = {"the letter": (2, f"{answer} = '{right}'"), "a small letter": (2, f"{answer} = ' {right.lower()} '")}
    written |= {"a point": (2, f"{answer} = '{right}.'"), "brackets": (2, f"{answer} = '({right.lower()})'")}
    written |= {"two letters": (0, f"{answer} = 'AB'"), "a sentence": (0, f"{answer} = '{right} and D'")}
    return {**written, **wrong, "no letter": (0, f"{answer} = 5")}


@cache
def solved(name: str) -> dict[str, Any]:
    """Return the names that a solution defines, run once."""
    namespace: dict[str, Any] = {"__name__": "submission"}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        write_files(variant_of(name), Path(folder))
        path = Path(folder) / "1001.py"
        path.write_text(solution_of(name), encoding="utf-8")
        assert sandbox_runner.run_cells(read_submission(path)[0], namespace) == []
    return namespace


class Here(Student):
    """A solution with other code after it, in this process: quick, and for answers that are known to be harmless."""

    def __init__(self, name: str, code: str) -> None:
        solution, self.texts = solved(name), []
        self.namespace = dict(solution)
        for each, value in solution.items():  # its functions have to find the other code, and not to change it for all
            if isinstance(value, FunctionType) and value.__globals__ is solution:
                self.namespace[each] = FunctionType(value.__code__, self.namespace, each, value.__defaults__)
        exec(code, self.namespace)

    def _ask(self, name: str, request: dict[str, Any]) -> Any:
        reply = json.loads(json.dumps(sandbox_runner.answer(request, self.namespace)))
        if "error" in reply:
            raise AnswerError(reply["error"])
        return reply["value"]
