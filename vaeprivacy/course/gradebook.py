"""A folder of submissions, graded: resumable, two at a time, and what comes out as JSON, CSV and a report."""

import csv
import hashlib
import io
import json
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

from vaeprivacy.compute.files import write_whole
from vaeprivacy.course.assignments import Assignment
from vaeprivacy.course.grading import empty_grade, grade_submission
from vaeprivacy.course.sandbox import Limits
from vaeprivacy.course.variants import check_student

GRADES, TABLE, REPORT, BY_HAND = "grades.json", "grades.csv", "report.md", "by_hand.csv"
SUFFIXES = (".ipynb", ".py")
NOT_SUBMISSIONS = {"checks.py"}


def find_submissions(folder: Path) -> dict[str, Path | None]:
    """Return the submissions in a folder by student: one file each, or a folder with one file; None if there is none.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such folder, no submission in it, or two have the same number.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    found: dict[str, Path | None] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")) or not (path.is_dir() or path.suffix in SUFFIXES):
            continue
        student = check_student(path.name if path.is_dir() else path.stem)
        if student in found:
            raise ValueError(f"{folder} has two submissions of {student}.")
        found[student] = _only_file(path) if path.is_dir() else path
    if not found:
        raise FileNotFoundError(f"{folder} holds no submissions: .ipynb or .py files named by student number.")
    return found


def _only_file(folder: Path) -> Path | None:
    """Return the one notebook of a folder, or else its one Python file."""
    for suffix in SUFFIXES:
        files = [path for path in sorted(folder.glob(f"*{suffix}")) if path.name not in NOT_SUBMISSIONS]
        if len(files) == 1:
            return files[0]
    return None


def fingerprint(path: Path | None, source: bytes, key: bytes) -> str:
    """Return what a grade depends on, so that a submission is graded again if one of it changes."""
    content = path.read_bytes() if path and path.is_file() else b""
    parts = [hashlib.sha256(part).digest() for part in (content, source, key)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def grade_one(assignment: Assignment, student: str, path: Path | None, *, key: bytes, limits: Limits) -> dict[str, Any]:
    """Return the grade of one submission; whatever happens to it, there is one."""
    try:
        if path is None or not path.is_file():
            raise ValueError("The folder must hold exactly one notebook, or one Python file.")
        grade = grade_submission(assignment, path, assignment.variant(student, key=key), limits=limits)
    except Exception as error:
        grade = empty_grade(assignment, student, f"It could not be graded: {error}")
    return grade.to_json()


def grade_folder(
    assignment: Assignment,
    submissions: dict[str, Path | None],
    *,
    output: Path,
    source: bytes,
    key: bytes,
    jobs: int = 2,
    limits: Limits | None = None,
    tell: Callable[[str], None] = lambda student: None,
) -> list[dict[str, Any]]:
    """Grade all submissions and write the three files of grades.

    Parameters
    ----------
    assignment : Assignment
        What they are submissions of.
    submissions : dict of str to path
        As :func:`find_submissions` returns them.
    output : pathlib.Path
        Folder for the grades. Each submission leaves a file in ``graded``, with which a later call goes on.
    source, key : bytes
        Of the assignment and the teacher: grades made with others are made again.
    jobs : int
        Submissions graded at a time.
    limits : Limits, optional
        What each of them may use; by default what the assignment allows.
    tell : callable
        Called with each student's number when it is done.

    Returns
    -------
    list of dict
        One grade a student, in the order of their numbers.
    """
    (output / "graded").mkdir(parents=True, exist_ok=True)
    prints = {student: fingerprint(path, source, key) for student, path in submissions.items()}
    grades = {student: _stored(output, student, prints[student]) for student in submissions}
    grades = {student: grade for student, grade in grades.items() if grade}
    for student in grades:
        tell(student)
    left = {student: path for student, path in submissions.items() if student not in grades}
    grade = partial(grade_one, assignment, key=key, limits=limits or assignment.limits)
    with warnings.catch_warnings():  # of tests about odd answers; the feedback says what is wrong with them
        warnings.simplefilter("ignore")
        for student, made in _in_parallel(grade, left, jobs):
            grades[student] = {**made, "fingerprint": prints[student]}
            write_text(output / "graded" / f"{student}.json", json.dumps(grades[student], indent=1))
            tell(student)
    rows = [grades[student] for student in submissions]
    write_grades(assignment, rows, output)
    return rows


def _in_parallel(grade: Callable, left: dict[str, Path | None], jobs: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Grade submissions in threads, each of which waits for a process; yield them as they are done."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(grade, student, path): student for student, path in left.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:  # Ctrl-C: what has not begun is left for the next time
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _stored(output: Path, student: str, wanted: str) -> dict[str, Any] | None:
    """Return the grade that an earlier call left, if it is of the same submission, source and key."""
    path = output / "graded" / f"{student}.json"
    if not path.is_file():
        return None
    try:
        grade = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return grade if grade.get("fingerprint") == wanted else None


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    write_whole(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def write_grades(assignment: Assignment, rows: list[dict[str, Any]], output: Path) -> None:
    """Write grades.json, grades.csv, report.md and, for what people grade, by_hand.csv."""
    hand = _points_by_hand(assignment, rows, output)
    for row in rows:
        row["by_hand"] = hand[row["student"]]
        open_questions = any(points is None for points in row["by_hand"].values())
        row["total"] = None if open_questions else row["points"] + sum(row["by_hand"].values())
    write_text(output / GRADES, json.dumps(rows, indent=1))
    write_text(output / TABLE, _table(assignment, rows))
    write_text(output / REPORT, report(assignment, rows))


def _points_by_hand(assignment: Assignment, rows: list[dict], output: Path) -> dict[str, dict[str, float | None]]:
    """Read the teacher's points, keep them, and write the table with a line for each that is asked for."""
    path = output / BY_HAND
    asked = [question.name for question in assignment.questions if question.by_hand]
    given: dict[tuple[str, str], str] = {}
    if path.is_file():
        lines = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        given = {(line["student"], line["question"]): line["points"] for line in lines}
    pairs = [(row["student"], name) for row in rows for name in asked]
    if asked:
        lines = [["student", "question", "points"], *([*pair, given.get(pair, "")] for pair in pairs)]
        write_text(path, _csv(lines))
    return {row["student"]: {name: _points(given.get((row["student"], name), "")) for name in asked} for row in rows}


def _points(text: str | None) -> float | None:
    """Return points that a teacher wrote; none if the cell is empty."""
    text = (text or "").strip().replace(",", ".")
    try:
        return float(text) if text else None
    except ValueError:
        raise ValueError(f"{BY_HAND} has {text!r} where points should stand.") from None


def _csv(lines: list[list[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def _table(assignment: Assignment, rows: list[dict[str, Any]]) -> str:
    """Return one line a student: points of each question, by hand where a person gives them, and the total."""
    names = [question.name for question in assignment.questions]
    lines: list[list[Any]] = [["student", *names, "total", "possible"]]
    possible = sum(question.points for question in assignment.questions)
    for row in rows:
        made = {each["name"]: each["points"] for each in row["questions"]}
        points = [row["by_hand"].get(name, made[name]) for name in names]
        lines.append([row["student"], *points, row["total"], possible])
    return _csv([["" if cell is None else cell for cell in line] for line in lines])


def report(assignment: Assignment, rows: list[dict[str, Any]]) -> str:
    """Return a readable report: how each question went, then each student's feedback and what waits for a person."""
    lines = [
        f"# {assignment.title}",
        "",
        f"{len(rows)} submissions.",
        "",
        "| question | possible | mean |",
        "|---|---|---|",
    ]
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
