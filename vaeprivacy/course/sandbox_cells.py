"""Cells of a notebook, run in a student's process as Jupyter would run them, without a notebook around.

As :mod:`vaeprivacy.course.sandbox_runner`, which loads it from beside itself, it imports nothing of the package.
"""

import __future__

import ast
import inspect
import json
import linecache
import re
from pathlib import Path
from types import CodeType
from typing import Any

RUN_CODE = {"time", "capture", "prun"}  # magics whose code defines names, as that of other cells does
# Magics that only change what is seen: nobody has to be told that they do nothing.
SILENT = {"matplotlib", "config", "load_ext", "reload_ext", "autoreload", "timeit", "pinfo", "pinfo2", "psearch"}
SILENT |= {"html", "javascript", "js", "latex", "markdown", "svg", "precision", "xmode", "who", "whos"}
WITHOUT_SIGN = {"pip", "conda", "mamba", "uv", "ls", "cd", "pwd", "matplotlib", "load_ext", "autoreload"}
MOST_NOTES = 20
# What may stand above a notebook in the percent format: jupytext would read it as YAML, which can go on for ever.
HEADER = re.compile(r"\A((?:#!.*\n)?(?:#.*coding[:=].*\n)?)# *---+[ \t]*\n(?:#.*\n)*?# *---+[ \t]*(?:\n|\Z)")


class Notebook:
    """What stands for Jupyter: it runs cells, and answers to their magics.

    Parameters
    ----------
    names : dict
        In which the cells run; it gets ``display`` and ``get_ipython``.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.names, self.notes = names, []
        self._flags, self._loop = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, None
        names.update(display=nothing, get_ipython=lambda: self)

    def run(self, source: str, name: str) -> None:
        """Run a cell; `name` is what errors call it."""
        code = self._compiled(source, name)
        ended = eval(code, self.names)
        if code.co_flags & inspect.CO_COROUTINE:
            import asyncio  # only here: few submissions wait for anything

            self._loop = self._loop or asyncio.Runner()
            self._loop.run(ended)

    def _compiled(self, source: str, name: str) -> CodeType:
        """Compile a cell: as it is if it is Python, else as IPython's own transformer reads it."""
        try:
            code = compile(source, name, "exec", self._flags)
        except SyntaxError:
            source = as_python(source)
            code = compile(source, name, "exec", self._flags)
        self._flags |= code.co_flags & __future__.annotations.compiler_flag  # holds for the cells that follow
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        return code

    def run_line_magic(self, name: str, line: str, *_: Any) -> None:
        """Run the code of ``%time`` and the like; note that all others do nothing."""
        if name in RUN_CODE:
            self.run(line, f"cell with %{name}")
        elif name not in SILENT:
            self._note(f"%{name} {line}")

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """Run the code of ``%%time`` and the like, write the file of ``%%writefile``; note that others do nothing."""
        if name in RUN_CODE:
            self.run(cell, f"cell with %%{name}")
        elif name == "writefile" and line:
            with Path(line.split()[-1]).open("a" if "-a" in line.split() else "w", encoding="utf-8") as file:
                file.write(cell)
        elif name not in SILENT:
            self._note(f"%%{name} {line}")

    def system(self, command: str) -> None:
        """Note that ``!command`` does nothing."""
        self._note(f"!{command}")

    def getoutput(self, command: str) -> list[str]:
        """Return no lines of output."""
        self._note(f"!{command}")
        return []

    def __getattr__(self, name: str) -> "Nothing":
        return Nothing()

    def _note(self, line: str) -> None:
        if line not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(line.strip()[:200])


class Nothing:
    """What else Jupyter has: it can be called, has whatever is asked of it (``events.register``), and does nothing."""

    def __call__(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def __getattr__(self, name: str) -> "Nothing":
        return Nothing()


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def as_python(source: str) -> str:
    """Return a cell with its magics as calls; IPython is only imported for cells that have some."""
    from IPython.core.inputtransformer2 import TransformerManager

    lines = source.strip().splitlines()
    if len(lines) == 1 and lines[0].split()[0] in WITHOUT_SIGN:  # Jupyter takes these without their %, too
        source = f"%{lines[0]}"
    return TransformerManager().transform_cell(source)


def read_submission(path: Path) -> tuple[list[str], list[str]]:
    """Return the code cells and the texts of a notebook or Python file; nothing of it is run.

    It may take for ever on some files, and raise anything: a student's process does it, within its limits.
    """
    text = path.read_text(encoding="utf-8-sig")
    is_notebook = path.suffix.lower() == ".ipynb"
    cells = _cells_of_version_4(text) if is_notebook else []
    cells = cells or _read_by_jupytext(text, is_notebook=is_notebook)
    code = [source for kind, source in cells if kind == "code"]
    return code, [source for kind, source in cells if kind != "code"]


def _cells_of_version_4(text: str) -> list[tuple[str, str]]:
    """Return kinds and sources of the cells of a notebook in the format of today; nothing if it is anything else.

    It is JSON, and jupytext is slower to import than most submissions are to run.
    """
    try:
        notebook = json.loads(text)
        cells = [(cell["cell_type"], cell["source"]) for cell in notebook["cells"]]
        joined = [(kind, "".join(source)) for kind, source in cells]  # a text, or its lines
        return joined if notebook["nbformat"] == 4 else []
    except Exception:  # jupytext says what is wrong, or reads it all the same
        return []


def _read_by_jupytext(text: str, *, is_notebook: bool) -> list[tuple[str, str]]:
    """Return kinds and sources of the cells of a notebook in any format, or of a Python file."""
    import jupytext

    text, form = (text, "ipynb") if is_notebook else (HEADER.sub(r"\1", text), "py:percent")
    cells = jupytext.reads(text, fmt=form).cells
    if not all(isinstance(cell.source, str) for cell in cells):
        raise ValueError("It does not say in which version of the format it is.")
    return [(cell.cell_type, cell.source) for cell in cells]
