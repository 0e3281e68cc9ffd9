"""The code stays small: modules have at most 300 lines, functions ten at the median and sixty at most."""

import ast
import statistics
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "vaeprivacy"
PATHS = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "sources"]  # those are assignments
SOURCES = {path: path.read_text(encoding="utf-8") for path in PATHS}


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
    lines = {name: node.end_lineno - node.lineno + 1 for name, node in functions().items()}
    assert statistics.median(lines.values()) <= 10
    assert sorted(lines.values())[int(0.9 * len(lines))] <= 27
    assert {name: n for name, n in lines.items() if n > 60} == {}
