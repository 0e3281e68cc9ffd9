"""``vaeprivacy schema``: draft what is public of a table's columns, for a person to complete."""

from pathlib import Path
from typing import Annotated

import typer

from vaeprivacy.cli.errors import reports_errors


@reports_errors()
def schema(
    data: Annotated[Path, typer.Argument(help="A .csv, .parquet or .npz file with one record a row.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The YAML file to write.")] = Path("schema.yaml"),
    drop: Annotated[
        list[str] | None, typer.Option(help="A column to leave out, such as a name; may be repeated.")
    ] = None,
) -> None:
    """Draft a schema of a table: kinds of columns, bounds, lists of answers. Replace what it read from the records."""
    from vaeprivacy.compute.files import check_new
    from vaeprivacy.estimators import draft_schema, read_table, write_schema

    check_new(output)
    if data.is_dir():
        raise ValueError(f"{data} is a folder: images need no schema, so give it to `vaeprivacy release`.")
    drafted = draft_schema(read_table(data), drop=drop or [])
    write_schema(drafted, output)
    typer.echo(
        f"{output} has {len(drafted.columns)} columns. Their bounds and lists were read from the records, which no "
        "noise covers: replace them by what is known without the records, and delete each line 'from_data: true'."
    )
