"""The page that names the code to read first, in an order in which no module needs one that comes later."""

import ast
from collections.abc import Iterator

from api import path_of, summary_of, tree_of
from common import PUBLISHED, ROOT, linked

#: The idea and one attack on it, in the order in which to read them.
MODULES = (
    "vaeprivacy.checks",
    "vaeprivacy.randomness",
    "vaeprivacy.networks",
    "vaeprivacy.distances",
    "vaeprivacy.bounds",
    "vaeprivacy.guarantee",
    "vaeprivacy.mechanisms.base",
    "vaeprivacy.mechanisms.laplace",
    "vaeprivacy.vae",
    "vaeprivacy.vae_training",
    "vaeprivacy.trainers",
    "vaeprivacy.synthesizer",
    "vaeprivacy.classifiers",
    "vaeprivacy.metrics",
    "vaeprivacy.attacks.shadow",
    "vaeprivacy.attacks.base",
    "vaeprivacy.attacks.lira",
)
#: Lines, with docstrings, that the list may have.
MOST_LINES = 3000
#: A model from noisy sums in place of training, in the order in which to read it; it builds on the first list.
MOMENTS = (
    "vaeprivacy.scattering",
    "vaeprivacy.procedural",
    "vaeprivacy.feature_maps",
    "vaeprivacy.moments",
)
MOST_LINES_OF_MOMENTS = 600
TABLE = """| | module | lines | what it holds |
|---:|---|---:|---|
"""
HEAD = """# The code in one evening

The framework, its guarantee and one strong attack on it, from checks of arguments to the likelihood-ratio attack: the
modules to read first, in an order in which none needs one that comes later. What they take from outside the list
(devices, files, DP-SGD, other networks) can wait: each name says what it does. Names lead to the API, numbers of lines
(docstrings and blank lines are counted) to the source.

"""
SECOND = """
## Another evening: noisy moments

A generative model that follows from a few noisy sums, without any training, and the features in which that works.

"""


def lines_of(module: str) -> int:
    """Return how many lines a module has, docstrings and blank lines included."""
    return len(path_of(module).read_text(encoding="utf-8").splitlines())


def imports_of(module: str) -> Iterator[str]:
    """Yield the names of all modules that a module of the package may import of it, wherever the import stands."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def table(modules: tuple[str, ...]) -> str:
    """Return a table of modules, with the sum of their lines."""
    rows = []
    for number, module in enumerate(modules, 1):
        name, file = module.removeprefix("vaeprivacy."), path_of(module).relative_to(ROOT).as_posix()
        source = linked(str(lines_of(module)), PUBLISHED.file(file))
        rows.append(f"| {number} | {{py:obj}}`{name} <{module}>` | {source} | {summary_of(module)} |")
    total = sum(map(lines_of, modules))
    return TABLE + "\n".join([*rows, f"| | together | {total:,} | |", ""])


def page() -> str:
    """Return the page in MyST Markdown."""
    return HEAD + table(MODULES) + SECOND + table(MOMENTS)
