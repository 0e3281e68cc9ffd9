"""The ``vaeprivacy`` command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from vaeprivacy.data import find_fashion_mnist, load
from vaeprivacy.experiment import Config
from vaeprivacy.figures import ATTACKS
from vaeprivacy.storage import RESULTS
from vaeprivacy.sweep import sweep

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Train on synthetic data instead of private records, and measure what still leaks."""


@app.command()
def data(dataset: Annotated[str, typer.Argument(help="fashion-mnist or digits")] = "fashion-mnist") -> None:
    """Find a data set, download it if need be, check it and say where it is."""
    try:
        records = load(dataset)
    except (ValueError, FileNotFoundError) as error:
        raise typer.Exit(_fail(error)) from error
    where = (
        find_fashion_mnist("train-images-idx3-ubyte").parent if dataset == "fashion-mnist" else "inside scikit-learn"
    )
    print(f"{dataset}: {len(records.x):,} records, {records.x.shape[1]} features, {records.n_classes} classes; {where}")


@app.command()
def run(
    dataset: Annotated[str, typer.Option(help="fashion-mnist or digits")] = "fashion-mnist",
    defence: Annotated[str, typer.Option(help="framework, or none to train on the records themselves")] = "framework",
    epsilon: Annotated[
        float | None, typer.Option(help="Metric-privacy parameter per unit of latent distance; none means no noise.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the split, all training and the noise.")] = 0,
    members: Annotated[int, typer.Option(help="Number of members, and of non-members.")] = 2500,
    shadows: Annotated[int, typer.Option(help="Number of the adversary's shadow models.")] = 4,
    directory: Annotated[Path, typer.Option(help="Where results and intermediate files go.")] = Path("runs"),
) -> None:
    """Train a target on a release (or on the records), attack it, print a table, append a row to the results file."""
    try:
        config = Config(
            dataset=dataset, defence=defence, epsilon=epsilon, seed=seed, n_members=members, n_shadows=shadows
        )
        config.split(load(dataset).y)  # refuse what cannot be split before any training
        results = sweep([config], directory=directory)
    except (ValueError, FileNotFoundError) as error:
        raise typer.Exit(_fail(error)) from error

    table = Table(title=f"{dataset}, {members:,} members, {_title(config)}, seed {seed}")
    for column in ("attack", "accuracy", "advantage", "AUC (95% interval)", "TPR at 1% FPR (95% interval)"):
        table.add_column(column, justify="left" if column == "attack" else "right")
    for row in results.itertuples():
        table.add_row(
            ATTACKS[row.attack],
            f"{row.attack_accuracy:.3f}",
            f"{row.advantage:+.3f}",
            f"{row.auc:.3f} ({row.auc_low:.3f} to {row.auc_high:.3f})",
            f"{row.tpr_at_1_fpr:.3f} ({row.tpr_low:.3f} to {row.tpr_high:.3f})",
        )
    console = Console()
    console.print(table)
    first = results.iloc[0]
    console.print(
        f"The target's accuracy: {first.train_accuracy:.3f} on members, {first.test_accuracy:.3f} on test records."
    )
    console.print(f"One row in {directory / RESULTS}.")


def _title(config: Config) -> str:
    return f"epsilon {config.label}" if config.epsilon else config.label


def _fail(error: Exception) -> int:
    typer.echo(f"vaeprivacy: {error}", err=True)
    return 2


if __name__ == "__main__":
    app()
