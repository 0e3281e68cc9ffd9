"""Which file in a folder is whose: named by student number, or as Canvas, Moodle and Gradescope name them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaeprivacy.compute.files import read_yaml
from vaeprivacy.course.roster import Roster, number_in_class
from vaeprivacy.course.variants import check_student

SUFFIXES = (".ipynb", ".py")
NOT_SUBMISSIONS = {"checks.py", "submission_metadata.yml"}
METADATA = "submission_metadata.yml"  # of Gradescope: who handed in what
NAMED_BY = {
    "Canvas": re.compile(r"(?P<name>[^_]+)_(?:LATE_)?(?P<identifier>\d+)_\d+_.+"),
    "Moodle": re.compile(r"(?P<name>[^_]+)_(?P<identifier>\d+)_assignsubmission_(?:file|onlinetext)_?.*"),
}


def find_submissions(folder: Path, *, roster: Roster | None = None) -> tuple[dict[str, Path | None], dict[str, str]]:
    """Return the submissions in a folder by student, and why other files are not graded, by name.

    Parameters
    ----------
    folder : pathlib.Path
        With one file or folder for each student; a folder has one notebook, or else one Python file.
    roster : Roster, optional
        Without it, files must be named by student number; with it, only its students are graded.

    Returns
    -------
    submissions : dict of str to path or None
        None for a folder without such a file.
    refused : dict of str to str
        A sentence for each file that could not be taken.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    submitters = read_submitters(folder / METADATA)
    places: dict[str, list[Path]] = {}
    refused: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")) or path.name in NOT_SUBMISSIONS:
            continue
        try:
            if path.is_symlink():  # one in an archive could lead to the key, and its text into the feedback
                raise ValueError("It is a link: put the file itself there")
            if not path.is_dir() and path.suffix.lower() not in SUFFIXES:
                raise ValueError("A submission is a notebook (.ipynb) or a Python file (.py)")
            places.setdefault(student_of(path, roster, submitters), []).append(path)
        except ValueError as error:
            refused[printable(path.name)] = f"{error}."
    for student, paths in places.items():
        if len(paths) > 1:
            refused |= {
                printable(path.name): f"There are {len(paths)} submissions of {student}: keep one." for path in paths
            }
    found = {student: _file(paths[0]) for student, paths in sorted(places.items()) if len(paths) == 1}
    if not found and not refused:
        raise FileNotFoundError(f"{folder} holds no submissions: .ipynb or .py files named by student number.")
    return found, refused


def _in_roster(known: dict[str, str], roster: Roster | None, system: str) -> str:
    """Return the number of the student of whom a system's file name says so much."""
    if roster is None:
        raise ValueError(f"It is named as {system} does: pass the roster of {system} as --roster")
    student = roster.find(**known)
    if student is None:
        raise ValueError(f"{roster.table.path.name} has nobody (or several) of that name and identifier")
    return student


def student_of(path: Path, roster: Roster | None, submitters: Mapping[str, list[str]]) -> str:
    """Return the number of the student whose submission it is.

    Raises
    ------
    ValueError
        If that cannot be told.
    """
    name = path.name if path.is_dir() else path.stem
    if name in submitters:
        if len(submitters[name]) != 1:
            raise ValueError(f"It is of {len(submitters[name])} students, each of whom has a variant of their own")
        name = submitters[name][0]
    for system, pattern in NAMED_BY.items():
        if found := pattern.fullmatch(path.name):
            return _in_roster(found.groupdict(), roster, system)
    try:
        check_student(name)
    except ValueError:
        raise ValueError(
            "Rename it to the student's number, of letters, digits, - and _ (at most 64), as it was handed out"
        ) from None
    return number_in_class(name, roster) if roster else name


def printable(name: str) -> str:
    """Return a file's name without what a terminal or a file in UTF-8 cannot take."""
    return "".join(c if c.isprintable() else "?" for c in name)


def read_submitters(path: Path) -> dict[str, list[str]]:
    """Return who handed in each folder of an export of Gradescope, by number; nothing if it is none.

    Raises
    ------
    ValueError
        If its file cannot be read.
    """
    if not path.is_file():
        return {}
    content: Any = read_yaml(path)
    try:
        return {
            str(name): [str(each[":sid"]) for each in about[":submitters"]] for name, about in dict(content).items()
        }
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"{path} does not say who handed in what, by :submitters and their :sid.") from None


def _file(path: Path) -> Path | None:
    """Return the file of a submission: of a folder its one notebook, or else its one Python file."""
    if not path.is_dir():
        return path
    for suffix in SUFFIXES:
        files = [
            each
            for each in sorted(path.iterdir())
            if each.suffix.lower() == suffix and each.name not in NOT_SUBMISSIONS and not each.is_symlink()
        ]
        if len(files) == 1:
            return files[0]
    return None
