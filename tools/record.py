"""Compute saved runs anew (`python tools/record.py sweep`), or one part of each, and compare (`--check`).

A saved run is a table in vaeprivacy/reporting/results: NAME.parquet has the runs of the grid NAME.yaml; NAME.csv has
the rows that a chapter computes for each seed, with NAME that of the chapter or `chapter.word`, but of no grid.
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from common import ROOT, code_cells, read_source

from vaeprivacy.compute.files import write_whole
from vaeprivacy.compute.provenance import provenance
from vaeprivacy.experiments import sweep
from vaeprivacy.experiments.grids import read_grid
from vaeprivacy.reporting import load_results, result_names, results, rows_of_seeds, runs_of
from vaeprivacy.reporting.tables import is_control, with_controls

#: Sweeps whose chapters also show what only scores tell: controls, and whether shadow models are like their targets.
WITH_CONTROLS = ("attacks", "sweep")
#: How far a number may be from the saved one: on a processor or with versions that are not those of the record,
#: training rounds in another way and ends with other weights. Else nothing but the last digits may differ.
TOLERANCE, SAME_MACHINE = 0.03, 1e-6
MACHINE = ("processor", "python", "torch", "numpy")
#: What is compared: what the classifier is good for, and what attacks find.
WORDS = ("attack", "looks_at")
MEASURED = ("train_accuracy", "test_accuracy", "test_auc", "auc", "tpr_at_1_fpr", "tpr_at_0_1_fpr")
Rows = Callable[[Sequence[int]], pd.DataFrame]


class Asked(Exception):  # noqa: N818 (no error: a chapter has come to its rows)
    """Raised where a chapter asks for rows; holds what computes them, the seeds, and the other settings."""


def asked_by_chapter(name: str, parameters: Mapping[str, Any]) -> tuple[Rows, Sequence[int], dict[str, Any]]:
    """Run a chapter up to where it asks for some rows; return what computes them, the seeds, and the settings.

    Raises
    ------
    ValueError
        If the chapter never asks for them.
    """

    def ask(this: str, compute: Rows, seeds: Sequence[int], *, from_record: bool, **settings: Any) -> pd.DataFrame:
        if this == name:
            raise Asked(compute, seeds, settings)
        return rows_of_seeds(this, compute, seeds, from_record=from_record, **settings)

    variables: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(open(os.devnull, "w", encoding="utf-8")):
        for cell in code_cells(read_source(ROOT / "notebooks" / f"{name.partition('.')[0]}.md")):
            try:
                exec(cell.source, variables)
            except Asked as asked:
                return asked.args
            if "parameters" in cell.metadata.get("tags", []):
                variables |= parameters
            if "rows_of_seeds" in variables:
                variables["rows_of_seeds"] = ask
    raise ValueError(f"The chapter of {name} asks for no such rows.")


def record_rows(name: str, **parameters: Any) -> None:
    """Compute the rows of a chapter and save them, with settings and provenance in the first line."""
    compute, seeds, settings = asked_by_chapter(name, parameters)
    rows = compute(seeds).to_csv(index=False)
    text = f"#{json.dumps({'settings': settings, 'provenance': provenance()})}\n{rows}"
    write_whole(results.FOLDER / f"{name}.csv", lambda path: path.write_text(text, encoding="utf-8"))


def record_grid(name: str, directory: Path) -> None:
    """Compute the runs of a grid and save their table."""
    table = sweep(read_grid(results.FOLDER / f"{name}.yaml"), directory=directory)
    if (table.error != "").any():
        raise ValueError(f"Some runs of {name} failed, so nothing was saved: {table.error.max()}")
    if name in WITH_CONTROLS:
        table = with_controls(table, directory=directory)
    write_whole(results.FOLDER / f"{name}.parquet", lambda path: table.to_parquet(path, index=False))


def check_rows(name: str, **parameters: Any) -> str:
    """Compute the rows of a chapter's first two seeds anew and compare them; return what was compared."""
    compute, seeds, settings = asked_by_chapter(name, parameters)
    first = list(seeds[:2])
    saved = rows_of_seeds(name, compute, first, from_record=True, **settings)
    return compare(f"{name}, seeds {first}", saved, compute(first), results.read_rows(name)[1]["provenance"])


def check_grid(name: str) -> str:
    """Compute one run of a grid anew, another one each week, and compare it; return what was compared."""
    configs = read_grid(results.FOLDER / f"{name}.yaml")
    config = configs[datetime.now(UTC).isocalendar().week % len(configs)]
    saved = runs_of(load_results(name, controls=True), [config])
    made = saved.iloc[0].to_dict()
    if not str(made["device"]).endswith("(cpu)"):
        return f"{name}: not computed, since its runs are of another device ({made['device']})."
    with TemporaryDirectory() as directory:
        found = sweep([config], directory=directory, progress=False)
        if is_control(saved).any():
            found = with_controls(found, directory=directory)
    found = found[found.attack.isin(saved.attack)].reindex(columns=saved.columns)  # attacks may have been added
    what = f"{name}, {config.defence.label}, seed {config.seed}"
    return compare(what, saved[[*WORDS, *MEASURED]], found[[*WORDS, *MEASURED]], made)


def compare(what: str, saved: pd.DataFrame, found: pd.DataFrame, made: Mapping[str, Any]) -> str:
    """Compare rows with the saved ones, in their order, and return in a sentence how far they are apart.

    Parameters
    ----------
    what : str
        What the rows are, for the sentence.
    saved, found : pandas.DataFrame
        The rows, with the same columns: numbers are measured, all else must be the same.
    made : mapping
        What the saved ones were made with: some of :data:`MACHINE`.

    Raises
    ------
    ValueError
        If a number is too far from the saved one, or the rows are not the same.
    """
    saved, found = saved.reset_index(drop=True), found.reset_index(drop=True)
    numbers = saved.select_dtypes("float").columns
    words = saved.columns.difference(numbers)
    if not saved[words].astype(str).equals(found[words].astype(str)):
        raise ValueError(f"{what}: {len(saved)} rows were saved, and {len(found)}, or others, are computed now.")
    if not saved[numbers].isna().equals(found[numbers].isna()):
        raise ValueError(f"{what}: a number is missing that was saved, or was saved as missing.")
    apart = (saved[numbers] - found[numbers]).abs().fillna(0.0)
    here = provenance()
    limit = SAME_MACHINE if all(made.get(key) == here[key] for key in MACHINE) else TOLERANCE
    worst, column = apart.max(axis=1).idxmax(), apart.max().idxmax()
    if apart.loc[worst, column] > limit:
        row = " ".join(saved.loc[worst, words].astype(str))
        raise ValueError(
            f"{what}: {column} of {row} is {found[column][worst]:.6f}, {saved[column][worst]:.6f} was saved; "
            f"at most {limit:g} is allowed."
        )
    return f"{what}: {len(saved)} rows, at most {apart.max().max():.2g} apart ({limit:g} is allowed)."


def saved_rows() -> list[str]:
    """Return the names of the saved rows of chapters."""
    return sorted(path.stem for path in results.FOLDER.glob("*.csv") if path.read_bytes()[:2] == b"#{")


def main() -> None:
    """Compute saved runs anew, or compare a part of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="names of saved runs; for --check, all by default")
    parser.add_argument(
        "--check", action="store_true", help="compute a part of each and compare; exit with 1 if it differs"
    )
    parser.add_argument("--directory", type=Path, default=ROOT / "runs", help="where sweeps keep intermediate files")
    arguments = parser.parse_args()
    grids, differ = [path.stem for path in results.FOLDER.glob("*.yaml")], []
    if arguments.check:
        for name in arguments.names or [*result_names(), *saved_rows()]:
            try:
                print((check_grid if name in grids else check_rows)(name), flush=True)
            except ValueError as error:
                differ.append(str(error))
        sys.exit("\n".join(differ) or None)
    for name in arguments.names:
        if name in grids:
            record_grid(name, arguments.directory)
        else:
            record_rows(name)


if __name__ == "__main__":
    main()
