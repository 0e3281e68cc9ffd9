"""A way to grade one answer to one question."""

from collections.abc import Callable

import pytest
from course.answers import Here, assignment_of, variant_of

from vaeprivacy.course.grading import QuestionGrade, grade_question


@pytest.fixture
def graded() -> Callable[..., QuestionGrade]:
    """Return a function that grades one question of the solution, with other code after it."""

    def grade(name: str, question: str, code: str) -> QuestionGrade:
        assignment = assignment_of(name)
        asked = next(each for each in assignment.questions if each.name == question)
        return grade_question(asked, asked.tests, assignment.tests(), Here(name, code), variant_of(name))

    return grade
