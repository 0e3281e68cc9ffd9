"""By how much do few shadow models underestimate what a classifier leaks?

LiRA on the classifier of Fashion-MNIST with 2,500 members, undefended and trained with DP-SGD. Of 66 models, each
trained on half of 5,000 candidates, 16 are attacked with the help of 4, 16 or 64 of the others (never of their
complement). With few shadow models all records share one variance; with dozens each can have its own, and the table has
both. Adds lines to a table (`--output`, CSV); what is there is not computed again. What made the table of the book:

    python benchmarks/convergence.py --output vaeprivacy/reporting/results/convergence.csv
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import torch
from table import Table, leak

from vaeprivacy.attacks import logit_score, online_score
from vaeprivacy.defences import DPSGD, Defence, NoDefence
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool

MODELS, TARGETS, SHADOWS = 66, 16, (4, 16, 64)
DEFENCES: dict[str, Defence] = {
    "DP-SGD, whole epsilon 10": DPSGD(epsilon=10.0, delta=1e-6, adjacency="replace"),
    "DP-SGD, whole epsilon 4": DPSGD(epsilon=4.0, delta=1e-6, adjacency="replace"),
    "undefended": NoDefence(),
}


def scores_of(signals: torch.Tensor, pool: Pool, *, shadows: int, per_record: bool) -> torch.Tensor:
    """Return LiRA's scores of all targets' candidates, shape (targets, candidates)."""
    known = [pool.others(target)[:shadows] for target in range(TARGETS)]
    return torch.stack(
        [
            online_score(signals[target], signals[numbers], pool.is_member[numbers], per_record=per_record)
            for target, numbers in enumerate(known)
        ]
    )


def results(seed: int, defence: Defence) -> Iterator[dict[str, object]]:
    """Yield what the attack finds on one split, with each number of shadow models."""
    pool = Pool.of(Config(defence=defence, seed=seed, n_members=2500, n_models=MODELS, n_population=10))
    said = pool.shadows[0].about(slice(len(pool.candidates)))
    signals, truth = logit_score(said.log_posteriors.double(), said.y), pool.is_member[:TARGETS].flatten()
    for shadows, per_record in itertools.product(SHADOWS, (False, True)):
        scores = scores_of(signals, pool, shadows=shadows, per_record=per_record)
        yield {"shadows": shadows, "variance": "each" if per_record else "shared"} | leak(scores.flatten(), truth)


def main() -> None:
    """Complete the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--output", type=Path, required=True, help="the table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(given.output, ["defence", "seed", "shadows", "variance"])
    for (name, defence), seed in itertools.product(DEFENCES.items(), given.seeds):
        if table.of(defence=name, seed=seed).empty:
            table.add({"defence": name, "seed": seed} | found for found in results(seed, defence))


if __name__ == "__main__":
    main()
