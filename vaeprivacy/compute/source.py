"""A hash of all that results depend on beside their settings, so that changed code never meets old results."""

import ast
import hashlib
import platform
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
#: The rooms that runs depend on; the first one is the folder of the idea itself.
RUN_ROOMS = (".", "mechanisms", "datasets", "attacks", "defences", "experiments", "compute")
#: The rooms that notebooks depend on.
BOOK_ROOMS = (*RUN_ROOMS, "audit", "reporting")
#: Other packages whose version may change a result.
LIBRARIES = ("numpy", "opacus", "scikit-learn", "torch")
#: Files that are data of the room that they are in.
DATA = ("*.csv", "*.npz", "*.parquet", "device-*.json")


@cache
def code_hash(rooms: tuple[str, ...] = RUN_ROOMS) -> str:
    """Return a hash of the code in some rooms, of their data files, and of the versions of Python and libraries.

    Docstrings and comments are left out: a better sentence changes no result.

    Parameters
    ----------
    rooms : tuple of str
        Folders of the package.
    """
    digest = hashlib.sha256("\n".join([platform.python_version(), *installed_versions(LIBRARIES)]).encode())
    for path in _files(rooms):
        content = _without_docstrings(path.read_text(encoding="utf-8")) if path.suffix == ".py" else path.read_bytes()
        digest.update(f"\n{path.relative_to(PACKAGE).as_posix()}\n".encode() + content)
    return digest.hexdigest()


def _files(rooms: Iterable[str]) -> Iterator[Path]:
    """Yield the sources and data files of rooms, each room's in alphabetical order."""
    for room in rooms:
        folder = PACKAGE / room
        found = (
            path for pattern in ("*.py", *DATA) for path in folder.glob(pattern if room == "." else f"**/{pattern}")
        )
        yield from sorted(found)


def installed_versions(libraries: Iterable[str]) -> Iterator[str]:
    """Yield the version of each library, and a dash for one that is not installed."""
    for name in libraries:
        try:
            yield version(name)
        except PackageNotFoundError:
            yield "-"


def _without_docstrings(source: str) -> bytes:
    """Return a text that stands for what a piece of code does: its syntax tree, without docstrings and places."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return ast.dump(tree).encode()
