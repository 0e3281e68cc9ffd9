"""What the book's tools share: where things are, and the order of the notebooks."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
import yaml
from nbformat import NotebookNode
from versions import locked

from vaeprivacy.compute.published import COLAB, PUBLISHED, Published
from vaeprivacy.compute.source import BOOK_ROOMS, code_hash

ROOT = Path(__file__).resolve().parent.parent
EXECUTED = ROOT / "_build" / "executed"
#: The first line of a cell that Colab shows folded.
FORM_TITLE = re.compile(r"\A# @title .*\n")
#: A link from a page to a file of the repository that is no page of the book.
TO_REPOSITORY = re.compile(r"\[([^][]+)\]\(\.\./((?:benchmarks|vaeprivacy|notebooks/profiles|README\.md)[^)]*)\)")


def config(published: Published) -> dict[str, Any]:
    """Return what Jupyter Book reads: `_config.yml`, and what follows from where the project is published."""
    read = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    buttons = ("use_repository_button", "use_issues_button", "use_edit_page_button")
    read["html"] |= {"baseurl": published.page("")} | dict.fromkeys(buttons, bool(published.repository))
    read["repository"] = {"url": published.repository, "path_to_book": "", "branch": published.ref}
    read["launch_buttons"]["colab_url"] = COLAB if published.repository else ""
    return read


def linked(text: str, address: str) -> str:
    """Return a link in Markdown, or only its text if what it would lead to is not published."""
    return f"[{text}]({address})" if address else text


def with_published_links(text: str) -> str:
    """Let links of a page to files of the repository that are no pages lead to where these are published."""
    return TO_REPOSITORY.sub(lambda link: linked(link[1], PUBLISHED.file(link[2])), text)


CONFIG = config(PUBLISHED)


def book_pages(*, appendix: bool = True) -> list[str]:
    """Return the names of all pages, such as "notebooks/framework", in the order of the book's table of contents."""
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    parts = [part for part in contents["parts"] if appendix or part["caption"] != "Appendix"]
    return [contents["root"], *(chapter["file"] for part in parts for chapter in part["chapters"])]


def notebook_sources(*, appendix: bool = True) -> list[Path]:
    """Return the text sources of all notebooks, in the order of the book's table of contents."""
    return [ROOT / f"{page}.md" for page in book_pages(appendix=appendix) if page.startswith("notebooks/")]


def read_source(path: Path) -> NotebookNode:
    """Read the text source of a notebook, with cell ids that follow from the position (jupytext draws random ones)."""
    notebook = jupytext.read(path, fmt="md:myst")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells that come from the source: not what papermill or the Colab converter put in."""
    added = {"injected-parameters", "install", "compare"}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in cells if not added & set(cell.metadata.get("tags", []))]


def profile_parameters(profile: str) -> dict[str, Any]:
    """Return the parameters that a profile gives all notebooks that have them.

    Raises
    ------
    FileNotFoundError
        If there is no such profile.
    """
    path = ROOT / "notebooks" / "profiles" / f"{profile}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in path.parent.glob("*.yaml")))
        raise FileNotFoundError(f"There is no profile {profile!r}; choose one of {known}, or write {path}.")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def known_parameters(notebook: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return those of some parameters that a notebook (an .ipynb) has."""
    asked = papermill.inspect_notebook(notebook)
    return {name: value for name, value in parameters.items() if name in asked}


def execution_key(notebook: NotebookNode, parameters: dict[str, Any]) -> str:
    """Return a hash of all that the outputs of a notebook depend on: code, parameters, package and locked versions."""
    # Of the metadata only tags: captions and alternative texts are prose.
    cells = [[cell.source, cell.metadata.get("tags", [])] for cell in code_cells(notebook)]
    lock = "".join(f"{name}=={version}\n" for name, version in locked().items())
    uses_estimators = any("vaeprivacy.estimators" in source for source, _ in cells)
    rooms = (*BOOK_ROOMS, "estimators") if uses_estimators else BOOK_ROOMS
    return hashlib.sha256(json.dumps([cells, parameters, code_hash(rooms), lock], sort_keys=True).encode()).hexdigest()


def note_hardware(executed: Path) -> None:
    """Note in an executed notebook what it was run on: the pages may be built elsewhere."""
    from vaeprivacy.compute.provenance import hardware  # takes seconds to load: only if something was run

    run = nbformat.read(executed, as_version=4)
    run.metadata["hardware"] = hardware()
    write_notebook(run, executed)


def with_outputs(source: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """Return the source with the outputs of an executed copy, cell by cell.

    Raises
    ------
    ValueError
        If the two do not have the same code cells.
    """
    ours, theirs = code_cells(source), code_cells(executed)
    if [cell.source for cell in ours] != [FORM_TITLE.sub("", cell.source) for cell in theirs]:
        raise ValueError("The executed notebook has other code cells than its source: run `make notebooks`.")
    for cell, run in zip(ours, theirs, strict=True):
        cell.outputs, cell.execution_count = run.outputs, run.execution_count
    return source


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook in the one format that all our .ipynb have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook, version=4, indent=1) + "\n", encoding="utf-8")
