"""``vaeprivacy card``: measure a finished release again."""

from pathlib import Path
from typing import Annotated

import typer

from vaeprivacy.cli.errors import reports_errors


@reports_errors()
def card(
    output: Annotated[Path, typer.Argument(help="The folder of a release.")],
    against: Annotated[Path, typer.Option(help="The records that it was made of: the same file as then.")],
    owner: Annotated[Path | None, typer.Option(help="The owner's folder; by default OUTPUT-owner.")] = None,
    measure_minutes: Annotated[float, typer.Option(min=0, help="For releases made anew, to attack and audit.")] = 10,
    max_auc: Annotated[float | None, typer.Option(min=0.5, max=1, help="Highest AUC that an attack may have.")] = None,
) -> None:
    """Measure a release again and write the owner's card anew; exit with 1 or 3 as `vaeprivacy release` does."""
    from vaeprivacy.cli.release import tell
    from vaeprivacy.cli.release_work import measure_again
    from vaeprivacy.cli.threads import one_thread

    one_thread()
    owner = owner or output.with_name(f"{output.name}-owner")
    raise typer.Exit(measure_again(output, against, owner, minutes=measure_minutes, max_auc=max_auc, say=tell))
