"""Print the whole book into one PDF: join its built pages into one, and let Chromium print that.

Links from page to page lead to places in the PDF; its outline has the headings. Answers and solutions, which are folded
on the pages, are open on paper (book/_static/book.js opens them).
"""

import argparse
import logging
import posixpath
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag
from common import CONFIG, PUBLISHED, ROOT, book_pages
from playwright.sync_api import sync_playwright
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

HTML = ROOT / "_build" / "book" / "_build" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(which, NAMES) if path), None)
NO_CHROMIUM = f"There is no Chromium: none of the commands {', '.join(NAMES)} is installed."
# MathJax sets formulas, and fonts arrive, after the page has loaded.
READY = "async () => { await window.MathJax?.startup?.promise; await document.fonts.ready }"
HEADINGS = "(all) => all.map((heading) => heading.textContent.replace('#', '').trim())"
FOOTER = '<div style="width: 100%; font-size: 8pt; text-align: center"><span class="pageNumber"></span></div>'
LIMIT_MS = 600_000  # formulas of the whole book take a while


def anchor(page: str, fragment: str = "") -> str:
    """Return the anchor in the whole book of one on a page, or of the page itself."""
    return f"{page.replace('/', '-')}--{fragment}"


def article_of(html: Path, page: str, pages: list[str]) -> Tag:
    """Return the text of a page, with its anchors and links as they are in the whole book."""
    soup = BeautifulSoup((html / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    article = soup.select_one("article.bd-article")
    for element in article.select("[id]"):
        element["id"] = anchor(page, element["id"])
    for link in article.select("a[href]"):
        parts = urlsplit(link["href"])
        if parts.scheme or parts.netloc:
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), parts.path)) if parts.path else f"{page}.html"
        target = path.removesuffix(".html")
        if target in pages:
            link["href"] = f"#{anchor(target, unquote(parts.fragment))}"
        elif PUBLISHED.book:  # such as the source of a function, which is not in the PDF
            link["href"] = PUBLISHED.page(path) + (f"#{parts.fragment}" if parts.fragment else "")
        else:
            link.unwrap()
    article["id"], article["class"] = anchor(page), "on-paper"  # without the theme's style, which hides titles in print
    return article


def whole(html: Path, pages: list[str]) -> str:
    """Return the first of some pages with the texts of all of them, one after the other."""
    book = BeautifulSoup((html / f"{pages[0]}.html").read_text(encoding="utf-8"), "html.parser")
    place = book.select_one("article.bd-article")
    for page in pages:
        place.insert_before(article_of(html, page, pages))
    place.decompose()  # the article that was on the first page
    return str(book)


def print_page(path: Path, output: Path) -> list[str]:
    """Print a page into a PDF with page numbers and an outline, and return its headings."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(color_scheme="light")
        page.set_default_timeout(LIMIT_MS)
        page.goto(path.as_uri())
        page.evaluate(READY)
        page.evaluate("document.querySelector('#jb-print-docs-body')?.remove()")  # the theme's copy of the first title
        page.pdf(
            path=output, prefer_css_page_size=True, print_background=True, outline=True, tagged=True,
            display_header_footer=True, header_template="<span></span>", footer_template=FOOTER,
        )  # fmt: skip
        headings = page.eval_on_selector_all("article :is(h1, h2, h3, h4, h5, h6)", HEADINGS)
        browser.close()
    return headings


def entries(parent: DictionaryObject) -> Iterator[DictionaryObject]:
    """Yield the entries of an outline under one of them, or of the whole, in the order of the pages."""
    link = parent.get("/First")
    while link is not None:
        entry = link.get_object()
        yield entry
        yield from entries(entry)
        link = entry.get("/Next")


def name_entries(output: Path, headings: list[str]) -> None:
    """Write headings into the outline of a PDF: Chromium writes those twice that it moves to the next page."""
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of Chromium's count of objects, which it mends
    writer = PdfWriter(clone_from=output)
    for entry, heading in zip(entries(writer.root_object["/Outlines"]), headings, strict=True):
        entry[NameObject("/Title")] = TextStringObject(heading)
    writer.write(output)


def print_pdf(html: Path, pages: list[str], output: Path) -> Path:
    """Print pages of a built book into one PDF and return where it is.

    Raises
    ------
    FileNotFoundError
        If there is no Chromium, or the book has not been built.
    """
    if CHROMIUM is None:
        raise FileNotFoundError(f"{NO_CHROMIUM} Install one of them.")
    if not (html / f"{pages[0]}.html").exists():
        raise FileNotFoundError(f"There are no pages in {html}: build the book first (make book).")
    joined = (html / f"{pages[0]}.html").with_name("whole.html")  # beside the first, so that pictures are found
    joined.write_text(whole(html, pages), encoding="utf-8")
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        headings = print_page(joined, output)
    finally:
        joined.unlink()
    name_entries(output, headings)
    return output


def main() -> None:
    """Print the book that `make book` has built."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=Path, default=HTML, help="folder of the built pages")
    parser.add_argument("--output", type=Path, default=ROOT / "_build" / "vaeprivacy-book.pdf", help="the PDF")
    arguments = parser.parse_args()
    try:
        output = print_pdf(arguments.html, book_pages(), arguments.output)
    except FileNotFoundError as error:
        sys.exit(str(error))
    print(f"{CONFIG['title']} is printed: {output}, {output.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
