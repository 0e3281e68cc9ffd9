"""The book: it builds without a warning, reads offline, and its links and buttons lead somewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pair
import pytest
from build import generated_pages
from common import PUBLISHED, book_pages, notebook_sources
from conftest import NOTEBOOKS, ROOT
from values import pinned_results

from vaeprivacy import __version__
from vaeprivacy.compute.published import Published

LARGEST_API_PAGE = 400_000  # bytes


class Page(HTMLParser):
    """What a page links to, loads, and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.links, self.loads, self.ids, self.pictures = path, [], [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.append(given["href"])
        if tag in ("script", "img", "iframe", "source") and given.get("src"):
            self.loads.append(given["src"])
        if tag == "img":
            self.pictures.append(given)


@pytest.fixture(scope="session")
def pages(html) -> dict[Path, Page]:
    return {path: Page(path) for path in [*html.glob("book/*.html"), *html.glob("notebooks/*.html")]}


def test_every_page_of_the_contents_is_built(html, pages):
    read_only = {path.stem for path in (ROOT / "book").glob("*.md")}
    built = {f"{path.parent.name}/{path.stem}" for path in pages}
    assert {path.stem for path in pages} == read_only | set(NOTEBOOKS) | set(generated_pages())
    assert built == set(book_pages())


def test_no_page_of_the_api_is_large(pages):
    sizes = {path.stem: path.stat().st_size for path in pages if path.stem.startswith("api")}
    assert len(sizes) > 10
    assert {name: size for name, size in sizes.items() if size > LARGEST_API_PAGE} == {}


def test_internal_links_and_anchors_lead_somewhere(html, pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            no_anchor = parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids
            if not target.exists() or no_anchor:
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_pages_load_nothing_from_other_hosts(pages):
    remote = {load for page in pages.values() for load in page.loads if urlsplit(load).netloc}
    assert remote == set()


def test_every_page_shows_the_version(pages):
    assert [path.name for path in pages if f"Version {__version__}" not in path.read_text(encoding="utf-8")] == []


def test_every_picture_has_alternative_text(pages):
    missing = [(p.path.name, img["src"]) for p in pages.values() for img in p.pictures if not img.get("alt")]
    assert missing == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_colab_and_download_buttons_lead_to_the_clean_notebook(html, pages, name):
    page = pages[html / "notebooks" / f"{name}.html"]
    colab = [link for link in page.links if "colab.research.google.com" in link]
    assert colab == ([PUBLISHED.colab(f"notebooks/{name}.ipynb")] if PUBLISHED.repository else [])
    assert f"../_sources/notebooks/{name}.ipynb" in page.links
    clean = (ROOT / "notebooks" / f"{name}.ipynb").read_bytes()
    assert (html / "_sources" / "notebooks" / f"{name}.ipynb").read_bytes() == clean


def test_colab_notebooks_link_to_pages_and_anchors_of_the_book(html, pages, monkeypatch):
    somewhere = "https://example.org"
    monkeypatch.setattr(pair, "PUBLISHED", Published(book=somewhere))
    links, results = set(), pinned_results()
    for source in notebook_sources():
        text = "\n".join(cell.source for cell in pair.for_colab(source, results).cells)
        links |= set(re.findall(rf"\({re.escape(somewhere)}/([^)]+)\)", text))
    assert links
    for link in links:
        parts = urlsplit(link)
        page = pages[html / parts.path]
        assert not parts.fragment or parts.fragment in page.ids, link


def test_each_equation_named_in_a_docstring_is_linked(pages):
    api = [page for path, page in pages.items() if path.stem.startswith("api")]
    named = set()
    for source in (ROOT / "vaeprivacy").rglob("*.py"):
        named |= set(re.findall(r":eq:`([\w-]+)`", source.read_text(encoding="utf-8")))
    assert len(named) >= 8
    linked = {urlsplit(link).fragment for page in api for link in page.links}
    assert {f"equation-{name}" for name in named} <= linked
