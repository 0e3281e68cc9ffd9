"""Run the first chapter, "The idea on one page", and show its page: the shortest way into the book."""

import re
import shutil
import sys
import webbrowser
from pathlib import Path

import nbformat
import yaml
from build import jupyter_book, with_times, without_warnings
from common import CONFIG, EXECUTED, ROOT, read_source, with_outputs, write_notebook
from execute import LAPTOP, execute
from nbformat import NotebookNode
from pair import plain_links, plain_role
from values import filled_notebook, results_of

SOURCE = ROOT / "notebooks" / "one_page.md"
LIMIT_S = 900


def alone(notebook: NotebookNode) -> NotebookNode:
    """Let whatever leads to other pages of the book lead to the published ones, or nowhere if none are."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            roles = r"\{(cite:[pt]|py:obj|term)\}`([^`]+)`"
            cell.source = re.sub(roles, lambda match: plain_role(match, "notebooks/one_page"), cell.source)
            cell.source = plain_links(cell.source)
    return notebook


def stage(run: NotebookNode, folder: Path) -> None:
    """Lay out a book of this one page."""
    page = with_times(
        with_outputs(read_source(SOURCE), run), seconds=run.metadata.papermill.duration, hardware=run.metadata.hardware
    )
    page = filled_notebook(page, SOURCE.stem, {SOURCE.stem: results_of(run)})
    write_notebook(alone(page), folder / "notebooks" / "one_page.ipynb")
    shutil.copytree(ROOT / "book" / "_static", folder / "book" / "_static")
    shutil.copytree(ROOT / "book" / "_ext", folder / "book" / "_ext")
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    (folder / "_config.yml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: notebooks/one_page\n", encoding="utf-8")


def main() -> None:
    """Run the chapter if need be, build its page, and open it in a browser if somebody is there to look."""
    print("The idea on one page (about a minute)", flush=True)
    print(f"      {execute(SOURCE, profile=LAPTOP, limit_s=LIMIT_S)}", flush=True)
    run = without_warnings(nbformat.read(EXECUTED / "one_page.ipynb", as_version=4), SOURCE.stem)
    folder = ROOT / "_build" / "idea"
    shutil.rmtree(folder, ignore_errors=True)
    stage(run, folder / "stage")
    jupyter_book(folder)
    page = folder / "book" / "_build" / "html" / "notebooks" / "one_page.html"
    print(f"The page is built: {page}")
    if sys.stdout.isatty():
        webbrowser.open(page.as_uri())


if __name__ == "__main__":
    try:
        main()
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. The same command begins again.")
