"""What a teacher wrote is read as spreadsheets save it, counts for the right answer, and is never lost."""

import csv
import json

import pytest
from course.test_gradebook import HAND, PROOF, folder, grade, rows_of  # noqa: F401
from course.test_hostile import RIGHT

from vaeprivacy.course import gradebook
from vaeprivacy.course.tables import read_table, same_student

HEAD = "student,question,points\n"
STUDENTS = "12"


@pytest.fixture
def output(folder, monkeypatch):  # noqa: F811
    """Return the folder of grades of a class of which nothing is run: 3 points of the machine for each."""

    def graded(assignment, student, path, **options):
        row = gradebook.empty_grade(assignment, student, "").to_json()
        answer = path.read_text().split("<!-- answer: proof -->")[-1].split("# %%")[0]
        row["questions"][-1]["answer"] = answer
        row["points"] = 3.0
        return row

    monkeypatch.setattr(gradebook, "grade_one", graded)
    (folder / "007.py").write_text(PROOF + RIGHT)
    (folder / "1e5.py").write_text(PROOF + RIGHT)
    (folder.parent / "grades").mkdir()
    return folder.parent / "grades"


def graded(output, **options):
    """Grade the class; return totals by student, and remarks."""
    remarks = []
    rows = grade(output.parent / "small", remark=remarks.append, **options)
    return {row["student"]: row["total"] for row in rows}, [each for each in remarks if "changes.csv" not in each]


def cells(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


FORMS = {
    "as it was made": HEAD + "007,proof,2.5\n",
    "a mark, and ends of lines of Windows": "\ufeff" + HEAD.replace("\n", "\r\n") + "007,proof,2.5\r\n",
    "semicolons and decimal commas": "student;question;points\n007;proof;2,5\n;;\n",
    "tabs": "student\tquestion\tpoints\n007\tproof\t2.5\n",
    "a line for the spreadsheet": "sep=;\nstudent;question;points\n007;proof;2,5\n",
    "zeros at the front taken away": HEAD + "7,proof,2.5\n",
    "other columns, in another order": "Points, Student,comment,QUESTION\n2.5,007,well done,proof\n",
    "quotes and spaces": 'student,question,points\n"007", proof ," 2.50 "\n',
}


@pytest.mark.parametrize("what", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_are_read_as_spreadsheets_save_them(output, what, encoding):
    (output / "by_hand.csv").write_bytes(FORMS[what].lstrip("\ufeff" if encoding == "utf-16" else "").encode(encoding))
    totals, _ = graded(output)
    assert totals["007"] == 5.5 and totals["1"] is None
    again, _ = graded(output)
    assert again == totals
    written = (output / "by_hand.csv").read_text(encoding="utf-8-sig")
    assert written.startswith(FORMS[what].lstrip("\ufeff").split("\n")[0].rstrip("\r"))  # a line sep=; stays, too


def test_numbers_that_a_spreadsheet_rewrote_are_those_of_one_student_or_of_none():
    assert same_student("7", ["007", "8"]) == "007"
    assert same_student("100000", ["1e5", "8"]) == "1e5" and same_student("1E+05", ["1e5"]) == "1e5"
    assert same_student("7", ["007", "07"]) is None and same_student("7", ["007", "7"]) == "7"
    assert same_student("x", ["007"]) is None and same_student("nan", ["NaN"]) is None


def test_lines_that_fit_nothing_and_columns_of_the_teacher_stay_and_are_named(output):
    path = output / "by_hand.csv"
    mine = ["7,proof,5,as the book does it", "10001,proof,3,", "2,essay,1,", ",,,a note"]
    path.write_text("student,question,points,comment\n" + "\n".join(["007,proof,2,", *mine[1:]]))
    totals, remarks = graded(output)
    assert totals["007"] == 5
    for _ in range(2):
        lines = path.read_text().splitlines()
        assert lines[0].startswith("student,question,points,comment")
        assert all(any(line.startswith(each) for line in lines) for each in mine[1:])
        graded(output)
    assert [each for each in remarks if "line 3" in each and "10001" in each]
    assert [each for each in remarks if "line 4" in each and "essay" in each]
    report = (output / "report.md").read_text()
    assert all(each in report for each in remarks if "'" in each)


def test_points_of_a_submission_that_is_away_come_back_with_it(output):
    graded(output)
    path = output / "by_hand.csv"
    path.write_text(path.read_text().replace("1,proof,,", "1,proof,4,"))
    assert graded(output)[0]["1"] == 7
    file = output.parent / "small" / "1.py"
    content = file.read_bytes()
    file.unlink()
    _, remarks = graded(output)
    assert any("'1'" in each and "stays" in each for each in remarks)
    file.write_bytes(content)
    assert graded(output)[0]["1"] == 7


def test_points_of_an_older_answer_stay_and_do_not_count_for_the_new_one(output):
    (output / "by_hand.csv").write_text(HEAD + "1,proof,4\n2,proof,3\n")
    assert graded(output)[0]["1"] == 7
    file = output.parent / "small" / "1.py"
    file.write_text(file.read_text().replace("It follows.", "It follows from the triangle inequality."))
    totals, remarks = graded(output)
    assert totals["1"] is None and totals["2"] == 6
    assert len(remarks) == 1 and "line 2" in remarks[0] and "another answer" in remarks[0]
    rows = cells(output / "by_hand.csv")
    assert [row["points"] for row in rows if row["student"] == "1"] == ["4", ""]
    text = (output / "by_hand.csv").read_text()
    (output / "by_hand.csv").write_text(text.replace("1,proof,,", "1,proof,4,"))
    assert graded(output) == ({**totals, "1": 7}, [])


def test_points_are_counted_in_whatever_order_a_spreadsheet_sorts_the_lines(output):
    test_points_of_an_older_answer_stay_and_do_not_count_for_the_new_one(output)
    head, *lines = (output / "by_hand.csv").read_text().splitlines()
    (output / "by_hand.csv").write_text("\n".join([head, *sorted(lines, reverse=True)]))
    assert graded(output)[0]["1"] == 7


IMPOSSIBLE = {
    "too many": (HEAD + "1,proof,600\n", "line 2: proof has 600, which must be a number from 0 to 4"),
    "negative": (HEAD + "1,proof,-4\n", "from 0 to 4"),
    "not a number": (HEAD + "1,proof,nan\n", "from 0 to 4"),
    "infinite": (HEAD + "1,proof,inf\n", "from 0 to 4"),
    "a word": (HEAD + "1,proof,many\n", "has 'many' where a number from 0 to 4"),
    "of somebody who is away": (HEAD + "99,proof,60\n", "line 2"),
    "no such column": ("student,question,mark\n1,proof,4\n", "must name student, question, points once each"),
    "a column twice": ("student,question,points,points\n1,proof,4,5\n", "once each"),
    "two marks of one answer": (HEAD + "1,proof,4\n1,proof,3\n", "different points in by_hand.csv, line 2 and"),
    "Latin-1": ("student,question,points\nMüller,proof,4\n", "by_hand.csv cannot be read as CSV"),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_what_cannot_be_understood_is_told_and_nothing_is_written(output, what):
    text, message = IMPOSSIBLE[what]
    content = text.encode("latin-1")
    (output / "by_hand.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"by_hand\.csv") as error:
        graded(output)
    assert message in str(error.value)
    assert (output / "by_hand.csv").read_bytes() == content
    assert not (output / "grades.csv").exists()


def test_a_table_that_needs_no_change_is_not_written_again(output):
    graded(output)
    for name in ("by_hand.csv", "grades.csv"):
        before = (output / name).stat().st_mtime_ns
        graded(output)
        assert (output / name).stat().st_mtime_ns == before


def test_columns_of_the_teacher_in_the_grades_survive_and_override(output):
    graded(output)
    text = (output / "grades.csv").read_text()
    assert text.splitlines()[0] == "student,first,second,proof,total,possible,late_days,override,comment"
    rows = [
        [*line.split(","), extra] for line, extra in zip(text.splitlines(), ["seminar", "A", *4 * [""]], strict=True)
    ]
    places = {row[0]: row for row in rows}
    places["1"][7], places["2"][6], places["2"][8] = "6,5", "1", "see me"
    (output / "grades.csv").write_text("\ufeff" + "\n".join(";".join(row) for row in rows))
    (output / "by_hand.csv").write_text(HEAD + "2,proof,4\n")
    (output.parent / "small" / "3.py").unlink()
    totals, remarks = graded(output, late_penalty=10)
    assert totals == {"007": None, "1": 6.5, "1e5": None, "2": pytest.approx(7 - 0.7)}
    assert remarks == []
    found = (output / "grades.csv").read_text(encoding="utf-8-sig").splitlines()
    assert found[0] == "student;first;second;proof;total;possible;late_days;override;comment;seminar"
    kept = {line.split(";")[0]: line.split(";") for line in found[1:]}
    assert kept["007"][-1] == "A" and kept["1"][7] == "6,5" and kept["2"][8] == "see me" and "3" not in kept


def test_lines_of_the_absent_stay_in_the_grades_if_a_person_wrote_there(output):
    graded(output)
    text = (output / "grades.csv").read_text()
    line = next(each for each in text.splitlines() if each.startswith("3,"))
    (output / "grades.csv").write_text(text.replace(line, line + "ill"))
    (output.parent / "small" / "3.py").unlink()
    _, remarks = graded(output)
    assert line + "ill" in (output / "grades.csv").read_text()
    assert len(remarks) == 1 and "'3'" in remarks[0]


def test_grades_that_a_person_changed_are_set_aside_and_named(output):
    graded(output)
    edited = (output / "grades.csv").read_text().replace("1,0.0,", "1,1,")
    (output / "grades.csv").write_text(edited)
    for copies in (1, 1):
        _, remarks = graded(output)
        assert len(list(output.glob("grades-edited-*.csv"))) == copies
    (output / "grades.csv").write_text(edited)
    _, remarks = graded(output)
    assert (output / "grades-edited-2.csv").read_text() == edited
    assert any("first was 0.0 and is now 1." in each for each in remarks)


@pytest.mark.parametrize(("column", "text"), [("override", "71"), ("override", "x"), ("late_days", "-1")])
def test_impossible_numbers_in_the_grades_are_told_and_nothing_is_written(output, column, text):
    graded(output)
    rows = cells(output / "grades.csv")
    rows[0][column] = text
    content = "\n".join([",".join(rows[0]), *[",".join(row.values()) for row in rows]])
    (output / "grades.csv").write_text(content)
    with pytest.raises(ValueError, match=f"grades.csv, line 2: {column}"):
        graded(output)
    assert (output / "grades.csv").read_text() == content


@pytest.mark.parametrize("content", ["5", "[]", "null", "{}", "", '[{"student": 1}]', "{"])
def test_damaged_files_of_the_grader_are_made_again(output, content):
    totals, _ = graded(output)
    (output / "graded" / "1.json").write_text(content)
    (output / "grades.json").write_text(content)
    assert graded(output)[0] == totals
    assert len(json.loads((output / "grades.json").read_text())) == 5


def test_no_cell_of_a_table_is_lost(tmp_path):
    text = '\ufeffstudent;a;;a b\r\n1;"x;y";2;3;4\r\n\r\n2\r\n'
    (tmp_path / "t.csv").write_bytes(text.encode())
    table = read_table(tmp_path / "t.csv", columns=["student"])
    table.write()
    assert (tmp_path / "t.csv").read_bytes() == text.encode()
    table.add_column("new")
    table.set_cell(3, "new", "z")
    table.write()
    assert (tmp_path / "t.csv").read_bytes().decode() == '\ufeffstudent;a;;a b;;new\r\n1;"x;y";2;3;4\r\n\r\n2;;;;;z\r\n'
