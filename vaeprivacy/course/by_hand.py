"""Points that a person gives: a table in which no line of the person is ever changed or lost.

Each line is of one version of an answer, which the column ``answer_version`` tells. If a student hands in another
answer, the points of the old one stay where they are and do not count, and a new line asks for those of the new one.
"""

import hashlib
from pathlib import Path
from typing import Any

from vaeprivacy.course.assignments import Assignment
from vaeprivacy.course.tables import Table, number_in, read_table, same_student

BY_HAND, VERSION = "by_hand.csv", "answer_version"
COLUMNS = ("student", "question", "points")


def version_of(answer: str) -> str:
    """Return eight letters that tell an answer from others: no spreadsheet takes them for a number or a date."""
    return "".join(
        "abcdefghijklmnop"[byte % 16] for byte in hashlib.sha256(answer.encode(errors="backslashreplace")).digest()[:8]
    )


def asked_by_hand(assignment: Assignment) -> dict[str, float]:
    """Return the questions that a person grades, and what each is worth."""
    return {question.name: question.by_hand for question in assignment.questions if question.by_hand}


def read_marks(assignment: Assignment, output: Path) -> Table:
    """Read the table of points, and check it as far as that can be done before anything is graded.

    Raises
    ------
    ValueError
        If it cannot be read, lacks a column, or has points that cannot be had.
    """
    path, asked = output / BY_HAND, asked_by_hand(assignment)
    if not path.is_file() or not path.read_bytes().strip():
        return Table(path, [[*COLUMNS, VERSION]])
    table = read_table(path, columns=COLUMNS)
    for place, cells in table.lines():
        if cells["question"] in asked:
            number_in(
                cells["points"], most=asked[cells["question"]], where=f"{table.where(place)}: {cells['question']}"
            )
    return table


def join_marks(
    assignment: Assignment, rows: list[dict[str, Any]], table: Table
) -> tuple[dict[str, dict[str, float | None]], list[str]]:
    """Return the points of each student by question, and remarks on lines; add a line for each that is missing.

    Parameters
    ----------
    assignment : Assignment
        Whose questions they are.
    rows : list of dict
        Grades, as :meth:`vaeprivacy.course.grading.Grade.to_json` returns them.
    table : Table
        As :func:`read_marks` returns it.

    Raises
    ------
    ValueError
        If two lines give different points to one answer.
    """
    versions = {
        (row["student"], each["name"]): version_of(each["answer"])
        for row in rows
        for each in row["questions"]
        if each["by_hand"]
    }
    places, remarks = _places(table, versions, asked_by_hand(assignment))
    points: dict[str, dict[str, float | None]] = {row["student"]: {} for row in rows}
    table.add_column(VERSION)
    for (student, name), version in versions.items():
        mark, told = _mark(table, places.get((student, name), []), version, f"{student}, {name}")
        points[student][name] = mark
        remarks += told
        if not any(table_version(table, place) == version for place in places.get((student, name), [])):
            table.append({"student": student, "question": name, VERSION: version})
    return points, remarks


def table_version(table: Table, place: int) -> str:
    """Return the version of the answer that a line is about; nothing if it does not say."""
    return dict(table.lines()).get(place, {}).get(VERSION, "")


def _places(
    table: Table, versions: dict[tuple[str, str], str], asked: dict[str, float]
) -> tuple[dict[tuple[str, str], list[int]], list[str]]:
    """Return the lines of each answer, and remarks on those that fit none."""
    found: dict[tuple[str, str], list[int]] = {}
    remarks, students = [], {student for student, _ in versions}
    for place, cells in table.lines():
        student = same_student(cells["student"], students)
        if student and cells["question"] in asked:
            found.setdefault((student, cells["question"]), []).append(place)
            if student != cells["student"]:
                remarks.append(f"{table.where(place)}: {cells['student']!r} was read as student {student}.")
        elif any(text for column, text in cells.items() if column not in ("student", "question", VERSION)):
            what = f"submission of {cells['student']!r}" if not student else f"question {cells['question']!r} by hand"
            remarks.append(f"{table.where(place)} counts for nobody: there is no {what}. The line stays.")
    return found, remarks


def _mark(table: Table, places: list[int], version: str, what: str) -> tuple[float | None, list[str]]:
    """Return the points of one answer, and a remark if an earlier answer had some; note which version lines are of."""
    given, remarks = {}, []
    for place, cells in table.lines():
        if place not in places:
            continue
        if not cells["points"] or not cells.get(VERSION):
            table.set_cell(place, VERSION, version)
        elif cells[VERSION] != version:
            remarks.append(
                f"{table.where(place)}: {what}: another answer was handed in since these {cells['points']} points were "
                "given. They stay, and do not count; a line further down asks for those of the new answer."
            )
            continue
        if cells["points"]:
            given[table.where(place)] = float(cells["points"].replace(",", "."))
    if len(set(given.values())) > 1:
        raise ValueError(f"{what} has different points in {' and '.join(given)}: delete what does not hold.")
    return next(iter(given.values()), None), [] if given else remarks
