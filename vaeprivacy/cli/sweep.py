"""What ``vaeprivacy sweep`` does: read a grid, compute its runs, print what came out."""

import warnings
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from vaeprivacy.experiments.grids import read_grid
from vaeprivacy.experiments.sweeps import TABLE, sweep, unfinished
from vaeprivacy.reporting.tables import sweep_table

# Columns that are left out of the table if they hold one value (beside none at all, such as that of raw data).
COMMON = ("data set", "VAE trained on", "latent dim", "epochs", "members", "seeds")


def sweep_file(grid: Path, *, directory: Path, n_jobs: int, dask: str | None, console: Console) -> int:
    """Compute the runs of a grid file and print their summary.

    Parameters
    ----------
    grid : pathlib.Path
        The file, see :func:`vaeprivacy.experiments.grids.read_grid`.
    directory, n_jobs, dask
        As for :func:`vaeprivacy.experiments.sweeps.sweep`.
    console : rich.console.Console
        Where to print.

    Returns
    -------
    int
        Number of runs that failed.

    Raises
    ------
    ConnectionError, FileNotFoundError, ImportError, TypeError, ValueError
        If the grid is impossible, or there is no cluster at the address.
    """
    configs = read_grid(grid)
    left = len(unfinished(configs, directory=directory))
    console.print(f"{grid}: {len(configs):,} runs, {len(configs) - left:,} of them done, {left:,} to do.")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\d+ of \d+ runs failed")  # the summary says it
        results = sweep(configs, directory=directory, n_jobs=n_jobs, dask=dask)
    print_summary(results, console)
    failed = results[results.error != ""]
    for row in failed.head(5).itertuples():
        console.print(f"Failed: {row.dataset}, {row.setting}, seed {row.seed}: {row.error}", markup=False)
    if len(failed):
        console.print(f"{len(failed)} of {len(configs)} runs failed; the same command tries them again.")
    console.print(f"The table of all runs and attacks is {directory / TABLE}.")
    return len(failed)


def print_summary(results: pd.DataFrame, console: Console) -> None:
    """Print a line for each setting of a sweep, averaged over seeds; what all have in common stands above."""
    summary = sweep_table(results)
    if not summary.failed.any():
        summary = summary.drop(columns="failed")
    values = {name: sorted({_cell(value) for value in summary[name]} - {""}) for name in COMMON}
    common = [name for name in COMMON if len(values[name]) <= 1]
    words = [f"{name} {values[name][0]}" for name in common if values[name]]
    console.print(f"Averages over seeds, and the highest AUC of an attack on each part ({', '.join(words)}):")
    table = Table()
    for column in summary.columns.drop(common):
        table.add_column(column, justify="left" if column in ("data set", "setting", "VAE trained on") else "right")
    for row in summary.drop(columns=common).itertuples(index=False, name=None):
        table.add_row(*map(_cell, row))
    console.print(table)


def _cell(value: object) -> str:
    """Return how a value is printed; one that is missing, not at all."""
    if isinstance(value, float):
        return "" if value != value else f"{value:g}" if value.is_integer() and value > 1 else f"{value:.3f}"
    return str(value)
