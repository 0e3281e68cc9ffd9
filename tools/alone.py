"""Run every notebook from its .ipynb alone, each in an empty folder and with the smallest settings, as on Colab."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import papermill
from common import ROOT, known_parameters, note_hardware, profile_parameters

LIMIT = 900  # seconds for one cell: one that hangs must not hide how the other notebooks fare


def run_alone(source: Path, output: Path, folder: Path, *, kernel: str = "python3") -> None:
    """Run one notebook in a folder, with the profile "quick", and write it with its outputs."""
    papermill.execute_notebook(
        source,
        output,
        parameters=known_parameters(source, profile_parameters("quick")),
        resources={"metadata": {"path": str(folder)}},  # `cwd` would move this process, and all of its threads
        kernel_name=kernel,
        progress_bar=False,
        execution_timeout=LIMIT,
    )
    note_hardware(output)


def outcome(source: Path, output: Path) -> tuple[bool, str]:
    """Run one notebook in an empty folder; return whether it ran, and its row of the report."""
    start, error = time.monotonic(), ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            run_alone(source, output, Path(folder))
        except Exception as raised:  # whatever stops one notebook, the others are to be tried
            error = (str(raised).strip().splitlines() or [type(raised).__name__])[-1].replace("|", "\\|")
    return not error, f"| {source.stem} | {time.monotonic() - start:.0f} s | {error or 'ran'} |"


def main() -> None:
    """Run all notebooks and report; the exit status says whether all ran."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="folder for the executed notebooks and report.md")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="where the notebooks are")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    failed = 0
    with (arguments.output / "report.md").open("a", encoding="utf-8") as report:
        print("\n| notebook | time | |\n| --- | ---: | --- |", file=report)
        for source in sorted(arguments.notebooks.glob("*.ipynb")):
            ran, row = outcome(source, arguments.output / source.name)
            failed += not ran
            print(row, file=report, flush=True)
            print(row, flush=True)
    if failed:
        sys.exit(f"{failed} notebooks did not run.")


if __name__ == "__main__":
    main()
