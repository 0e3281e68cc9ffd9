"""Sentences bound to results: unknown names, false claims and drifted values stop the build, and say so."""

import copy
import re
from dataclasses import asdict

import nbformat
import pytest
from changes import changed_numbers, changed_pages, page
from common import read_source
from conftest import NOTEBOOKS, ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from values import PLACE, Results, check, filled, filled_notebook, pinned_file, pinned_results, problems, results_of

from vaeprivacy.reporting.chapter import MIME, Reported

AUC = Reported(0.6, 0.55, 0.65, 5)
RESULTS = {"a": Results({"AUC": AUC}, {"noise lowers it": True}, {"noise lowers it": "0.5 is below 0.6"})}
UNBROKEN = str(AUC).replace(" ", "\N{NO-BREAK SPACE}")
CLAIM = "{claim}`noise\nlowers it`, and {claim}`*it* helps <noise lowers it>`"


def run_that_says(*said: dict, parameters: dict | None = None) -> nbformat.NotebookNode:
    outputs = [new_output("display_data", data={"text/plain": "line", MIME: one}) for one in said]
    papermill = {"parameters": parameters or {}}
    return new_notebook(cells=[new_code_cell("1", outputs=outputs)], metadata={"papermill": papermill})


def claimed(holds: bool) -> dict:
    return {"kind": "claim", "sentence": "noise lowers it", "holds": holds, "shown": "0.7, 0.6"}


# What is read from a notebook


def test_values_and_claims_are_read_from_an_executed_notebook():
    found = results_of(run_that_says({"kind": "value", "name": "AUC", **asdict(AUC)}, claimed(True)))
    assert found == Results({"AUC": AUC}, {"noise lowers it": True}, {"noise lowers it": "0.7, 0.6"})
    assert not results_of(run_that_says(parameters={"dataset": "digits"})).of_book


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_a_claim_made_of_several_numbers_holds_for_all_or_not_at_all(order):
    assert results_of(run_that_says(*map(claimed, order))).claims == {"noise lowers it": False}


# What is put into a page


def test_numbers_and_claims_are_put_into_sentences():
    assert filled("an AUC of {value}`AUC`, {number}`AUC`", "a", RESULTS) == (f"an AUC of {UNBROKEN}, 0.600")
    assert filled(CLAIM, "a", RESULTS) == "noise\nlowers it, and *it* helps"
    assert filled("{number}`a: AUC`; {claim}`a: noise lowers it`", "intro", RESULTS) == "0.600; a: noise lowers it"


@pytest.mark.parametrize("text", ["{value}`AUX`", "{number}`b: AUC`", "{claim}`noise raises it`", "{claim}`AUC`"])
def test_a_name_that_nothing_reported_is_refused(text):
    with pytest.raises(ValueError, match=r"^a: no \w+ '.+' is known of the notebook a\. .* run `make pin`\.$"):
        filled(text, "a", RESULTS)


def test_captions_and_alternative_texts_are_filled():
    metadata = {"mystnb": {"figure": {"caption": "at {number}`AUC`"}, "image": {"alt": "{value}`AUC`"}}}
    outputs = [new_output("display_data", data={"text/plain": "line", MIME: claimed(True)})]
    figure = new_code_cell("f()", metadata=copy.deepcopy(metadata), outputs=outputs)
    cells = [figure, new_markdown_cell("{number}`AUC`")]
    first, second = filled_notebook(new_notebook(cells=cells), "a", RESULTS).cells
    assert first.metadata.mystnb.figure.caption == "at 0.600"
    assert first.metadata.mystnb.image.alt == UNBROKEN
    assert second.source == "0.600"
    assert first.outputs[0].data == {"text/plain": "line"}


# What stops the build


def changed(**fields) -> dict[str, Results]:
    return {"a": Results(**{**vars(RESULTS["a"]), **fields})}


PROBLEMS = {
    "the claim 'noise lowers it' does not hold (0.5 is below 0.6)": changed(claims={"noise lowers it": False}),
    "'AUC' is 0.710, but the reference has 0.600 (0.550 to 0.650, 5 seeds): they may differ by 0.1": changed(
        values={"AUC": Reported(0.71)}
    ),
    "the value 'new' is not pinned yet": changed(values={"AUC": AUC, "new": AUC}),
    "the value 'AUC' is pinned, but no longer reported": changed(values={}),
    "the claim 'noise lowers it' is gone": changed(claims={}),
    "the claim 'more' is not pinned yet": changed(claims={"noise lowers it": True, "more": True}),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_is_named_with_chapter_and_value(problem):
    assert list(problems(PROBLEMS[problem], RESULTS)) == [f"a: {problem}."]


def test_results_that_agree_and_those_of_other_parameters_are_no_problem():
    assert list(problems(changed(values={"AUC": Reported(0.69, 0.6, 0.7, 5)}), RESULTS)) == []
    for found in PROBLEMS.values():
        assert list(problems({"a": Results(**{**vars(found["a"]), "of_book": False})}, RESULTS)) == []


def test_the_build_exits_with_all_problems(monkeypatch):
    monkeypatch.setattr("values.pinned_results", lambda: RESULTS)
    check(RESULTS)
    with pytest.raises(SystemExit, match=r"- a: 'AUC' is 0\.710.*\n- a: the claim .* is gone\.\n.*`make pin`"):
        check(changed(values={"AUC": Reported(0.71)}, claims={}))


def test_only_results_of_the_book_can_be_pinned():
    assert pinned_file(RESULTS, {})["chapters"]["a"]["claims"] == {"noise lowers it": True}
    with pytest.raises(ValueError, match=r"but a ran with other parameters"):
        pinned_file(changed(of_book=False), {})


# The page of a pull request


def test_a_pull_request_lists_changed_pages_and_numbers():
    pages = changed_pages({"a.md": "x\ny", "b.md": "z", "c.md": "-- u"}, {"a.md": "x\nY\nw", "b.md": "z"})
    assert pages == ["| a.md | 2 | 1 |", "| c.md | 0 | 1 |"]
    new = changed(values={"AUC": Reported(0.71), "n": Reported(3, form="g")}, claims={"noise lowers it": False})
    numbers = changed_numbers(RESULTS, new)
    assert numbers == [
        "| a | AUC | 0.600 (0.550 to 0.650, 5 seeds) | 0.710 | outside the tolerance |",
        "| a | n |  | 3 | new |",
        "| a | *noise lowers it* | holds | **does not hold** | 0.5 is below 0.6 |",
    ]
    assert changed_numbers(RESULTS, RESULTS) == []
    text = page(pages, numbers, ["gpu"])
    assert all(row in text for row in [*pages, *numbers]) and "Not run, so not compared: gpu." in text
    assert "No page changes." in page([], [], []) and "No number and no claim changes." in page([], [], [])


# What the chapters say


def prose(name: str) -> str:
    """Return the text of a chapter, captions and alternative texts without code, mathematics, links, and exercises."""
    notebook = read_source(ROOT / "notebooks" / f"{name}.md")
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    text = re.sub(r"^## (Exercises|Quiz)\n.*?(?=^## Further)", "", "\n".join(texts), flags=re.M | re.S)
    for cell in notebook.cells:
        myst = cell.metadata.get("mystnb", {})
        text += f"\n{myst.get('figure', {}).get('caption', '')}\n{myst.get('image', {}).get('alt', '')}"
    return re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.S)


#: Numbers that look measured and are not: rates that are conventions, and limits that a sentence sets.
CONVENTIONS = {"95%", "1%", "0.1%", "0.5", "0.55", "0.05", "0.001"}
#: Inputs that stand in the code, too.
ALLOWED = {
    "audit": {"20%", "2%"},
    "framework": {"0.01"},
    "metric_privacy": {"1.3", "99.97%"},
    "moments_parts": {"0.2"},
    "moments_tested": {"0.2"},
}


def typed_results(text: str) -> set[str]:
    """Return the numbers of a text that look like results: decimals, percentages, and so many times."""
    found = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?= times\b)|(?<![\w.])\d+\.\d+%?(?![\w.]*\d)|(?<![\w.])\d+%", text)
    return set(found) - CONVENTIONS


def test_a_typed_result_is_found():
    text = "An AUC of 0.61, 73% of them, 4 times as many, and 12.5% at 1% FPR; version 1.20.1; for 95% intervals"
    assert typed_results(text) == {"0.61", "73%", "4", "12.5%"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_result_is_typed(name):
    assert typed_results(prose(name)) == ALLOWED.get(name, set())


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_claim_of_a_chapter_is_a_sentence_of_the_book(name):
    chapters = [ROOT / "notebooks" / f"{each}.md" for each in NOTEBOOKS]
    pages = {path.stem: path.read_text(encoding="utf-8") for path in [*chapters, *(ROOT / "book").glob("*.md")]}
    said = set()
    for place, text in pages.items():
        for kind, inside in PLACE.findall(text):
            key = " ".join((re.search(r"<(.+)>$", inside, re.S) or [None, inside])[1].split())
            said |= {key if place == name else key.removeprefix(f"{name}: ")} if kind == "claim" else set()
    assert [sentence for sentence in pinned_results()[name].claims if sentence not in said] == []


def test_every_chapter_reports_something_and_ends_with_the_comparison():
    assert sorted(pinned_results()) == NOTEBOOKS
    for name in NOTEBOOKS:
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        assert notebook.cells[-1].source == "chapter.compare()"
        assert f'Chapter("{name}")' in "".join(cell.source for cell in notebook.cells)
