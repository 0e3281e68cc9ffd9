"""``vaeprivacy run``: a pool of models with one defence, every attack on each, one table."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from vaeprivacy.cli.errors import reports_errors
from vaeprivacy.cli.names import DEFENCES
from vaeprivacy.cli.tables import AsJson, as_json, print_attacks, run_title
from vaeprivacy.cli.threads import one_thread

if TYPE_CHECKING:
    import pandas as pd

    from vaeprivacy.defences import Defence
    from vaeprivacy.experiments.config import Config


@reports_errors(resumes=True)
def run(
    dataset: Annotated[
        str, typer.Option(help="Name of a data set, such as fashion-mnist or digits.")
    ] = "fashion-mnist",
    defence: Annotated[str, typer.Option(help=f"One of {', '.join(DEFENCES)}.")] = "framework",
    epsilon: Annotated[
        float | None,
        typer.Option(
            help="Of framework (per unit of latent distance; without it, no noise), dp-sgd (default 8), moments and "
            "transfer (default 10, for everything)."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the split, all training and the noise.")] = 0,
    members: Annotated[int, typer.Option(help="Number of members of each model, and of non-members.")] = 2500,
    models: Annotated[int, typer.Option(help="Number of models in the pool, each the target once; even.")] = 8,
    directory: Annotated[Path, typer.Option(help="Where results and intermediate files go.")] = Path("runs"),
    json: AsJson = False,
) -> None:
    """Train a pool of models with a defence, attack each, print a table of averages, append a row to the results."""
    from vaeprivacy.experiments.config import Config

    one_thread()
    made = defence_of(defence, epsilon)
    config = Config(dataset=dataset, defence=made, seed=seed, n_members=members, n_models=models)
    results = compute_run(config, directory)
    _print_run(config, results, directory, console=Console(stderr=json))
    if json:
        print(as_json(results))


def defence_of(name: str, epsilon: float | None) -> "Defence":
    """Return the defence that options speak of.

    Raises
    ------
    ValueError
        If there is no such defence, or it has other settings.
    """
    from vaeprivacy.defences import DEFENCES

    if name not in DEFENCES:
        raise ValueError(f"There is no defence {name!r}; choose one of {', '.join(DEFENCES)}.")
    if name == "regularised":
        raise ValueError(f"The defence {name!r} needs settings: write them into a grid file for `vaeprivacy sweep`.")
    kind = DEFENCES[name]
    if epsilon is None:
        return kind()
    if "epsilon" not in {each.name for each in fields(kind)}:
        raise ValueError(f"The defence {name!r} has no epsilon: leave --epsilon out, or take framework or dp-sgd.")
    return kind(epsilon=epsilon)


def compute_run(config: "Config", directory: Path) -> "pd.DataFrame":
    """Return the rows of one run, one an attack; what is computed is kept in the directory."""
    from vaeprivacy.compute.parallel import OnThisMachine
    from vaeprivacy.experiments.sweeps import compute, tidy

    return tidy(compute([config], directory=directory, executor=OnThisMachine(), progress=True).values())


def _print_run(config: "Config", results: "pd.DataFrame", directory: Path, *, console: Console) -> None:
    """Print what came out; exit with 1 if the run failed."""
    from vaeprivacy.compute.files import RESULTS

    first = results.iloc[0]
    if first.error:
        typer.echo(f"vaeprivacy: {first.error}", err=True)
        raise typer.Exit(1)
    print_attacks(console, results, run_title(config))
    console.print(
        f"Accuracy, on average over {config.n_models} targets: {first.train_accuracy:.3f} on members, "
        f"{first.test_accuracy:.3f} on test records."
    )
    console.print(f"One row in {directory / RESULTS}.")
