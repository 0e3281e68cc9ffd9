"""The table of grades: columns of the grader's, and beside them those of a person, which survive each grading."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from vaeprivacy.course.assignments import Assignment
from vaeprivacy.course.tables import Table, number_in, read_table, same_student

TABLE = "grades.csv"
LATE, OVERRIDE, COMMENT = "late_days", "override", "comment"
PERSONS = (LATE, OVERRIDE, COMMENT)
MOST_DAYS = 366


def machine_columns(assignment: Assignment) -> list[str]:
    """Return the columns that the grader writes; all others are a person's."""
    return ["student", *(question.name for question in assignment.questions), "total", "possible"]


def possible_points(assignment: Assignment) -> float:
    """Return the most points that can be had, by hand and from the machine."""
    return sum(question.points for question in assignment.questions)


def read_grades(assignment: Assignment, output: Path) -> Table:
    """Read the table of an earlier grading, with what a person wrote into it.

    Raises
    ------
    ValueError
        If it cannot be read, or a person's number is none or out of range.
    """
    path = output / TABLE
    if not path.is_file() or not path.read_bytes().strip():
        return Table(path, [[*machine_columns(assignment), *PERSONS]])
    table = read_table(path, columns=["student"])
    for place, cells in table.lines():
        for column, most in ((LATE, MOST_DAYS), (OVERRIDE, possible_points(assignment))):
            number_in(cells.get(column, ""), most=most, where=f"{table.where(place)}: {column}")
    return table


def total_of(row: dict[str, Any], *, possible: float, late_penalty: float) -> float | None:
    """Return a student's total; none as long as a person has to give points.

    Parameters
    ----------
    row : dict
        A grade with ``by_hand``, ``late_days`` and ``override``.
    possible : float
        The most points that can be had.
    late_penalty : float
        Per cent of them that each day costs.
    """
    if row[OVERRIDE] is not None:
        return row[OVERRIDE]
    if any(points is None for points in row["by_hand"].values()):
        return None
    lost = late_penalty / 100 * possible * (row[LATE] or 0)
    return max(0.0, row["points"] + sum(row["by_hand"].values()) - lost)


def write_table(
    assignment: Assignment, rows: list[dict[str, Any]], table: Table, *, late_penalty: float = 0.0
) -> list[str]:
    """Join a person's columns with the grades, write the table, and return remarks.

    Parameters
    ----------
    assignment : Assignment
        What was graded.
    rows : list of dict
        Grades with points by hand; they get ``late_days``, ``override``, ``comment`` and ``total``.
    table : Table
        That of the last grading. A line of a student who is away stays if a person has written something into it.
    late_penalty : float
        Per cent of all points that each late day costs.
    """
    possible, students = possible_points(assignment), [row["student"] for row in rows]
    for name in (*machine_columns(assignment), *PERSONS):
        table.add_column(name)
    lines = {same_student(cells["student"], students): (place, cells) for place, cells in table.lines()}
    for row in rows:
        place, cells = lines.get(row["student"], (len(table.rows), {}))
        row[LATE], row[OVERRIDE] = (_number(cells.get(name, "")) for name in (LATE, OVERRIDE))
        row[COMMENT] = cells.get(COMMENT, "")
        row["total"] = total_of(row, possible=possible, late_penalty=late_penalty)
        if not cells:
            table.append({})
        for name, text in machine_cells(assignment, row).items():
            table.set_cell(place, name, text)
    remarks = _keep_lines(table, students, machine_columns(assignment))
    table.write()
    return remarks


def _keep_lines(table: Table, students: list[str], columns: list[str]) -> list[str]:
    """Drop lines of students who are away, unless a person has written something there; return remarks on those."""
    remarks, dropped = [], []
    for place, cells in table.lines():
        if same_student(cells["student"], students):
            continue
        if any(text for name, text in cells.items() if name not in columns):
            remarks.append(f"{table.where(place)} is of {cells['student']!r}, who is not graded here. The line stays.")
        else:
            dropped.append(place)
    for place in reversed(dropped):
        del table.rows[place]
    return remarks


def machine_cells(assignment: Assignment, row: dict[str, Any]) -> dict[str, str]:
    """Return what the grader writes of a student: points of each question, the total, and what can be had."""
    made = {each["name"]: each["points"] for each in row["questions"]} | row["by_hand"]
    cells = {"student": row["student"], **made, "total": row["total"], "possible": possible_points(assignment)}
    return {name: "" if value is None else str(value) for name, value in cells.items()}


def set_aside(table: Table, before: list[dict[str, Any]], assignment: Assignment) -> list[str]:
    """Keep a copy of the table if a person has changed cells of the grader's in it; return remarks on these."""
    remarks = list(changed_by_a_person(table, before, assignment))
    if remarks:
        copies = (table.path.with_stem(f"{table.path.stem}-edited-{n}") for n in count(1))
        copy = next(path for path in copies if not path.exists())
        copy.write_bytes(table.path.read_bytes())
        remarks.append(
            f"The grader's columns are written anew; {copy.name} has yours. What is to stay, write into {OVERRIDE}."
        )
    return remarks


def changed_by_a_person(table: Table, before: list[dict[str, Any]], assignment: Assignment) -> Iterator[str]:
    """Yield remarks on cells of the grader's that a person has changed since it wrote them.

    Parameters
    ----------
    table : Table
        As it was found.
    before : list of dict
        The grades of the last grading, from which it was written.
    assignment : Assignment
        What was graded.
    """
    was = {row["student"]: machine_cells(assignment, row) for row in before}
    for place, cells in table.lines():
        student = same_student(cells["student"], was)
        for column, text in was.get(student, {}).items() if student else ():
            if column != "student" and column in cells and not _same(cells[column], text):
                yield f"{table.where(place)}: {column} was {text or 'empty'} and is now {cells[column] or 'empty'}."


def _number(text: str) -> float | None:
    return float(text.replace(",", ".")) if text else None


def _same(one: str, other: str) -> bool:
    """Return whether two cells say the same: 7, 7.0 and 7,0 do."""
    try:
        return _number(one) == _number(other)
    except ValueError:
        return False
