"""The book as one PDF: pages in order, links that lead within it, an outline, and answers that are open."""

import shutil

import pdf
import pytest
from common import book_pages
from conftest import NOTEBOOKS, ROOT
from pdf import CHROMIUM, NO_CHROMIUM, print_pdf, whole
from pypdf import PdfReader

from vaeprivacy.compute.published import Published

PAGES = ["book/one", "notebooks/two"]
FIRST = """<h1>One</h1><p>See <a href="../notebooks/two.html#later">later</a>, <a href="../notebooks/two.html">two</a>,
<a href="#top">the top</a>, <a href="../_modules/source.html">the source</a> and <a href="https://example.org">more</a>.
</p><h2 id="top">Top</h2><p>Text.</p>"""
SECOND = """<h1>Two</h1><p>Text.</p><h2 id="later">Later, \u03b5</h2><img src="../_static/logo.svg" alt="Logo">
<details class="sd-dropdown"><summary>Yes?</summary><p>Wrong, since the answer is no.</p></details>
<details class="hide above-input"><summary>Show the code</summary><p>Folded code.</p></details>"""


@pytest.fixture
def html(tmp_path):
    """Write two small pages as the book has them."""
    for page, text in zip(PAGES, (FIRST, SECOND), strict=True):
        path = tmp_path / f"{page}.html"
        path.parent.mkdir()
        style = '<link rel="stylesheet" href="../_static/custom.css"><script src="../_static/book.js"></script>'
        body = f'<h1 id="jb-print-docs-body">Again</h1><article class="bd-article">{text}</article>'
        body += '<div class="prev-next-footer">Menu</div>'
        path.write_text(f'<html lang="en"><head>{style}</head><body>{body}</body></html>', encoding="utf-8")
    shutil.copytree(ROOT / "book" / "_static", tmp_path / "_static", ignore=shutil.ignore_patterns("mathjax"))
    return tmp_path


def test_the_book_has_all_pages_once():
    assert book_pages()[0] == "book/intro"
    assert sorted(page for page in book_pages() if page.startswith("notebooks/")) == sorted(
        f"notebooks/{name}" for name in NOTEBOOKS
    )
    assert len(set(book_pages())) == len(book_pages())


@pytest.mark.parametrize("book", ["https://book.example", ""])
def test_links_lead_within_the_whole_or_to_the_published_book(html, monkeypatch, book):
    monkeypatch.setattr(pdf, "PUBLISHED", Published(book=book))
    text = whole(html, PAGES)
    links = ["#notebooks-two--later", "#notebooks-two--", "#book-one--top", "https://example.org"]
    assert [text.count(f'href="{link}"') for link in links] == [1] * 4
    source = f'<a href="{book}/_modules/source.html">the source</a>' if book else "the source"
    assert f", {source} and " in text
    assert [text.count(f'id="{link[1:]}"') for link in links[:3]] == [1] * 3
    assert text.index("<h1>One</h1>") < text.index("<h1>Two</h1>")


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_a_printed_book_has_pages_outline_links_and_open_answers(html, tmp_path):
    reader = PdfReader(print_pdf(html, PAGES, tmp_path / "book.pdf"))
    first, second = (page.extract_text() for page in reader.pages)
    assert "the top" in first and "1" in first.split() and "2" in second.split()
    assert "Menu" not in first + second
    assert "the answer is no" in second and "Folded code" not in second
    assert "Again" not in first
    titles = [entry.title for entry in reader.outline if not isinstance(entry, list)]
    assert titles == ["One", "Two"]
    inner = [entry.title for part in reader.outline if isinstance(part, list) for entry in part]
    assert inner == ["Top", "Later, \u03b5"]
    assert [reader.get_destination_page_number(entry) for entry in reader.outline if not isinstance(entry, list)] == [
        0,
        1,
    ]
    assert "notebooks-two--later" in {name.strip("/") for name in reader.named_destinations}
    assert not (html / "book" / "whole.html").exists()


def test_a_book_that_is_not_built_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("pdf.CHROMIUM", "chromium")
    with pytest.raises(FileNotFoundError, match=r"^There are no pages in .*: build the book first \(make book\)\.$"):
        print_pdf(tmp_path, PAGES, tmp_path / "book.pdf")


def test_a_machine_without_chromium_is_told_so(html, tmp_path, monkeypatch):
    monkeypatch.setattr("pdf.CHROMIUM", None)
    with pytest.raises(FileNotFoundError, match=r"^There is no Chromium: .* Install one of them\.$"):
        print_pdf(html, PAGES, tmp_path / "book.pdf")
