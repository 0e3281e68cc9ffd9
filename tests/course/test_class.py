"""A class: odd files cost only themselves, names of three systems are read, and grades go back to each of them."""

import csv
import html
import json

import pytest
from course.test_gradebook import HAND, PROOF, run
from course.test_hostile import RIGHT, SOURCE

from vaeprivacy.course import report
from vaeprivacy.course.roster import read_roster
from vaeprivacy.course.submissions import find_submissions

CANVAS = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Quiz (1),Small (977)
    Points Possible,,,,,10,7
"Smith, John",12345,1001,jsmith,A,9,
"Müller, Eva",12346,1002,emueller,A,8,3
"Test, Student",12347,1003,test,A,,
"""
MOODLE = """Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Feedback comments
Participant 501,John Smith,1001,j@example.org,Submitted,,7.00,
Participant 502,Eva Müller,1002,e@example.org,Submitted,,7.00,
Participant 503,Test Student,1003,t@example.org,No submission,,7.00,
"""
PARTICIPANTS = (
    "First name,Last name,ID number,Email address\nJohn,Smith,1001,j@x\nEva,Müller,1002,e@x\nTest,Student,1003,t@x\n"
)
GRADESCOPE = """First Name,Last Name,SID,Email,Role
John,Smith,1001,j@x,Student
Eva,Müller,1002,e@x,Student
Test,Student,1003,t@x,Student
"""
OWN = "student;group\n1001;a\n1002;a\n1003;b\n"
ROSTERS = {"canvas": CANVAS, "moodle": MOODLE, "participants": PARTICIPANTS, "gradescope": GRADESCOPE, "own": OWN}


def roster_of(tmp_path, what):
    (tmp_path / "roster.csv").write_text(ROSTERS[what], encoding="utf-8")
    return read_roster(tmp_path / "roster.csv")


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(PROOF + RIGHT, encoding="utf-8")


ODD = {
    "1002 (1).ipynb": "Rename it",
    "Müller.ipynb": "Rename it",
    "john smith.py": "Rename it",
    "-1.py": "Rename it",
    "x" * 65 + ".py": "Rename it",
    "1004.zip": "A submission is a notebook",
    "1005.pdf": "A submission is a notebook",
    "1006.ipynb.txt": "A submission is a notebook",
    "1007": "A submission is a notebook",
    "smithjohn_12345_67890_x-1.ipynb": "named as Canvas does",
    "smithjohn_LATE_12345_67890_x.ipynb": "named as Canvas does",
    "John Smith_12345_assignsubmission_file_/x.ipynb": "named as Moodle does",
    "Eva_12346_assignsubmission_file_x.ipynb": "named as Moodle does",
    "1008.ipynb": "2 submissions of 1008",
    "1008.py": "2 submissions of 1008",
}


def test_odd_files_are_listed_and_the_others_taken(tmp_path):
    put(
        tmp_path, *ODD, "1001.ipynb", "003.IPYNB", "1003.Py", "checks.py", ".hidden.py", "__MACOSX/1.py", "1009/a.IPYNB"
    )
    found, refused = find_submissions(tmp_path)
    assert sorted(found) == ["003", "1001", "1003", "1009"] and found["1009"].name == "a.IPYNB"
    assert {name.split("/")[0] for name in ODD} == set(refused)
    for name, why in ODD.items():
        assert why in refused[name.split("/")[0]] and refused[name.split("/")[0]].endswith(".")


NAMES = {
    "canvas": ("smithjohn_12345_67890_x-1.ipynb", "mullereva_LATE_12346_67891_y z.py", "1003.py"),
    "moodle": ("John Smith_501_assignsubmission_file_/a.ipynb", "Eva Müller_502_assignsubmission_file_a.py", "1003.py"),
    "participants": ("John Smith_9_assignsubmission_file_/a.py", "Eva Müller_8_assignsubmission_file_a.py", "1003.py"),
    "gradescope": ("submission_71/a.ipynb", "submission_72/a.py", "1003.py"),
    "own": ("1001.py", "1002.ipynb", "1003/x.py"),
}
METADATA = """submission_71:
  :submitters:
  - :name: John Smith
    :sid: "1001"
submission_72:
  :submitters:
  - :name: Eva
    :sid: 1002
submission_73:
  :submitters:
  - :sid: "1001"
  - :sid: "1002"
"""


@pytest.mark.parametrize("what", ROSTERS)
def test_names_of_each_system_lead_to_students_of_its_roster(tmp_path, what):
    roster = roster_of(tmp_path, what)
    assert list(roster.places) == ["1001", "1002", "1003"]
    put(tmp_path / "in", *NAMES[what], "1004.py", "nobody_99_98_x.py", "submission_73/x.py")
    (tmp_path / "in" / "submission_metadata.yml").write_text(METADATA)
    found, refused = find_submissions(tmp_path / "in", roster=roster)
    assert {student: path.relative_to(tmp_path / "in").parts[0] for student, path in found.items()} == dict(
        zip(["1001", "1002", "1003"], [name.split("/")[0] for name in NAMES[what]], strict=True)
    )
    assert set(refused) == {"1004.py", "nobody_99_98_x.py", "submission_73"}
    assert "no student 1004" in refused["1004.py"] and "of 2 students" in refused["submission_73"]


def test_names_of_files_that_are_no_text_are_listed_too(tmp_path):
    for name in (b"\xff.py", b"a\x1b[31m.py", b"line\nbreak.py"):
        with open(bytes(tmp_path) + b"/" + name, "w") as file:
            file.write("")
    _, refused = find_submissions(tmp_path)
    assert sorted(refused) == ["?.py", "a?[31m.py", "line?break.py"]
    assert "".join(refused).encode()


def test_identifiers_of_a_system_are_not_taken_for_numbers(tmp_path):
    (tmp_path / "r.csv").write_text("Student,ID,SIS User ID\nA,1,2\nB,2,1\nC,3,\n")
    roster = read_roster(tmp_path / "r.csv")
    put(tmp_path / "in", "x_1_77_a.py", "1.py")
    found, refused = find_submissions(tmp_path / "in", roster=roster)
    assert {student: path.name for student, path in found.items()} == {"1": "1.py", "2": "x_1_77_a.py"}
    assert refused == {} and list(roster.places) == ["2", "1", "3"]


def test_namesakes_are_not_guessed(tmp_path):
    (tmp_path / "r.csv").write_text("First name,Last name,ID number\nJo,Lee,1\nLee,Jo,2\n")
    put(tmp_path / "in", "Jo Lee_9_assignsubmission_file_a.py")
    found, refused = find_submissions(tmp_path / "in", roster=read_roster(tmp_path / "r.csv"))
    assert not found and "or several" in next(iter(refused.values()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,mail\nA,b\n", "is no roster"),
        ("student\n1\n1\n", "line 3: 1 stands in r.csv, line 2, too"),
        ("student\na b\n", "line 2: A student's number has letters"),
        ("Student,ID\nA,\n", "line 2: A student's number"),
        ("student\n", "has no students"),
        ("", "is no roster"),
    ],
)
def test_rosters_that_are_none_are_told_in_a_sentence(tmp_path, text, message):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(ValueError, match=r"r\.csv") as error:
        read_roster(tmp_path / "r.csv")
    assert message in str(error.value)


def test_a_class_is_made_in_one_go(tmp_path):
    roster_of(tmp_path, "canvas")
    options = ["--output", tmp_path / "out"]
    made = run("make", "metric-privacy", "--roster", tmp_path / "roster.csv", *options)
    assert made.exit_code == 0, made.output
    given = {path.name: json.loads((path / "variant.json").read_text()) for path in (tmp_path / "out").iterdir()}
    assert set(given) == {"1001", "1002", "1003"}
    assert all(variant["student"] == student for student, variant in given.items())
    for wrong in ([], ["--student", "1", "--roster", tmp_path / "roster.csv"]):
        result = run("make", "metric-privacy", *wrong, *options)
        assert result.exit_code == 2 and "either" in result.output


@pytest.fixture
def graded(tmp_path):
    """Return a function that grades a class by the command, two of three students, and returns what it prints."""
    (tmp_path / "coursework").mkdir()
    (tmp_path / "coursework" / "small.py").write_text(SOURCE + HAND)
    put(tmp_path / "small", "1001.py", "1002.py", "1009 (1).py")
    (tmp_path / "small" / "1002.py").write_text(PROOF + RIGHT.replace("2 * x", "3 * x"))

    def grade(what: str, *options):
        roster_of(tmp_path, what)
        coursework = ["--coursework", tmp_path / "coursework", "--roster", tmp_path / "roster.csv"]
        result = run("grade", tmp_path / "small", *coursework, *options)
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    grade.folder = tmp_path / "small-grades"
    return grade


def marks(folder):
    lines = (folder / "by_hand.csv").read_text().replace("1001,proof,,", "1001,proof,4,")
    (folder / "by_hand.csv").write_text(lines)


def rows_of(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_grades_go_back_to_canvas_moodle_and_gradescope(graded):
    printed = graded("canvas")
    assert "1009 (1).py is not graded" in printed and "nothing to grade of 1003" in printed
    marks(graded.folder)
    (graded.folder / "grades.csv").write_text(
        (graded.folder / "grades.csv").read_text().replace("1001,1.0,2.0,,,7.0,,,", "1001,1.0,2.0,,,7.0,,,well done")
    )
    for what in ("canvas", "moodle", "participants", "gradescope"):
        graded(what)
    canvas = rows_of(graded.folder / "for_canvas.csv")
    assert list(canvas[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Small (977)"]
    assert [row["Small (977)"] for row in canvas] == ["7.0", "3", ""]  # what Canvas has stays, if there is none here
    moodle = rows_of(graded.folder / "for_moodle.csv")
    assert [row["Grade"] for row in moodle] == ["7.0", "", ""] and moodle[0]["ID number"] == "1001"
    gradescope = rows_of(graded.folder / "for_gradescope.csv")
    assert list(gradescope[0]) == ["First Name", "Last Name", "SID", "Email", "Total Score", "Max Points"]
    assert [row["Total Score"] for row in gradescope] == ["7.0", "", ""] and gradescope[0]["Max Points"] == "7.0"
    graded("moodle")
    worksheet = rows_of(graded.folder / "for_moodle.csv")
    assert next(iter(worksheet[0])) == "Identifier" and worksheet[0]["Grade"] == "7.0"
    assert worksheet[0]["Feedback comments"] == "well done" and worksheet[0]["Maximum Grade"] == "7.00"


def test_a_class_of_odd_files_only_is_listed(graded):
    for path in graded.folder.with_name("small").glob("100[12].py"):
        path.unlink()
    printed = graded("own")
    assert "1009 (1).py is not graded" in printed and "0 submissions" in printed
    assert "1009 (1).py" in (graded.folder / "report.md").read_text()


def test_half_characters_of_one_student_cost_nobody_anything(graded):
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "<!-- answer: proof -->\nIt \ud800 follows.", "id": "a"},
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "id": "b",
         "source": "raise ValueError('\\ud800')"},
    ]  # fmt: skip
    path = graded.folder.with_name("small") / "1003.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    graded("own")
    assert {row["student"] for row in rows_of(graded.folder / "grades.csv")} == {"1001", "1002", "1003"}
    assert "\\ud800" in (graded.folder / "report.md").read_text()


def test_what_canvas_marks_as_late_is_named_until_the_days_are_there(graded):
    path = graded.folder.with_name("small") / "1002.py"
    path.rename(path.with_name("mueller_LATE_12346_9_x.py"))
    assert "mueller_LATE_12346_9_x.py is late" in graded("canvas")
    text = (graded.folder / "grades.csv").read_text()
    (graded.folder / "grades.csv").write_text(text.replace("1002,0.0,2.0,,,7.0,,,", "1002,0.0,2.0,,,7.0,0,,"))
    assert "is late" not in graded("canvas")


def test_each_student_gets_a_page_of_their_own(graded):
    graded("own")
    marks(graded.folder)
    text = (graded.folder / "grades.csv").read_text()
    (graded.folder / "grades.csv").write_text(
        text.replace("1001,1.0,2.0,,,7.0,1,,", "").replace("7.0,,,", "7.0,1,,<b>&")
    )
    graded("own", "--late-penalty", "10")
    assert {path.name for path in (graded.folder / "feedback").iterdir()} == {"1001.html", "1002.html"}
    one, two = ((graded.folder / "feedback" / f"{number}.html").read_text() for number in ("1001", "1002"))
    assert "1002" not in one and "6.3 points" in one and "4 of 4 points" in one and "&lt;b&gt;&amp;" in one
    assert "not complete" in two and html.escape("Twice 3 is 6.") in two and "Read again: " in two


def test_the_way_to_the_book_can_be_followed_once_it_is_published():
    address = "https://book.example/notebooks/vae.html#training"
    assert report._linked(f"Read again: {address}") == f'Read again: <a href="{address}">{address}</a>'
    assert report._linked("Read again: notebooks/vae.html#training") == "Read again: notebooks/vae.html#training"


def test_a_submission_cannot_write_into_a_page(graded):
    path = graded.folder.with_name("small") / "1002.py"
    path.write_text(
        "def double(x):\n    raise ValueError('<script>alert(1)</script> Read again: https://evil.example')\n"
    )
    graded("own")
    page = (graded.folder / "feedback" / "1002.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page and 'href="https://evil' not in page


def test_what_a_grading_changed_is_listed_with_the_reason(graded, tmp_path):
    def listed():
        lines = rows_of(graded.folder / "changes.csv")
        return [tuple(line[name] for name in ("student", "what", "before", "after", "why")) for line in lines]

    graded("own")
    marks(graded.folder)
    assert "changes.csv" not in graded("own")  # first points are no change
    (tmp_path / "small" / "1002.py").write_text(PROOF + RIGHT)
    assert "1 numbers are others than at the last grading" in graded("own")
    assert listed() == [("1002", "first", "0", "1", "another submission")]
    source = tmp_path / "coursework" / "small.py"
    source.write_text(source.read_text().replace("points=2", "points=1"))
    graded("own")
    assert listed()[1:] == [
        ("1001", "second", "2", "1", "another version of the assignment"),
        ("1001", "total", "7", "6", "follows from the others"),
        ("1002", "second", "2", "1", "another version of the assignment"),
    ]
    text = (graded.folder / "grades.csv").read_text()
    (graded.folder / "grades.csv").write_text(text.replace("4.0,6.0,6.0,,,", "4.0,6.0,6.0,,5,"))
    by_hand = (graded.folder / "by_hand.csv").read_text()
    (graded.folder / "by_hand.csv").write_text(by_hand.replace("1001,proof,4,", "1001,proof,3,"))
    graded("own")
    assert listed()[4:] == [
        ("1001", "proof", "4", "3", "points by hand"),
        ("1001", "override", "", "5", "a person's decision"),
        ("1001", "total", "6", "5", "follows from the others"),
    ]
    assert "changes.csv" not in graded("own") and len(listed()) == 7
