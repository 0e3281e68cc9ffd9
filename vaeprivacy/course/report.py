"""What came out of a grading, to be read: a report on the class, and a page for each student."""

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from vaeprivacy.course import wall
from vaeprivacy.course.assignments import Assignment
from vaeprivacy.course.by_hand import BY_HAND

REPORT, FEEDBACK = "report.md", "feedback"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ max-width: 45em; margin: 2em auto; padding: 0 1em; font-family: sans-serif; line-height: 1.4 }}</style>
<h1>{title}</h1>
{body}
</html>
"""


def report(assignment: Assignment, rows: list[dict[str, Any]], remarks: list[str]) -> str:
    """Return a readable report: how each question went, then each student's feedback and what waits for a person."""
    lines = [f"# {assignment.title}", "", f"{len(rows)} submissions. Each grading writes this file anew."]
    lines += [wall_sentence(wall.found()), ""]
    if remarks:
        lines += ["## To look at", "", *[f"- {_one_line(each)}" for each in remarks], ""]
    lines += ["| question | possible | mean |", "|---|---|---|"]
    for i, question in enumerate(assignment.questions):
        possible = question.points - question.by_hand
        mean = sum(row["questions"][i]["points"] for row in rows) / max(1, len(rows))
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


def wall_sentence(tools: Sequence[str]) -> str:
    """Return what the wall around submissions is made of, or what it means that there is none."""
    if tools:
        return f"Submissions run behind a wall of {', '.join(tools[:-1])} and {tools[-1]}."
    return (
        "Accidents only: there is no wall around submissions here. One that means harm can read the key, change grades "
        "and end the grader. Install bubblewrap (on Linux), or grade a class that you do not trust in a container."
    )


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


def feedback(assignment: Assignment, row: dict[str, Any]) -> str:
    """Return a page for one student: the total, each question's points and faults, and a person's comment."""
    total = "not complete: a person has yet to give points" if row["total"] is None else f"{row['total']:g} points"
    late = f", of these days late: {row['late_days']:g}" if row["late_days"] else ""
    body = [
        f"<p>{escape(row['student'])}: {total} (of {sum(each.points for each in assignment.questions):g}){late}</p>"
    ]
    body += [f"<p>{escape(row['comment'])}</p>"] if row["comment"] else []
    body += [f"<p>{escape(note)}</p>" for note in row["notes"]]
    for question in row["questions"]:
        name = question["name"]
        points, most = row["by_hand"].get(name, question["points"]), question["by_hand"] or question["possible"]
        body += [f"<h2>{escape(question['title'])}</h2>", f"<p>{_points(points)} of {most:g} points</p>"]
        if question["feedback"]:
            body += ["<ul>", *(f"<li>{_linked(text)}</li>" for text in question["feedback"]), "</ul>"]
    return PAGE.format(title=escape(assignment.title), body="\n".join(body))


def _points(points: float | None) -> str:
    return "not graded yet," if points is None else f"{points:g}"


def _linked(text: str) -> str:
    """Return a text as HTML; only the links of the grader's own last line can be followed."""
    own = re.fullmatch(r"(Read again: )(https://\S+)", text)
    return f'{own[1]}<a href="{escape(own[2])}">{escape(own[2])}</a>' if own else escape(text)
