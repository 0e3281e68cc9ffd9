"""Build the book from the executed notebooks: stage all pages in one folder, then run Jupyter Book on it."""

import argparse
import base64
import hashlib
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import api
import equations
import nbformat
import reading_list
import yaml
from common import (
    CONFIG,
    EXECUTED,
    ROOT,
    notebook_sources,
    read_source,
    with_outputs,
    with_published_links,
    write_notebook,
)
from inserts import duration, insert, machine, minutes_to_read
from nbformat import NotebookNode

from vaeprivacy import __version__

if TYPE_CHECKING:  # what computes takes seconds to load, and a book that has not changed needs none of it
    from values import Results

#: The box at the head of a chapter: what stands in it, and its end.
HEAD = re.compile(r"(^```\{admonition\} .*\n:class: chapter\n(?:.*\n)*?.+)(\n```$)", flags=re.MULTILINE)
#: Lines of pages and of notebooks' JSON by which other pages may know them: headings, directives, labels, names.
NAMES = re.compile(
    r"""^\s*"?(#+ .*|[`:]{3,}\{.*|\(.*\)=.*|:(?:name|label): .*|\$\$ \(.*|name": .*)""", flags=re.MULTILINE
)
LOOKED_UP = ("_toc.yml", "glossary.md", "references.bib")
#: What the book is made of, beside executed notebooks. A page lists tests, and scripts of tools/ make others.
SOURCES = [
    ROOT / name
    for name in (
        "_config.yml",
        "benchmarks/results",
        "book",
        "notebooks",
        "pyproject.toml",
        "requirements.lock",
        "tests",
        "tools",
        "vaeprivacy",
    )
]


def stage(executed: Path, folder: Path, results: "dict[str, Results]") -> None:
    """Lay out all that Jupyter Book reads, in place of what was laid out before; what is the same keeps its times."""
    before = folder.with_name(f"{folder.name}-before")
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    folder.mkdir(parents=True)
    lay_out(executed, folder, results)
    keep_times(before, folder)
    shutil.rmtree(before, ignore_errors=True)


def lay_out(executed: Path, folder: Path, results: "dict[str, Results]") -> None:
    """Lay out configuration, read-only pages and notebooks (our text, the executed copies' outputs) for Jupyter Book.

    The names of pages stay those of the repository, so that Colab and edit buttons lead to the right files. What the
    notebooks reported is put into the sentences of all pages.
    """
    import dissolving
    import explorer
    from values import filled, filled_notebook

    html = CONFIG["html"] | {"extra_footer": f"Version {__version__}"}  # at the foot of every page
    (folder / "_config.yml").write_text(yaml.safe_dump(CONFIG | {"html": html}), encoding="utf-8")
    shutil.copy(ROOT / "book" / "_toc.yml", folder)
    shutil.copytree(ROOT / "book", folder / "book")
    for page in (folder / "book").glob("*.md"):
        text = with_published_links(page.read_text(encoding="utf-8"))
        page.write_text(filled(text, page.stem, results), encoding="utf-8")
    dissolving.put_into(folder / "book" / "intro.md")
    (folder / "book" / "_static" / "in-one-picture.png").write_bytes(picture(executed, "fig-in-one-picture"))
    (folder / "book" / "_static" / "noise-clouds.png").write_bytes(picture(executed, "fig-four-clouds"))
    explorer.write_script(folder / "book" / "_static" / "explorer-data.js")
    for name, text in generated_pages().items():
        (folder / "book" / f"{name}.md").write_text(text, encoding="utf-8")
    chapters = []
    for source in notebook_sources():
        run = without_warnings(nbformat.read(executed / f"{source.stem}.ipynb", as_version=4), source.stem)
        took = {"seconds": run.metadata.papermill.duration, "hardware": run.metadata.hardware}
        chapters.append((read_source(source), took | {"name": source.stem}))
        page = with_times(with_outputs(read_source(source), run), **took)
        for cell in page.cells:
            if cell.cell_type == "markdown":
                cell.source = with_published_links(cell.source)
        page = explorer.with_explorers(filled_notebook(page, source.stem, results))
        write_notebook(page, folder / "notebooks" / f"{source.stem}.ipynb")
    for page in (folder / "book").glob("*.md"):
        insert(page, chapters)


def generated_pages() -> dict[str, str]:
    """Return the pages, by name, that are made of the repository itself: nobody edits them."""
    return api.pages() | {"equations": equations.page(), "reading_list": reading_list.page()}


def keep_times(before: Path, now: Path) -> None:
    """Give each file that has not changed the time that it had: Sphinx reads again whatever is newer than its pages."""
    for path in now.rglob("*"):
        earlier = before / path.relative_to(now)
        if path.is_file() and earlier.is_file() and earlier.read_bytes() == path.read_bytes():
            shutil.copystat(earlier, path)


def outline(folder: Path) -> str:
    """Return a hash of what pages know of each other: titles, names that can be referred to, and what all look up.

    Sphinx does not look again at pages that have not changed. So when this changes, all are built anew: else a
    reference that has lost its target would go unnoticed, and lists of chapters would keep an old title.
    """
    looked_up = [folder / "_config.yml", *(folder / "book" / name for name in LOOKED_UP), ROOT / "requirements.lock"]
    for scripts, pattern in (("_static", "*.*"), ("_ext", "*.py")):
        looked_up += sorted((folder / "book" / scripts).glob(pattern))
    looked_up += sorted((ROOT / "vaeprivacy").rglob("*.py"))
    parts = [path.read_bytes() for path in looked_up]
    for path in sorted([*folder.rglob("*.md"), *folder.rglob("*.ipynb")]):
        names = NAMES.findall(path.read_text(encoding="utf-8"))
        parts.append("\n".join([str(path.relative_to(folder)), *names]).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def picture(executed: Path, name: str) -> bytes:
    """Return the PNG that a figure of this name is in an executed notebook, for a page that is only read.

    Raises
    ------
    ValueError
        If there is none.
    """
    for path in executed.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.metadata.get("mystnb", {}).get("figure", {}).get("name") == name:
                for output in cell.outputs:
                    if "image/png" in output.get("data", {}):
                        return base64.b64decode(output.data["image/png"])
    raise ValueError(f"No executed notebook in {executed} has a figure {name!r}: run `make notebooks`.")


def with_times(notebook: NotebookNode, *, seconds: float, hardware: dict[str, Any]) -> NotebookNode:
    """Say at the head of a chapter how long it takes to read, and how long its notebook took to run, and on what."""
    line = (
        f"*Takes* about {minutes_to_read(notebook)} minutes to read, and {duration(seconds)} to run on "
        f"{machine(hardware)}."
    )
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = HEAD.sub(lambda match: f"{match[1]}\n\n{line}{match[2]}", cell.source)
    return notebook


def without_warnings(run: NotebookNode, name: str) -> NotebookNode:
    """Take what a run wrote to stderr off the page, where it would show paths of this machine, and print it here."""
    for cell in run.cells:
        for output in [output for output in cell.get("outputs", []) if output.get("name") == "stderr"]:
            print(f"{name}, not shown on the page: {output.text.strip()}", flush=True)
            cell.outputs.remove(output)
    return run


def offer_clean_downloads(html: Path) -> None:
    """Let the download button of each notebook page give the notebook that Colab opens, not the one with MyST text."""
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, html / "_sources" / "notebooks" / notebook.name)


def drop_icon_script(html: Path) -> None:
    """Take the theme's script of all icons (1.5 MB) off all pages: its style sheet has those that we use.

    Sphinx brings the tag back to each page that it builds, and the script if it builds any.
    """
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        without = re.sub(r"<script [^>]*/fontawesome\.js[^>]*></script>", "", text)
        if without != text:
            page.write_text(without, encoding="utf-8")
    for file in (html / "_static" / "scripts").glob("fontawesome.js*"):  # also its map and its licence
        file.unlink()


def contents(*places: Path) -> str:
    """Return a hash of files and of all files in folders: their names and what they hold."""
    digest = hashlib.sha256()
    for place in places:
        files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
        for path in files:
            if "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(place.parent)} {path.stat().st_size}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def jupyter_book(folder: Path) -> None:
    """Run Jupyter Book on what was laid out in a folder; exit on any warning."""
    command = [
        Path(sys.executable).with_name("jupyter-book"),
        "build",
        folder / "stage",
        "--path-output",
        folder / "book",
    ]
    # Every warning is an error, and so is every reference without a target.
    if subprocess.run([*command, "-W", "--keep-going", "-n", "--quiet"]).returncode != 0:
        sys.exit("The book was not built: mend the warnings above.")


def run_sphinx(folder: Path) -> None:
    """Run Jupyter Book on the whole book that was laid out in a folder; exit on any warning."""
    known, now = folder / "outline.txt", outline(folder / "stage")
    if not known.exists() or known.read_text() != now:
        shutil.rmtree(folder / "book", ignore_errors=True)
    known.unlink(missing_ok=True)  # of a build that fails, nothing is taken over: its warnings would not come again
    jupyter_book(folder)
    known.write_text(now)


def pages_in(folder: Path) -> Path:
    """Return where the pages of a book are that is built in a folder."""
    return folder / "book" / "_build" / "html"


def is_built(executed: Path, folder: Path) -> bool:
    """Return whether neither what a book is made of nor its pages have changed since it was last built in a folder."""
    stamp = folder / "contents.txt"
    return stamp.exists() and stamp.read_text() == f"{contents(*SOURCES, executed)} {contents(pages_in(folder))}"


def build(executed: Path, folder: Path) -> Path:
    """Build the book in a folder and return where its pages are; exit on any warning, and if a claim does not hold.

    Nothing is done if that is what was built last.
    """
    html = pages_in(folder)
    if is_built(executed, folder):
        return html
    made_of = contents(*SOURCES, executed)
    from values import check, executed_results

    results = executed_results(executed)
    check(results)
    stage(executed, folder / "stage", results)
    run_sphinx(folder)
    offer_clean_downloads(html)
    drop_icon_script(html)
    (folder / "contents.txt").write_text(f"{made_of} {contents(html)}")
    return html


def main() -> None:
    """Build the book from the notebooks that `make notebooks` has run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executed", type=Path, default=EXECUTED, help="folder of the executed notebooks")
    parser.add_argument("--output", type=Path, default=ROOT / "_build", help="where to build")
    arguments = parser.parse_args()
    start = time.monotonic()
    page = build(arguments.executed, arguments.output) / "index.html"
    print(f"The book is built, in {time.monotonic() - start:.0f} s: {page}")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
