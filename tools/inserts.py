"""Tables of measured numbers that pages which are only read show: they are put in when the book is built."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import ROOT
from nbformat import NotebookNode

WORDS_A_MINUTE = 200
RESULTS = ROOT / "benchmarks" / "results"
MARK = re.compile(r"^<!-- insert: (.+) -->$", flags=re.MULTILINE)
Chapters = list[tuple[NotebookNode, dict[str, Any]]]


def minutes_to_read(notebook: NotebookNode) -> int:
    """Return how many minutes it takes to read a chapter's text, at least one."""
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    return max(1, round(words / WORDS_A_MINUTE))


def duration(seconds: float) -> str:
    """Return a time in words."""
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def machine(hardware: dict[str, Any]) -> str:
    """Return a machine in words."""
    return f"{hardware['cores']} cores of {hardware['processor']}"


def _record(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def chapter_times(chapters: Chapters) -> str:
    """Return a table of the chapters with their times; `chapters` are notebooks with ``seconds`` and ``hardware``."""
    rows = ["| chapter | to read | to run |", "|---|---|---|"]
    for notebook, took in chapters:
        title = next(cell.source for cell in notebook.cells if cell.source.startswith("# ")).splitlines()[0][2:]
        rows.append(f"| {title} | {minutes_to_read(notebook)} minutes | {duration(took['seconds'])} |")
    machines = sorted({machine(took["hardware"]) for _, took in chapters})
    return "\n".join([*rows, "", f"On {' or '.join(machines)}."])


def grading_times(chapters: Chapters) -> str:
    """Return a table of how long a class took to grade."""
    record = _record("coursework")
    rows = ["| assignment | submissions | time |", "|---|---|---|"]
    for name, found in record["assignments"].items():
        rows.append(f"| `{name}` | {found['submissions']} | {duration(found['seconds'])} |")
    return "\n".join([*rows, "", f"On {machine(record['machine'])}."])


def contest_board(chapters: Chapters) -> str:
    """Return the leaderboard of the benchmark."""
    return "\n".join(_record("contest")["table"])


def contest_times(chapters: Chapters) -> str:
    """Say how long the benchmark's contest took."""
    record = _record("contest")
    seconds = {name: duration(value) for name, value in record["seconds"].items()}
    return (
        f"On {machine(record['machine'])}, using one of them, making the contest took {seconds['make']}, ranking "
        f"{seconds['rank']}, and ranking again, with the baselines kept, {seconds['rank_again']}."
    )


INSERTS: dict[str, Callable[[Chapters], str]] = {
    "chapter times": chapter_times,
    "grading times": grading_times,
    "contest board": contest_board,
    "contest times": contest_times,
}


def insert(page: Path, chapters: Chapters) -> None:
    """Put what is measured into a page, in place of its marks.

    Raises
    ------
    KeyError
        If a mark names nothing that is measured.
    """
    text = page.read_text(encoding="utf-8")
    made = MARK.sub(lambda mark: INSERTS[mark[1]](chapters), text)
    if made != text:
        page.write_text(made, encoding="utf-8")
