"""What came out of a grading, to be read: a report on the class."""

from typing import Any

from vaeprivacy.course.assignments import Assignment
from vaeprivacy.course.by_hand import BY_HAND

REPORT = "report.md"


def report(assignment: Assignment, rows: list[dict[str, Any]], remarks: list[str]) -> str:
    """Return a readable report: how each question went, then each student's feedback and what waits for a person."""
    lines = [f"# {assignment.title}", "", f"{len(rows)} submissions. Each grading writes this file anew.", ""]
    if remarks:
        lines += ["## To look at", "", *[f"- {_one_line(each)}" for each in remarks], ""]
    lines += ["| question | possible | mean |", "|---|---|---|"]
    for i, question in enumerate(assignment.questions):
        possible = question.points - question.by_hand
        mean = sum(row["questions"][i]["points"] for row in rows) / len(rows)
        lines.append(
            f"| {question.title} | {possible:g} | {mean:.2f} |" if possible else f"| {question.title} | by hand | |"
        )
    for question in assignment.questions:
        if question.rubric:
            lines += ["", f"## How to grade: {question.title} ({question.by_hand:g} points)", "", question.rubric]
    for row in rows:
        lines += ["", f"## {row['student']}: {row['points']:g} of {row['possible']:g} points", ""]
        lines += [f"- {_one_line(note)}" for note in row["notes"]]
        for question in row["questions"]:
            lines += _question_lines(question, row["by_hand"].get(question["name"]))
    return "\n".join(lines) + "\n"


def _question_lines(question: dict[str, Any], by_hand: float | None) -> list[str]:
    """Return what the report says of one answer."""
    if question["by_hand"]:
        points = "____" if by_hand is None else f"{by_hand:g}"
        lines = [f"- **{question['title']}**: {points} of {question['by_hand']:g} points, by hand ({BY_HAND})"]
        quoted = [f"  > {line.replace('<', '&lt;')}" for line in question["answer"].splitlines()]
        lines += ["", *quoted, ""] if quoted else []
    else:
        lines = [f"- **{question['title']}**: {question['points']:g} of {question['possible']:g}"]
    return lines + [f"  - {_one_line(text)}" for text in question["feedback"]]


def _one_line(text: str) -> str:
    """Return a text of a submission as one line without tags, so that it cannot change the report around it."""
    return " ".join(text.split()).replace("<", "&lt;")
