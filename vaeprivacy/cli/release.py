"""``vaeprivacy release``: from a table or a folder of images to synthetic records with a privacy card."""

from pathlib import Path
from typing import Annotated

import typer

from vaeprivacy.cli.errors import reports_errors

EXITS = """

    \b
    Exit status
      0    the release is written
      1    a measurement is beyond the promise
      2    a mistake in files or options; nothing is written
      3    the strongest attack may be above --max-auc
      130  interrupted; the same command goes on
    With 1 and 3 the release is withheld: it stands in the owner's folder.
    To delete everything: rm -r OUTPUT OWNER.
"""


@reports_errors(resumes=True)
def release(
    data: Annotated[Path, typer.Argument(help="A .csv, .parquet or .npz file, or a folder with one folder a class.")],
    epsilon: Annotated[float, typer.Option(help="Of the whole release, for replacing one record.")],
    schema: Annotated[Path | None, typer.Option(help="What is public of the columns; see `vaeprivacy schema`.")] = None,
    label: Annotated[str | None, typer.Option(help="The column that others are to be predicted from.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to publish.")] = Path("out"),
    owner: Annotated[
        Path | None, typer.Option(help="Folder for the owner's eyes only; by default OUTPUT-owner.")
    ] = None,
    delta: Annotated[float, typer.Option(help="Probability that is exempt from epsilon.")] = 1e-6,
    rows: Annotated[int | None, typer.Option(min=1, help="Synthetic rows; by default as many as records.")] = None,
    unit: Annotated[str | None, typer.Option(help="The column that says whose a row is.")] = None,
    bins: Annotated[int | None, typer.Option(min=2, help="Equal parts of a label that is a number.")] = None,
    per_record: Annotated[
        bool,
        typer.Option("--per-record", help="One row for each record, by the framework: labels and model not covered."),
    ] = False,
    drop: Annotated[list[str] | None, typer.Option(help="A column to leave out; may be repeated.")] = None,
    holdout: Annotated[Path | None, typer.Option(help="Records to measure with; by default a fifth of DATA.")] = None,
    measure: Annotated[bool, typer.Option(help="Hold records out, and measure leaks and use.")] = True,
    measure_minutes: Annotated[float, typer.Option(min=0, help="For releases made anew, to attack and audit.")] = 10,
    max_auc: Annotated[float | None, typer.Option(min=0.5, max=1, help="Highest AUC that an attack may have.")] = None,
) -> None:
    """Make synthetic records and a privacy card to publish, and a card of what was measured for the owner alone."""
    from vaeprivacy.cli.release_work import Order, make_release
    from vaeprivacy.cli.threads import one_thread

    one_thread()
    order = Order(
        data=data, schema=schema, label=label, epsilon=epsilon, delta=delta, rows=rows, unit=unit, bins=bins,
        drop=tuple(drop or ()), per_record=per_record, holdout=holdout, measure=measure,
        output=output, owner=owner or output.with_name(f"{output.name}-owner"),
    )  # fmt: skip
    raise typer.Exit(make_release(order, minutes=measure_minutes, max_auc=max_auc, say=tell))


def tell(sentence: str) -> None:
    """Print progress where it is in nobody's way."""
    typer.echo(sentence, err=True)


release.__doc__ += EXITS
