"""The book in a browser: no errors, nothing from elsewhere, no overflow, accessible, light, searchable, printable."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import unquote, urlsplit

import pytest
from browser import (
    MOST_BYTES,
    THEMES,
    Browser,
    Reader,
    grave,
    outside,
    running,
    serving,
    spilled,
)
from common import PUBLISHED, book_pages
from conftest import ROOT
from pdf import CHROMIUM, NO_CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
# All pages of the contents, lists that Sphinx makes, and two pages with source of the package, which are all alike.
PAGES = [
    *(f"{page}.html" for page in book_pages()),
    *("search.html", "genindex.html", "py-modindex.html", "prf-prf.html"),
    *("_modules/index.html", "_modules/vaeprivacy/experiments/sweeps.html"),
]


@pytest.fixture(scope="module")  # not longer: the event loop of Playwright would be in the way of other tests
def browser(html) -> Iterator[Browser]:  # which starts after the notebooks have run, for the same reason
    with running() as browser:
        yield browser


@pytest.fixture(scope="module")
def reader(browser, html) -> Iterator[Reader]:
    with serving(html) as site:
        yield Reader(browser, site)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_error(reader, page):
    assert reader.look(page).errors == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_no_other_host(reader, page):
    assert outside(reader.look(page), reader.site) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_phone_tablet_and_laptop(reader, page):
    assert spilled(reader.look(page)) == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("page", PAGES)
def test_axe_has_no_grave_finding(reader, page, theme):
    assert grave(reader.look(page), theme) == []


@pytest.mark.parametrize("page", PAGES)
def test_the_first_load_of_a_page_is_small(reader, page):
    assert 0 < reader.look(page).loaded_bytes < MOST_BYTES


@pytest.mark.parametrize("page", [page for page in PAGES if (ROOT / page).with_suffix(".md").is_file()])
def test_buttons_lead_to_files_that_exist(html, reader, page):
    buttons = reader.look(page).buttons
    roots = {  # where an address stands for a file, and the folder that the file must be in
        PUBLISHED.colab(""): ROOT,
        PUBLISHED.repository and f"{PUBLISHED.repository}/edit/{PUBLISHED.ref}/": ROOT,
        f"{reader.site}/": html,
    }
    roots.pop("", None)  # what is not published has no button
    files = {root: [unquote(link.removeprefix(root)) for link in buttons if link.startswith(root)] for root in roots}
    missing = [file for root, folder in roots.items() for file in files[root] if not (folder / file).is_file()]
    assert missing == []
    # A notebook has all three buttons, a page that is only read has no Colab.
    of_repository = [int(page.startswith("notebooks/")), 1] if PUBLISHED.repository else []
    assert [len(found) for found in files.values()] == [*of_repository, 1]


@pytest.mark.parametrize(
    ("query", "page"),
    [
        pytest.param("Disjoint records", "notebooks/guarantee.html", id="theorem"),
        pytest.param("adaptive attack", "book/glossary.html", id="term"),
        pytest.param("relative_positions_that_no_page_has", None, id="nothing"),
        pytest.param("picture_grid", "book/api_reporting.html", id="function"),
    ],
)
def test_search_finds(reader, query, page):
    tab = reader.open(f"search.html?q={query}")
    # The list grows until the status says how many pages were found.
    status = "document.querySelector('.search-summary')?.textContent ?? ''"
    tab.wait_for_function(f"/finished|did not match/.test({status})")
    found = tab.eval_on_selector_all("ul.search a[href]", "links => links.map((link) => link.href)")
    pages = {urlsplit(link).path.removeprefix("/") for link in found}
    assert page in pages if page else not pages


def test_a_dark_page_is_printed_light_whole_and_alone(reader):
    tab = reader.open("notebooks/framework.html")
    tab.evaluate("document.documentElement.dataset.theme = 'dark'")
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.emulate_media(media="print")
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    shown = (
        "(all) => all.filter((element) => element.checkVisibility()).map((element) => element.outerHTML.slice(0, 90))"
    )
    hidden = "(all) => all.filter((element) => !element.checkVisibility()).map((e) => e.outerHTML.slice(0, 90))"
    try:
        assert dark != "rgb(255, 255, 255)"
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert tab.eval_on_selector_all("button, .bd-sidebar, .headerlink, .prev-next-area", shown) == []
        content = ".solution p, .sd-dropdown p, article img"  # answers of the quiz, too
        assert tab.eval_on_selector_all(content, "(all) => all.length") > 2
        assert tab.eval_on_selector_all(content, hidden) == []
        addresses = "(links) => links.map((link) => getComputedStyle(link, '::after').content)"
        assert set(tab.eval_on_selector_all("article a[href]", addresses)) == {"none"}
    finally:
        tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        assert tab.eval_on_selector_all(".sd-dropdown[open]", "(all) => all.length") == 0
        tab.emulate_media(media="screen")


FAULTS = {
    "sound": "<p>Text.</p>",
    "error": "<script>console.error('planted')</script>",
    "exception": "<script>throw new Error('planted')</script>",
    "missing file": '<script src="missing.js"></script>',
    "elsewhere": '<img src="http://elsewhere.example/planted.png" alt="A picture">',
    "wide": '<table class="planted"><tr><td style="min-width: 1000px">Wide</td></tr></table>',
    "pale": '<p style="color: #aaa">Planted</p>',
    "pale in the dark": "<style>[data-theme=dark] p { color: #555; background: #222 }</style><p>Planted</p>",
    "the last of many is pale": 60 * "<p><b>Sound</b></p>" + '<p><b style="color: #aaa">Planted</b></p>',
    "every second row is pale": "<style>tr:nth-child(even) { color: #aaa }</style><table>"
    + "".join(f"<tr><td>Row {number}</td></tr>" for number in range(9))
    + "</table>",
    "no alternative": '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">',
    "heavy": '<script src="heavy.js"></script>',
}


@pytest.fixture(scope="module")
def faulty(browser, tmp_path_factory) -> Iterator[Reader]:
    """Read small pages with one planted fault each."""
    folder: Path = tmp_path_factory.mktemp("faulty")
    head = '<!doctype html><html lang="en"><head><title>Page</title><link rel="icon" href="data:,"></head>'
    for name, body in FAULTS.items():
        page = f"{head}<body><main><h1>Page</h1>{body}</main></body></html>"
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    noise = Random(0).randbytes(MOST_BYTES).hex()  # which compression halves, no more
    (folder / "heavy.js").write_text(f"// {noise}", encoding="utf-8")
    with serving(folder) as site:
        yield Reader(browser, site)


def refused(reader: Reader, name: str) -> dict[str, str]:
    """Return which checks refuse a page, with what they say."""
    facts = reader.look(f"{name}.html")
    found = {"error": facts.errors, "elsewhere": outside(facts, reader.site), "wide": spilled(facts)}
    found |= {theme: grave(facts, theme) for theme in THEMES}
    found["heavy"] = [str(facts.loaded_bytes)] if facts.loaded_bytes >= MOST_BYTES else []
    return {check: " ".join(said) for check, said in found.items() if said}


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("sound", set()),
        ("error", {"error"}),
        ("exception", {"error"}),
        ("missing file", {"error"}),
        ("elsewhere", {"error", "elsewhere"}),
        ("wide", {"wide"}),
        ("pale", {"light", "dark"}),
        ("pale in the dark", {"dark"}),
        ("the last of many is pale", {"light", "dark"}),
        ("every second row is pale", {"light", "dark"}),
        ("no alternative", {"light"}),
        ("heavy", {"heavy"}),
    ],
)
def test_a_planted_fault_is_refused(faulty, name, checks):
    assert set(refused(faulty, name)) == checks


@pytest.mark.parametrize(
    ("name", "check", "said"),
    [
        ("error", "error", "planted"),
        ("elsewhere", "elsewhere", "http://elsewhere.example/planted.png"),
        ("wide", "wide", "table.planted"),
        ("pale", "light", "color-contrast"),
        ("no alternative", "light", "image-alt"),
    ],
)
def test_what_is_refused_is_named(faulty, name, check, said):
    assert said in refused(faulty, name)[check]
