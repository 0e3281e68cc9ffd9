"""A first book: short cells that teach, code under its equation, figures early, reports at the end, few words."""

import re
from itertools import pairwise
from statistics import median

import matplotlib
import nbformat
import pytest
import torch
from common import known_parameters, notebook_sources, profile_parameters, read_source
from conftest import ROOT

#: Chapters that have this form, in the order of the book, with the most words before the summary of each.
FORMED = {
    # Start
    "one_page": 900,
    "membership_inference": 1200,
    "vae": 1400,
    "metric_privacy": 1600,
    "framework": 1200,
    "results": 900,
    # Attacks
    "shadow_models": 550,
    "modern_attacks": 600,
    "attacking_release": 750,
    "attacking_generator": 400,
    # The promise
    "mechanisms": 600,
    "guarantee": 800,
    "audit": 600,
    "numerics": 600,
    # The evidence
    "epsilon_sweep": 450,
    "claims": 400,
    "defences": 600,
    "tabular": 550,
    "choosing_epsilon": 400,
    # Going further
    "beyond": 400,
    "covering": 500,
    "moments_tested": 570,
    # Your own records
    "own_records": 700,
    # Appendix
    "choosing_an_attack": 500,
    "beyond_parts": 1550,
    "moments_parts": 1200,
    "covering_parts": 900,
    "catalogue": 1600,
    "gpu": 800,
}
FOLDED = {"parameters", "hide-input", "hide-cell", "remove-cell"}
#: The equation under which each object is computed by hand.
BY_HAND = {
    "rates": "membership_inference",
    "loss-score": "membership_inference",
    "elbo": "vae",
    "kl": "vae",
    "laplace-density": "metric_privacy",
    "clip": "metric_privacy",
    "release": "framework",
    "nearest-score": "framework",
    "lira-online": "modern_attacks",
    "rmia-score": "modern_attacks",
    "release-ratio": "attacking_release",
    "scale-mixture": "mechanisms",
    "audit-bound": "audit",
    "grid": "numerics",
    "randomised-response": "catalogue",
}
#: The pages that speak as the field does, beside the chapters.
PAGES = ("intro", "found", "why", "related", "recap", "cheat_sheet")
#: Words of our own, or that say less than a number would.
NOT_SAID = re.compile(
    r"\b(laws?|left end|by heart|portraits?|whoever|somebody|hardly|next to nothing|of course|drowns?|gives? away)\b",
    flags=re.IGNORECASE,
)
NAME = re.compile(r"\b(\w+_by_hand)\b")


def cells_of(name: str) -> list[nbformat.NotebookNode]:
    """Return the cells of a chapter's text source."""
    return read_source(ROOT / "notebooks" / f"{name}.md").cells


def is_folded(cell: nbformat.NotebookNode) -> bool:
    """Return whether the page shows a bar in place of a code cell."""
    return bool(FOLDED & set(cell.metadata.get("tags", [])))


def visible(name: str) -> list[nbformat.NotebookNode]:
    """Return the code cells that a reader sees."""
    return [cell for cell in cells_of(name) if cell.cell_type == "code" and not is_folded(cell)]


def n_lines(cell: nbformat.NotebookNode) -> int:
    """Return how many lines of a cell are not blank."""
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def headings_before(name: str) -> list[tuple[int, nbformat.NotebookNode]]:
    """Return each cell with the number of second-level headings up to its end."""
    count, found = 0, []
    for cell in cells_of(name):
        if cell.cell_type == "markdown":
            count += len(re.findall(r"^## ", cell.source, flags=re.MULTILINE))
        found.append((count, cell))
    return found


def text_before_summary(name: str) -> str:
    """Return the prose of a chapter before its summary, folded boxes included, captions not."""
    text = "\n".join(cell.source for cell in cells_of(name) if cell.cell_type == "markdown")
    return text.split("\n## Summary\n")[0]


@pytest.mark.parametrize("name", FORMED)
def test_a_chapter_reports_and_claims_in_one_folded_cell_at_its_end(name):
    calls = [cell for cell in cells_of(name) if cell.cell_type == "code" and "chapter" in cell.source]
    assert [cell.metadata.tags for cell in calls] == [["hide-cell", "report"]]
    assert calls == cells_of(name)[-1:]
    assert f'chapter = Chapter("{name}")' in calls[0].source


@pytest.mark.parametrize("name", FORMED)
def test_cells_are_short_and_have_one_statement_a_line(name):
    lengths = [n_lines(cell) for cell in visible(name)]
    assert median(lengths) <= 8 and max(lengths) <= 25, lengths
    for cell in visible(name):
        assert not re.search(r";\s*\S", cell.source) and max(map(len, cell.source.splitlines())) <= 79, cell.source
        assert not re.search(r"^(?:import|from) ", cell.source, flags=re.MULTILINE), cell.source


@pytest.mark.parametrize("name", FORMED)
def test_a_figure_stands_before_the_second_heading_and_each_is_named_in_a_sentence(name):
    figures = [(n, cell.metadata.mystnb.figure) for n, cell in headings_before(name) if "mystnb" in cell.metadata]
    drawn = re.findall(r"^:name: (fig-[\w-]+)$", text_before_summary(name), flags=re.MULTILINE)
    assert len(figures) + len(drawn) >= 2
    first_two = "\n## ".join(text_before_summary(name).split("\n## ")[:2])
    assert figures[0][0] < 2 or ":name: fig-" in first_two
    text = "\n".join(cell.source for cell in cells_of(name) if cell.cell_type == "markdown")
    for figure in [figure.name for _, figure in figures] + drawn:
        assert f"{{numref}}`{figure}`" in text, figure


@pytest.mark.parametrize(("name", "most"), FORMED.items())
def test_a_chapter_has_few_words_before_its_summary(name, most):
    assert len(text_before_summary(name).split()) <= most


def test_the_numbered_chapters_have_few_words_together():
    numbered = [source.stem for source in notebook_sources(appendix=False) if source.stem != "own_records"]
    assert len(numbered) == 22
    assert sum(len(text_before_summary(name).split()) for name in numbered) <= 15_000


def test_most_solutions_run_with_the_book_right_under_what_they_solve():
    n_exercises = n_run = 0
    for name in [source.stem for source in notebook_sources()]:
        cells = cells_of(name)
        for before, cell in pairwise(cells):
            n_exercises += before.cell_type == "markdown" and len(re.findall(r"^```\{exercise\}", before.source, re.M))
            if "solution" in cell.metadata.get("tags", []):
                n_run += 1
                assert before.source.rfind("```{solution}") > before.source.rfind("```{exercise}"), (name, cell.source)
    assert 0.7 * n_exercises <= n_run


@pytest.mark.parametrize("name", FORMED)
def test_a_sentence_has_one_interval_at_most(name):
    text = re.sub(r"\n\s*\n|^\s*- |\|", ". ", text_before_summary(name), flags=re.MULTILINE)
    for sentence in re.split(r"(?<=[.?!:;])\s", text):
        assert sentence.count("{value}`") <= 1, sentence


@pytest.mark.parametrize("page", [*(f"notebooks/{name}.md" for name in FORMED), *(f"book/{name}.md" for name in PAGES)])
def test_the_first_pages_speak_as_the_field_does(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert NOT_SAID.findall(re.sub(r"^\([\w-]+\)=$", "", text, flags=re.MULTILINE)) == []  # but for old anchors


def run_on_digits(name: str, until: nbformat.NotebookNode) -> dict:
    """Run the code cells of a chapter before one of its cells, at the smallest size; return its variables."""
    matplotlib.use("Agg")
    source = ROOT / "notebooks" / f"{name}.md"
    small = known_parameters(source.with_suffix(".ipynb"), profile_parameters("quick"))
    variables: dict = {"display": lambda *shown, **options: None}
    for cell in cells_of(name):
        if cell.cell_type != "code":
            continue
        if cell.id == until.id:
            return variables
        exec(compile(cell.source, f"{name}.{cell.id}", "exec"), variables)
        if "parameters" in cell.metadata.get("tags", []):
            variables |= small
    raise AssertionError("there is no such cell")


def comparisons(name: str) -> list[nbformat.NotebookNode]:
    """Return the cells that compare what was computed by hand with the package."""
    return [cell for cell in visible(name) if NAME.search(cell.source) and "assert" in cell.source]


@pytest.mark.parametrize(("label", "name"), BY_HAND.items())
def test_an_equation_has_its_code_by_hand_before_the_next_heading(label, name):
    text = (ROOT / "notebooks" / f"{name}.md").read_text(encoding="utf-8")
    after = text.split(f"$$ ({label})\n", 1)[1]
    section = re.split(r"^#{2,3} ", after, maxsplit=1, flags=re.MULTILINE)[0]
    cells = re.findall(r"^```\{code-cell\} ipython3\n(?!---|:tags)(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    by_hand = [cell for cell in cells if NAME.search(cell)]
    assert by_hand, f"No visible cell under {label} computes it by hand."
    assert sum(bool(line.strip()) for line in by_hand[0].splitlines()) <= 12


@pytest.mark.parametrize("name", sorted(set(BY_HAND.values())))
def test_what_is_computed_by_hand_is_what_the_package_computes_and_nothing_else(name, monkeypatch):
    cells = comparisons(name)
    assert cells
    torch.manual_seed(0)
    variables = run_on_digits(name, cells[-1])
    for cell in cells:
        checked = {word for word in NAME.findall(cell.source)}
        exec(cell.source, dict(variables))
        for word in checked:
            wrong = re.sub(rf"\b{word}\b(?!\s*=[^=])", f"(1.01 * {word})", cell.source)
            with pytest.raises(AssertionError):
                exec(wrong, dict(variables))
