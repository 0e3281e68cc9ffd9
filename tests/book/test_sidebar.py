"""The sidebar that is made of titles alone is the one that Sphinx makes of all headings."""

from pathlib import Path

import pytest
from conftest import ROOT
from docutils import nodes
from sphinx.addnodes import toctree
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

PAGES = {
    "index": "# Book\n\n```{toctree}\n:caption: Part\n:numbered:\n\none\n```\n\n"
    "```{toctree}\n:caption: Other\n\ntwo\n```\n",
    "one": "# One *day*\n\n## A heading\n\n### Below it\n\nText.\n\n## Another\n\nText.\n",
    "two": "# Two\n\nText.\n\n## A third heading\n\n```{toctree}\nbelow\n```\n",
    "below": "# Below two\n\n## A fourth heading\n\nText.\n",
}


def built(folder: Path, *extensions: str) -> dict[str, str]:
    """Build the pages with the book's theme, and return their HTML."""
    for page, text in PAGES.items():
        (folder / f"{page}.md").write_text(text, encoding="utf-8")
    settings = {"extensions": ["myst_parser", *extensions], "html_theme": "sphinx_book_theme"}
    with docutils_namespace(), pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "book" / "_ext")
        output = folder / "_out"
        Sphinx(folder, None, output, output, "html", settings, status=None, warningiserror=True).build()
    return {page: (output / f"{page}.html").read_text(encoding="utf-8") for page in PAGES}


def test_pages_are_those_that_are_made_without_it(tmp_path):
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    pages = built(tmp_path / "with", "sidebar")
    assert pages == built(tmp_path / "without")
    for text in pages.values():
        bar = text[text.index('<nav class="bd-links') :].split("</nav>")[0]
        assert "Below two" in bar and "A heading" not in bar and "A fourth heading" not in bar
    assert "A heading" in pages["one"] and "A fourth heading" in pages["below"]  # at the right, of the page itself


def test_headings_are_left_out_but_other_pages_are_not(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_ext")
    from sidebar import title_alone

    below = nodes.bullet_list("", nodes.list_item("", nodes.paragraph("", "A heading")))
    contents = nodes.bullet_list("", nodes.list_item("", nodes.paragraph("", "Title"), below))
    assert title_alone(contents).astext().split() == ["Title"] and "A heading" in contents.astext()
    below += toctree()
    assert title_alone(contents) is contents
    assert title_alone(nodes.bullet_list()).children == []
