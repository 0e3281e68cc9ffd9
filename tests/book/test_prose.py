"""A change of prose runs no notebook, and only changed pages are built anew; what they share is not forgotten."""

import os
import shutil

import build as tool
import common
import execute
import pytest
import yaml
from common import execution_key, read_source
from conftest import ROOT
from filelock import FileLock
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
    monkeypatch.setattr(execute, "EXECUTED", tmp_path / "executed")
    notebook, ran = tmp_path / "small.md", tmp_path / "ran"
    code = f"with open({str(ran)!r}, 'a') as file:\n    print(1 + 1, file=file)"
    for prose, result in (("One.", "1 + 1"), ("Two.", "1 + 1"), ("Two.", "1 + 2")):
        cell = code.replace("1 + 1", result)
        notebook.write_text(f"# Small\n\n{prose}\n\n```{{code-cell}} ipython3\n{cell}\n```\n")
        common.write_notebook(read_source(notebook), notebook.with_suffix(".ipynb"))
        execute.execute(notebook, profile="laptop", limit_s=120)
    assert ran.read_text() == "2\n3\n"
    assert "hardware" in (tmp_path / "executed" / "small.ipynb").read_text()


# A kernel that is stopped while it starts is waited for, for half a minute: in ten seconds it has started.
@pytest.mark.parametrize(
    ("code", "limit_s", "said"),
    [("1 / 0", 120, r"small\.md failed"), ("import time; time.sleep(600)", 10, "small.md was stopped after its limit")],
)
def test_a_notebook_that_fails_or_takes_too_long_is_run_again(tmp_path, monkeypatch, code, limit_s, said):
    monkeypatch.setattr(execute, "EXECUTED", tmp_path / "executed")
    notebook = tmp_path / "small.md"
    notebook.write_text(f"# Small\n\n```{{code-cell}} ipython3\n{code}\n```\n")
    common.write_notebook(read_source(notebook), notebook.with_suffix(".ipynb"))
    with pytest.raises(SystemExit, match=said):
        execute.execute(notebook, profile="laptop", limit_s=limit_s)
    assert not (tmp_path / "executed" / "small.key").exists()


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


TWO = "notebooks/two"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Have a book of three pages laid out in place of ours; return its folder, and where it is to be built."""
    book, notebook = tmp_path / "small", new_notebook(cells=[new_markdown_cell("# Two\n\nText.")])
    shutil.copytree(ROOT / "book", book / "book", ignore=shutil.ignore_patterns("mathjax", "*.md", "*.bib"))
    (book / "_config.yml").write_text(yaml.safe_dump(common.CONFIG))
    contents = {"root": "book/intro", "format": "jb-book", "chapters": [{"file": "book/glossary"}, {"file": TWO}]}
    for toc in (book / "_toc.yml", book / "book" / "_toc.yml"):
        toc.write_text(yaml.safe_dump(contents))
    (book / "book" / "references.bib").write_text("")
    (book / "book" / "intro.md").write_text("# One\n\nText.\n")
    (book / "book" / "glossary.md").write_text("# Words\n\n```{glossary}\nword\n  One of a text.\n```\n")
    common.write_notebook(notebook, book / f"{TWO}.ipynb")

    def lay_out(executed, folder, results):
        shutil.copytree(executed, folder, copy_function=shutil.copyfile, dirs_exist_ok=True)

    monkeypatch.setattr(tool, "lay_out", lay_out)
    return book, tmp_path / "built"


def times(html):
    """Return when each page of a book was written; none may have the script of all icons, nor may the book."""
    pages = [page for page in html.rglob("*.html") if page.parent.name in ("book", "notebooks")]
    assert len(pages) >= 3
    assert not [page for page in html.rglob("*.html") if "fontawesome.js" in page.read_text(encoding="utf-8")]
    assert not list(html.rglob("fontawesome.js*"))
    return {page.stem: page.stat().st_mtime_ns for page in pages}


def test_a_book_is_built_again_and_only_changed_pages_anew(small):
    book, folder = small
    html = tool.build(*small)
    first, laid_out = times(html), (folder / "stage").stat().st_mtime_ns
    assert tool.build(*small) == html
    assert times(html) == first and (folder / "stage").stat().st_mtime_ns == laid_out
    (book / "a-file-of-no-page").write_text("")
    for _ in range(2):  # Sphinx runs, and finds nothing to do
        (folder / "contents.txt").unlink()
        tool.build(*small)
        assert times(html) == first and (folder / "stage").stat().st_mtime_ns > laid_out
    (book / "book" / "intro.md").write_text("# One\n\nAnother text.\n")
    tool.build(*small)
    second = times(html)
    assert "Another text." in (html / "book" / "intro.html").read_text(encoding="utf-8")
    assert {name for name in first if second[name] != first[name]} == {"intro"}
    tool.build(*small)
    assert times(html) == second


def test_a_page_that_was_deleted_is_built_again(small):
    html = tool.build(*small)
    first = times(html)
    (html / f"{TWO}.html").unlink()
    tool.build(*small)
    second = times(html)
    assert second["two"] != first["two"] and second["glossary"] == first["glossary"]


def test_nothing_is_taken_over_from_a_build_that_failed(small, capfd):
    (page := small[0] / "book" / "intro.md").write_text("# One\n\n{ref}`nowhere`\n")
    for _ in range(2):  # the warning comes again
        with pytest.raises(SystemExit):
            tool.build(*small)
        assert "nowhere" in capfd.readouterr().err
    page.write_text("# One\n\nText.\n")
    times(tool.build(*small))


def test_nothing_of_our_book_is_built_again(book, html, shared):
    executed, folder = book
    with FileLock(shared / "built.lock"):
        first, laid_out = times(html), (folder / "stage").stat().st_mtime_ns
        assert tool.build(executed, folder) == html
        assert times(html) == first and (folder / "stage").stat().st_mtime_ns == laid_out
        (folder / "contents.txt").unlink()
        tool.build(executed, folder)
        assert times(html) == first and (folder / "stage").stat().st_mtime_ns > laid_out
