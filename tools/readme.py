"""Keep README.md in step with the book: its table of chapters, its badges, and where its links lead.

As long as nothing is published, links lead to files beside README.md. Once ``vaeprivacy/published.yaml`` has addresses,
they become absolute, so that they also work on PyPI's page, and each chapter gets a link to Colab.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import nbformat
from common import EXECUTED, PUBLISHED, ROOT, linked, notebook_sources, read_source
from inserts import duration, minutes_to_read, title_of

from vaeprivacy.compute.published import COLAB, Published

README = ROOT / "README.md"
TIMES = ROOT / "benchmarks" / "results" / "chapters.json"
QUESTION = re.compile(r"^```\{admonition\} (.+)\n:class: chapter$", flags=re.MULTILINE)
BLOCK = re.compile(r"(<!-- made by `make pair`: (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
#: Addresses of files of a repository and of pages of a book, and links to files beside README.md.
FILE = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+/(?:blob|raw)/[\w.-]+/([^)\s#]+)")
PAGE = re.compile(r"https://[^)\s]+?/((?:book|notebooks)/\w+)\.html")
BESIDE = re.compile(r"(!?)\[([^][]*)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def badges(published: Published) -> str:
    """Return what a glance tells: whether the tests pass, the newest release, the book, a notebook to try."""
    tests = published.repository and f"{published.repository}/actions/workflows/tests.yml"
    release = published.package and f"https://pypi.org/project/{published.package}/"
    shown = {
        "Tests": (f"{tests}/badge.svg", tests),
        "PyPI": (f"https://img.shields.io/pypi/v/{published.package}", release),
        "Book": ("https://img.shields.io/badge/book-read-blue", published.page("")),
        "Open in Colab": (f"{COLAB}/assets/colab-badge.svg", published.colab("notebooks/one_page.ipynb")),
    }
    return "".join(f"[![{name}]({picture})]({address})\n" for name, (picture, address) in shown.items() if address)


def chapters(published: Published) -> str:
    """Return the table of chapters (but the appendix): what each asks, minutes to read and to run, a link to Colab."""
    kept = json.loads(TIMES.read_text(encoding="utf-8"))
    heads = ["chapter", "what it asks", "to read", "to run", *["Colab"] * bool(published.repository)]
    rows = [heads, ["---", "---", "---:", "---:", "---"][: len(heads)]]
    for source in notebook_sources(appendix=False):
        page, notebook = f"notebooks/{source.stem}", read_source(source)
        seconds = kept["seconds"].get(source.stem)  # none of a chapter that is newer than the record
        took = duration(seconds).replace("seconds", "s").replace("minutes", "min") if seconds else "?"
        asked = QUESTION.search(source.read_text(encoding="utf-8"))[1]
        row = [f"[{title_of(notebook)}]({page}.md)", asked, f"{minutes_to_read(notebook)} min", took]
        rows.append(row + [linked("run", published.colab(f"{page}.ipynb"))] * bool(published.repository))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def install(published: Published) -> str:
    """Return how the package is installed: from PyPI, from the repository, or from a clone of it."""
    if published.package or published.repository:
        what = published.package or f"'vaeprivacy @ git+{published.repository}'"
        clone = f"\nA clone of the repository is `git clone {published.repository}`.\n" if published.repository else ""
        return f"```bash\npip install {what}\n```\n{clone}"
    return (
        "In a clone of this repository, in an environment (`python3 -m venv env && . env/bin/activate`; see "
        "[PyTorch](#pytorch) first):\n\n```bash\npip install .\n```\n"
    )


def colab(published: Published) -> str:
    """Return how a chapter is run on Colab."""
    if published.repository:
        return "Its link in the table opens it on Colab, where the first cell installs the package.\n"
    return (
        "Nothing is published yet, so a reader takes the package along. This makes its wheel, in a clone:\n\n"
        "```bash\npip wheel --no-deps .\n```\n\n"
        "On Colab open the notebook (*File, Upload notebook*), put the wheel beside it (folder icon), and run all.\n"
    )


def address(path: str, published: Published, *, picture: bool) -> str:
    """Return where a link to a file leads: to a page of the book, to the repository, or beside README.md."""
    if picture:
        return published.raw(path) or path
    page = re.fullmatch(r"((?:book|notebooks)/\w+)\.md", path)
    return (page and published.page(f"{page[1]}.html")) or published.file(path) or path


def beside(text: str) -> str:
    """Return a text in which addresses of files that are here are links to these files."""

    def path(match: re.Match) -> str:
        name = f"{match[1]}.md" if match.re is PAGE else match[1]
        return name if (ROOT / name).exists() else match[0]

    return FILE.sub(path, PAGE.sub(path, text))


def in_step(text: str, published: Published) -> str:
    """Return README.md as it should be."""
    made = {"badges": badges, "chapters": chapters, "install": install, "colab": colab}

    def lead(match: re.Match) -> str:
        picture, name, path, anchor = match.groups(default="")
        return f"{picture}[{name}]({address(path, published, picture=bool(picture))}{anchor})"

    text = BLOCK.sub(lambda block: block[1] + made[block[2]](published) + block[3], beside(text))
    return BESIDE.sub(lead, text)


def times(executed: Path) -> dict[str, Any]:
    """Return how many seconds each notebook took, and on which machine."""
    runs = [(one.stem, nbformat.read(executed / f"{one.stem}.ipynb", 4).metadata) for one in notebook_sources()]
    return {"machine": runs[0][1].hardware, "seconds": {name: round(run.papermill.duration) for name, run in runs}}


def main() -> None:
    """Write README.md, after `--times` with those of the notebooks that have been run here."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--times", action="store_true", help="keep how long the executed notebooks took")
    if parser.parse_args().times:
        TIMES.write_text(json.dumps(times(EXECUTED), indent=1) + "\n", encoding="utf-8")
    README.write_text(in_step(README.read_text(encoding="utf-8"), PUBLISHED), encoding="utf-8")
    print("README.md is in step with the book.")


if __name__ == "__main__":
    main()
