"""The pages of the API, one a room of the package: they are made from its folders when the book is built."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from common import ROOT

PACKAGE = ROOT / "vaeprivacy"
#: What the two pages of the modules outside all rooms are called, as those of rooms are after their folders, and the
#: last module of the first one: the package's docstring lists the others as standing beside the idea.
IDEA, BESIDE, LAST_OF_IDEA = "idea", "beside", "metrics"
LISTED = re.compile(r"^    (\w+)/? +\S", flags=re.MULTILINE)  # a row of the list in the package's docstring
ROLE = re.compile(r":(\w+):`~?([^`]+)`")
HEAD = """# API

The package `vaeprivacy`, one page a room: the modules of the idea first, then a page for each folder. Functions name
the equations that they implement; the links lead to the chapters, and [](equations.md) leads back. Who would rather
read the code from its beginning finds the order in [](reading_list.md).

| page | what it holds |
|---|---|
"""
#: Beside the page stand modules, functions and classes; methods would make the list twice as long.
DEPTH = "---\ntocdepth: 3\n---"
FACADE = """
## Names of the package itself

What most work needs is imported from `vaeprivacy` itself: `from vaeprivacy import Synthesizer`.

| name | what it is |
|---|---|
"""


def path_of(module: str) -> Path:
    """Return the file of a module of the package, which of a folder is its ``__init__.py``."""
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module of the package."""
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def summary(docstring: str | None) -> str:
    """Return the first paragraph of a docstring as Markdown for a cell of a table."""
    first = " ".join((docstring or "").strip().split("\n\n")[0].split())
    plain = ROLE.sub(lambda role: f"{{{role[1]}}}`{role[2]}`" if role[1] == "eq" else f"`{role[2]}`", first)
    return plain.replace("``", "`").replace("|", r"\|")


def summary_of(module: str) -> str:
    """Return the first paragraph of a module's docstring."""
    return summary(ast.get_docstring(tree_of(module)))


def listed() -> list[str]:
    """Return the modules and rooms in the order in which the package's docstring lists them."""
    return LISTED.findall(ast.get_docstring(tree_of("vaeprivacy"), clean=False))


def _in_order(names: list[str]) -> list[str]:
    """Return names in the order of the package's docstring; any that it lacks come last."""
    order = listed()
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def rooms() -> list[str]:
    """Return the names of all pages but the first: the idea, what is beside it, and each folder of the package."""
    return [IDEA, BESIDE, *_in_order([path.parent.name for path in PACKAGE.glob("[!_]*/__init__.py")])]


def modules_of(room: str) -> list[str]:
    """Return the public modules that the page of a room documents, itself first."""
    if room not in (IDEA, BESIDE):
        return list(_modules_under(f"vaeprivacy.{room}"))
    names = _in_order([path.stem for path in _files(PACKAGE)])
    end = names.index(LAST_OF_IDEA) + 1
    chosen = [f"vaeprivacy.{name}" for name in (names[:end] if room == IDEA else names[end:])]
    return ["vaeprivacy", *chosen] if room == IDEA else chosen


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!_]*.py"))


def _modules_under(package: str) -> Iterator[str]:
    """Yield a package, its public modules, then those of packages in it."""
    folder = path_of(package).parent
    yield package
    yield from (f"{package}.{path.stem}" for path in _files(folder))
    for path in sorted(folder.glob("[!_]*/__init__.py")):
        yield from _modules_under(f"{package}.{path.parent.name}")


def page_of(name: str) -> str:
    """Return the page that documents something of the package, such as "book/api_attacks" for one of its attacks."""
    room = name.split(".")[1] if "." in name else ""
    if room not in rooms():
        room = BESIDE if f"vaeprivacy.{room}" in modules_of(BESIDE) else IDEA
    return f"book/api_{room}"


def own_names(module: str) -> Iterator[tuple[str, str]]:
    """Yield what the ``__init__.py`` of a folder defines itself: the directive that documents it, and its name."""
    source = path_of(module).read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield ("autoclass" if isinstance(node, ast.ClassDef) else "autofunction"), node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign) and lines[node.lineno - 2].startswith("#:"):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            yield "autodata", target.id


def directives(module: str, commands: list[str]) -> Iterator[str]:
    """Yield the lines, for autodoc, of one module; functions that are commands are left to their own help."""
    yield f".. automodule:: {module}"
    if path_of(module).name != "__init__.py":
        # scikit-learn adds a method to classes with a fit of their own, and documents it by links into its own pages.
        yield f"   :exclude-members: {', '.join([*commands, 'set_fit_request'])}"
        return
    yield "   :no-members:"  # what a folder exports is documented where it is defined
    for directive, name in own_names(module):
        yield ""
        yield f".. {directive}:: {module}.{name}"
        if directive == "autodata":
            yield "   :no-value:"


def command_functions() -> dict[str, dict[str, tuple[str, str]]]:
    """Return, by module, the functions that are commands: for each the command, and what it does."""
    from typer.main import get_command

    from vaeprivacy.cli.app import app  # takes seconds to load

    found: dict[str, dict[str, tuple[str, str]]] = {}
    waiting = [("vaeprivacy", get_command(app))]
    while waiting:
        name, command = waiting.pop(0)
        if command.callback is not None:
            of_module = found.setdefault(command.callback.__module__, {})
            of_module[command.callback.__name__] = (name, inspect.getdoc(command.callback))
        waiting += [(f"{name} {each}", below) for each, below in getattr(command, "commands", {}).items()]
    return found


def section(module: str, commands: dict[str, tuple[str, str]]) -> str:
    """Return what a page says of one module, without its heading."""
    text = "\n".join(["```{eval-rst}", *directives(module, list(commands)), "```", ""])
    if commands:
        rows = "\n".join(f"| `{name}` | {summary(does)} |" for name, does in commands.values())
        text += f"\nOn the command line, where `--help` says more:\n\n| | |\n|---|---|\n{rows}\n"
    return text


def room_page(room: str) -> str:
    """Return the page of a room."""
    modules, commands = modules_of(room), command_functions() if room == "cli" else {}
    parts = [DEPTH, f"# {title(room)}"]
    if room != BESIDE:  # has no module that speaks for all
        first = modules.pop(0)
        parts.append(section(first, commands.get(first, {})))
    for module in modules:
        parts += [f"## {module}", section(module, commands.get(module, {}))]
    return "\n\n".join(parts)


def title(room: str) -> str:
    """Return the title of a room's page."""
    return {IDEA: "vaeprivacy: the idea", BESIDE: "vaeprivacy: beside the idea"}.get(room, f"vaeprivacy.{room}")


def home(module: str, name: str) -> str:
    """Return the module that defines a name which another one exports, lazily or not."""
    tree = tree_of(module)
    for below, names in lazily_exported(tree).items():
        if name in names:
            return home(f"{module}.{below}", name)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return home(node.module, name)
    return module


def lazily_exported(tree: ast.Module) -> dict[str, list[str]]:
    """Return the names that a package exports through ``lazy_exports``, by the modules below it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy_exports":
            return ast.literal_eval(node.args[1])
    return {}


def what_it_is(module: str, name: str) -> str:
    """Return the first paragraph about a class or function, or the comment above a constant."""
    source = path_of(module).read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if getattr(node, "name", "") == name:
            return summary(ast.get_docstring(node))
    comment = re.search(rf"((?:^#: .*\n)+){name}\b", source, flags=re.MULTILINE)
    return summary(comment[1].replace("#: ", "")) if comment else ""


def facade() -> Iterator[tuple[str, str]]:
    """Yield each name that the package itself exports, and the module that defines it, in alphabetical order."""
    exported = [name for names in lazily_exported(tree_of("vaeprivacy")).values() for name in names]
    for name in sorted(exported, key=str.lower):
        yield name, home("vaeprivacy", name)


def first_page() -> str:
    """Return the page that leads to those of all rooms."""
    holds = {room: summary_of(modules_of(room)[0]) for room in rooms()} | {BESIDE: "What the idea can do without."}
    in_rooms = [f"| [{title(room)}](api_{room}.md) | {holds[room]} |" for room in rooms()]
    names = [f"| {{py:obj}}`{name} <{of}.{name}>` | {what_it_is(of, name)} |" for name, of in facade()]
    return "\n".join([HEAD + "\n".join(in_rooms), FACADE + "\n".join(names), ""])


def pages() -> dict[str, str]:
    """Return all pages in MyST Markdown, by name."""
    return {"api": first_page()} | {f"api_{room}": room_page(room) for room in rooms()}
