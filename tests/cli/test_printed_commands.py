"""Each command that a sentence, a help text or an assignment tells somebody to type is there, as it is typed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.core import TyperCommand, TyperGroup

from vaeprivacy.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
WHERE = [path for room in ("vaeprivacy", "tools", "benchmarks") for path in sorted((ROOT / room).rglob("*.py"))]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in WHERE}
TEXTS |= {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "environment.yml", "CONTRIBUTING.md")
}
COMMAND = typer.main.get_command(app)
OF_OTHERS = {"--tests-dir", "--output-path", "--no-deps", "--wheel-dir"}  # of otter and pip, which sentences call


def found(pattern: str) -> set[tuple[str, str]]:
    """Return where a pattern matches, and what; lines that are broken inside are put together."""
    return {(name, " ".join(each.split())) for name, text in TEXTS.items() for each in re.findall(pattern, text)}


def options(command: TyperCommand | TyperGroup) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts + parameter.secondary_opts} | {"--help"}


def all_commands(command: TyperCommand | TyperGroup) -> Iterator[TyperCommand | TyperGroup]:
    yield command
    for each in getattr(command, "commands", {}).values():
        yield from all_commands(each)


def fault(line: str) -> str:
    """Return what is wrong with the words after `vaeprivacy`, or nothing."""
    command = COMMAND
    for word in line.split():
        if hasattr(command, "commands") and not word.startswith("-"):
            if word not in command.commands:
                return f"there is no {word!r}"
            command = command.commands[word]
        elif word.startswith("--") and word not in options(command):
            return f"{command.name} has no {word}"
    return ""


def test_a_wrong_command_is_seen():
    assert fault("corse make") and fault("course grade folder --rooster") and fault("contest rank")
    assert not fault("course grade folder --roster roster.csv")


def test_commands_of_ours_are_there():
    lines = found(r"`(?:python -m )?vaeprivacy (\w[^`{]*)[`{]")
    assert len(lines) > 15
    assert [(where, line, fault(line)) for where, line in lines if fault(line)] == []


def test_options_in_sentences_are_there():
    known = OF_OTHERS.union(*map(options, all_commands(COMMAND)))
    named = {
        pair
        for pair in found(r"(?<![\w`\"-])--[a-z][a-z-]+")
        if pair[0].startswith(("vaeprivacy/cli", "vaeprivacy/course"))
    }
    assert len(named) > 10
    assert [pair for pair in named if pair[1] not in known] == []


def test_targets_and_variables_of_make_are_there():
    targets = set(re.findall(r"^([a-z-]+):", TEXTS["Makefile"], flags=re.MULTILINE))
    variables = set(re.findall(r"^([A-Z_]+) \?=|\$\(([A-Z]+)\)", TEXTS["Makefile"], flags=re.MULTILINE))
    lines = found(r"[`'](make [a-z-]+[^`']*)[`']")
    assert len(lines) > 10
    for where, line in lines:
        _, target, *given = line.split()
        assert target in targets, (where, line)
        assert {each.partition("=")[0] for each in given} <= {name for pair in variables for name in pair}, (
            where,
            line,
        )


def test_scripts_are_there():
    lines = found(r"python ((?:tools|tests|benchmarks)/[\w/]+\.py)")
    assert len(lines) > 5
    assert [pair for pair in lines if not (ROOT / pair[1]).is_file()] == []


def test_pip_adds_an_extra_to_the_installed_package_and_asks_no_index_for_it():
    # "pip install 'vaeprivacy[dask]'" is said by an installed package only; what it brings is installed here as well.
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "vaeprivacy[dask]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Would install" not in done.stdout, done.stdout + done.stderr
