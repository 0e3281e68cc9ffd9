"""How often the owner's card fails: at releases that keep their promise, and at planted leaks.

    python benchmarks/card.py --runs 100 --faults 5

Each run is a table of 2,500 people, of whom 2,000 go into a release at epsilon 1 (tests/estimators/planted.py), with
all measurements: attacks on rows and model, shadow releases, the three risks, bounds, and two worlds of a strange
record. A release that keeps its promise should fail in at most one of a hundred runs.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "estimators"))

import planted

from vaeprivacy.estimators import copula, measures, worst_case
from vaeprivacy.moments import with_noise

KINDS = {
    "keeps its promise": {},
    "copies rows": {"leak": planted.copies_rows},
    "copies a tenth of the rows": {"leak": planted.copies_a_few_rows},
    "the label in a column": {"leak": planted.leaks_the_label},
    "bounds from the data": {"schema": planted.bounds_from_the_data},
    "noise ten times too small": {},
}


def failed(kind: str, seed: int, pairs: int) -> list[str]:
    """Return the measurements that are beyond the promise in one run."""
    worst_case.MOST_PAIRS, measures.SHADOWS = pairs, 8
    measures.train_synthetic_test_real = lambda subject, generator: pd.DataFrame()
    options = dict(KINDS[kind])
    if "schema" in options:
        options["schema"] = options["schema"](seed)
    factor = 0.1 if kind == "noise ten times too small" else 1.0
    copula.with_noise = lambda sums, deviation, *, generator: with_noise(sums, factor * deviation, generator=generator)
    return [each.name for each in planted.measured(seed, seconds=600.0, **options).exceeding]


def main() -> None:
    """Print, for each kind of release, how often the card fails and by which measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="releases that keep their promise")
    parser.add_argument("--faults", type=int, default=5, help="releases with each planted leak")
    parser.add_argument("--pairs", type=int, default=90, help="pairs of releases with a strange record")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    for kind in KINDS:
        runs = options.runs if kind == "keeps its promise" else options.faults
        found = Parallel(n_jobs=options.jobs)(delayed(failed)(kind, 1000 + seed, options.pairs) for seed in range(runs))
        names = pd.Series([name for each in found for name in each], dtype=object).value_counts().head(3)
        by = ", ".join(f"{name} ({n})" for name, n in names.items())
        print(f"{kind}: fails in {sum(map(bool, found))} of {runs} runs. {by}", flush=True)


if __name__ == "__main__":
    main()
