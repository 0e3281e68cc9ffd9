"""Write one page, in Markdown, of what this checkout changes beside another one: pages, and numbers old beside new.

The numbers here are those of the executed notebooks; those of the other checkout are its reference.
"""

import argparse
import difflib
import sys
from pathlib import Path

from common import EXECUTED, ROOT
from values import Results, executed_results, pinned_results

from vaeprivacy.reporting.chapter import REFERENCE

PAGES = ("README.md", "book/*.md", "notebooks/*.md")


def texts(root: Path) -> dict[str, str]:
    """Return the text of each page of a checkout by its path."""
    paths = [path for pattern in PAGES for path in sorted(root.glob(pattern))]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def changed_pages(old: dict[str, str], new: dict[str, str]) -> list[str]:
    """Return a row of a table for each page whose text differs: how many lines came, how many went."""
    rows = []
    for page in [*new, *(page for page in old if page not in new)]:
        before, after = old.get(page, "").splitlines(), new.get(page, "").splitlines()
        lines = [line[0] for line in difflib.unified_diff(before, after, lineterm="", n=0)][2:]
        if lines:
            rows.append(f"| {page} | {lines.count('+')} | {lines.count('-')} |")
    return rows


def changed_numbers(old: dict[str, Results], new: dict[str, Results]) -> list[str]:
    """Return a row of a table for each number or claim that differs; a chapter that did not run is passed over."""
    rows = []
    for chapter, results in new.items():
        before = old.get(chapter, Results())
        for name in {**before.values, **results.values}:
            first, second = before.values.get(name), results.values.get(name)
            if str(first) != str(second):
                moved = "outside" if first and second and not first.agrees(second) else "within"
                note = f"{moved} the tolerance" if first and second else "gone" if first else "new"
                rows.append(f"| {chapter} | {name} | {first or ''} | {second or ''} | {note} |")
        for sentence in {**before.claims, **results.claims}:
            first, second = (_verdict(one.claims.get(sentence)) for one in (before, results))
            if first != second:
                rows.append(f"| {chapter} | *{sentence}* | {first} | {second} | {results.shown.get(sentence, '')} |")
    return rows


def _verdict(holds: bool | None) -> str:
    return {True: "holds", False: "**does not hold**", None: ""}[holds]


def page(pages: list[str], numbers: list[str], missing: list[str]) -> str:
    """Return the page from the rows of its two tables, and the chapters of which there is no executed notebook."""
    parts = ["# What changes in the book", "## Pages"]
    head = "| page | lines added | lines removed |\n| --- | ---: | ---: |\n"
    parts.append(head + "\n".join(pages) if pages else "No page changes.")
    parts.append("## Numbers and claims")
    head = "| chapter | number or claim | old | new | |\n| --- | --- | --- | --- | --- |\n"
    parts.append(head + "\n".join(numbers) if numbers else "No number and no claim changes.")
    if missing:
        parts.append(f"Not run, so not compared: {', '.join(missing)}.")
    return "\n\n".join(parts)


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", type=Path, help="folder of the other checkout")
    parser.add_argument("--executed", type=Path, default=EXECUTED, help="folder of the executed notebooks")
    arguments = parser.parse_args()
    if not (arguments.base / "notebooks").is_dir():
        sys.exit(f"{arguments.base} is no checkout of this repository: it has no folder notebooks.")
    kept = arguments.base / "vaeprivacy" / "reporting" / "results" / REFERENCE.name
    old = pinned_results(kept) if kept.exists() else {}
    new = {name: results for name, results in executed_results(arguments.executed).items() if results.of_book}
    missing = [path.stem for path in sorted((ROOT / "notebooks").glob("*.md")) if path.stem not in new]
    print(page(changed_pages(texts(arguments.base), texts(ROOT)), changed_numbers(old, new), missing))


if __name__ == "__main__":
    main()
