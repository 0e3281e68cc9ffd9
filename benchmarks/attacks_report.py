"""What the benchmark of attacks has on record, as a table for the book: medians over rounds, smallest and largest.

The ratios are those of jobs of one round. `make benchmark-attacks` prints it after measuring.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from attacks import CLASSES, JOBS, MEMBERS, ONCE, OUTPUT, SETTINGS

from vaeprivacy.storage import read_rows

Row = dict[str, Any]
HEAD = (
    "shadow models", "tool", "training, s", "/ ours", "share of peak", "MB", "attack", "s", "whole / ours", "AUC",
    "TPR at 1% FPR",
)  # fmt: skip


def shown(values: Sequence[float], digits: int = 1) -> str:
    """Return median, smallest and largest value as text."""
    return f"{np.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def gflop(shadows: int, features: int = 784) -> float:
    """Return the work of training: forward, and backward except for the gradient of the records."""
    products = features * SETTINGS.hidden + SETTINGS.hidden * CLASSES
    return 1e-9 * (4 * products + 2 * SETTINGS.hidden * CLASSES) * MEMBERS * SETTINGS.epochs * shadows


def tool_rows(rows: list[Row], ours: dict[int, Row], peak: float) -> list[list[str]]:
    """Return what the rounds say about one job, a row for each attack: times, ratios, memory, strength."""
    first = rows[0]
    name = {"1": "one thread", "2": "two threads"}[str(first["threads"])]
    name = f"ours, {first['option']} at once" if first["tool"] == "ours" else f"{first['tool']}, {name}"
    training = [
        shown([row["train"] for row in rows]),
        shown([row["train"] / ours[row["round"]]["train"] for row in rows], 2),
        shown([gflop(row["shadows"]) / row["train"] / peak for row in rows], 2),
        shown([row["peak_mb"] for row in rows], 0),
    ]
    table = []
    # A plain loop's models are attacked by our code, and to compare numbers of models at once one attack is enough.
    several = first["tool"] == "art" or (first["tool"] == "ours" and first["shadows"] != 32)
    for attack in first["attacks"] if several else ["Shokri"]:
        found = [row["attacks"][attack] for row in rows]
        whole = [row["train"] + row["attacks"][attack]["seconds"] for row in rows]
        base = [ours[row["round"]]["train"] + ours[row["round"]]["attacks"]["Shokri"]["seconds"] for row in rows]
        times = [shown([one["seconds"] for one in found], 2), shown(np.divide(whole, base), 1)]
        strength = [shown([one[metric][0] for one in found], 3) for metric in ("auc", "tpr_at_1_fpr")]
        table.append([str(first["shadows"]), name, *training, attack, *times, *strength])
    return table


def report() -> list[str]:
    """Return, as lines, what is on record of whole rounds; each value is a median with the smallest and largest."""
    done = read_rows(OUTPUT)
    whole = [n for n in range(len(done)) if all(json.dumps([job, n]) in done for job in JOBS)]
    by_job = {job: [done[json.dumps([job, n])] for n in whole] for job in JOBS}
    by_job |= {job: [done[json.dumps([job, 0])]] for job in ONCE if json.dumps([job, 0]) in done}
    matmul, steps = by_job.pop(JOBS[0]), [row["parts"] for row in by_job.pop(JOBS[1])]
    peak = max(row["all"] for row in matmul)
    lines = [
        f"Matrix products, GFLOP/s: {shown([r['one'] for r in matmul])} in one thread, "
        f"{shown([r['all'] for r in matmul])} in one a core. A shadow model takes {gflop(1):.1f} GFLOP.",
        "A step of four stacked models, ms: "
        + "; ".join(f"{name} {shown([step[name] for step in steps], 2)}" for name in steps[0])
        + ".",
        f"| {' | '.join(HEAD)} |",
        "|---" * len(HEAD) + "|",
    ]
    for job, rows in by_job.items():
        ours = {row["round"]: row for row in by_job["ours", job[1], 1, "4"]}
        lines += [f"| {' | '.join(row)} |" for row in tool_rows(rows, ours, peak)]
    return lines


if __name__ == "__main__":
    print("\n".join(report()))
