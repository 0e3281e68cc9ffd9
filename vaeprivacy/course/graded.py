"""What a grader leaves of each submission: its grade, signed, and before that a mark that it was begun."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaeprivacy.compute.files import write_whole

GRADED = "graded"
MOST_BEGUN = 3  # times that the grading of a submission is begun if it never ends


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all; half characters, which a submission may contain, are spelt out."""
    content = text.encode(errors="backslashreplace")
    write_whole(path, lambda unfinished: unfinished.write_bytes(content))


@dataclass(frozen=True)
class Graded:
    """The folder with a file for each submission that was graded.

    Parameters
    ----------
    output : pathlib.Path
        The folder of the grades.
    key : bytes
        The teacher's, with which grades are signed.
    """

    output: Path
    key: bytes

    def path(self, student: str, suffix: str = "json") -> Path:
        """Return the path of a student's file."""
        return self.output / GRADED / f"{student}.{suffix}"

    def read(self, student: str, fingerprint: str) -> tuple[dict[str, Any] | None, bool]:
        """Return the grade that was kept of a submission, if there is one, and whether somebody has changed it."""
        try:
            grade = json.loads(self.path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):  # there is none, or it is damaged
            return None, False
        if not isinstance(grade, dict):
            return None, False
        signature = grade.pop("signature", "")
        right = hmac.compare_digest(str(signature).encode(), self._signature(student, grade).encode())
        return (grade if right and grade.get("fingerprint") == fingerprint else None), not right and bool(signature)

    def begin(self, student: str, fingerprint: str) -> None:
        """Note that a submission is being graded: if the grader is killed, the next one knows by whom."""
        write_text(self.path(student, "begun"), f"{self.begun(student, fingerprint) + 1} {fingerprint}\n")

    def end(self, student: str) -> None:
        """Take the note away: the grader has survived."""
        self.path(student, "begun").unlink(missing_ok=True)

    def begun(self, student: str, fingerprint: str) -> int:
        """Return how often the grading of a submission was begun and not ended."""
        try:
            times, of = self.path(student, "begun").read_text(encoding="utf-8").split()
            return int(times) if of == fingerprint else 0
        except (OSError, ValueError):
            return 0

    def keep(self, student: str, grade: dict[str, Any]) -> None:
        """Keep a grade."""
        write_text(self.path(student), json.dumps(grade | {"signature": self._signature(student, grade)}, indent=1))
        self.end(student)

    def _signature(self, student: str, grade: dict[str, Any]) -> str:
        text = json.dumps([student, grade], sort_keys=True)
        return hmac.new(hashlib.sha256(b"grades" + self.key).digest(), text.encode(), "sha256").hexdigest()


def ended_early(student: str, times: int) -> str:
    """Return what is to be known of a submission during which the grader ended."""
    if times < MOST_BEGUN:
        return f"The last grading ended while {student} was graded, so {student} comes last now, and alone."
    return (
        f"{times} gradings ended while {student} was graded, so it is not run again. Look at the file. "
        f"To try once more, delete {GRADED}/{student}.json."
    )
