"""Sentences bound to results: fill pages with what notebooks reported, and keep the book's values as a reference.

``make pin`` keeps what the executed notebooks reported as the new reference.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from common import EXECUTED, notebook_sources
from nbformat import NotebookNode

from vaeprivacy.compute.provenance import versions
from vaeprivacy.reporting.chapter import MIME, REFERENCE, Reported, pinned_values, reference

HOW = "Compare it with the call in that notebook; if it is new, run `make pin`."
PLACE = re.compile(r"\{(value|number|claim)\}`([^`]+)`")


@dataclass
class Results:
    """What the notebook of one chapter reported.

    Attributes
    ----------
    values : dict
        Name to :class:`vaeprivacy.reporting.chapter.Reported`.
    claims : dict
        Sentence to whether it holds.
    shown : dict
        Sentence to the numbers behind it.
    of_book : bool
        Whether the notebook ran with its own parameters, as those of the book do.
    """

    values: dict[str, Reported] = field(default_factory=dict)
    claims: dict[str, bool] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    of_book: bool = True


def results_of(run: NotebookNode) -> Results:
    """Return what an executed notebook reported."""
    found = Results(of_book=not run.metadata.papermill.parameters)
    for cell in run.cells:
        for output in cell.get("outputs", []):
            said = dict(output.get("data", {}).get(MIME, {}))
            kind, name = said.pop("kind", None), said.pop("name", None)
            if kind == "value":
                found.values[name] = Reported(**said)
            elif kind == "claim":
                sentence = said["sentence"]  # one of several numbers: it holds for all of them, or not
                if found.claims.get(sentence, True):
                    found.claims[sentence], found.shown[sentence] = said["holds"], said["shown"]
    return found


def executed_results(executed: Path) -> dict[str, Results]:
    """Return what each chapter's executed notebook in a folder reported; chapters that were not run are left out."""
    paths = [executed / f"{source.stem}.ipynb" for source in notebook_sources()]
    return {path.stem: results_of(nbformat.read(path, as_version=4)) for path in paths if path.exists()}


def pinned_results(path: Path = REFERENCE) -> dict[str, Results]:
    """Return what each chapter reported when the reference was last accepted."""
    book = reference(path)
    claims = {name: chapter["claims"] for name, chapter in book["chapters"].items()}
    return {name: Results(pinned_values(book, name), claims[name]) for name in claims}


def filled(text: str, chapter: str, results: dict[str, Results]) -> str:
    """Put values and claims into a text.

    Parameters
    ----------
    text : str
        MyST Markdown. The role ``value`` becomes a number with its interval, ``number`` the number alone, and ``claim``
        the sentence itself, which may be written in other words as in ``in other words <sentence>``. What another
        chapter reports is called ``chapter: name``.
    chapter : str
        The chapter or page whose text it is.
    results : dict
        Chapter to :class:`Results`.

    Raises
    ------
    ValueError
        If no notebook reported a name or claimed a sentence.
    """

    def fill(match: re.Match) -> str:
        kind, inside = match.groups()
        written = re.fullmatch(r"(.+?)\s*<(.+)>", inside, flags=re.DOTALL) if kind == "claim" else None
        text, key = written.groups() if written else (inside, inside)
        of, _, name = " ".join(key.split()).partition(": ")
        if of not in results:
            of, name = chapter, " ".join(key.split())
        reported = results.get(of, Results())
        if name not in (reported.claims if kind == "claim" else reported.values):
            raise ValueError(f"{chapter}: no {kind} {name!r} is known of the notebook {of}. {HOW}")
        if kind == "claim":
            return text
        number = reported.values[name]
        return str(number).replace(" ", "\N{NO-BREAK SPACE}") if kind == "value" else number.short

    return PLACE.sub(fill, text)


def filled_notebook(notebook: NotebookNode, chapter: str, results: dict[str, Results]) -> NotebookNode:
    """Put values and claims into the text of a notebook, and into captions and alternative texts of its figures.

    The reports themselves are taken out of its outputs: Sphinx would warn of a type that it does not know.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(MIME, None)
        if cell.cell_type == "markdown":
            cell.source = filled(cell.source, chapter, results)
        myst = cell.metadata.get("mystnb", {})
        for part, key in (("figure", "caption"), ("image", "alt")):
            if key in myst.get(part, {}):
                myst[part][key] = filled(myst[part][key], chapter, results)
    return notebook


def problems(found: dict[str, Results], pinned: dict[str, Results]) -> Iterator[str]:
    """Say what is wrong with results of the book: claims that fail, and values that are not those of the reference.

    Chapters that ran with other parameters are passed over.
    """
    for chapter, results in found.items():
        if not results.of_book:
            continue
        for sentence in [sentence for sentence, holds in results.claims.items() if not holds]:
            numbers = f" ({results.shown[sentence]})" if results.shown.get(sentence) else ""
            yield f"{chapter}: the claim {sentence!r} does not hold{numbers}."
        old = pinned.get(chapter, Results())
        for name in [*results.values, *(name for name in old.values if name not in results.values)]:
            yield from drift(chapter, name, old.values.get(name), results.values.get(name))
        for sentence in sorted(set(old.claims) ^ set(results.claims)):
            yield f"{chapter}: the claim {sentence!r} is {'not pinned yet' if sentence in results.claims else 'gone'}."


def drift(chapter: str, name: str, old: Reported | None, new: Reported | None) -> Iterator[str]:
    """Say whether a value is new, gone, or outside the tolerance of the reference."""
    if old is None:
        yield f"{chapter}: the value {name!r} is not pinned yet."
    elif new is None:
        yield f"{chapter}: the value {name!r} is pinned, but no longer reported."
    elif not old.agrees(new):
        allowed = f"{old.tolerance:.3g}"
        yield f"{chapter}: {name!r} is {new}, but the reference has {old}: they may differ by {allowed}."


def check(found: dict[str, Results]) -> None:
    """Exit with a sentence for each problem of the book's results, if there are any."""
    wrong = list(problems(found, pinned_results()))
    if wrong:
        lines = "\n".join(f"- {line}" for line in wrong)
        sys.exit(f"{lines}\nIf what changed is right, run `make pin` and commit the new reference.")


def pinned_file(found: dict[str, Results], hardware: dict[str, Any]) -> dict[str, Any]:
    """Return the reference that holds the given results.

    Raises
    ------
    ValueError
        If a chapter ran with other parameters than the book's.
    """
    other = [chapter for chapter, results in found.items() if not results.of_book]
    if other:
        raise ValueError(f"Only results of the book can be pinned, but {', '.join(other)} ran with other parameters.")
    chapters = {
        name: {"values": {key: asdict(value) for key, value in one.values.items()}, "claims": one.claims}
        for name, one in found.items()
    }
    return {"made_with": {**versions(), **hardware}, "chapters": chapters}


def main() -> None:
    """Keep the values and claims of the executed notebooks as the reference; chapters not run keep theirs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--executed", type=Path, default=EXECUTED, help="folder of the executed notebooks")
    executed = parser.parse_args().executed
    found = executed_results(executed)
    if not found:
        sys.exit(f"There is no executed notebook in {executed}: run `make notebooks` first.")
    last = nbformat.read(executed / f"{list(found)[-1]}.ipynb", as_version=4)
    new = pinned_file(found, last.metadata.hardware)
    if REFERENCE.exists():
        new["chapters"] = reference()["chapters"] | new["chapters"]
    names = [source.stem for source in notebook_sources()]
    new["chapters"] = {name: new["chapters"][name] for name in names if name in new["chapters"]}
    REFERENCE.write_text(json.dumps(new, indent=1) + "\n", encoding="utf-8")
    n_values = sum(len(chapter["values"]) for chapter in new["chapters"].values())
    n_claims = sum(len(chapter["claims"]) for chapter in new["chapters"].values())
    print(f"Pinned: {n_values} values and {n_claims} claims of {len(new['chapters'])} chapters.")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
