"""The export for otter-grader: its files are as otter reads them, and grade as the course's own command does.

Otter itself is not needed: of it, the test files use one decorator, which stands here.
"""

import json
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest
from course.answers import assignment_of, solution_of, variant_of
from typer.testing import CliRunner

from vaeprivacy.cli.app import app
from vaeprivacy.course.otter import write_otter_folder
from vaeprivacy.course.sandbox_runner import run_cells

NAME = "measure-a-leak"


@dataclass
class Case:
    """Stands for otter's decorator ``test_case``."""

    name: str
    points: float
    hidden: bool

    def __call__(self, function):
        self.function = function
        return self


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an exported folder as the working directory, where otter puts the data beside a submission."""
    module = ModuleType("otter.test_files")
    module.test_case = Case
    monkeypatch.setitem(sys.modules, "otter", ModuleType("otter"))
    monkeypatch.setitem(sys.modules, "otter.test_files", module)
    write_otter_folder(assignment_of(NAME), variant_of(NAME), tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    return tmp_path / "out"


def grade(folder, code: str) -> dict[str, str]:
    """Run all tests as otter does; return the message of each that fails."""
    names, failed = {"__name__": "submission"}, {}
    assert run_cells([solution_of(NAME), code], names) == []
    for path in sorted((folder / "tests").glob("*.py")):
        space = {}
        exec(compile(path.read_text(), str(path), "exec"), space)
        assert space["name"] == path.stem and space["OK_FORMAT"] is False
        for case in [each for each in space.values() if isinstance(each, Case)]:
            try:
                case.function(names)
            except AssertionError as error:
                failed[case.name] = str(error)
    return failed


def test_solutions_pass_and_wrong_answers_fail_with_the_feedback_of_the_course(folder):
    assert grade(folder, "") == {}
    failed = grade(folder, "def tpr_at_fpr(scores, is_member, fpr):\n    return 0.5\nconclusion = 'E'")
    assert set(failed) == {
        *("test_low_fpr_public", "test_low_fpr_between", "test_low_fpr_ties"),
        *("test_conclusion_form", "test_conclusion"),
    }
    assert failed["test_low_fpr_public"].endswith("membership_inference.html#how-strong-are-they")
    failed = grade(folder, "del auc")
    assert failed["test_auc_example"].startswith("`auc` is missing.")


def test_points_and_hidden_tests_are_those_of_the_source(folder):
    for question in assignment_of(NAME).questions:
        space = {}
        exec((folder / "tests" / f"{question.name}.py").read_text(), space)
        cases = [each for each in space.values() if isinstance(each, Case)]
        assert [(case.name, case.points, case.hidden) for case in cases] == [
            (test.name, test.points, not test.public) for test in question.tests
        ]


def test_what_students_get_has_no_hidden_test_and_no_hidden_answer(folder):
    given = {path.name: path.read_bytes() for path in (folder / "handout").iterdir()}
    assert set(given) == {"measure_a_leak.ipynb", "checks.py", "posteriors.npz", "variant.json"}
    text = (given["measure_a_leak.ipynb"] + given["checks.py"] + given["variant.json"]).decode()
    assert "test_scores_hidden" not in text and variant_of(NAME).hidden["seed"].hex() not in text
    assert json.loads((folder / "otter_config.json").read_text())["show_hidden"] is False


def test_the_command_says_how_to_go_on_and_overwrites_nothing(tmp_path):
    (tmp_path / "key").write_text("a key that only the teacher has")
    output = tmp_path / "out"
    options = ["--output", output, "--key", tmp_path / "key"]
    arguments = ["course", "export", "metric-privacy", *map(str, options)]
    made = CliRunner().invoke(app, arguments)
    assert made.exit_code == 0, made.output
    assert "otter generate --tests-dir tests --output-path autograder.zip" in made.output
    tests = {path.stem for path in (output / "tests").iterdir()}
    assert tests == {each.name for each in assignment_of("metric-privacy").questions if each.tests}
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2 and "exists" in again.output.lower()
