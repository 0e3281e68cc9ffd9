"""Measured numbers on pages that are only read, put in by the build; and the sections that pages name exist."""

import json
import re

import inserts
import pytest
import yaml
from common import read_source
from conftest import ROOT
from nbformat.v4 import new_markdown_cell, new_notebook

CHAPTERS = [
    (
        new_notebook(cells=[new_markdown_cell("(label)="), new_markdown_cell("# Title\n" + "word " * 400)]),
        {"name": name, "seconds": 150.0, "hardware": {"cores": 2, "processor": "Some Processor"}},
    )
    for name in inserts.FIRST_HOUR
]


def test_marks_are_replaced_by_what_was_measured(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- insert: chapter times -->\n\nAfter.\n")
    inserts.insert(page, CHAPTERS)
    text = page.read_text()
    assert "| Title | 2 minutes | 2 minutes |" in text and "On 2 cores of Some Processor." in text
    assert "insert" not in text
    page.write_text("<!-- insert: nothing -->\n")
    with pytest.raises(KeyError, match="nothing"):
        inserts.insert(page, CHAPTERS)


def test_the_first_hour_is_the_part_start_and_lasts_an_hour():
    contents = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    assert [f"notebooks/{name}" for name in inserts.FIRST_HOUR] == [
        chapter["file"] for chapter in contents["parts"][0]["chapters"]
    ]
    chapters = [(read_source(ROOT / "notebooks" / f"{name}.md"), {"name": name}) for name in inserts.FIRST_HOUR]
    total = inserts.reading_path(chapters).splitlines()[-1]
    assert 40 <= int(total.split("|")[2]) <= 60


def test_every_insert_is_on_a_page_and_can_be_made():
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md"))
    assert set(inserts.MARK.findall(pages)) == set(inserts.INSERTS)
    assert all(make(CHAPTERS) for make in inserts.INSERTS.values())


def test_the_sections_that_cure_a_misconception_exist():
    page = (ROOT / "book" / "recap.md").read_text(encoding="utf-8")
    named = re.findall(r"\]\(\.\./notebooks/(\w+)\.ipynb\), \*([^*]+)\* \|", page)
    assert len(named) == page.count('\n| "') >= 12
    for chapter, section in named:
        assert f"\n## {section}\n" in (ROOT / "notebooks" / f"{chapter}.md").read_text(encoding="utf-8"), section


def test_the_board_of_the_book_is_as_its_text_says():
    record = json.loads((ROOT / "benchmarks" / "results" / "contest.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in record["rows"]}
    order = [row["name"] for row in record["rows"] if not row["baseline"]]
    assert order == ["asks-and-reads", "asks", "guesses"]
    assert [(rows[name]["rank_best"], rows[name]["rank_worst"]) for name in order] == [(1, 1), (2, 2), (3, 3)]
    assert rows["loss threshold"]["auc_low"] > 0.5 and rows["loss threshold"]["tpr_high"] < 0.02
    assert rows["likelihood of the release"]["tpr"] > rows["asks"]["tpr"]
    assert record["seconds"]["make"] < 60
