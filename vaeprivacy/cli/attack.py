"""``vaeprivacy attack``: every attack on a run of ours, or on a target and records in files; a table and a figure."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from vaeprivacy.cli.errors import reports_errors
from vaeprivacy.cli.tables import AsJson, as_json, print_attacks
from vaeprivacy.cli.threads import one_thread
from vaeprivacy.compute.extras import extra

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SHOWN = 6  # attacks whose ROC curves are drawn


@reports_errors(RuntimeError, resumes=True)
def attack(
    source: Annotated[Path, typer.Argument(help="A directory of runs, or an .npz or .safetensors file of records.")],
    target: Annotated[Path | None, typer.Option(help="Safetensors file of the target, if SOURCE is a file.")] = None,
    key: Annotated[str | None, typer.Option(help="Which run of the directory; by default the last.")] = None,
    shadows: Annotated[int, typer.Option(min=2, help="Least number of shadow models for each target.")] = 16,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of shadow models, if SOURCE is a file.")] = 60,
    seed: Annotated[int, typer.Option(help="Decides all random numbers, if SOURCE is a file.")] = 0,
    directory: Annotated[Path, typer.Option(help="Where scores, table and figure go.")] = Path("attacks"),
    json: AsJson = False,
) -> None:
    """Run every attack on a run of ours, or on a target and records in files; print one table, draw one figure."""
    import pandas as pd

    from vaeprivacy.cli.attack_work import attack_file, attack_run
    from vaeprivacy.compute.files import check_writable

    one_thread()
    check_writable(directory)
    if source.is_dir():
        arrays, rows, notes, title = attack_run(source, key=key, n_shadows=shadows)
    else:
        options = {"n_shadows": shadows, "epochs": epochs, "seed": seed, "directory": directory}
        arrays, rows, notes, title = attack_file(source, target, **options)
    console = Console(stderr=json)
    results = pd.DataFrame([{"attack": name, **row} for name, row in rows.items()])
    print_attacks(console, results, title)
    for note in notes:
        console.print(note)
    console.print(write_attacks(arrays, results, directory), markup=False)
    if json:
        print(as_json(results))


def write_attacks(arrays: dict[str, "np.ndarray"], results: "pd.DataFrame", directory: Path) -> str:
    """Write table, scores and, if Matplotlib is there, the figure; return a sentence that says where they are."""
    from vaeprivacy.compute.array_files import write_arrays
    from vaeprivacy.compute.files import write_whole

    write_whole(directory / "attacks.csv", partial(results.to_csv, index=False))
    write_whole(directory / "scores.npz", partial(write_arrays, arrays))
    best = list(results[~results.weak.astype(bool)].nlargest(SHOWN, "auc").attack)
    try:
        draw_attacks(arrays, best, directory / "attacks.png")
    except ImportError as error:
        return f"Table and scores are in {directory}. The figure was not drawn: {error}"
    return f"Table, scores and figure (ROC of the {len(best)} strongest) are in {directory}."


def draw_attacks(arrays: dict[str, "np.ndarray"], attacks: list[str], path: Path) -> None:
    """Draw the ROC curves of some attacks into a file.

    Raises
    ------
    ImportError
        If Matplotlib is missing.
    """
    import pandas as pd

    from vaeprivacy.cli.attack_work import pooled_scores
    from vaeprivacy.compute.files import write_whole
    from vaeprivacy.metrics import roc

    with extra("book", work="The figure"):
        from vaeprivacy.reporting.figures import roc_curves, use_style
    curves = pd.concat(roc(*pooled_scores(arrays, name)).assign(attack=name) for name in attacks)
    use_style()
    figure = roc_curves(curves).figure
    write_whole(path, partial(figure.savefig, format="png", bbox_inches="tight"))
