"""Do two processes sweep twice as fast as one, and does a sweep that is killed end with the same table?

Every sweep is the command `vaeprivacy sweep` in a process of its own, and starts from an empty directory. The two
numbers of processes take turns, in the other order each round; a ratio is that of neighbours in one round. Run it with
`make benchmark-sweep`.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaeprivacy.compute.provenance import hardware, versions
from vaeprivacy.experiments.sweeps import TABLE

HERE = Path(__file__).parent
TIMES = ["seconds", "finished"]  # columns that differ between sweeps


def start(grid: Path, directory: Path, *, jobs: int) -> subprocess.Popen[bytes]:
    """Start a sweep in a process group of its own, so that it can be killed with all of its processes."""
    command = [sys.executable, "-m", "vaeprivacy.cli.app", "sweep", str(grid)]
    command += ["--directory", str(directory), "--jobs", str(jobs)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)


def whole(grid: Path, directory: Path, *, jobs: int) -> float:
    """Sweep without disturbance and return the seconds it took, start of the interpreter included.

    Raises
    ------
    RuntimeError
        If some run failed: then there is nothing to compare.
    """
    begin = time.perf_counter()
    if start(grid, directory, jobs=jobs).wait():
        raise RuntimeError(f"The sweep of {grid} failed; see `vaeprivacy sweep {grid}`.")
    return time.perf_counter() - begin


def rounds_of_rates(grid: Path, folder: Path, *, rounds: int) -> list[dict[str, float]]:
    """Time sweeps with one and with two processes, in turns."""
    rows = []
    for number in range(rounds):
        row = {}
        for jobs in (1, 2) if number % 2 == 0 else (2, 1):
            row[f"seconds_{jobs}"] = whole(grid, folder / f"round-{number}-jobs-{jobs}", jobs=jobs)
        row["ratio"] = row["seconds_1"] / row["seconds_2"]
        print("round {}: {seconds_1:.1f} s, {seconds_2:.1f} s, ratio {ratio:.2f}".format(number, **row), flush=True)
        rows.append(row)
    return rows


def wait_for_work(process: subprocess.Popen[bytes], directory: Path) -> None:
    """Wait until a sweep leaves its first new file, or ends: before that, a kill would only hit imports."""
    before = set(directory.rglob("*.*"))
    while process.poll() is None and set(directory.rglob("*.*")) == before:
        time.sleep(0.05)


def killed(grid: Path, directory: Path, *, kills: int, longest: float, seed: int) -> list[float]:
    """Kill a sweep again and again with SIGKILL, let it end, and return how many seconds of work each kill cut off.

    Parameters
    ----------
    grid, directory : pathlib.Path
        What is swept, and where.
    kills : int
        How often it is killed.
    longest : float
        The seconds from the first file of a sweep to its kill are uniform from 0 to this.
    seed : int
        Decides them.
    """
    moments, lasted = random.Random(seed), []
    for _ in range(kills):
        process, wanted = start(grid, directory, jobs=2), moments.uniform(0, longest)
        wait_for_work(process, directory)
        try:
            process.wait(wanted)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            lasted.append(wanted)
        process.wait()
    whole(grid, directory, jobs=2)
    return lasted


def same_table(first: Path, second: Path) -> bool:
    """Return whether the tables of two directories are equal bit for bit, but for when they were computed."""
    tables = [pd.read_parquet(directory / TABLE).drop(columns=TIMES) for directory in (first, second)]
    try:
        pd.testing.assert_frame_equal(*tables, check_exact=True)
    except AssertionError as error:
        print(error)
        return False
    return True


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Do all sweeps and return what came out."""
    rates = rounds_of_rates(options.grid, folder, rounds=options.rounds)
    undisturbed = folder / "round-0-jobs-1"
    # On average, ten kills then come before two thirds of the work are done: each has something to interrupt.
    longest = options.longest or float(np.median([row["seconds_2"] for row in rates])) / 8
    lasted = killed(options.grid, folder / "killed", kills=options.kills, longest=longest, seed=options.seed)
    ratios = [row["ratio"] for row in rates]
    return {
        "machine": {**hardware(), **versions()},
        "rows": len(pd.read_parquet(undisturbed / TABLE)),
        "rounds": rates,
        "ratio": {"median": float(np.median(ratios)), "low": min(ratios), "high": max(ratios)},
        "same_table_with_two_processes": same_table(undisturbed, folder / "round-0-jobs-2"),
        "killed_after_seconds_of_work": lasted,
        "same_table_after_kills": same_table(undisturbed, folder / "killed"),
    }


def main() -> None:
    """Measure, print, and write a JSON file; exit with 1 if some tables differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=Path, default=HERE / "sweep.grid.yaml")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--longest", type=float, help="most seconds of work before a kill; by default an eighth")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments of the kills")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "sweep.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options, Path(folder))
    ratio, machine = result["ratio"], result["machine"]
    print(
        f"{ratio['median']:.2f} times as fast with two processes ({ratio['low']:.2f} to {ratio['high']:.2f}, "
        f"{options.rounds} rounds) on {machine['cores']} cores of {machine['processor']}"
    )
    same = result["same_table_with_two_processes"], result["same_table_after_kills"]
    kills = len(result["killed_after_seconds_of_work"])
    print(f"same table with two processes: {same[0]}; after {kills} kills: {same[1]}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.exit(not all(same))


if __name__ == "__main__":
    main()
