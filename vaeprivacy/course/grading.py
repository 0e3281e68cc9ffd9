"""One submission, graded: each test's verdict, the points of each question, and the way to the book."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vaeprivacy.compute.published import PUBLISHED
from vaeprivacy.course.assignments import Assignment, Question, Test
from vaeprivacy.course.sandbox import AnswerError, Limits, Student
from vaeprivacy.course.variants import OPTIONS, Variant

USES = "It uses `{name}`, which the assignment asks to do without: for a person to judge; no points were taken off."


@dataclass
class QuestionGrade:
    """Points and feedback of one question; `answer` is what a person has to grade."""

    name: str
    title: str
    points: float
    possible: float
    by_hand: float
    section: str
    feedback: list[str] = field(default_factory=list)
    answer: str = ""


@dataclass
class Grade:
    """What a submission gets, what its student is told, and what a person may have to look at."""

    student: str
    assignment: str
    questions: list[QuestionGrade] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    incidents: list[str] = field(default_factory=list)

    @property
    def points(self) -> float:
        """Points of all questions that the machine grades."""
        return sum(each.points for each in self.questions)

    @property
    def possible(self) -> float:
        """The most that can be had from the machine."""
        return sum(each.possible for each in self.questions)

    def to_json(self) -> dict[str, Any]:
        """Return it in terms of JSON."""
        return {**asdict(self), "points": self.points, "possible": self.possible}


def number(value: Any, what: str) -> float:
    """Return an answer as a finite number.

    Raises
    ------
    AnswerError
        If it is none.
    """
    found = array(value, what)
    if found.size != 1:
        raise AnswerError(f"{what} must be one number, but has {found.size} values.")
    if not np.isfinite(found).all():
        raise AnswerError(f"{what} must be a finite number, not {found.ravel()[0]}.")
    return float(found.ravel()[0])


def array(value: Any, what: str, *, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return an answer as an array of float64, of a shape if one is asked for.

    Raises
    ------
    AnswerError
        If it is none.
    """
    if value is None:
        raise AnswerError(f"{what} is None: is a `return` missing, or the answer not filled in?")
    try:
        found = np.asarray(value, dtype=float)
    except (ValueError, TypeError, OverflowError):
        raise AnswerError(f"{what} must consist of numbers only.") from None
    if shape is not None and found.shape != shape:
        raise AnswerError(f"{what} must have shape {shape}, and not {found.shape}.")
    return found


def letter(value: Any, what: str) -> str:
    """Return an answer as the letter of one of four options.

    Raises
    ------
    AnswerError
        If it is none.
    """
    found = str(value).strip(" \t\r\n().:'\"`*").upper()  # "B.", "(b)" and the like
    if found not in OPTIONS:
        raise AnswerError(f"{what} must be one letter: 'A', 'B', 'C' or 'D'.")
    return found


def grade_submission(
    assignment: Assignment, path: Path, variant: Variant, *, public_only: bool = False, limits: Limits | None = None
) -> Grade:
    """Grade one submission.

    Parameters
    ----------
    assignment : Assignment
        With its tests.
    path : pathlib.Path
        Notebook or Python file.
    variant : Variant
        The student's.
    public_only : bool
        Only the tests that students see.
    limits : Limits, optional
        What the submission may use; by default what the assignment allows.

    Raises
    ------
    ValueError
        If the file cannot be read.
    """
    tests = assignment.tests()
    grade = Grade(variant.student, assignment.name)
    options = {"limits": limits or assignment.limits, "noted": assignment.not_to_use}
    with Student.of(path, variant=variant, **options) as student:
        for question in assignment.questions:
            chosen = [test for test in question.tests if test.public or not public_only]
            grade.questions.append(grade_question(question, chosen, tests, student, variant))
        grade.notes, grade.incidents = notes_of(student), student.incidents
    return grade


def notes_of(student: Student) -> list[str]:
    """Return what is to be known of a submission beside its points."""
    notes = [f"A cell failed when the submission was run: {error}" for error in student.errors]
    notes += [f"`{line}` does nothing here: no other programs run, and nothing is installed." for line in student.notes]
    return notes + [USES.format(name=name) for name in sorted(student.uses)]


def empty_grade(assignment: Assignment, student: str, note: str) -> Grade:
    """Return the grade of a submission that cannot be graded: no points, and why."""
    questions = [
        QuestionGrade(each.name, each.title, 0.0, each.points - each.by_hand, each.by_hand, each.section)
        for each in assignment.questions
    ]
    return Grade(student, assignment.name, questions, [note])


def grade_question(
    question: Question, tests: list[Test], functions: dict[str, Any], student: Student, variant: Variant
) -> QuestionGrade:
    """Run tests of a question; the same complaint is made once.

    Parameters
    ----------
    question : Question
        Which it is.
    tests : list of Test
        Those of its tests that count.
    functions : dict
        The tests by their names, as :meth:`Assignment.tests` returns them.
    student : Student
        The submission, to be asked.
    variant : Variant
        The student's.
    """
    complaints, points = [], 0.0
    for test in tests:
        wrong = verdict(functions[test.name], student, variant)
        points += 0.0 if wrong else test.points
        if wrong and wrong not in complaints:
            complaints.append(wrong)
    possible = sum(test.points for test in tests)
    answer = student.text(question.name) if question.by_hand else ""
    if question.by_hand and not answer:
        complaints.append(f"There is no answer below the mark <!-- answer: {question.name} -->.")
    if complaints:
        complaints.append(read_again(question.section))
    grade = QuestionGrade(question.name, question.title, points, possible, question.by_hand, question.section)
    grade.feedback, grade.answer = complaints, answer[:20_000]
    return grade


def read_again(section: str) -> str:
    """Return the way to a section of the book: its address, or, if there is none yet, its place among the pages."""
    return f"Read again: {PUBLISHED.page(section) or section}"


def verdict(test: Callable[[Student, Variant], None], student: Student, variant: Variant) -> str:
    """Return what is wrong with an answer, or nothing, whatever the test raises."""
    try:
        with np.errstate(all="ignore"):
            test(student, variant)
    except AnswerError as error:
        return str(error)
    except AssertionError as error:
        return str(error) or "The answer is not right."
    except Exception as error:  # an answer of a form that the test did not foresee
        return f"The answer has not the form that is asked for ({type(error).__name__}: {str(error)[:200]})."
    return ""
