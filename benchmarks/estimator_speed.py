"""How long does TabularSynthesizer take for tables of 20 columns, and how much memory? Prints a line for each size.

    python benchmarks/estimator_speed.py --rows 10000 100000 1000000
    python benchmarks/estimator_speed.py --rows 10000000 --parts

Half of the columns are numbers, the others are categories and dates; the label has two classes. With `--parts` the
table comes in parts of 100,000 rows, as from a large file, and no more rows than these are drawn. Times are those of
the process on the CPU and on the clock; memory is the most that the process had, and what it had before.
"""

import argparse
import os
import platform
import resource
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from vaeprivacy.estimators import ColumnSchema, Schema, TabularSynthesizer

PART = 100_000
SCHEMA = Schema(
    (
        *(ColumnSchema(f"number {i}", "number", low=-6, high=6, decimals=3) for i in range(10)),
        *(ColumnSchema(f"category {i}", "category", levels=tuple("abcdefgh")) for i in range(6)),
        *(ColumnSchema(f"date {i}", "date", low="2000-01-01", high="2024-12-31") for i in range(3)),
        ColumnSchema("label", "category", levels=("no", "yes")),
    )
)


def part(rows: int, seed: int) -> pd.DataFrame:
    """Return rows of the table."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 10)).cumsum(axis=1).round(3) / 2
    columns = {f"number {i}": numbers[:, i] for i in range(10)}
    columns |= {f"category {i}": rng.choice(list("abcdefgh"), rows) for i in range(6)}
    days = rng.integers(0, 9000, (rows, 3))
    columns |= {f"date {i}": pd.Timestamp("2000-01-01") + pd.to_timedelta(days[:, i], unit="D") for i in range(3)}
    return pd.DataFrame(columns).assign(label=np.where(numbers[:, 9] > 0, "yes", "no"))


def table(rows: int) -> Iterator[pd.DataFrame]:
    """Yield the table in parts."""
    return (part(min(PART, rows - start), start) for start in range(0, rows, PART))


def gibibytes() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measured(rows: int, *, parts: bool) -> str:
    """Return what fitting and sampling took, in words."""
    source = table(rows) if parts else pd.concat(table(rows), ignore_index=True)
    before, clock, cpu = gibibytes(), time.perf_counter(), time.process_time()
    synthesizer = TabularSynthesizer(epsilon=4, delta=min(1e-6, 0.1 / rows), schema=SCHEMA, label="label").fit(source)
    drawn = len(synthesizer.sample(PART if parts else rows))
    clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
    return (
        f"{rows:>10,} rows x {len(SCHEMA.columns)}: fit, and {drawn:,} rows sampled: {cpu:.1f} s on the CPU, "
        f"{clock:.1f} s on the clock, {gibibytes():.2f} GiB at most ({before:.2f} before)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--parts", action="store_true", help="the table in parts, which are made while it is fitted")
    given = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, {platform.machine()}")
    for size in given.rows:
        print(measured(size, parts=given.parts), flush=True)
