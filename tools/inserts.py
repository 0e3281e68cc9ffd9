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
#: What to read in an hour, after the first page: the chapters of the part "Start".
FIRST_HOUR = {
    "one_page": "all of it, in 60 lines of PyTorch",
    "membership_inference": "what leaks, and how one measures it",
    "vae": "codes, and how far apart they lie",
    "metric_privacy": "what noise promises",
    "framework": "all of it together",
    "results": "what it hides, and what it costs",
}
Chapters = list[tuple[NotebookNode, dict[str, Any]]]


def minutes_to_read(notebook: NotebookNode) -> int:
    """Return how many minutes it takes to read a chapter's text, at least one."""
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    return max(1, round(words / WORDS_A_MINUTE))


def page_minutes(page: str) -> int:
    """Return how many minutes it takes to read a page of the book that is no notebook, at least one."""
    text = (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8")
    return max(1, round(len(text.split()) / WORDS_A_MINUTE))


def duration(seconds: float) -> str:
    """Return a time in words."""
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def machine(hardware: dict[str, Any]) -> str:
    """Return a machine in words."""
    return f"{hardware['cores']} cores of {hardware['processor']}"


def _record(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def title_of(notebook: NotebookNode) -> str:
    """Return the title of a chapter."""
    return next(cell.source for cell in notebook.cells if cell.source.startswith("# ")).splitlines()[0][2:]


def chapter_times(chapters: Chapters) -> str:
    """Return a table of chapters (notebooks with ``name``, ``seconds`` and ``hardware``) with their times."""
    rows = ["| chapter | to read | to run |", "|---|---|---|"]
    for notebook, took in chapters:
        rows.append(f"| {title_of(notebook)} | {minutes_to_read(notebook)} minutes | {duration(took['seconds'])} |")
    machines = sorted({machine(took["hardware"]) for _, took in chapters})
    return "\n".join([*rows, "", f"On {' or '.join(machines)}."])


def reading_path(chapters: Chapters) -> str:
    """Return a table of the pages to read in an hour, each with its minutes and what it is about."""
    notebooks = {took["name"]: notebook for notebook, took in chapters}
    rows = [["this page", page_minutes("intro")]]
    for name, about in FIRST_HOUR.items():
        title = f"[{title_of(notebooks[name])}](../notebooks/{name}.ipynb)"
        rows.append([f"{title}: {about}", minutes_to_read(notebooks[name])])
    rows.append(["[What we found, and what to use when](found.md)", page_minutes("found")])
    rows.append(["in all", sum(number for _, number in rows)])
    return "\n".join(["| page | minutes |", "|---|---|", *(f"| {page} | {number} |" for page, number in rows)])


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
    "reading path": reading_path,
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
