"""What the ``vaeprivacy`` command says if something is wrong, and the exit status that it ends with."""

import typer


def exit_with(error: Exception) -> int:
    """Tell of a user's mistake in one sentence."""
    typer.echo(f"vaeprivacy: {error}", err=True)
    return 2


def interrupted() -> int:
    """Tell how to go on after Ctrl-C."""
    typer.echo("vaeprivacy: interrupted; what is done is kept, and the same command continues.", err=True)
    return 130
