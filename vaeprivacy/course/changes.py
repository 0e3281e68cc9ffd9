"""What a grading changed: a list of points before and after, and why."""

from datetime import datetime
from pathlib import Path
from typing import Any

from vaeprivacy.course.grade_table import LATE, OVERRIDE
from vaeprivacy.course.tables import as_csv

CHANGES = "changes.csv"
REASONS = {"submission": "another submission", "assignment": "another version of the assignment", "key": "another key"}


def changes(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[list[str]]:
    """Return a line for each number that changed: student, what, points before and after, and why.

    Parameters
    ----------
    before, after : list of dict
        Grades of the last grading and of this one. Students who are in one of them only have no line.
    """
    was = {row["student"]: row for row in before}
    lines = []
    for row in after:
        if row["student"] not in was:
            continue
        old = numbers_of(was[row["student"]])
        for name, now in numbers_of(row).items():
            first = old.get(name) is None and name not in (LATE, OVERRIDE)  # points that were waited for
            if not first and old[name] != now:
                lines.append([row["student"], name, _text(old[name]), _text(now), _why(name, was[row["student"]], row)])
    return lines


def numbers_of(row: dict[str, Any]) -> dict[str, float | None]:
    """Return the numbers of a grade: each question's points, what a person decided, and the total."""
    points = {each["name"]: each["points"] for each in row["questions"]} | row["by_hand"]
    return {**points, **{name: row.get(name) for name in (LATE, OVERRIDE, "total")}}


def _why(name: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return why a number changed."""
    if name in (LATE, OVERRIDE):
        return "a person's decision"
    if name == "total":
        return "follows from the others"
    parts = [old.get("made_from", {}), new.get("made_from", {})]
    found = [reason for part, reason in REASONS.items() if parts[0].get(part) != parts[1].get(part)]
    if name in new["by_hand"]:
        return "another answer" if new["by_hand"][name] is None and found else "points by hand"
    return ", ".join(found) or "graded again"


def _text(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


def append_changes(lines: list[list[str]], output: Path) -> None:
    """Append lines to the list of all changes, with the time."""
    path, now = output / CHANGES, datetime.now().astimezone().isoformat(timespec="seconds")
    head = [] if path.is_file() else [["time", "student", "what", "before", "after", "why"]]
    if lines:
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(as_csv([*head, *[[now, *line] for line in lines]]))
