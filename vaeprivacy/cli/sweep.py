"""``vaeprivacy sweep``: read a grid, compute its runs, print what came out."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from vaeprivacy.cli.errors import reports_errors
from vaeprivacy.cli.tables import AsJson, as_json, needed_width, print_table
from vaeprivacy.cli.threads import one_thread
from vaeprivacy.compute.extras import extra

if TYPE_CHECKING:
    import pandas as pd

# Columns that are left out of the table if they hold one value (beside none at all, such as that of raw data).
COMMON = ("data set", "VAE trained on", "latent dim", "epochs", "members", "seeds")


@reports_errors(resumes=True)
def sweep(
    grid: Annotated[Path, typer.Argument(help="YAML file with the fields of all runs, one value or a list each.")],
    directory: Annotated[Path, typer.Option(help="Where results and intermediate files go.")] = Path("runs"),
    jobs: Annotated[
        int,
        typer.Option(
            help="Number of processes with one thread each; -1 takes one per GPU or, without one, one per core."
        ),
    ] = -1,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to compute on its workers.")] = None,
    json: AsJson = False,
) -> None:
    """Compute all runs of a grid, print a summary, write one table; exit with 1 if some failed."""
    one_thread()
    results = sweep_file(grid, directory=directory, n_jobs=jobs, dask=dask, console=Console(stderr=json))
    if json:
        print(as_json(results))
    raise typer.Exit(int((results.error != "").any()))


def sweep_file(grid: Path, *, directory: Path, n_jobs: int, dask: str | None, console: Console) -> "pd.DataFrame":
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
    pandas.DataFrame
        As of :func:`vaeprivacy.experiments.sweeps.sweep`.

    Raises
    ------
    ConnectionError, FileNotFoundError, ImportError, TypeError, ValueError
        If the grid is impossible, there is no cluster at the address, or the table could not be written.
    """
    from vaeprivacy.experiments import sweeps
    from vaeprivacy.experiments.grids import read_grid

    configs = read_grid(grid)
    with extra("experiments", work="The table of a sweep"):
        import pyarrow  # noqa: F401 (pandas writes the table with it; better to know before hours of work)
    left = len(sweeps.unfinished(configs, directory=directory))
    console.print(f"{grid}: {len(configs):,} runs, {len(configs) - left:,} of them done, {left:,} to do.")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\d+ of \d+ runs failed")  # the summary says it
        results = sweeps.sweep(configs, directory=directory, n_jobs=n_jobs, dask=dask)
    print_summary(results, console)
    failed = results[results.error != ""]
    for row in failed.head(5).itertuples():
        console.print(f"Failed: {row.dataset}, {row.setting}, seed {row.seed}: {row.error}", markup=False)
    if len(failed):
        console.print(f"{len(failed)} of {len(configs)} runs failed; the same command tries them again.")
    console.print(f"The table of all runs and attacks is {directory / sweeps.TABLE}.")
    return results


def print_summary(results: "pd.DataFrame", console: Console) -> None:
    """Print a line for each setting of a sweep, averaged over seeds; what all have in common stands above."""
    from vaeprivacy.reporting.tables import sweep_table

    summary = sweep_table(results)
    if not summary.failed.any():
        summary = summary.drop(columns="failed")
    values = {name: sorted({_cell(value) for value in summary[name]} - {""}) for name in COMMON}
    common = [name for name in COMMON if len(values[name]) <= 1]
    words = [f"{name} {values[name][0]}" for name in common if values[name]]
    console.print(f"Averages over seeds, and the highest AUC of an attack on each part ({', '.join(words)}):")
    texts, words = summary.drop(columns=common).map(_cell), ("data set", "setting", "VAE trained on")
    if needed_width(texts, words=words) > console.width:
        texts = _settings_in_one_column(texts)
    print_table(console, texts, words=words)


def _settings_in_one_column(texts: "pd.DataFrame") -> "pd.DataFrame":
    """Return a summary for a narrow window: what tells its lines apart stands in one column, which can be wrapped."""
    others = [name for name in COMMON if name in texts and name != "seeds"]
    parts = texts[others].apply(lambda row: [f"{name} {value}" for name, value in row.items() if value], axis=1)
    setting = [", ".join([first, *more]) for first, more in zip(texts.setting, parts, strict=True)]
    return texts.drop(columns=others).assign(setting=setting)


def _cell(value: object) -> str:
    """Return how a value is printed; one that is missing, not at all."""
    if isinstance(value, float):
        return "" if value != value else f"{value:g}" if value.is_integer() and value > 1 else f"{value:.3f}"
    return str(value)
