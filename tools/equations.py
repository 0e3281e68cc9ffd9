"""The page that leads from each numbered equation and theorem to the function that implements it, and to its tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from common import PUBLISHED, ROOT, linked, notebook_sources

LABEL = re.compile(r"^(?:\$\$ \((?P<equation>[\w-]+)\)|```\{prf:(?P<kind>\w+)\}.*\n:label: (?P<theorem>[\w-]+))$", re.M)
ROW = re.compile(r"^\| \{(?:eq|prf:ref)\}`([\w-]+)` \| (.*) \|$", flags=re.MULTILINE)
SHOWN = 2  # tests of one function, at most
HEAD = """# Equations and code

Each numbered equation and theorem, the function or class that implements it, and tests that call it
(at most two; those of the module's own file first). Steps of a proof have no function. The page is made
from chapters, docstrings and tests when the book is built, and a test checks that chapters and docstrings name
each other.

"""


def used_names(tree: ast.AST) -> set[str]:
    """Return the names of variables and attributes that a piece of code mentions."""
    nodes = list(ast.walk(tree))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)
    }


def tests_in(path: Path) -> dict[str, set[str]]:
    """Return the tests of a file, and the names that each of them uses, by way of helpers and constants as well."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own[node.name] = used_names(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            own |= {target.id: used_names(node) for target in targets if isinstance(target, ast.Name)}
    return {name: _reached(name, own) for name in own if name.startswith("test_")}


def _reached(name: str, own: dict[str, set[str]]) -> set[str]:
    """Return the names that one definition of a file uses, directly or by way of others in the file."""
    found, waiting = set(), [name]
    while waiting:
        new = own.get(waiting.pop(), set()) - found
        found |= new
        waiting += [each for each in new if each in own]
    return found


def all_tests() -> list[tuple[Path, str, set[str]]]:
    """Return file, name and used names of each test of the package."""
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    return [(path, name, names) for path in paths for name, names in tests_in(path).items()]


def callers_of(function: str, tests: list[tuple[Path, str, set[str]]]) -> list[str]:
    """Return links to tests that call a function, a class or a method (then, if any do, those that name its class)."""
    module, *rest = function.removeprefix("vaeprivacy.").split(".")
    parts = [part for part in rest if not part.islower() or part == rest[-1]]  # sub-modules left out
    calling = [(path, name) for path, name, names in tests if set(parts) <= names]
    calling = calling or [(path, name) for path, name, names in tests if parts[-1] in names]  # by way of an object
    calling.sort(key=lambda test: (module not in test[0].stem, str(test[0])))
    return [
        linked(name.removeprefix("test_").replace("_", " "), PUBLISHED.file(path.relative_to(ROOT).as_posix()))
        for path, name in calling[:SHOWN]
    ]


def labels(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind ("equation", or that of a theorem) and label of all that a chapter numbers, in its order."""
    for match in LABEL.finditer(text):
        yield (match["kind"] or "equation", match["equation"] or match["theorem"])


def page() -> str:
    """Return the page in MyST Markdown."""
    tests, text = all_tests(), HEAD
    for source in notebook_sources():
        chapter = source.read_text(encoding="utf-8")
        rows = dict(ROW.findall(chapter))
        lines = []
        for kind, label in labels(chapter):
            functions = rows.get(label, "")
            links = [
                link for name in re.findall(r"<(vaeprivacy[\w.]+)>", functions) for link in callers_of(name, tests)
            ]
            role = "eq" if kind == "equation" else "prf:ref"
            lines.append(f"| {{{role}}}`{label}` | {label} | {functions} | {'; '.join(dict.fromkeys(links))} |")
        if lines:
            title = re.search(r"^# (.+)$", chapter, flags=re.MULTILINE)[1]
            text += f"## {title}\n\n| | name | code | tests |\n|---|---|---|---|\n"
            text += "\n".join(lines) + "\n\n"
    return text
