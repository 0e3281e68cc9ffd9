"""An assignment in the form that otter-grader takes, and through it Gradescope.

Otter runs a submission and its tests in one process: nothing is hidden from a student's code there, and all students
have the same variant.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from vaeprivacy.compute.published import PUBLISHED, VERSION
from vaeprivacy.course.assignments import Assignment, Question, Test, student_checks, student_version, tags
from vaeprivacy.course.grading import USES, read_again, verdict
from vaeprivacy.course.sandbox import AnswerError, encode_answer
from vaeprivacy.course.sandbox_runner import answer, decode
from vaeprivacy.course.variants import Variant, read_variant, write_files

TESTS, CONFIG, REQUIREMENTS, HANDOUT = "tests", "otter_config.json", "requirements.txt", "handout"
CHECKS = "checks.py"
# Modules that were there before this one, that is before the first test: the submission has loaded them.
BEFORE = [name for name in takewhile(lambda name: name != __name__, sys.modules) if f"{name}." not in f"{__name__}."]
BEFORE = [name for name in BEFORE if not name.endswith("._lazy")]  # of the package's root, which solves nothing
#: If there is no release, otter's container takes the package from among the files that ``otter generate`` was given.
WHEEL = f"""\
# There is no release yet: `pip wheel --no-deps --wheel-dir . REPOSITORY` makes this wheel.
# Name it to `otter generate` among its files.
vaeprivacy[course] @ file:///autograder/source/files/vaeprivacy-{VERSION}-py3-none-any.whl"""
PACKAGE = PUBLISHED.requirement("course") or WHEEL
HEAD = '''"""{title}: {question}, for otter-grader. Made by `vaeprivacy course export`; do not hand it out."""

import functools

from otter.test_files import test_case

from vaeprivacy.course.otter import check

OK_FORMAT = False
name = "{name}"
check = functools.partial(check, section="{section}", hidden="""{hidden}""")
'''
CASE = """

@test_case(name="{name}", points={points:g}, hidden={hidden})
def case_{name}(env):
    check({name}, env)
"""

USE = '''"""{title}: whether it is the student's own work, for otter-grader. No points hang on it."""

from otter.test_files import test_case

from vaeprivacy.course.otter import note_uses

OK_FORMAT = False
name = "own_work"


@test_case(name="own_work", points=0, hidden=False)
def case_own_work(env):
    note_uses({packages!r}, env)
'''


class SameProcess:
    """A submission that runs in the process of its tests, with the methods of a student's process that tests use.

    Parameters
    ----------
    names : dict
        What the submission has defined.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names

    def call(self, name: str, *arguments: Any) -> Any:
        """Return what a function of the submission returns, arrays as nested lists; AnswerError if it fails."""
        return self._answer({"name": name, "arguments": encode_answer(arguments)})

    def value(self, name: str) -> Any:
        """Return the value of a variable of the submission; AnswerError if there is none."""
        return self._answer({"name": name})

    def _answer(self, request: dict[str, Any]) -> Any:
        found = answer(json.loads(json.dumps(request)), self._names)
        if "error" in found:
            raise AnswerError(found["error"])
        return found.get("value")


def check(test: Any, names: dict[str, Any], *, section: str, hidden: str) -> None:
    """Run one test on a submission's names.

    Parameters
    ----------
    test : callable
        Of a student and a variant, as an assignment's source has it.
    names : dict
        What the submission has defined.
    section : str
        Of the book, for the feedback.
    hidden : str
        The variant's hidden parts, as :func:`hidden_text` wrote them. The others are read from the working directory.

    Raises
    ------
    AssertionError
        If the answer is wrong; the message is what students are told.
    """
    parts = decode(json.loads(hidden))
    variant = replace(read_variant(Path()), hidden={**parts, "seed": bytes.fromhex(parts["seed"])})
    wrong = verdict(test, SameProcess(names), variant)
    assert not wrong, f"{wrong} {read_again(section)}"


def note_uses(packages: Sequence[str], names: dict[str, Any]) -> None:
    """Fail, which costs no points, if a submission uses a package that the assignment asks to do without.

    Parameters
    ----------
    packages : sequence of str
        Those packages.
    names : dict
        What the submission has defined.

    Raises
    ------
    AssertionError
        If it does; the message is for student and teacher.
    """
    before = {each for each in packages for name in BEFORE if name.startswith(f"{each}.")}
    used = before | set(imported(names.values(), packages))
    assert not used, " ".join(USES.format(name=name) for name in sorted(used))


def imported(values: Iterable[Any], packages: Sequence[str]) -> Iterator[str]:
    """Yield of which packages functions among some values import something when they are called."""
    codes = [value.__code__ for value in values if isinstance(value, FunctionType)]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        yield from (each for each in packages for name in code.co_names if f"{name}.".startswith(f"{each}."))


def hidden_text(variant: Variant) -> str:
    """Return the hidden parts of a variant as JSON."""

    def ready(value: Any) -> Any:
        return {name: ready(each) for name, each in value.items()} if isinstance(value, dict) else encode_answer(value)

    parts = {**variant.hidden, "seed": variant.hidden["seed"].hex()}
    return json.dumps(ready(parts), default=lambda value: value.tolist() if isinstance(value, np.generic) else value)


def tests_of(assignment: Assignment, question: Question, variant: Variant) -> str:
    """Return the source of otter's test file of one question."""
    functions = {test.name for test in question.tests}
    shared = [cell.source for cell in assignment.cells if tags(cell) & {"helper", "teacher"}]
    own = [cell.source for cell in assignment.cells if any(f"def {name}(" in cell.source for name in functions)]
    head = HEAD.format(
        title=assignment.title,
        question=question.title,
        name=question.name,
        section=question.section,
        hidden=hidden_text(variant).replace("\\", "\\\\"),
    )
    return "\n\n".join([head, *shared, *own]) + "".join(_case(test) for test in question.tests)


def _case(test: Test) -> str:
    return CASE.format(name=test.name, points=test.points, hidden=not test.public)


def write_otter_folder(assignment: Assignment, variant: Variant, folder: Path) -> list[str]:
    """Write what ``otter generate`` makes an autograder of, and beside it what students get.

    Parameters
    ----------
    assignment : Assignment
        What to export.
    variant : Variant
        The one that all students get.
    folder : pathlib.Path
        Where to; it is made.

    Returns
    -------
    list of str
        Names of the files that a submission needs beside it.

    Raises
    ------
    FileExistsError
        If the folder exists.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists: choose another folder, or delete it.")
    (folder / TESTS).mkdir(parents=True)
    (folder / HANDOUT).mkdir()
    for question in assignment.questions:
        if question.tests:
            text = tests_of(assignment, question, variant)
            (folder / TESTS / f"{question.name}.py").write_text(text, encoding="utf-8")
    if assignment.not_to_use:
        text = USE.format(title=assignment.title, packages=list(assignment.not_to_use))
        (folder / TESTS / "own_work.py").write_text(text, encoding="utf-8")
    (folder / CONFIG).write_text(json.dumps({"show_stdout": False, "show_hidden": False}, indent=1) + "\n")
    (folder / REQUIREMENTS).write_text(f"{PACKAGE}\n")
    for beside in (folder, folder / HANDOUT):
        write_files(variant, beside)
    notebook = folder / HANDOUT / f"{assignment.name.replace('-', '_')}.ipynb"
    notebook.write_text(student_version(assignment, variant, suffix="ipynb"), encoding="utf-8")
    (folder / HANDOUT / CHECKS).write_text(student_checks(assignment), encoding="utf-8")
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".npz", ".json") and path.name != CONFIG)
