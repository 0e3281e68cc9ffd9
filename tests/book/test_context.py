"""Pages around the method: dated sources, one sheet of paper, and a page for students without a teacher's command."""

import re

import pytest
from conftest import ROOT
from pdf import CHROMIUM, NO_CHROMIUM, READY
from playwright.sync_api import sync_playwright
from pybtex.database import parse_file
from pypdf import PdfReader

CITED = re.compile(r"\{cite:[pt]\}`([^`]+)`")


def text_of(page: str) -> str:
    return (ROOT / "book" / f"{page}.md").read_text(encoding="utf-8")


def uncited(text: str) -> list[str]:
    """Return the rows and items of a page that tell of a year and name no source."""
    blocks = re.findall(r"^(?:\| .*|- (?:.*\n(?:  .*\n)*)|[A-Z*].*\n(?:\S.*\n)*)", text, flags=re.MULTILINE)
    return [
        block for block in blocks if re.search(r"\b(?:19|20)\d\d\b", CITED.sub("", block)) and not CITED.search(block)
    ]


def test_an_event_without_a_source_is_found():
    text = "| 2006: a list | It named people. | {cite:t}`a` |\n| 2007: another | too | |\n\nIn 2008, so did this.\n\n"
    assert [block[:9] for block in uncited(text)] == ["| 2007: a", "In 2008, "]


@pytest.mark.parametrize("page", ["why", "related"])
def test_what_has_a_date_has_a_source_and_each_source_has_a_year(page):
    assert uncited(text_of(page)) == []
    entries = parse_file(str(ROOT / "book" / "references.bib")).entries
    keys = {key.strip() for keys in CITED.findall(text_of(page)) for key in keys.split(",")}
    assert len(keys) >= 10
    assert all(re.fullmatch(r"(19|20)\d\d", entries[key].fields["year"]) for key in keys)


@pytest.mark.parametrize(
    "word", ["GDPR", "EDPB", "GAN", "diffusion", "PATE", "Private Evolution", "Homer", "Netflix", "AOL"]
)
def test_what_readers_search_for_is_on_a_page_around_the_method(word):
    assert re.search(rf"\b{word}\b", text_of("why") + text_of("related"))


@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_the_cheat_sheet_prints_on_one_page_of_a4(html, tmp_path):
    path = tmp_path / "sheet.pdf"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(color_scheme="light")
        page.goto((html / "book" / "cheat_sheet.html").as_uri())
        page.evaluate(READY)
        page.pdf(path=path, format="A4", print_background=True)
        browser.close()
    [sheet] = PdfReader(path).pages
    text = " ".join(sheet.extract_text().split())
    for heading in re.findall(r"^## (.+?)(?:,|$)", text_of("cheat_sheet"), flags=re.MULTILINE):
        assert heading in text, heading


def test_the_page_of_students_is_one_screen_without_a_teachers_command():
    page = text_of("coursework")
    assert len(page.split()) <= 360
    assert re.findall(r"vaeprivacy course (\w+)", page) == ["check"]
    assert not re.search(r"\bkey\b|--roster|teacher\.key", page)


def test_what_moved_to_the_teachers_is_found_under_its_old_address():
    page, now = text_of("coursework"), text_of("grading")
    old = ("learning-outcomes", "for-teachers", "rubric-proof", "how-sure-are-the-tests", "around-the-assignments")
    for anchor in (*old, "what-it-protects-against-and-what-not"):
        assert re.search(rf'id="{anchor}"', page), anchor
    assert "[Grading](grading.md)" in page.split("| assignment |")[0]
    assert "(rubric-proof)=" in now and "vaeprivacy course grade" in now
    assert "(what-students-get-wrong)=" in text_of("teaching") and "](recap.md)" in text_of("teaching")


def test_sections_that_moved_to_the_appendix_are_found_under_their_old_addresses():
    old = (ROOT / "notebooks" / "beyond.md").read_text(encoding="utf-8")
    sections = ("How much gets through", "Decode what was probably meant", "Tell encoder and decoder the label")
    for section in (*sections, "Train for the noise", "Directions instead of positions"):
        anchor = section.lower().replace(" ", "-")
        assert f"\n({anchor})=\n" in old.split("[Part by part](beyond_parts.ipynb)")[0], anchor
        assert f"\n## {section}\n" in (ROOT / "notebooks" / "beyond_parts.md").read_text(encoding="utf-8"), section
