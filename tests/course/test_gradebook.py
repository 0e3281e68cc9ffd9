"""A folder of submissions: grades are whole, resumable, and independent of each other."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from course.answers import ROOT, assignment_of, solution_of
from course.test_hostile import FAST, RIGHT, SOURCE
from typer.testing import CliRunner

from vaeprivacy.cli.app import app
from vaeprivacy.compute.published import PUBLISHED
from vaeprivacy.course import gradebook
from vaeprivacy.course.assignments import read_assignment
from vaeprivacy.course.gradebook import grade_folder
from vaeprivacy.course.submissions import find_submissions

HAND = '# %% [markdown] tags=["question"] name="proof" title="Proof" section="book/running.html" by_hand=4\n'
HAND += '# %% [markdown] tags=["rubric"]\n# One point for each line.\n'
PROOF = "# %% [markdown]\n# <!-- answer: proof -->\n# It follows.\n# <script>alert(1)</script>\n# %%\n"


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three submissions beside a source."""
    (tmp_path / "coursework").mkdir()
    (tmp_path / "coursework" / "small.py").write_text(SOURCE + HAND)
    (tmp_path / "small").mkdir()
    for student in "123":
        (tmp_path / "small" / f"{student}.py").write_text(PROOF + RIGHT)
    return tmp_path / "small"


def grade(folder, **options):
    assignment = read_assignment(folder.parent / "coursework" / "small.py")
    given = {"output": folder.parent / "grades", "source": b"s", "key": b"k" * 16, "limits": FAST, **options}
    return grade_folder(assignment, find_submissions(folder)[0], **given)


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_broken_submissions_stop_nothing(folder):
    (folder / "4.py").write_text("def double(:")
    (folder / "5.ipynb").write_text("no notebook")
    (folder / "6").mkdir()
    (folder / "7").mkdir()
    (folder / "7" / "mine.py").write_text(RIGHT)
    (folder / "7" / "checks.py").write_text("")
    (folder / "8.py").write_bytes(b"\xff\xfe\x00")
    (folder / "9.py").write_text("x = 1\n" * 2**20)
    (folder / "notes.txt").write_text("no submission")
    rows = {row["student"]: row for row in grade(folder)}
    assert {student: row["points"] for student, row in rows.items()} == {
        **dict.fromkeys("1237", 3),
        **dict.fromkeys("45689", 0),
    }
    assert all(rows[student]["notes"] for student in "45689")
    assert len(rows_of(folder.parent / "grades" / "grades.csv")) == 9


def test_what_is_done_is_not_done_again_unless_it_changed(folder, monkeypatch):
    asked = []
    original = gradebook.grade_one
    monkeypatch.setattr(gradebook, "grade_one", lambda a, s, p, **o: asked.append(s) or original(a, s, p, **o))
    grade(folder)
    assert sorted(asked) == ["1", "2", "3"]
    grade(folder)
    assert len(asked) == 3
    (folder / "2.py").write_text(RIGHT.replace("2 * x", "3 * x"))
    (folder.parent / "grades" / "graded" / "3.json").write_text("{ half a file")
    rows = grade(folder)
    assert sorted(asked[3:]) == ["2", "3"]
    assert [row["points"] for row in rows] == [3, 2, 3]
    grade(folder, key=b"another key of a teacher")
    assert len(asked) == 8


def test_points_by_hand_join_the_others(folder):
    grade(folder)
    output = folder.parent / "grades"
    assert [row["total"] for row in rows_of(output / "grades.csv")] == ["", "", ""]
    report = (output / "report.md").read_text()
    assert "____ of 4 points" in report and "One point for each line." in report and "> It follows." in report
    assert "<script>" not in report
    lines = (output / "by_hand.csv").read_text().splitlines()
    assert lines[0] == "student,question,points,answer_version"
    assert [line.rsplit(",", 1)[0] for line in lines[1:]] == ["1,proof,", "2,proof,", "3,proof,"]
    (output / "by_hand.csv").write_text("\n".join([lines[0], "1,proof,2.5", *lines[2:]]))
    (folder / "4.py").write_text(RIGHT)
    grade(folder)
    table = rows_of(output / "grades.csv")
    assert [row["proof"] for row in table] == ["2.5", "", "", ""]
    assert [row["total"] for row in table] == ["5.5", "", "", ""]
    assert "2.5 of 4 points" in (output / "report.md").read_text()
    (output / "by_hand.csv").write_text("student,question,points\n1,proof,many")
    with pytest.raises(ValueError, match="many"):
        grade(folder)


def test_feedback_says_what_is_wrong_and_leads_to_the_book(folder):
    (folder / "2.py").write_text(RIGHT.replace("2 * x", "3 * x"))
    feedback = grade(folder)[1]["questions"][0]["feedback"]
    assert feedback == [
        "Twice 3 is 6.",
        f"Read again: {PUBLISHED.page('')}book/running.html",
    ]


def test_a_killed_grader_goes_on_where_it_stopped(folder):
    for student in range(10, 16):
        (folder / f"{student}.py").write_text(f"import time; time.sleep(1)\n{RIGHT}")
    options = ["course", "grade", str(folder), "--coursework", str(folder.parent / "coursework"), "--jobs", "1"]
    grader = subprocess.Popen([sys.executable, "-m", "vaeprivacy.cli.app", *options], stdout=subprocess.DEVNULL)
    graded = folder.with_name("small-grades") / "graded"
    deadline = time.monotonic() + 60
    while len(list(graded.glob("*.json"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(grader.pid, signal.SIGKILL)
    grader.wait()
    done = {path.name: path.stat().st_mtime_ns for path in graded.glob("*.json")}
    assert 4 <= len(done) < 9
    result = CliRunner().invoke(app, [*options, "--json"])
    assert result.exit_code == 0
    assert all((graded / name).stat().st_mtime_ns == written for name, written in done.items())
    rows = json.loads((folder.with_name("small-grades") / "grades.json").read_text())
    assert [row["points"] for row in rows] == [3] * 9
    assert json.loads(result.stdout) == rows


def test_empty_folders_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(FileNotFoundError):
            find_submissions(path)


def run(*arguments):
    return CliRunner().invoke(app, ["course", *map(str, arguments)])


@pytest.mark.parametrize("name", ["measure-a-leak", "metric-privacy"])
def test_a_course_from_making_to_grading(tmp_path, name):
    (tmp_path / "key").write_text("a key that only the teacher has")
    options = ["--key", tmp_path / "key"]
    made = run("make", name, "--student", "77", "--output", tmp_path / "77", *options)
    assert made.exit_code == 0, made.output
    file = tmp_path / "77" / f"{name.replace('-', '_')}.ipynb"
    checked = run("check", file)
    assert checked.exit_code == 1 and "something is wrong" in checked.output and "Read again: " in checked.output
    solved = run("make", name, "--student", "77", "--output", tmp_path / "s", *options, "--solution", "--format", "py")
    assert solved.exit_code == 0
    solution = tmp_path / "s" / f"{name.replace('-', '_')}.py"
    assert run("check", solution).exit_code == 0
    (tmp_path / name).mkdir()
    (tmp_path / name / "77.py").write_bytes(solution.read_bytes())
    (tmp_path / name / "78.py").write_bytes(solution.read_bytes())  # copied from 77
    graded = run("grade", tmp_path / name, *options)
    assert graded.exit_code == 0, graded.output
    first, second = json.loads((tmp_path / f"{name}-grades" / "grades.json").read_text())
    assert (
        first["points"]
        == first["possible"]
        == sum(each.points - each.by_hand for each in assignment_of(name).questions)
    )
    if name == "metric-privacy":
        assert second["points"] < first["points"]


def test_a_notebook_that_somebody_worked_on_is_not_overwritten(tmp_path):
    options = ["--student", "7", "--output", tmp_path / "7"]
    assert run("make", "metric-privacy", *options).exit_code == 0
    assert run("make", "metric-privacy", *options).exit_code == 0
    path = tmp_path / "7" / "metric_privacy.ipynb"
    path.write_text(path.read_text() + "mine")
    result = run("make", "metric-privacy", *options)
    assert result.exit_code == 2 and "somebody may have worked on it" in " ".join(result.output.split())
    assert path.read_text().endswith("mine")


def test_the_book_tells_what_was_measured():
    record = json.loads((ROOT / "benchmarks" / "results" / "coursework.json").read_text(encoding="utf-8"))
    page = " ".join((ROOT / "book" / "grading.md").read_text(encoding="utf-8").split())
    for name, found in record["assignments"].items():
        assert f"of `{name}` took {found['seconds']:.0f} seconds" in page
        assert found["submissions"] == 30 and found["with_all_points"] == 28 and found["seconds"] < 600
    assert f"on {record['machine']['cores']} cores of {record['machine']['processor']};" in page


def test_mistakes_of_the_teacher_are_told_in_a_sentence(tmp_path):
    for arguments, message in (
        (["make", "contest", "--student", "1", "--output", tmp_path], "There is no assignment 'contest'"),
        (["make", "metric-privacy", "--student", "a/b", "--output", tmp_path], "letters, digits"),
        (["make", "metric-privacy", "--student", "1", "--output", tmp_path, "--format", "tex"], "'tex'"),
        (["check", tmp_path / "none.py"], "There is no file"),
        (["grade", tmp_path / "none"], "There is no folder"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2 and message in result.output
    (tmp_path / "1.py").write_text(solution_of("metric-privacy"))
    result = run("check", tmp_path / "1.py")
    assert result.exit_code == 2 and "in the folder that you were given" in result.output
