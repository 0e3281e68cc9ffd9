"""Sources of assignments: what students get of them, and what they do not."""

import json
import re

import jupytext
import nbformat
import numpy as np
import pytest
from course.answers import KEY, ROOT, assignment_of, solution_of, variant_of

from vaeprivacy.course.assignments import (
    find_assignment,
    find_assignments,
    read_assignment,
    read_submission,
    student_checks,
    student_version,
    without_marks,
    without_solution,
)
from vaeprivacy.course.gradebook import grade_folder
from vaeprivacy.course.grading import grade_submission
from vaeprivacy.course.sandbox import Limits, Student
from vaeprivacy.course.variants import LEAST_KEY, Variant, make_variant, read_key, read_variant, write_files

QUESTION = '# %% [markdown] tags=["question"] name="a" title="A" section=""\n'
NAMES = ("measure-a-leak", "metric-privacy", "shadow-models", "private-release", "attack-release")


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_gets_all_points(name, tmp_path):
    path = tmp_path / "1001.py"
    path.write_text(solution_of(name), encoding="utf-8")
    grade = grade_submission(assignment_of(name), path, variant_of(name))
    assert grade.notes == []
    assert [each.points for each in grade.questions] == [each.possible for each in grade.questions]
    assert not any(each.feedback for each in grade.questions)


@pytest.mark.parametrize("name", NAMES)
def test_the_empty_notebook_runs_and_gets_no_points_for_answers(name, tmp_path):
    path = tmp_path / "1001.ipynb"
    path.write_text(student_version(assignment_of(name), variant_of(name), suffix="ipynb"), encoding="utf-8")
    grade = grade_submission(assignment_of(name), path, variant_of(name))
    assert grade.notes == []
    assert grade.points == 0
    assert all(each.feedback for each in grade.questions)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", ["ipynb", "py"])
def test_students_get_no_solution_and_no_hidden_test(name, suffix):
    assignment, variant = assignment_of(name), variant_of(name)
    texts = [student_version(assignment, variant, suffix=suffix), student_checks(assignment)]
    hidden = [test.name for question in assignment.questions for test in question.tests if not test.public]
    for text in texts:
        assert "SOLUTION" not in text and "def make(" not in text and "{{" not in text
        assert not any(f"def {test}(" in text for test in hidden)
    without = {line.strip() for line in "\n".join(texts).splitlines()}
    solved = {line.strip() for line in solution_of(name).splitlines()} - without
    assert len(solved) > 10


@pytest.mark.parametrize("name", NAMES)
def test_a_students_notebook_is_valid_and_the_same_each_time(name):
    assignment, variant = assignment_of(name), variant_of(name)
    text = student_version(assignment, variant, suffix="ipynb")
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert text == student_version(assignment, assignment.variant("1001", key=KEY), suffix="ipynb")
    assert text != student_version(assignment, variant_of(name, "1002"), suffix="ipynb")


@pytest.mark.parametrize("name", NAMES)
def test_hidden_parts_are_in_no_file_of_a_student(name, tmp_path):
    variant = variant_of(name)
    write_files(variant, tmp_path)
    given = json.loads((tmp_path / "variant.json").read_text())
    assert set(given) == {"assignment", "student", "constants", "files"}
    again = read_variant(tmp_path)
    assert again.hidden == {} and again.constants == variant.constants
    assert set(again.files) == set(variant.files)


def test_other_files_of_a_student_are_not_read_and_a_damaged_description_is_told(tmp_path):
    variant = variant_of("measure-a-leak")
    write_files(variant, tmp_path)
    np.savez(tmp_path / "mine.npz", a=np.array([{}], dtype=object))
    (tmp_path / "half.npz").write_bytes(b"PK")
    assert set(read_variant(tmp_path).files) == {"posteriors.npz"}
    for content in ("", "5", "{", '{"assignment": 1}', '{"assignment": "a", "student": "1", "constants": 3}'):
        (tmp_path / "variant.json").write_text(content)
        with pytest.raises(ValueError, match="is damaged"):
            read_variant(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_links_to_the_book_lead_to_headings(name):
    for question in assignment_of(name).questions:
        page, _, anchor = question.section.partition("#")
        text = (ROOT / page.replace(".html", ".md")).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") for heading in headings}
        anchors |= set(re.findall(r"^\((.+)\)=$", text, flags=re.MULTILINE))  # what a section was called before
        assert not anchor or anchor in anchors, question.section


@pytest.mark.parametrize("name", NAMES)
def test_the_book_lists_assignments_with_their_points(name):
    page = (ROOT / "book" / "coursework.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    questions = assignment_of(name).questions
    by_hand = sum(each.by_hand for each in questions)
    points = f"{sum(each.points for each in questions) - by_hand:g}"
    assert row.split("|")[3].strip().startswith(f"{points}, and {by_hand:g} for" if by_hand else points)


def test_no_assignment_is_left_out():
    assert set(NAMES) == set(find_assignments())


def test_marks_are_those_of_otter_grader():
    text = "def f():\n    # BEGIN SOLUTION\n    x = 1\n    return x\n    # END SOLUTION\n\ny = 5  # SOLUTION\nz = 6"
    assert without_solution(text) == "def f():\n    ...\n\ny = ...\nz = 6"
    assert without_marks(text) == "def f():\n    x = 1\n    return x\n\ny = 5\nz = 6"
    assert without_solution("a\n<!-- BEGIN SOLUTION -->\nb\n<!-- END SOLUTION -->") == "a\n*Write here.*"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('# %% tags=["public-test"]\ndef test_a(s, v): pass', "above the first question"),
        (
            '# %% [markdown] tags=["question"] name="a" title="A" section=""\n# %% tags=["hidden-test"]\nx = 1',
            "one func",
        ),
        (
            QUESTION + 2 * '# %% tags=["hidden-test"]\ndef test_a(s, v): pass\n',
            "the same name",
        ),
    ],
)
def test_wrong_sources_are_refused(tmp_path, source, message):
    (tmp_path / "a.py").write_text(source)
    with pytest.raises(ValueError, match=message):
        read_assignment(tmp_path / "a.py")


LIMITED = '# %% [markdown] tags=["limits"] load_seconds=1 memory=3000000000\n# # Slow\n' + QUESTION
LIMITED += '# %% tags=["public-test"] points=1\ndef test_x(student, variant):\n    assert student.value("x") == 1\n'
LIMITED += '# %% tags=["teacher"]\ndef make(public, secret):\n    return {}\n'


def test_an_assignment_may_have_limits_of_its_own(tmp_path):
    (tmp_path / "slow.py").write_text(LIMITED)
    assignment = read_assignment(tmp_path / "slow.py")
    assert assignment.limits == Limits(load_seconds=1, memory=3_000_000_000)
    assert assignment_of("measure-a-leak").limits == Limits()
    (tmp_path / "checks.py").write_text(student_checks(assignment))
    assert read_assignment(tmp_path / "checks.py").limits == assignment.limits
    (tmp_path / "1.py").write_text("import time\ntime.sleep(3)\nx = 1")
    grade = grade_submission(assignment, tmp_path / "1.py", Variant("slow", "1"))
    assert grade.points == 0 and "longer than 1 seconds" in grade.questions[0].feedback[0]
    options = {"output": tmp_path / "grades", "source": b"", "key": KEY}
    assert grade_folder(assignment, {"1": tmp_path / "1.py"}, **options)[0]["points"] == 0


def test_unknown_limits_are_refused(tmp_path):
    (tmp_path / "slow.py").write_text(LIMITED.replace("load_seconds", "patience"))
    with pytest.raises(ValueError, match="not patience"):
        read_assignment(tmp_path / "slow.py")


def test_unknown_assignments_and_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"choose one of .*measure-a-leak, metric-privacy"):
        find_assignment("contest")
    with pytest.raises(FileNotFoundError, match="holds no assignments"):
        find_assignment("contest", folder=tmp_path)


@pytest.mark.parametrize("content", [b"\x00\xff", b"{", b'{"cells": 5}', b'{"cells": [{"cell_type": 1}]}'])
def test_files_that_are_no_notebooks_are_refused(tmp_path, content):
    (tmp_path / "1.ipynb").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read"):
        read_submission(tmp_path / "1.ipynb")


def test_notebooks_may_have_magics_and_broken_cells(tmp_path):
    cells = ["%matplotlib inline\n!ls\nx = 1", "this is no Python", "y = x + 1"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    jupytext.write(notebook, tmp_path / "1.ipynb")
    code, texts = read_submission(tmp_path / "1.ipynb")
    with Student(code, texts, variant=Variant("a", "1")) as student:
        assert student.value("y") == 2
        assert len(student.errors) == 1 and "SyntaxError" in student.errors[0]


def test_hidden_draws_follow_from_the_key_and_public_ones_do_not():
    def make(public, secret):
        return {"constants": {"public": public.random()}, "hidden": {"secret": secret.random()}}

    one, same, other = (make_variant("a", "1", key=key, make=make) for key in (b"k1", b"k1", b"k2"))
    assert one.hidden == same.hidden
    assert one.constants == other.constants and one.hidden["secret"] != other.hidden["secret"]
    assert one.rng("test").random() == same.rng("test").random() != other.rng("test").random()
    assert make_variant("a", "2", key=b"k1", make=make).hidden["secret"] != one.hidden["secret"]


@pytest.mark.parametrize("student", ["", "../1", "a b", "-1", "x" * 65])
def test_numbers_that_are_no_names_of_files_are_refused(student):
    with pytest.raises(ValueError, match="letters, digits"):
        make_variant("a", student, key=b"k", make=lambda public, secret: {})


def test_keys_are_read_and_short_ones_refused(tmp_path):
    (tmp_path / "key").write_text("0123456789abcdef\n")
    assert read_key(tmp_path / "key") == b"0123456789abcdef"
    (tmp_path / "key").write_text("x" * (LEAST_KEY - 1))
    with pytest.raises(ValueError, match="at least"):
        read_key(tmp_path / "key")
    with pytest.raises(FileNotFoundError, match="openssl"):
        read_key(tmp_path / "none")


@pytest.mark.parametrize("name", ["measure-a-leak", "shadow-models", "attack-release"])
def test_hidden_members_need_the_key(name):
    assignment, ours = assignment_of(name), variant_of(name, "1002").hidden["is_member"]
    assert (assignment.variant("1002", key=KEY).hidden["is_member"] == ours).all()
    other = assignment.variant("1002", key=b"another teacher's key").hidden["is_member"]
    assert 0.3 < (ours == other).mean() < 0.7
