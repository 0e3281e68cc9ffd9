"""A change of prose runs no notebook, and only changed pages are built anew; what they share is not forgotten."""

import os
import subprocess

import build as tool
import common
import execute
import pytest
from common import execution_key, read_source
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook


def test_the_key_of_a_notebook_depends_on_its_code_and_not_on_its_prose():
    source = ROOT / "notebooks" / "vae.md"
    key = execution_key(read_source(source), {"seed": 0})
    prose, code = read_source(source), read_source(source)
    next(cell for cell in prose.cells if cell.cell_type == "markdown").source += " One more sentence."
    prose.cells.insert(3, new_markdown_cell("And one more paragraph."))
    figure = next(cell for cell in prose.cells if "mystnb" in cell.metadata).metadata["mystnb"]
    figure["figure"]["caption"] = figure["image"]["alt"] = "Another caption."
    assert execution_key(prose, {"seed": 0}) == key
    next(cell for cell in code.cells if cell.cell_type == "code").source += "\nx = 1"
    assert execution_key(code, {"seed": 0}) != key
    assert execution_key(read_source(source), {"seed": 1}) != key


def test_a_notebook_whose_prose_has_changed_is_not_run(tmp_path, monkeypatch):
    def run(source, output, **options):
        ran.append(source.name)
        output.write_text(source.read_text())
        return 0

    ran = []
    monkeypatch.setattr(execute, "papermill", run)
    monkeypatch.setattr(execute, "note_hardware", lambda path: None)
    monkeypatch.setattr(execute, "EXECUTED", tmp_path / "executed")
    monkeypatch.setattr(execute, "known_parameters", lambda *_: {})
    notebook = tmp_path / "small.md"
    for prose, code in (("One.", "1"), ("Two.", "1"), ("Two.", "2")):
        notebook.write_text(f"# Small\n\n{prose}\n\n```{{code-cell}} ipython3\n{code}\n```\n")
        execute.execute(notebook, profile="laptop", limit_s=1)
    assert ran == ["small.ipynb", "small.ipynb"]


@pytest.fixture
def staged(tmp_path):
    """Return a staged book of two pages."""
    folder = tmp_path / "stage"
    (folder / "book").mkdir(parents=True)
    for name in ("_config.yml", *(f"book/{each}" for each in tool.LOOKED_UP)):
        (folder / name).write_text("")
    (folder / "book" / "one.md").write_text("# One\n\n(here)=\nText.\n")
    notebook = new_notebook(cells=[new_markdown_cell("# Two\n\n$$ x $$ (eq)\nText."), new_code_cell("1")])
    common.write_notebook(notebook, folder / "two.ipynb")
    return folder


@pytest.mark.parametrize(
    ("file", "old", "new", "known"),
    [
        ("book/one.md", "Text.", "Another text.", False),
        ("book/one.md", "# One", "# First", True),
        ("book/one.md", "(here)=", "(there)=", True),
        ("two.ipynb", "Text.", "Another text.", False),
        ("two.ipynb", "# Two", "# Second", True),
        ("book/glossary.md", "", "A word", True),
    ],
)
def test_other_pages_are_built_anew_only_if_they_know_what_has_changed(staged, file, old, new, known):
    before = tool.outline(staged)
    (staged / file).write_text((staged / file).read_text().replace(old, new, 1))
    assert (tool.outline(staged) != before) == known


def test_files_that_have_not_changed_keep_their_times(tmp_path):
    for folder in ("before", "now"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "sub" / "same").write_text("text")
        (tmp_path / folder / "other").write_text(folder)
    for path in (tmp_path / "before").rglob("*"):
        os.utime(path, (1, 1))
    tool.keep_times(tmp_path / "before", tmp_path / "now")
    assert (tmp_path / "now" / "sub" / "same").stat().st_mtime == 1
    assert (tmp_path / "now" / "other").stat().st_mtime > 1


def test_nothing_is_taken_over_from_a_build_that_failed(staged, monkeypatch):
    folder, status = staged.parent, 0
    done = lambda command, **_: subprocess.CompletedProcess(command, status)  # noqa: E731
    for name in ("stage", "offer_clean_downloads", "drop_icon_script"):
        monkeypatch.setattr(tool, name, lambda *_: None)
    monkeypatch.setattr(tool.subprocess, "run", done)
    tool.build(folder, folder)
    page = folder / "book" / "page"
    page.parent.mkdir()
    page.write_text("")
    tool.build(folder, folder)
    assert page.exists()
    status = 1
    with pytest.raises(SystemExit):
        tool.build(folder, folder)
    status = 0
    tool.build(folder, folder)
    assert not page.exists()
