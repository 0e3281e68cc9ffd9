"""How much do released moments leak to an adversary that reads the moments themselves (white box)?

The suite sees samples; here the adversary has means and covariances. It compares the log-density of a record under
those of its class with its mean under other releases. (This was chosen on seed 0; the column `lira_auc` has LiRA on the
same signal.) Of 64 releases, each of half of 5,000 candidates of Fashion-MNIST, 16 are attacked with the help of 4, 16
or 62 of the others: the curve says by how much few references underestimate the leak. Adds lines to a table
(`--output`, CSV), of three groups of records: all; the 1 % that are least likely under moments of other records
("outlying"); and 50 whose label was changed to the next one before all releases ("mislabelled"). Seeds that the table
has are not computed again. What made the table of the book:

    python benchmarks/density.py --output vaeprivacy/reporting/results/moments-density.csv
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import torch
from moments import data, features
from table import Table, leak

from vaeprivacy.attacks import class_log_density, density_score, online_score
from vaeprivacy.defences import NoDefence
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.feature_maps import FeatureMap
from vaeprivacy.metrics import auc
from vaeprivacy.moments import MomentModel, fit_moments
from vaeprivacy.randomness import seeded_generator

MODELS, TARGETS, REFERENCES = 64, 16, (4, 16, 62)
NO_NOISE = 1e6  # whole epsilon
CANARIES, OUTLYING = 50, 0.01


def fitted(h: torch.Tensor, y: torch.Tensor, of_map: FeatureMap, *, epsilon: float, seed: int, use: str) -> MomentModel:
    """Return moments of some records."""
    options = {"epsilon": epsilon, "delta": 1e-6, "n_classes": 10, "generator": seeded_generator(seed, use)}
    return fit_moments(h, y, of_map, **options)


def groups(h: torch.Tensor, y: torch.Tensor, others: MomentModel) -> dict[str, torch.Tensor]:
    """Return which candidates each group has; the first ones are mislabelled."""
    density = class_log_density(others, h, y)
    mislabelled = torch.arange(len(y)) < CANARIES
    least = density[~mislabelled].quantile(OUTLYING)
    return {"all": ~mislabelled, "outlying": ~mislabelled & (density <= least), "mislabelled": mislabelled}


def scores_of(density: torch.Tensor, pool: Pool, references: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scores of all targets' candidates, and those of LiRA, each of shape (targets, candidates)."""
    scores, by_lira = [], []
    for target in range(TARGETS):
        known = pool.others(target)[:references]
        pair = density[target], density[known]
        scores.append(density_score(*pair))
        by_lira.append(online_score(*pair, pool.is_member[known], per_record=False))
    return torch.stack(scores), torch.stack(by_lira)


def results(seed: int, epsilons: list[float], directory: Path) -> Iterator[dict[str, object]]:
    """Yield what the attack finds on one split."""
    pool = Pool.of(Config(defence=NoDefence(), seed=seed, n_members=2500, n_models=MODELS))
    of_map, all_features, _ = features("scattering", 250, directory)
    h, y = all_features[pool.candidates], data().y[pool.candidates].clone()
    y[:CANARIES] = (y[:CANARIES] + 1) % 10
    mine = all_features[pool.population], data().y[pool.population]
    of_group = groups(h, y, fitted(*mine, of_map, epsilon=NO_NOISE, seed=seed, use="others"))
    for epsilon in epsilons:
        models = (
            fitted(h[half], y[half], of_map, epsilon=epsilon, seed=seed, use=f"release {number}")
            for number, half in enumerate(pool.is_member)
        )
        density = torch.stack([class_log_density(model, h, y) for model in models])
        for references, (group, of_it) in itertools.product(REFERENCES, of_group.items()):
            scores, by_lira = scores_of(density, pool, references)
            truth = pool.is_member[:TARGETS, of_it].flatten()
            here = {"epsilon": epsilon, "seed": seed, "references": references, "group": group}
            lira = auc(by_lira[:, of_it].flatten(), truth).value
            yield here | leak(scores[:, of_it].flatten(), truth) | {"lira_auc": round(lira, 4)}


def main() -> None:
    """Complete the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 2.0, 4.0, 6.0, 10.0, NO_NOISE])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103, 104])
    parser.add_argument("--directory", type=Path, default=Path("runs"), help="where features are kept")
    parser.add_argument("--output", type=Path, required=True, help="the table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(given.output, ["epsilon", "seed", "references", "group"])
    for seed in given.seeds:
        if table.of(seed=seed).empty:
            table.add(results(seed, given.epsilons, given.directory))


if __name__ == "__main__":
    main()
