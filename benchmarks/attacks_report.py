"""What the benchmark of attacks has on record, as a table for the book: medians over rounds, smallest and largest.

The ratios are those of jobs of one round. `make benchmark-attacks` prints it after measuring.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from attacks import CLASSES, JOBS, MEMBERS, ONCE, OUTPUT, SETTINGS

from vaeprivacy.compute.files import read_rows

Row = dict[str, Any]
TRAINING = ("shadow models", "tool", "training, s", "relative to ours", "share of peak", "peak memory, MB")
ATTACK = ("shadow models", "tool", "attack", "attack, s", "whole, relative to ours", "AUC", "TPR at 1% FPR")


def shown(values: Sequence[float], digits: int = 1) -> str:
    """Return median, smallest and largest value as text."""
    return f"{np.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def gflop(shadows: int, features: int = 784) -> float:
    """Return the work of training: forward, and backward except for the gradient of the records."""
    products = features * SETTINGS.hidden + SETTINGS.hidden * CLASSES
    return 1e-9 * (4 * products + 2 * SETTINGS.hidden * CLASSES) * MEMBERS * SETTINGS.epochs * shadows


def tool_name(row: Row) -> str:
    """Return what the tables call a tool with its options."""
    if row["tool"] == "ours":
        return f"ours, {row['option']} at once"
    return f"{'ART' if row['tool'] == 'art' else 'plain loop'}, {row['threads']} thread{'s' * (row['threads'] > 1)}"


def training_row(rows: list[Row], ours: dict[int, Row], peak: float) -> list[str]:
    """Return what the rounds say about the training of one job."""
    return [
        str(rows[0]["shadows"]),
        tool_name(rows[0]),
        shown([row["train"] for row in rows]),
        shown([row["train"] / ours[row["round"]]["train"] for row in rows], 2),
        shown([gflop(row["shadows"]) / row["train"] / peak for row in rows], 2),
        shown([row["peak_mb"] for row in rows], 0),
    ]


def attack_rows(rows: list[Row], ours: dict[int, Row]) -> list[list[str]]:
    """Return what the rounds say about the attacks of one job; the whole is training and attack."""
    table = []
    # A plain loop's models are attacked by our code: one of our attacks is enough to compare them.
    for attack in ["Shokri"] if rows[0]["tool"] == "plain" else rows[0]["attacks"]:
        found = [row["attacks"][attack] for row in rows]
        whole = [row["train"] + row["attacks"][attack]["seconds"] for row in rows]
        base = [ours[row["round"]]["train"] + ours[row["round"]]["attacks"]["Shokri"]["seconds"] for row in rows]
        times = [shown([one["seconds"] for one in found], 2), shown(np.divide(whole, base), 1)]
        strength = [shown([one[metric][0] for one in found], 3) for metric in ("auc", "tpr_at_1_fpr")]
        table.append([str(rows[0]["shadows"]), tool_name(rows[0]), attack, *times, *strength])
    return table


def markdown(head: Sequence[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def report() -> list[str]:
    """Return, as lines, what is on record of whole rounds; each value is a median with the smallest and largest."""
    done = read_rows(OUTPUT)
    whole = [n for n in range(len(done)) if all(json.dumps([job, n]) in done for job in JOBS)]
    by_job = {job: [done[json.dumps([job, n])] for n in whole] for job in JOBS}
    by_job |= {job: [done[json.dumps([job, 0])]] for job in ONCE if json.dumps([job, 0]) in done}
    matmul, steps = by_job.pop(JOBS[0]), [row["parts"] for row in by_job.pop(JOBS[1])]
    peak = max(row["all"] for row in matmul)
    of_ours = {n: {row["round"]: row for row in by_job["ours", n, 1, "4"]} for n in (8, 32, 64)}
    training = [training_row(rows, of_ours[job[1]], peak) for job, rows in by_job.items()]
    compared = {job: rows for job, rows in by_job.items() if job[1] != 32}  # those compare numbers of models at once
    attacks = [row for job, rows in compared.items() for row in attack_rows(rows, of_ours[job[1]])]
    parts = "; ".join(f"{name} {shown([step[name] for step in steps], 2)}" for name in steps[0])
    return [
        f"Matrix products, GFLOP/s: {shown([r['one'] for r in matmul])} in one thread, "
        f"{shown([r['all'] for r in matmul])} in one a core. A shadow model takes {gflop(1):.1f} GFLOP.",
        f"A step of four stacked models, ms: {parts}.",
        *markdown(TRAINING, training),
        "",
        *markdown(ATTACK, attacks),
    ]


if __name__ == "__main__":
    print("\n".join(report()))
