"""Terms of the glossary are linked where a page first uses them, in prose and nowhere else."""

import re

import pytest
from conftest import NOTEBOOKS, ROOT
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

TERMS = ("member", "non-member", "adversary", "ROC curve")
LINK = re.compile(r'<a class="reference internal" href="[^"]*#term-([\w-]+)"[^>]*>(?:<span|<em)[^>]*>([^<]*)<')
CASES = {
    "A member, another member.": [("member", "member")],
    "Members of *adversaries*.": [("member", "Members"), ("adversary", "adversaries")],
    "The ROC\ncurve.": [("ROC-curve", "ROC curve")],
    "Non-members, then members.": [("non-member", "Non-members"), ("member", "members")],
    "It remembers memberships, team-members and the members' names.": [("member", "members")],
    "A {term}`member`, then a member.": [("member", "member")],
    "- A list of members.": [("member", "members")],
    "A `member`, then a member.": [("member", "member")],
    "## A member": [],
    "`member`, $member$, **A member?** and [member](https://example.org).": [],
    "```python\nmember\n```": [],
    "$$\nmember\n$$": [],
    "| member |\n|---|\n| adversary |": [],
    "```{admonition} A member\nText.\n```": [],
    "```{figure} https://example.org/member.png\n:alt: A member.\n\nA member.\n```": [],
}


@pytest.fixture(scope="module")
def links(tmp_path_factory) -> list[list[tuple[str, str]]]:
    """Return for each case what a page with its text links: terms, and the words that are links."""
    source = tmp_path_factory.mktemp("source")
    (source / "book").mkdir()
    glossary = "\n\n".join(f"{term}\n  What it means." for term in TERMS)
    (source / "book" / "glossary.md").write_text(f"# Glossary\n\n```{{glossary}}\n{glossary}\n```", encoding="utf-8")
    pages = [f"page-{number}" for number in range(len(CASES))]
    for page, text in zip(pages, CASES, strict=True):
        (source / f"{page}.md").write_text(f"# Page\n\n{text}\n", encoding="utf-8")
    contents = "\n".join(["book/glossary", *pages])
    (source / "index.md").write_text(f"# Book\n\n```{{toctree}}\n{contents}\n```", encoding="utf-8")
    settings = {"extensions": ["myst_parser", "first_use"], "myst_enable_extensions": ["dollarmath"]}
    with docutils_namespace(), pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "book" / "_ext")
        Sphinx(source, None, source / "out", source / "out", "html", settings, status=None, warningiserror=True).build()
    return [found(source / "out" / f"{page}.html") for page in pages]


def found(page) -> list[tuple[str, str]]:
    return [(term, " ".join(words.split())) for term, words in LINK.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("number", range(len(CASES)), ids=list(CASES))
def test_first_uses_in_prose_are_linked(links, number):
    assert links[number] == list(CASES.values())[number]


def test_the_glossary_does_not_link_itself(html):
    assert found(html / "book" / "glossary.html") == []


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_chapter_links_terms(html, name):
    assert len(found(html / "notebooks" / f"{name}.html")) >= 5
