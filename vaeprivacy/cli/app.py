"""The ``vaeprivacy`` command."""

from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer
from rich.console import Console
from rich.table import Table

from vaeprivacy.audit.lower_bounds import Audit, audit_mechanism, audit_release
from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.cli.attack import attack_file, attack_run, pooled_scores, run_title
from vaeprivacy.cli.contest import app as contest
from vaeprivacy.cli.course import app as course
from vaeprivacy.cli.errors import exit_with, interrupted
from vaeprivacy.cli.sweep import sweep_file
from vaeprivacy.compute.executors import OnThisMachine
from vaeprivacy.compute.files import RESULTS, write_arrays, write_whole
from vaeprivacy.datasets import LOADERS, find_fashion_mnist, load
from vaeprivacy.defences import DEFENCES, Defence
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.sweeps import compute, tidy
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.metrics import roc
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.reporting.figures import roc_curves, use_style
from vaeprivacy.reporting.tables import WEAK, WEAK_NOTE, attack_table
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAESettings

# What a user can get wrong: it is told in one sentence. (ConnectionError: no Dask; ImportError: not installed.)
MISTAKES = (ValueError, TypeError, FileNotFoundError, ConnectionError, ImportError)
app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


app.add_typer(course, name="course")


course.add_typer(contest, name="contest")


@app.callback()
def main() -> None:
    """Train on synthetic data instead of private records, and measure what still leaks."""
    torch.set_num_threads(1)  # networks this small gain nothing from more, and lose much when cores are busy


WITHOUT_FILES = {
    "digits": "inside scikit-learn",
    "fair": "inside statsmodels",
    "randhie": "inside statsmodels",
    "gaussian-mixture": "drawn from a fixed seed",
}


@app.command()
def data(dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(LOADERS)}.")] = "fashion-mnist") -> None:
    """Find a data set, download it if need be, check it and say where it is."""
    try:
        records = load(dataset)
    except MISTAKES as error:
        raise typer.Exit(exit_with(error)) from error
    if dataset == "fashion-mnist":
        where = str(find_fashion_mnist("train-images-idx3-ubyte").parent)
    else:
        where = WITHOUT_FILES.get(dataset, "from its files")
    print(f"{dataset}: {len(records.x):,} records, {records.x.shape[1]} features, {records.n_classes} classes; {where}")


@app.command()
def run(
    dataset: Annotated[
        str, typer.Option(help="Name of a data set, such as fashion-mnist or digits.")
    ] = "fashion-mnist",
    defence: Annotated[str, typer.Option(help=f"One of {', '.join(DEFENCES)}.")] = "framework",
    epsilon: Annotated[
        float | None,
        typer.Option(help="Of framework (per unit of latent distance; without it, no noise) and dp-sgd (default 8)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the split, all training and the noise.")] = 0,
    members: Annotated[int, typer.Option(help="Number of members of each model, and of non-members.")] = 2500,
    models: Annotated[int, typer.Option(help="Number of models in the pool, each the target once; even.")] = 8,
    directory: Annotated[Path, typer.Option(help="Where results and intermediate files go.")] = Path("runs"),
) -> None:
    """Train a pool of models with a defence, attack each, print a table of averages, append a row to the results."""
    try:
        made = _defence(defence, epsilon)
        config = Config(dataset=dataset, defence=made, seed=seed, n_members=members, n_models=models)
        rows = compute([config], directory=directory, executor=OnThisMachine(), progress=True)
    except MISTAKES as error:
        raise typer.Exit(exit_with(error)) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(interrupted()) from error
    results, console = tidy(rows.values()), Console()
    first = results.iloc[0]
    if first.error:
        typer.echo(f"vaeprivacy: {first.error}", err=True)
        raise typer.Exit(1)
    _print_attacks(console, results, run_title(config))
    console.print(
        f"Accuracy, on average over {models} targets: {first.train_accuracy:.3f} on members, "
        f"{first.test_accuracy:.3f} on test records."
    )
    console.print(f"One row in {directory / RESULTS}.")


def _defence(name: str, epsilon: float | None) -> Defence:
    """Return the defence that options speak of."""
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


@app.command("sweep")
def sweep_runs(
    grid: Annotated[Path, typer.Argument(help="YAML file with the fields of all runs, one value or a list each.")],
    directory: Annotated[Path, typer.Option(help="Where results and intermediate files go.")] = Path("runs"),
    jobs: Annotated[
        int,
        typer.Option(
            help="Number of processes with one thread each; -1 takes one per GPU or, without one, one per core."
        ),
    ] = -1,
    dask: Annotated[str | None, typer.Option(help="Address of a Dask scheduler to compute on its workers.")] = None,
) -> None:
    """Compute all runs of a grid, print a summary, write one table; exit with 1 if some failed."""
    try:
        failed = sweep_file(grid, directory=directory, n_jobs=jobs, dask=dask, console=Console())
    except MISTAKES as error:
        raise typer.Exit(exit_with(error)) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(interrupted()) from error
    raise typer.Exit(int(failed > 0))


@app.command()
def attack(
    source: Annotated[Path, typer.Argument(help="A directory of runs, or an .npz or .safetensors file of records.")],
    target: Annotated[Path | None, typer.Option(help="Safetensors file of the target, if SOURCE is a file.")] = None,
    key: Annotated[str | None, typer.Option(help="Which run of the directory; by default the last.")] = None,
    shadows: Annotated[int, typer.Option(min=2, help="Least number of shadow models for each target.")] = 16,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of shadow models, if SOURCE is a file.")] = 60,
    seed: Annotated[int, typer.Option(help="Decides all random numbers, if SOURCE is a file.")] = 0,
    directory: Annotated[Path, typer.Option(help="Where scores, table and figure go.")] = Path("attacks"),
) -> None:
    """Run every attack on a run of ours, or on a target and records in files; print one table, draw one figure."""
    try:
        if source.is_dir():
            arrays, rows, notes, title = attack_run(source, key=key, n_shadows=shadows)
        else:
            options = {"n_shadows": shadows, "epochs": epochs, "seed": seed, "directory": directory}
            arrays, rows, notes, title = attack_file(source, target, **options)
    except (*MISTAKES, RuntimeError) as error:
        raise typer.Exit(exit_with(error)) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(interrupted()) from error
    console = Console()
    results = pd.DataFrame([{"attack": name, **row} for name, row in rows.items()])
    _print_attacks(console, results, title)
    for note in notes:
        console.print(note)
    directory.mkdir(parents=True, exist_ok=True)
    write_whole(directory / "attacks.csv", partial(results.to_csv, index=False))
    write_whole(directory / "scores.npz", partial(write_arrays, arrays))
    best = results[~results.weak.astype(bool)].nlargest(6, "auc").attack
    curves = pd.concat(roc(*pooled_scores(arrays, name)).assign(attack=name) for name in best)
    use_style()
    figure = roc_curves(curves).figure
    write_whole(directory / "attacks.png", partial(figure.savefig, format="png", bbox_inches="tight"))
    console.print(f"Table, scores and figure (ROC of the {len(best)} strongest) are in {directory}.")


def _print_attacks(console: Console, results: pd.DataFrame, title: str) -> None:
    """Print the attacks on one target, strongest first."""
    readable = attack_table(results)
    table = Table(title=title)
    for column in ("attack", *readable.columns):
        table.add_column(column, justify="left" if column in ("attack", "knows") else "right")
    for row in readable.itertuples():
        table.add_row(*row)
    console.print(table)
    if any(WEAK in name for name in readable.index):
        console.print(f"{WEAK_NOTE}.")


MECHANISMS = {"euclidean-laplace": EuclideanLaplace, "coordinate-laplace": CoordinateLaplace}


@app.command()
def audit(
    mechanism: Annotated[
        str, typer.Option(help="euclidean-laplace, coordinate-laplace or gaussian")
    ] = "euclidean-laplace",
    epsilon: Annotated[float, typer.Option(help="Metric-privacy parameter per unit of latent distance.")] = 0.5,
    sigma: Annotated[float, typer.Option(help="Standard deviation of Gaussian noise.")] = 2.0,
    radius: Annotated[float, typer.Option(help="Radius of the ball of codes.")] = 2.0,
    dimension: Annotated[
        int, typer.Option(min=1, help="Latent dimension in which the law of the noise is tested.")
    ] = 16,
    n: Annotated[int, typer.Option(min=20, help="Outputs for each of two codes.")] = 100_000,
    dataset: Annotated[
        str | None, typer.Option(help="Also fit a synthesizer on half of this data set, and audit its release.")
    ] = None,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999999, help="Of each lower bound: how seldom a true claim is refuted.")
    ] = 0.999,
    seed: Annotated[int, typer.Option(help="Decides all random numbers of the audit.")] = 0,
) -> None:
    """Print claimed against measured epsilon, of a mechanism or a whole release; exit with 1 if a claim is refuted."""
    try:
        noise = _mechanism(mechanism, epsilon=epsilon, sigma=sigma)
        audits = {
            f"{mechanism}, d = {d}": audit_mechanism(
                noise,
                radius=radius,
                dimension=d,
                n=n,
                generator=seeded_generator(seed, f"audit {d}"),
                level=confidence,
            )
            for d in (1, 2)
        }
        law = noise_p_values(noise.sample(10_000, dimension, generator=seeded_generator(seed, "law")), noise)
        if dataset:
            audits[f"release of {dataset}"] = _release_audit(dataset, noise, radius=radius, seed=seed, level=confidence)
    except MISTAKES as error:
        raise typer.Exit(exit_with(error)) from error
    for what, result in audits.items():
        print(f"{what}: {result}")
    fine = min(law.values()) > (1 - confidence) / len(law)
    smallest = min(law, key=law.get)
    print(
        f"law of the noise, d = {dimension}: {'not refuted' if fine else 'REFUTED'} "
        f"({len(law)} statistics of 10,000 draws; smallest p-value {law[smallest]:.3g}, {smallest})"
    )
    raise typer.Exit(int(not fine or any(result.violated for result in audits.values())))


def _mechanism(name: str, *, epsilon: float, sigma: float) -> Mechanism:
    if name == "gaussian":
        return Gaussian(sigma)
    if name not in MECHANISMS:
        raise ValueError(
            f"There is no mechanism {name!r}; choose one of {', '.join(map(repr, MECHANISMS))}, 'gaussian'."
        )
    return MECHANISMS[name](epsilon)


def _release_audit(dataset: str, noise: Mechanism, *, radius: float, seed: int, level: float) -> Audit:
    """Fit a VAE with two latent dimensions on half of a data set (at most 2,500 records) and audit its release."""
    records = load(dataset)
    half = torch.randperm(len(records.x), generator=seeded_generator(seed, "half"))[: min(2500, len(records.x) // 2)]
    x, y = records.x[half], records.y[half]
    synthesizer = Synthesizer(noise, VAESettings(latent_dim=2), radius=radius)
    synthesizer.fit(x, y, generator=seeded_generator(seed, "vae"))
    return audit_release(synthesizer, x, y, generator=seeded_generator(seed, "release"), level=level)


if __name__ == "__main__":
    app()
