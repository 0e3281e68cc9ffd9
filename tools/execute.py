"""Run with papermill every notebook whose code, package or versions have changed since its last run."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from common import (
    EXECUTED,
    ROOT,
    execution_key,
    known_parameters,
    note_hardware,
    notebook_sources,
    profile_parameters,
    read_source,
    write_notebook,
)

# Longest time for one notebook, in minutes; only those that sweep over seeds take more than a few, and the chapter on
# GPUs on processors that cannot compute in bfloat16 themselves.
LIMITS = {"epsilon_sweep": 40, "guarantee": 30, "defences": 40, "choosing_an_attack": 30, "gpu": 40}
DEFAULT_LIMIT = 15
LAPTOP = "laptop"  # the profile of the book's pages


def executed(profile: str) -> Path:
    """Return where the executed notebooks of a profile go: those of the pages apart from all others."""
    return EXECUTED if profile == LAPTOP else EXECUTED.with_name(f"executed-{profile}")


def papermill(source: Path, output: Path, *, parameters: dict[str, Any], limit_s: float) -> int:
    """Run one notebook in _build/notebooks and return papermill's exit status; -1 if it took too long."""
    folder = ROOT / "_build" / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    bar = "--progress-bar" if sys.stderr.isatty() else "--no-progress-bar"
    command = [
        sys.executable,
        "-m",
        "papermill",
        bar,
        "--log-level",
        "WARNING",
        "--kernel",
        "python3",
        "--cwd",
        str(folder),
        "--parameters_yaml",
        yaml.safe_dump(parameters),
    ]
    # Progress bars of the package would end up in the pages.
    environment = os.environ | {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    process = subprocess.Popen([*command, str(source), str(output)], env=environment, start_new_session=True)
    try:
        return process.wait(limit_s)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as stopped:
        # Interrupted politely, papermill stops its kernel and the kernel's processes; what they stored stays.
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        if isinstance(stopped, KeyboardInterrupt):
            raise
        return -1


def execute(source: Path, *, profile: str, limit_s: float) -> str:
    """Run one notebook if need be and return what to tell the user; exit if it fails."""
    notebook, folder = read_source(source), executed(profile)
    output, stamp = folder / f"{source.stem}.ipynb", folder / f"{source.stem}.key"
    parameters = known_parameters(source.with_suffix(".ipynb"), profile_parameters(profile))
    key = execution_key(notebook, parameters)
    if output.exists() and stamp.exists() and stamp.read_text() == key:
        return "unchanged"
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        write_notebook(notebook, Path(temporary) / output.name)
        status = papermill(Path(temporary) / output.name, output, parameters=parameters, limit_s=limit_s)
    if status == -1:
        sys.exit(f"{source.name} was stopped after its limit of {limit_s / 60:.0f} minutes (tools/execute.py).")
    if status != 0:
        sys.exit(f"{source.name} failed; the notebook up to the failing cell is {output}.")
    note_hardware(output)
    stamp.write_text(key)
    return f"done in {time.monotonic() - start:.0f} s"


def main() -> None:
    """Run all notebooks, one after the other: each may use all cores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="chapters, such as vae; all by default")
    parser.add_argument("--limit", type=float, help="minutes for each notebook, in place of its own limit")
    parser.add_argument("--profile", default=LAPTOP, help="quick, laptop (what the book shows) or paper")
    arguments = parser.parse_args()
    known = {source.stem: source for source in notebook_sources()}
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"there is no chapter {unknown[0]!r}; choose of {', '.join(known)}")
    sources = [known[name] for name in arguments.names or known]
    for number, source in enumerate(sources, start=1):
        minutes = arguments.limit or LIMITS.get(source.stem, DEFAULT_LIMIT)
        print(f"[{number}/{len(sources)}] {source.stem} (at most {minutes:g} minutes)", flush=True)
        print(f"      {execute(source, profile=arguments.profile, limit_s=60 * minutes)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except FileNotFoundError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. What was computed is kept: the same command goes on from there.")
