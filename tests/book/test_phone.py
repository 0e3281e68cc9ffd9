"""The first book on a phone: only code scrolls sideways, numbers stay whole, the diagram can be read."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from browser import SPILLED, Browser, Page, running
from common import book_pages
from conftest import ROOT
from pdf import CHROMIUM, NO_CHROMIUM, READY

in_browser = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
START = ("one_page", "membership_inference", "vae", "metric_privacy", "framework", "results")
FURTHER = ("beyond", "covering", "moments_tested")
READ = ("intro", "why", "related", "recap", "cheat_sheet", "coursework")
ON_PHONE = [f"notebooks/{name}" for name in START + FURTHER] + [f"book/{name}" for name in READ]
PAGES = [page for page in book_pages() if page in ON_PHONE]
WIDTH, HEIGHT = 390, 800
COLUMN = 358  # px that such a window leaves for text
STATIC = ROOT / "book" / "_static"
DIAGRAMS = ("framework.svg", "framework-narrow.svg")

# What is wider than the box that it scrolls in, but code. (What is folded has no size.)
SCROLLED = """() => [...document.querySelectorAll("article *")].filter((box) =>
  /auto|scroll/.test(getComputedStyle(box).overflowX) && box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 0 &&
  !box.closest("pre, .highlight")
).map((box) => `${box.localName} of ${box.scrollWidth} px in ${box.clientWidth}: ` +
  (box.closest("[id]")?.id ?? "") + " " + box.textContent.trim().replace(/\\s+/g, " ").slice(0, 60))"""
# Numbers with an interval that stand on more than one line.
BROKEN = r"""() => {
  const found = []
  const texts = document.createTreeWalker(document.querySelector("article"), NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const text = texts.currentNode
    if (text.parentElement.closest("pre, script, style")) continue
    for (const match of text.data.matchAll(/-?\d[\d.,]*%?\s\(-?\d[\d.,]*%?\sto\s-?\d[\d.,]*%?\)/g)) {
      const range = document.createRange()
      range.setStart(text, match.index)
      range.setEnd(text, match.index + match[0].length)
      const lines = new Set([...range.getClientRects()].map((line) => Math.round(line.top)))
      if (lines.size > 1) found.push(match[0])
    }
  }
  return found
}"""
# Formulas that reach into the box of their number.
COLLIDING = """() => [...document.querySelectorAll("article div.math:has(.eqno)")].filter((box) => {
  const [number, formula] = [".eqno", "mjx-math"].map((name) => box.querySelector(name)?.getBoundingClientRect())
  return formula && number.left < formula.right && formula.left < number.right &&
    number.top < formula.bottom && formula.top < number.bottom
}).map((box) => box.id)"""
FAULTS = {
    "sound": "<table class='table'><tr><td>0.565 (0.549 to 0.581)</td></tr></table><pre>" + 90 * "x" + "</pre>",
    "wide table": f"<table class='table'><tr><td>{90 * 'x'}</td></tr></table>",
    "broken interval": f"<p style='width: 9em'>An AUC of {'0.565 (0.549 to 0.581)'}.</p>",
    "formula over its number": "<div class='math' style='display: block'>"
    "<span class='eqno' style='float: right'>(1)</span><mjx-math style='display: block'>x</mjx-math></div>",
    "wide page": "<div style='width: 500px'>x</div>",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as browser:
        yield browser


def new_phone(browser: Browser) -> Page:
    """Return a new tab of the size of a phone."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
    return context.new_page()


@pytest.fixture(scope="module")
def phone(browser) -> Page:
    return new_phone(browser)


def opened(phone: Page, path: Path) -> Page:
    """Open a page from the disk and wait until its formulas stand."""
    phone.goto(path.as_uri())
    phone.evaluate(READY)
    return phone


@pytest.fixture(scope="module")  # pytest gives a page to all its tests, which only look: formulas take seconds to stand
def page(request, browser, html) -> Iterator[Page]:
    """Open the page of the book that tests are about, in a tab of its own."""
    page = opened(new_phone(browser), html / f"{request.param}.html")
    yield page
    page.context.close()


of_each_page = pytest.mark.parametrize("page", PAGES, indirect=True)


@in_browser
@of_each_page
def test_nothing_but_code_scrolls_sideways(page):
    assert page.evaluate(SPILLED) + page.evaluate(SCROLLED) == []


@in_browser
@of_each_page
def test_no_interval_is_broken(page):
    assert page.evaluate(BROKEN) == []


@in_browser
@of_each_page
def test_no_formula_runs_into_its_number(page):
    assert page.evaluate(COLLIDING) == []


@in_browser
@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("sound", [0, 0, 0, 0]),
        ("wide page", [1, 0, 0, 0]),
        ("wide table", [0, 1, 0, 0]),
        ("broken interval", [0, 0, 1, 0]),
        ("formula over its number", [0, 0, 0, 1]),
    ],
)
def test_a_planted_fault_is_found(phone, tmp_path, name, faults):
    page = opened(phone, written(tmp_path, FAULTS[name]))
    found = [page.evaluate(script) for script in (SPILLED, SCROLLED, BROKEN, COLLIDING)]
    assert [int(bool(each)) for each in found] == faults, found


def written(folder: Path, body: str) -> Path:
    """Write a page with the book's own style, and return where it is."""
    path, style = folder / "page.html", (STATIC / "custom.css").as_uri()
    head = f'<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="{style}">'
    pre = "<style>pre { overflow-x: auto }</style>"
    path.write_text(f"<!doctype html><head>{head}{pre}</head><body><article>{body}</article></body>", encoding="utf-8")
    return path


# The diagram, which is drawn twice


def words(name: str) -> list[str]:
    """Return the words of a drawing, sorted."""
    texts = ElementTree.parse(STATIC / name).iter("{http://www.w3.org/2000/svg}text")
    return sorted(" ".join(text.text for text in texts).split())


def test_both_drawings_say_the_same():
    wide, narrow = map(words, DIAGRAMS)
    assert wide == narrow and "adversaries" in wide and wide.count("record?") == 2


def test_letters_are_large_enough_on_a_phone():
    drawing = ElementTree.parse(STATIC / "framework-narrow.svg").getroot()
    width = float(drawing.get("viewBox").split()[2])
    text = (STATIC / "framework-narrow.svg").read_text(encoding="utf-8")
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', text)]
    assert sizes and min(sizes) * COLUMN / width >= 14


@in_browser
def test_one_of_the_drawings_is_shown_and_on_paper_the_wide_one(phone, tmp_path):
    drawing = f'alt="A drawing" src="{STATIC.as_uri()}/framework.svg"'
    wide, narrow = (f'<img class="{name}-only" {drawing}>' for name in ("wide", "narrow"))
    path = written(tmp_path, f'<a class="wide-only" href="#">{wide}</a>{wide}{narrow}<a href="#">{narrow}</a>')
    page = opened(phone, path)
    shown = "() => [...document.querySelectorAll('a, img')].map((element) => element.checkVisibility())"
    only_wide, only_narrow = [True, True, True, False, False, False], [False, False, False, True, True, True]
    try:
        assert page.evaluate(shown) == only_narrow
        page.emulate_media(media="print")
        assert page.evaluate(shown) == only_wide
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": 768, "height": HEIGHT})
        assert page.evaluate(shown) == only_wide
    finally:
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


@in_browser
@pytest.mark.parametrize("page", ["book/intro"], indirect=True)
def test_the_landing_page_shows_a_drawing_for_its_width(page):
    shown = page.eval_on_selector_all("article img", "all => all.filter((e) => e.checkVisibility()).map((e) => e.src)")
    assert [src.rpartition("/")[2] for src in shown if "/framework" in src] == ["framework-narrow.svg"]
