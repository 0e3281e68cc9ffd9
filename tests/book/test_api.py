"""The API, one page a room, and the list of what to read first: both are made from the package's folders."""

import ast
import re

import api
import pytest
import reading_list
from common import book_pages
from conftest import ROOT

import vaeprivacy
from vaeprivacy.compute.published import Published

MODULE = re.compile(r"^\.\. automodule:: ([\w.]+)$", flags=re.MULTILINE)
LARGEST = 400_000  # bytes of a page
#: What the reading list must have at least.
WANTED = (
    *("checks", "randomness", "networks", "distances", "bounds", "guarantee", "vae", "vae_training", "trainers"),
    *("synthesizer", "classifiers", "metrics", "mechanisms.base", "mechanisms.laplace"),
    *("attacks.base", "attacks.shadow", "attacks.lira"),
)


def public_modules() -> list[str]:
    """Return the names of all modules of which no part is private."""
    found = []
    for path in (ROOT / "vaeprivacy").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts) and path.parent.name != "sources":  # those are assignments
            found.append(".".join(parts))
    return found


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return api.pages()


def test_each_public_module_is_on_one_page(pages):
    documented = [name for text in pages.values() for name in MODULE.findall(text)]
    assert sorted(documented) == sorted(public_modules())
    assert len(documented) > 80


def test_a_module_is_on_the_page_that_links_lead_to(pages):
    for page, text in pages.items():
        assert {api.page_of(name) for name in MODULE.findall(text)} <= {f"book/{page}"}
    assert api.page_of("vaeprivacy.attacks.lira.LiRA.score") == "book/api_attacks"
    assert api.page_of("vaeprivacy.vae.VAE.elbos") == api.page_of("vaeprivacy") == "book/api_idea"
    assert api.page_of("vaeprivacy.dp_sgd.DPSGDTrainer") == "book/api_beside"


def test_the_package_lists_its_modules_and_rooms():
    files = {path.stem for path in (ROOT / "vaeprivacy").glob("[!_]*.py")}
    assert set(api.listed()) == files | set(api.rooms()) - {api.IDEA, api.BESIDE}
    assert len(set(api.listed())) == len(api.listed())
    documented = [name for page in (api.IDEA, api.BESIDE) for name in MODULE.findall(api.room_page(page))][1:]
    assert documented == [f"vaeprivacy.{name}" for name in api.listed() if name in files]


def test_the_contents_have_each_page_once_in_the_order_of_the_package(pages):
    assert [page for page in book_pages() if page.startswith("book/api")] == [f"book/{page}" for page in pages]
    assert book_pages().count("book/reading_list") == 1


def test_each_name_of_the_package_is_found_where_it_is_defined():
    names = dict(api.facade())
    assert sorted(names) == sorted(vaeprivacy.__all__)
    for name, module in names.items():
        defined = getattr(getattr(vaeprivacy, name), "__module__", None)
        assert defined == module, name
        assert api.what_it_is(module, name), f"{module}.{name} has no docstring, or no comment with #: above it"


def test_commands_are_left_to_their_own_help(pages):
    commands = api.command_functions()
    names = {command for of_module in commands.values() for command, _ in of_module.values()}
    assert {"vaeprivacy run", "vaeprivacy course make", "vaeprivacy course contest rank"} <= names
    for module, of_module in commands.items():
        for function, (command, _) in of_module.items():
            assert f"| `{command}` |" in pages["api_cli"]
            assert re.search(rf"automodule:: {module}\n   :exclude-members: .*\b{function}\b", pages["api_cli"])


@pytest.mark.parametrize(
    ("docstring", "first"),
    [
        ("One sentence. Another\none.\n\nMore.", "One sentence. Another one."),
        ("See :eq:`elbo`, :func:`~a.b.c` and ``code``: a | b.", r"See {eq}`elbo`, `a.b.c` and `code`: a \| b."),
        (None, ""),
    ],
)
def test_a_docstring_is_summed_up_in_markdown(docstring, first):
    assert api.summary(docstring) == first


def test_what_a_folder_defines_itself_is_documented():
    directives = "\n".join(api.directives("vaeprivacy.datasets", []))
    assert ".. autodata:: vaeprivacy.datasets.LOADERS\n   :no-value:\n" in directives
    assert ".. autofunction:: vaeprivacy.datasets.load" in directives
    assert "load_digits" not in directives  # which is imported


def test_pages_are_built_without_a_warning_and_each_module_can_be_linked_at_one_place(html, pages):
    # Of the whole book, in which every warning is an error: a book of these pages alone took as long to build again.
    built = {page: (html / "book" / f"{page}.html").read_text(encoding="utf-8") for page in pages}
    anchors = [anchor for text in built.values() for anchor in re.findall(r'id="module-([\w.]+)"', text)]
    assert sorted(anchors) == sorted(public_modules())
    for name, module in api.facade():
        page = api.page_of(module).removeprefix("book/")
        assert f'href="{page}.html#{module}.{name}"' in built["api"], name
        assert f'id="{module}.{name}"' in built[page], name
    assert {page: len(text) for page, text in built.items() if len(text) > LARGEST} == {}


def test_the_list_of_what_to_read_first_is_short():
    for modules, most in ((reading_list.MODULES, 3000), (reading_list.MOMENTS, 600)):
        assert sum(len(api.path_of(name).read_text().splitlines()) for name in modules) <= most


def test_the_list_has_what_the_idea_consists_of_once():
    assert {f"vaeprivacy.{name}" for name in WANTED} <= set(reading_list.MODULES)
    assert len(set(reading_list.MODULES)) == len(reading_list.MODULES)
    assert [name for name in reading_list.MODULES if not api.path_of(name).is_file()] == []


def test_no_module_of_the_list_needs_a_later_one():
    both = reading_list.MODULES + reading_list.MOMENTS
    for number, module in enumerate(both):
        later = set(both[number + 1 :])
        assert later & set(reading_list.imports_of(module)) == set(), module


def test_imports_are_seen_wherever_they_stand(monkeypatch):
    source = "import a.b\ndef f():\n    from c import d\nfrom . import e\n"
    monkeypatch.setattr(reading_list, "tree_of", lambda module: ast.parse(source))
    assert set(reading_list.imports_of("any")) == {"a.b", "c", "c.d"}


def test_the_page_has_each_module_its_source_and_the_sum(monkeypatch):
    monkeypatch.setattr(reading_list, "PUBLISHED", Published(repository="https://github.com/someone/something"))
    text = reading_list.page()
    rows = re.findall(r"^\| \d+ \| \{py:obj\}`[\w.]+ <([\w.]+)>` \| \[(\d+)\]\((.+?)\) \| (.+) \|$", text, flags=re.M)
    assert [module for module, *_ in rows] == [*reading_list.MODULES, *reading_list.MOMENTS]
    for modules in (reading_list.MODULES, reading_list.MOMENTS):
        assert f"| together | {sum(int(lines) for module, lines, *_ in rows if module in modules):,} |" in text
    for _, lines, link, holds in rows:
        source = (ROOT / link.removeprefix("https://github.com/someone/something/blob/main/")).read_text(
            encoding="utf-8"
        )
        assert source.count("\n") == int(lines) and holds.endswith(".")
