"""The ``vaeprivacy`` command."""

from importlib.metadata import version
from typing import Annotated

import typer

from vaeprivacy.cli.attack import attack
from vaeprivacy.cli.audit import audit
from vaeprivacy.cli.card import card
from vaeprivacy.cli.contest import app as contest
from vaeprivacy.cli.course import app as course
from vaeprivacy.cli.data import data
from vaeprivacy.cli.release import release
from vaeprivacy.cli.run import run
from vaeprivacy.cli.schema import schema
from vaeprivacy.cli.sweep import sweep

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for command in (data, schema, release, card, run, sweep, attack, audit):
    app.command()(command)
course.add_typer(contest, name="contest")
app.add_typer(course, name="course")


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(f"vaeprivacy {version('vaeprivacy')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train on synthetic data instead of private records, and measure what still leaks."""


if __name__ == "__main__":
    app()
