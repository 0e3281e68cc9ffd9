"""Where the project is published: one file says so, all addresses follow from it, and what is not there has no link."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from vaeprivacy.compute import published
from vaeprivacy.compute.published import PUBLISHED, Published
from vaeprivacy.course import grading, otter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import common  # noqa: E402 (found by the line above)
import readme  # noqa: E402

REPOSITORY, BOOK = "https://github.com/someone/something", "https://book.example/pages"
#: Addresses of the project: of its repository at any host's owner of the name, and of pages under its name.
OURS = re.compile(
    r"https?://(?:github\.com/[\w-]+/vaeprivacy|[\w-]+\.github\.io/vaeprivacy|pypi\.org/project/vaeprivacy)"
)
#: pyproject.toml is static: its links are written by hand when the project is published (CONTRIBUTING.md).
BY_HAND = {"tests/golden/texts.json", "tests/golden/texts.py"}


# The impossible


@pytest.mark.parametrize(
    "wrong", [{"repository": "github.com/a/b"}, {"repository": "https://example.org/a/b"}, {"book": "http://book"}]
)
def test_an_address_that_leads_nowhere_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^published.yaml gives the address '.*'; expected https://"):
        Published(**wrong)


# The known answer


def test_what_is_not_published_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Published()
    assert {nowhere.page("x"), nowhere.file("x"), nowhere.raw("x"), nowhere.colab("x"), nowhere.requirement("x")} == {
        ""
    }
    assert nowhere.ref == "main"
    monkeypatch.setattr(grading, "PUBLISHED", nowhere)
    assert grading.read_again("book/running.html#devices") == "Read again: book/running.html#devices"


def test_addresses_follow_from_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    somewhere = Published(f"{REPOSITORY}/", f"{BOOK}/")
    assert somewhere.page("notebooks/vae.html") == f"{BOOK}/notebooks/vae.html"
    assert somewhere.file("LICENSE") == f"{REPOSITORY}/blob/main/LICENSE"
    assert somewhere.raw("a.png") == f"{REPOSITORY}/raw/main/a.png"
    notebook = "https://colab.research.google.com/github/someone/something/blob/main/notebooks/vae.ipynb"
    assert somewhere.colab("notebooks/vae.ipynb") == notebook
    monkeypatch.setattr(grading, "PUBLISHED", somewhere)
    assert grading.read_again("book/running.html") == f"Read again: {BOOK}/book/running.html"


@pytest.mark.parametrize(
    ("version", "package", "requirement", "ref"),
    [
        ("1.2.0", "", f"vaeprivacy[course] @ git+{REPOSITORY}@main", "main"),
        ("1.2.0", "vaeprivacy", "vaeprivacy[course]==1.2.0", "v1.2.0"),
        ("1.3.0.dev0", "vaeprivacy", f"vaeprivacy[course] @ git+{REPOSITORY}@main", "main"),
    ],
)
def test_a_release_installs_itself_and_what_comes_after_it_the_branch(
    monkeypatch: pytest.MonkeyPatch, version: str, package: str, requirement: str, ref: str
) -> None:
    monkeypatch.setattr(published, "VERSION", version)
    somewhere = Published(REPOSITORY, BOOK, package)
    assert (somewhere.requirement("course"), somewhere.ref) == (requirement, ref)


# What is in the repository


def test_no_other_file_holds_an_address_of_the_project() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = {name: ROOT / name for name in listed if name and name not in BY_HAND and (ROOT / name).is_file()}
    found = {name: OURS.findall(path.read_bytes().decode("utf-8", "ignore")) for name, path in texts.items()}
    found.pop("vaeprivacy/published.yaml")
    known = tuple(each for each in (PUBLISHED.repository, PUBLISHED.book) if each)
    # What is made from it names it: README, and the notebooks for Colab.
    made = {name: links for name, links in found.items() if name == "README.md" or name.endswith(".ipynb")}
    assert [name for name, links in made.items() if not all(link.startswith(known) for link in links)] == []
    assert [name for name, links in found.items() if links and name not in made] == []


@pytest.mark.parametrize("repository", ["", REPOSITORY])
def test_pages_have_buttons_only_for_a_repository_that_is_there(repository: str) -> None:
    config = common.config(Published(repository))
    assert config["repository"]["url"] == repository
    assert bool(config["launch_buttons"]["colab_url"]) == config["html"]["use_repository_button"] == bool(repository)


def test_links_of_pages_to_files_of_the_repository_lead_to_files_that_are_there() -> None:
    sources = [*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.md")]
    links = [link for path in sources for link in common.TO_REPOSITORY.findall(path.read_text(encoding="utf-8"))]
    assert len(links) >= 9
    assert [path for _, path in links if not (ROOT / path.partition("#")[0]).exists()] == []
    beside = {path for name in sources for path in re.findall(r"\]\(\.\./([^)#]+)", name.read_text(encoding="utf-8"))}
    others = {path for path in beside if not re.fullmatch(r"notebooks/\w+\.ipynb|book/\w+\.md", path)}
    assert {path.partition("#")[0] for _, path in links} == others


def test_otter_gets_the_package_from_where_it_is() -> None:
    line = otter.PACKAGE.splitlines()[-1]
    release = PUBLISHED.requirement("course")
    assert line == release if release else line.endswith(f"/vaeprivacy-{published.VERSION}-py3-none-any.whl")


# README


def test_readme_is_in_step_with_the_book() -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert readme.in_step(text, PUBLISHED) == text, "Run `make pair` and commit the result."


def test_readme_is_for_a_registry_once_there_is_an_address_and_comes_back() -> None:
    text = readme.README.read_text(encoding="utf-8")
    there, here = readme.in_step(text, Published(REPOSITORY, BOOK, "vaeprivacy")), readme.in_step(text, Published())
    links = re.findall(r"\]\(([^)]+)\)", there)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    assert f"({REPOSITORY}/raw/v{published.VERSION}/.github/in-one-picture.png)" in there
    assert f"({BOOK}/notebooks/vae.html)" in there and "pip install vaeprivacy\n" in there and "badge.svg" in there
    assert there.count("[run](https://colab.research.google.com/github/someone/something/blob/") == len(
        common.notebook_sources(appendix=False)
    )
    assert readme.in_step(there, Published()) == here and "shields.io" not in here and "colab.research" not in here


def test_links_of_readme_to_files_and_headings_lead_somewhere() -> None:
    text = readme.in_step(readme.README.read_text(encoding="utf-8"), Published())
    links = re.findall(r"\]\((?!https:)([^)]+)\)", text)
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall("^#+ (.*)", text, re.M)
    }
    assert len(links) > 30
    assert [link for link in links if link[0] != "#" and not (ROOT / link.partition("#")[0]).exists()] == []
    assert [link for link in links if link[0] == "#" and link[1:] not in headings] == []
