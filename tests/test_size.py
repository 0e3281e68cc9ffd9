"""The code stays small: modules under 300 lines, functions of ten lines at the median, and none over sixty."""

import ast
import statistics
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "vaeprivacy"
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def body_lines(function: ast.FunctionDef) -> int:
    """Return the number of lines of a function without its docstring."""
    first = function.body[0]
    has_text = ast.get_docstring(function) is not None
    text = first.end_lineno - first.lineno + 1 if has_text else 0
    return function.end_lineno - function.lineno + 1 - text


def functions() -> dict[str, ast.FunctionDef]:
    """Return all functions and methods, by file and name."""
    return {
        f"{path.relative_to(PACKAGE)}: {node.name}, line {node.lineno}": node
        for path, text in SOURCES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }


def test_no_module_has_over_300_lines() -> None:
    assert {str(path): len(text.splitlines()) for path, text in SOURCES.items() if len(text.splitlines()) > 300} == {}


def test_functions_are_short() -> None:
    whole = sorted(node.end_lineno - node.lineno + 1 for node in functions().values())
    assert statistics.median(whole) <= 10
    assert whole[int(0.9 * len(whole))] <= 27
    assert {name: body_lines(node) for name, node in functions().items() if body_lines(node) > 60} == {}
