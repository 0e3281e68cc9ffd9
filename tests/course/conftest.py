"""A way to grade one answer to one question."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from course.answers import assignment_of, solution_of, variant_of

from vaeprivacy.course.grading import QuestionGrade, grade_submission


@pytest.fixture
def graded(tmp_path) -> Callable[..., QuestionGrade]:
    """Return a function that grades one question of the solution, with other code after it."""

    def grade(name: str, question: str, code: str) -> QuestionGrade:
        path = tmp_path / "1001.py"
        path.write_text(f"{solution_of(name)}\n\n# %%\n{code}\n", encoding="utf-8")
        assignment = assignment_of(name)
        only = replace(assignment, questions=[each for each in assignment.questions if each.name == question])
        return grade_submission(only, path, variant_of(name)).questions[0]

    return grade
