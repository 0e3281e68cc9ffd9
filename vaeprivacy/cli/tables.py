"""What several commands print: tables that fit the window, the same as JSON, and what was attacked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from vaeprivacy.experiments.config import Config

#: The option of every command that prints a table.
AsJson = Annotated[bool, typer.Option("--json", help="Print the table as JSON; all else goes to standard error.")]
NARROWEST = 16  # letters of a column of words, which may be wrapped; numbers may not


def run_title(config: "Config") -> str:
    """Return what a run is called above a table of its attacks."""
    return f"{config.dataset}, {config.n_members:,} members, {config.defence.full_label}, seed {config.seed}"


def as_json(table: "pd.DataFrame") -> str:
    """Return a table as a list of objects, one a row; what is missing is null."""
    return table.to_json(orient="records", indent=1, double_precision=15)


def table_of(texts: "pd.DataFrame", *, words: Sequence[str], title: str | None, fits: bool) -> Table:
    """Return a table to print.

    Parameters
    ----------
    texts : pandas.DataFrame
        Its cells, as text.
    words : sequence of str
        Columns that hold words, which stand on the left and may be wrapped; the others hold numbers.
    title : str or None
        Stands above it.
    fits : bool
        Whether there is room for numbers on one line each.
    """
    table = Table(title=title)
    for name in texts.columns:
        number = name not in words
        table.add_column(name, justify="right" if number else "left", no_wrap=number and fits, overflow="fold")
    for row in texts.itertuples(index=False, name=None):
        table.add_row(*map(escape, row))
    return table


def print_table(
    console: Console,
    texts: "pd.DataFrame",
    *,
    words: Sequence[str],
    spare: Sequence[str] = (),
    title: str | None = None,
) -> None:
    """Print a table that fits the window: of spare columns it leaves out the first ones, and says so.

    Parameters
    ----------
    console, texts, words, title
        See :func:`table_of`.
    spare : sequence of str
        Columns that can be left out, in this order.
    """
    left_out: list[str] = []
    while needed_width(texts, words=words) > console.width and len(left_out) < len(spare):
        left_out.append(spare[len(left_out)])
        texts = texts.drop(columns=left_out[-1])
    fits = needed_width(texts, words=words) <= console.width
    console.print(table_of(texts, words=words, title=title, fits=fits))
    if left_out:
        console.print(f"A wider window, or --json, also shows: {', '.join(left_out)}.")


def needed_width(texts: "pd.DataFrame", *, words: Sequence[str]) -> int:
    """Return how wide a window must be for a table: each number on one line, between frames and spaces."""
    columns = [NARROWEST if name in words else max(map(len, [name, *texts[name]])) for name in texts]
    return sum(columns) + 3 * len(columns) + 1


def print_attacks(console: Console, results: "pd.DataFrame", title: str) -> None:
    """Print the attacks on one target, strongest first."""
    from vaeprivacy.reporting.tables import WEAK, WEAK_NOTE, attack_table

    readable = attack_table(results).reset_index()
    print_table(console, readable, words=("attack", "knows"), spare=("knows", "TPR at 0.1% FPR"), title=title)
    if readable.attack.str.contains(WEAK).any():
        console.print(f"{WEAK_NOTE}.")
