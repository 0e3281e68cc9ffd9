"""The landing page's table: it has the numbers of the saved runs, plays once and again, and stands still when asked."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import dissolving
import explorer
import pytest
from browser import Browser, Page, running
from conftest import ROOT
from pdf import CHROMIUM, NO_CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
RECORD = json.loads(explorer.RECORD.read_text(encoding="utf-8"))
LONGEST_S = 5
FRAMES = "all => all.map((picture) => parseFloat(getComputedStyle(picture).backgroundPositionY))"
OPACITIES = "all => all.map((bar) => Number(getComputedStyle(bar).opacity))"


@pytest.fixture(scope="module")
def landing(tmp_path_factory) -> Path:
    """Write a page that is nothing but the table, far enough down that one must scroll to it."""
    folder = tmp_path_factory.mktemp("landing")
    for name in ("book", "_static"):
        (folder / name).mkdir()
    for name in ("custom.css", "dissolving.js"):
        copy(ROOT / "book" / "_static" / name, folder / "_static")
    head = '<meta charset="utf-8"><link rel="stylesheet" href="../_static/custom.css">'
    body = f'<div style="height: 2000px"></div>{dissolving.html(RECORD)}'
    page = folder / "book" / "intro.html"
    page.write_text(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>", encoding="utf-8")
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as browser:
        yield browser


def opened(browser: Browser, page: Path, **options: object) -> Page:
    """Open the page on a phone."""
    tab = browser.new_context(viewport={"width": 390, "height": 800}, **options).new_page()
    tab.goto(page.as_uri())
    return tab


def is_still(tab: Page) -> bool:
    """Return whether each column shows its own frame, and all bars."""
    frames = tab.eval_on_selector_all(".dissolving i", FRAMES)
    bars = tab.eval_on_selector_all(".dissolving b", OPACITIES)
    return frames == pytest.approx([100 * i / 6 for i in range(7)], abs=0.01) and set(bars) == {1}


def test_numbers_are_those_of_the_record(browser, landing):
    tab = opened(browser, landing, java_script_enabled=False)
    rows = [row.inner_text().split() for row in tab.locator(".dissolving tbody tr:has(td)").all()]
    promised, pictures, release, classifier, vae, accuracy = rows
    steps = dissolving.steps_of(RECORD)
    assert [step["epsilon"] for step in steps] == [None, 16, 8, 4, 2, 1]
    assert promised == ["128", "64", "32", "16", "8"] and pictures == []
    assert release[1:] == [f"{step['attacks']['likelihood']['auc'][0]:.2f}" for step in steps[1:]]
    assert release[0] == f"{steps[0]['attacks']['nearest']['auc'][0]:.2f}"
    assert [len(row) for row in (release, classifier, vae)] == [6, 6, 6] and len(set(vae)) == 1
    assert accuracy == [f"{one['accuracy'][0]:.0%}" for one in (RECORD["raw"], *steps)]


def test_without_scripts_or_movement_it_stands_still(browser, landing):
    for options in ({"java_script_enabled": False}, {"reduced_motion": "reduce"}):
        tab = opened(browser, landing, **options)
        tab.locator(".dissolving").scroll_into_view_if_needed()
        assert is_still(tab) and tab.locator(".dissolving button").is_hidden()


def test_it_waits_for_its_reader_plays_once_and_again_when_asked(browser, landing):
    tab = opened(browser, landing, reduced_motion="no-preference")
    running_now = "() => document.getAnimations().filter((one) => one.playState === 'running').length"
    assert tab.evaluate(running_now) == 0 and not is_still(tab)
    ends = tab.evaluate("() => document.getAnimations().map((one) => one.effect.getComputedTiming().endTime)")
    assert 1000 < max(ends) <= 1000 * LONGEST_S
    tab.locator(".dissolving button").scroll_into_view_if_needed()
    for _ in range(2):
        tab.wait_for_function(f"({running_now})() > 0")
        tab.evaluate("document.getAnimations().forEach((one) => one.finish())")
        assert is_still(tab) and tab.evaluate(running_now) == 0
        tab.get_by_role("button", name="Play again").press("Enter")


def test_on_paper_it_is_still_though_it_waits(browser, landing):
    tab = opened(browser, landing, reduced_motion="no-preference")
    tab.emulate_media(media="print")
    assert is_still(tab) and tab.locator(".dissolving button").is_hidden()


def test_it_takes_the_place_of_its_line_and_a_page_without_one_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- dissolving -->\n\nAfter.\n", encoding="utf-8")
    dissolving.put_into(page)
    directive = f"```{{raw}} html\n{dissolving.html(RECORD)}```"
    assert page.read_text(encoding="utf-8") == f"Before.\n\n{directive}\n\nAfter.\n"
    with pytest.raises(ValueError, match="0 times"):
        dissolving.put_into(page)


def test_every_picture_has_words_and_nothing_is_loaded_from_elsewhere():
    html = dissolving.html(RECORD)
    names = re.findall(r'<i role="img" aria-label="([^"]+)">', html)
    assert len(set(names)) == html.count("<i") == 7
    assert set(re.findall(r'(?:src|href)="([^"]+)"|url\((data:image/png)', html)) == {
        ("../_static/dissolving.js", ""),
        ("", "data:image/png"),
    }
    assert len(html) < 20_000
