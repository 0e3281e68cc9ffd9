"""A folder of submissions, graded: resumable, two at a time, and what comes out as JSON, CSV and a report."""

import hashlib
import hmac
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vaeprivacy.course import wall
from vaeprivacy.course.assignments import Assignment
from vaeprivacy.course.by_hand import join_marks, read_marks
from vaeprivacy.course.changes import CHANGES, append_changes, changes
from vaeprivacy.course.grade_table import TABLE, read_grades, set_aside, write_table
from vaeprivacy.course.graded import MOST_BEGUN, Graded, ended_early, write_text
from vaeprivacy.course.grading import empty_grade, grade_submission
from vaeprivacy.course.report import FEEDBACK, REPORT, feedback, report
from vaeprivacy.course.sandbox import Limits
from vaeprivacy.course.sandbox_files import read_content
from vaeprivacy.course.submissions import printable
from vaeprivacy.course.tables import Table

GRADES = "grades.json"
LATE_MARK = "_LATE_"  # of Canvas, in names of files


def fingerprint(path: Path | None, source: bytes, key: bytes) -> str:
    """Return what a grade depends on, so that a submission is graded again if one of it changes."""
    content = read_content(path) if path and path.is_file() else b""
    parts = [hashlib.sha256(part).digest() for part in (content, source, key)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def made_from(path: Path | None, source: bytes, key: bytes) -> dict[str, str]:
    """Return hashes of what a grade depends on, to tell later why it has changed."""
    content = read_content(path) if path and path.is_file() else b""
    found = {"submission": hashlib.sha256(content), "assignment": hashlib.sha256(source)}
    found["key"] = hmac.new(key, b"which key it is", "sha256")
    return {name: digest.hexdigest()[:12] for name, digest in found.items()}


def grade_one(
    assignment: Assignment, student: str, path: Path | None, *, key: bytes, limits: Limits, stop: str = ""
) -> dict[str, Any]:
    """Return the grade of one submission; whatever happens to it, there is one. If `stop` says why, it is not run."""
    try:
        if stop:
            raise ValueError(stop)
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
    late_penalty: float = 0.0,
    refused: Mapping[str, str] = MappingProxyType({}),
    tell: Callable[[str], None] = lambda student: None,
    remark: Callable[[str], None] = lambda sentence: None,
) -> list[dict[str, Any]]:
    """Grade all submissions and write the files of grades. What a person has written there is read first.

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
    late_penalty : float
        Per cent of all points that each late day costs; the days are a column of grades.csv.
    refused : dict of str to str
        Files that are not graded, and why: they stand in the report.
    tell, remark : callable
        Called with each student's number when it is done, and with each sentence about what a person has to look at.

    Returns
    -------
    list of dict
        One grade a student, in the order of their numbers.

    Raises
    ------
    ValueError
        If a table of the teacher's cannot be understood; no grade is lost.
    """
    marks, table = read_marks(assignment, output), read_grades(assignment, output)
    remarks = _remarks_before(output, refused)
    prints = {student: fingerprint(path, source, key) for student, path in submissions.items()}
    grade = partial(grade_one, assignment, key=key, limits=limits or assignment.limits)
    work = {"kept": Graded(output, key), "grade": grade, "jobs": jobs, "tell": tell, "remarks": remarks}
    grades = _grades(submissions, prints, **work)
    rows = [grades[student] | {"made_from": made_from(path, source, key)} for student, path in submissions.items()]
    remarks += _incidents(rows)
    options = {"marks": marks, "table": table, "late_penalty": late_penalty, "remarks": remarks}
    for told in [*write_grades(assignment, rows, output, **options), *_late(rows, submissions)]:
        remark(told)
    return rows


def _remarks_before(output: Path, refused: Mapping[str, str]) -> list[str]:
    """Return what is to be said before anything is graded."""
    remarks = [f"{name} is not graded. {why}" for name, why in refused.items()]
    if any(Path(folder) in output.resolve().parents for folder in wall.readable_folders()):
        remarks.append(f"{output} is in a folder of Python's, which submissions can read: put it elsewhere.")
    return remarks


def _incidents(rows: list[dict[str, Any]]) -> list[str]:
    """Return a remark on each submission that was stopped or refused something."""
    named = [row for row in rows if row["incidents"]]
    return [printable(f"{row['student']} is to be looked at: {' '.join(row['incidents'][:3])}"[:500]) for row in named]


def _late(rows: list[dict[str, Any]], submissions: dict[str, Path | None]) -> Iterator[str]:
    """Yield remarks on files that Canvas marks as late, as long as nobody has written by how many days."""
    for row, path in zip(rows, submissions.values(), strict=True):
        if path and LATE_MARK in path.name and row["late_days"] is None:
            yield f"{path.name} is late, says Canvas: write the days into late_days of {TABLE}, and be it 0."


def _grades(
    submissions: dict[str, Path | None],
    prints: dict[str, str],
    *,
    kept: Graded,
    grade: Callable,
    jobs: int,
    tell: Callable[[str], None],
    remarks: list[str],
) -> dict[str, dict[str, Any]]:
    """Return the grades that earlier calls left, and make and keep those that they did not."""
    grades: dict[str, dict[str, Any]] = {}
    for student in submissions:
        stored, changed = kept.read(student, prints[student])
        if stored:
            grades[student] = stored
            tell(student)
        elif changed:
            remarks.append(f"{kept.path(student)} was not written by the grader, so {student} is graded anew.")
    left = {student: path for student, path in submissions.items() if student not in grades}
    last = {student: path for student, path in left.items() if kept.begun(student, prints[student])}
    others = {student: path for student, path in left.items() if student not in last}
    remarks += [ended_early(student, kept.begun(student, prints[student])) for student in last]
    graded = partial(_grade_marked, prints=prints, kept=kept, grade=grade)
    with warnings.catch_warnings():  # of tests about odd answers; the feedback says what is wrong with them
        warnings.simplefilter("ignore")
        for student, made in chain(_in_parallel(graded, others, jobs), _in_parallel(graded, last, 1)):
            grades[student] = {**made, "fingerprint": prints[student]}
            kept.keep(student, grades[student])
            tell(student)
    return grades


def _grade_marked(
    student: str, path: Path | None, *, prints: dict[str, str], kept: Graded, grade: Callable
) -> dict[str, Any]:
    """Grade a submission, with a mark that stays if the grader does not survive it; give it up after some times."""
    times = kept.begun(student, prints[student])
    if times >= MOST_BEGUN:
        return grade(student, path, stop=ended_early(student, times))
    kept.begin(student, prints[student])
    made = grade(student, path)
    kept.end(student)
    return made


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


def read_rows(output: Path) -> list[dict[str, Any]]:
    """Return the grades of the last grading; none if there was none, or its file is damaged."""
    try:
        rows = json.loads((output / GRADES).read_text(encoding="utf-8"))
        return [row for row in rows if {"student", "questions", "by_hand", "total"} <= set(row)]
    except (FileNotFoundError, ValueError, TypeError):
        return []


def write_grades(
    assignment: Assignment,
    rows: list[dict[str, Any]],
    output: Path,
    *,
    marks: Table,
    table: Table,
    late_penalty: float = 0.0,
    remarks: Sequence[str] = (),
) -> list[str]:
    """Write the files of grades, one to hand back for each student, and what changed; return remarks.

    Parameters
    ----------
    assignment : Assignment
        What was graded.
    rows : list of dict
        The grades; they get ``by_hand``, ``late_days``, ``override``, ``comment`` and ``total``.
    output : pathlib.Path
        Folder for the grades.
    marks, table : Table
        What the teacher wrote into by_hand.csv and grades.csv.
    late_penalty : float
        Per cent of all points that each late day costs.
    remarks : sequence of str
        What is to be said beside that of the tables.
    """
    before = read_rows(output)
    by_hand, of_marks = join_marks(assignment, rows, marks)
    for row in rows:
        row["by_hand"] = by_hand[row["student"]]
    remarks = [*remarks, *of_marks, *set_aside(table, before, assignment)]
    remarks += write_table(assignment, rows, table, late_penalty=late_penalty)
    if len(marks.rows) > 1:
        marks.write()
    write_text(output / GRADES, json.dumps(rows, indent=1))
    write_text(output / REPORT, report(assignment, rows, remarks))
    (output / FEEDBACK).mkdir(exist_ok=True)
    for row in rows:
        write_text(output / FEEDBACK / f"{row['student']}.html", feedback(assignment, row))
    changed = changes(before, rows)
    append_changes(changed, output)
    told = f"{len(changed)} numbers are others than at the last grading; {CHANGES} lists them, with the reason."
    return [*remarks, told] if changed else remarks
