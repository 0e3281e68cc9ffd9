"""Equations and theorems: each that a docstring names has a row with that function in its own chapter, and no other."""

import ast
import re
from collections.abc import Iterator

import equations
from common import notebook_sources
from conftest import ROOT
from equations import all_tests, callers_of, labels, page

from vaeprivacy.compute.published import Published

LABEL = re.compile(r"^(?:\$\$ \(|:label: )([\w-]+)\)?$", flags=re.MULTILINE)
ROW = re.compile(r"^\| \{(?:eq|prf:ref)\}`([\w-]+)` \| (.*) \|$", flags=re.MULTILINE)


def docstrings(tree: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the full name and the docstring of each class, method and function of a module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield f"{prefix}.{node.name}", ast.get_docstring(node) or ""
            yield from docstrings(node, f"{prefix}.{node.name}")


def in_docstrings() -> set[tuple[str, str]]:
    """Return each pair of a label and a function that names it."""
    found = set()
    for path in (ROOT / "vaeprivacy").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name, text in docstrings(ast.parse(path.read_text(encoding="utf-8")), module):
            found |= {(label, name) for label in re.findall(r":(?:eq|prf:ref):`([\w-]+)`", text)}
    return found


def test_chapters_and_docstrings_name_each_other():
    in_chapters = set()
    for source in notebook_sources():
        text = source.read_text(encoding="utf-8")
        for label, functions in ROW.findall(text):
            assert label in LABEL.findall(text), f"{source.name} has a row for {label}, which another chapter defines."
            in_chapters |= {(label, name) for name in re.findall(r"<(vaeprivacy[\w.]+)>", functions)}
    assert in_chapters == in_docstrings()
    assert len(in_chapters) >= 34


def test_each_function_with_an_equation_is_called_by_a_test():
    tests = all_tests()
    functions = {name for _, name in in_docstrings()}
    assert len(tests) > 500
    assert [name for name in functions if not callers_of(name, tests)] == []
    assert callers_of("vaeprivacy.nowhere.never_called_by_any_test", tests) == []


def test_the_page_of_equations_has_each_label_once_in_the_order_of_the_book(monkeypatch):
    monkeypatch.setattr(equations, "PUBLISHED", Published(repository="https://github.com/someone/something"))
    text = page()
    rows = re.findall(r"^\| \{(?:eq|prf:ref)\}`[\w-]+` \| ([\w-]+) \|", text, flags=re.MULTILINE)
    wanted = [label for source in notebook_sources() for _, label in labels(source.read_text(encoding="utf-8"))]
    assert rows == wanted and len(rows) > 60
    assert "/blob/main/tests/mechanisms/test_mechanisms.py" in text


def test_no_label_is_used_twice():
    labels = [label for source in notebook_sources() for label in LABEL.findall(source.read_text(encoding="utf-8"))]
    assert len(labels) == len(set(labels))
