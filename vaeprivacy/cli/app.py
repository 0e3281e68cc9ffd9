"""The ``vaeprivacy`` command."""

import typer

from vaeprivacy.cli.attack import attack
from vaeprivacy.cli.audit import audit
from vaeprivacy.cli.contest import app as contest
from vaeprivacy.cli.course import app as course
from vaeprivacy.cli.data import data
from vaeprivacy.cli.run import run
from vaeprivacy.cli.sweep import sweep

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (data, run, sweep, attack, audit):
    app.command()(command)
course.add_typer(contest, name="contest")
app.add_typer(course, name="course")


@app.callback()
def main() -> None:
    """Train on synthetic data instead of private records, and measure what still leaks."""


if __name__ == "__main__":
    app()
