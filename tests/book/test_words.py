"""One word for one idea: the synonyms that the glossary rules out are nowhere in the text."""

import re
from pathlib import Path

import pytest
from common import read_source
from conftest import NOTEBOOKS, ROOT
from pybtex.database import parse_file

PAGES = [*(ROOT / "notebooks" / f"{name}.md" for name in NOTEBOOKS)]
PAGES += [path for path in sorted((ROOT / "book").glob("*.md")) if path.name != "glossary.md"]
PAGES.append(ROOT / "README.md")


def ruled_out() -> list[str]:
    """Return the words that the glossary says are not used."""
    text = " ".join((ROOT / "book" / "glossary.md").read_text(encoding="utf-8").split())
    return [word for line in re.findall(r"\*Not used here:\* ([^.]+)\.", text) for word in line.split(", ")]


def prose(path: Path) -> str:
    """Return the text of a page without code."""
    if path.parent.name == "notebooks":
        text = "\n".join(cell.source for cell in read_source(path).cells if cell.cell_type == "markdown")
    else:
        text = re.sub(r"^```\w*\n.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return " ".join(re.sub(r"`[^`]*`", "", text).split())


def found_in(text: str, words: list[str]) -> list[str]:
    """Return which of some words a text has, also in the plural."""
    return [word for word in words if re.search(rf"\b{re.escape(word)}s?\b", text, flags=re.IGNORECASE)]


def test_a_word_that_is_ruled_out_is_found():
    assert len(ruled_out()) >= 15
    assert found_in("What the Attackers do not know", ruled_out()) == ["attacker"]
    assert found_in("What the adversary knows", ruled_out()) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_one_word_for_one_idea(path):
    assert found_in(prose(path), ruled_out()) == []


def test_each_reference_has_a_doi_or_a_number_at_arxiv():
    entries = parse_file(str(ROOT / "book" / "references.bib")).entries
    neither = {
        key: entry.fields
        for key, entry in entries.items()
        if "doi" not in entry.fields and "eprint" not in entry.fields and "arxiv.org" not in entry.fields.get("url", "")
    }
    dated = {"barbaro2006", "gdpr2016", "wp2014", "edpb2024"}  # of a newspaper, and texts of the law
    assert set(neither) == dated | {"sohn2015", "jordon2019"}  # whose pages at their conferences are linked
    assert all(fields["url"].startswith("https://") for fields in neither.values())
    for key in dated:
        assert re.fullmatch(rf"\d+ \w+ {neither[key]['year']}", neither[key]["note"]), key
    assert len(entries) > 40
