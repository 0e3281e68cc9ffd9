"""Who is in the class: rosters of Canvas, Moodle and Gradescope, and grades in the form that each takes back."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeprivacy.course.tables import Table, as_csv, read_table, same_student
from vaeprivacy.course.variants import check_student


@dataclass(frozen=True)
class System:
    """A school's system: by which columns its rosters are known, and what it asks for when grades come back.

    Attributes
    ----------
    name : str
        What it is called.
    known_by : tuple of str
        Columns that a roster of it has, and one of another system has not.
    numbers, identifiers, names : tuple of str
        Columns with a student's number (the first that is filled in counts), with what stands in names of files, and
        with parts of the student's name.
    kept : tuple of str
        Columns that the upload must have, as far as the roster has them; none for all.
    """

    name: str
    known_by: tuple[str, ...]
    numbers: tuple[str, ...]
    identifiers: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


NAMES = ("first name", "last name", "name", "full name")
CANVAS = ("student", "id", "sis user id", "sis login id", "section")
SYSTEMS = (
    System("canvas", ("student", "id"), ("sis user id", "id"), ("id",), ("student",), CANVAS),
    System("moodle", ("identifier",), ("id number", "identifier"), ("identifier",), NAMES),
    System("moodle", ("id number",), ("id number",), (), NAMES, (*NAMES[:2], "id number", "email address")),
    System("gradescope", ("sid",), ("sid",), ("sid",), NAMES, (*NAMES, "sid", "email")),
    System("class", ("student",), ("student",), ("student",)),
)


@dataclass(frozen=True)
class Roster:
    """A class.

    Attributes
    ----------
    table : Table
        As it was read.
    system : System
        Whose it is.
    places : dict of str to int
        The row of each student, by number.
    """

    table: Table
    system: System
    places: dict[str, int]

    def find(self, *, identifier: str, name: str) -> str | None:
        """Return the number of the student of an identifier of the system, or else of a name that nobody shares."""
        lines = dict(self.table.lines())
        by_identifier = [
            number
            for number, place in self.places.items()
            if identifier in [_digits(lines[place][column]) for column in self.system.identifiers]
        ]
        by_name = [number for number, place in self.places.items() if plain(self.name(lines[place])) == plain(name)]
        found = by_identifier or by_name
        return found[0] if len(found) == 1 else None

    def name(self, cells: dict[str, str]) -> str:
        """Return the name of the student of a row."""
        return " ".join(filter(None, (cells.get(column, "") for column in self.system.names)))


def read_roster(path: Path) -> Roster:
    """Read a roster: the gradebook of Canvas, participants or a grading worksheet of Moodle, a roster of Gradescope, or
    a table with the column ``student``.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, it is none of these, a line has no number or an impossible one, or two have the same.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no roster {path}.")
    table = read_table(path, columns=[])
    system = next((each for each in SYSTEMS if set(each.known_by) <= set(table.columns)), None)
    if not system:
        known = "; ".join(" and ".join(each.known_by) for each in SYSTEMS)
        raise ValueError(f"{path} is no roster: its first line must name one of these: {known}.")
    places: dict[str, int] = {}
    for place, cells in table.lines():
        if cells[table.columns[0]] == "Points Possible":  # the second line of Canvas
            continue
        number = next((_digits(cells[name]) for name in system.numbers if cells.get(name)), "")
        try:
            check_student(number)
        except ValueError as error:
            raise ValueError(f"{table.where(place)}: {error}") from None
        if number in places:
            raise ValueError(f"{table.where(place)}: {number} stands in {table.where(places[number])}, too.")
        places[number] = place
    if not places:
        raise ValueError(f"{path} has no students.")
    return Roster(table, system, places)


def _digits(text: str) -> str:
    """Return an identifier without what Moodle writes before it."""
    return text.removeprefix("Participant").strip()


def plain(name: str) -> str:
    """Return the letters of a name, small and in the order of the alphabet: first and last names change places."""
    return "".join(sorted(re.sub(r"[\W_]", "", name.lower())))


def upload(roster: Roster, title: str, rows: list[dict[str, Any]], *, possible: float) -> str:
    """Return grades as the roster's system imports them; who has no total yet has none there.

    Parameters
    ----------
    roster : Roster
        From that system.
    title : str
        Of the assignment. Canvas' own column of that name is filled in, if the roster has it; else it makes a new one.
    rows : list of dict
        Grades with ``total`` and ``comment``.
    possible : float
        The most points that can be had.
    """
    table, head = roster.table, roster.table.rows[0]
    kept = [i for i, name in enumerate(table.columns) if name in roster.system.kept or not roster.system.kept]
    target = next((name for name in head if name.strip() == title or name.startswith(f"{title} (")), title)
    total = {"moodle": "Grade", "gradescope": "Total Score"}.get(roster.system.name, target)
    grades = {row["student"]: row for row in rows}
    extra = {total: "total"} | ({"Max Points": "possible"} if roster.system.name == "gradescope" else {})
    extra |= {"Feedback comments": "comment"} if "feedback comments" in table.columns else {}
    columns = [*[head[i].strip() for i in kept if head[i].strip() not in extra], *extra]

    def line(number: str, place: int) -> list[Any]:
        row = {**grades.get(number, {"total": None, "comment": ""}), "possible": possible}
        cells = dict(zip([name.strip() for name in head], table.rows[place], strict=False))
        cells |= {column: row[what] for column, what in extra.items() if row[what] is not None}
        return [cells.get(column, "") for column in columns]

    return as_csv([columns, *(line(number, place) for number, place in roster.places.items())])


def number_in_class(written: str, roster: Roster) -> str:
    """Return the number in a roster that a name of a file means.

    Raises
    ------
    ValueError
        If there is none.
    """
    number = same_student(written, roster.places)
    if number is None:
        raise ValueError(f"{roster.table.path.name} has no student {written}")
    return number
