"""What several commands print: a table of attacks, and what was attacked."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from vaeprivacy.experiments.config import Config


def run_title(config: "Config") -> str:
    """Return what a run is called above a table of its attacks."""
    return f"{config.dataset}, {config.n_members:,} members, {config.defence.full_label}, seed {config.seed}"


def print_attacks(console: Console, results: "pd.DataFrame", title: str) -> None:
    """Print the attacks on one target, strongest first."""
    from vaeprivacy.reporting.tables import WEAK, WEAK_NOTE, attack_table

    readable = attack_table(results)
    table = Table(title=title)
    for column in ("attack", *readable.columns):
        table.add_column(column, justify="left" if column in ("attack", "knows") else "right")
    for row in readable.itertuples():
        table.add_row(*row)
    console.print(table)
    if any(WEAK in name for name in readable.index):
        console.print(f"{WEAK_NOTE}.")
