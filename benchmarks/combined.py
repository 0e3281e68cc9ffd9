"""How much more does an adversary find that reads release and VAE together?

Fashion-MNIST with the book's sizes, the framework at epsilon 4, 8 and 16 (per unit of latent distance) and without
noise. Of 6 models each is the target once; weights of the two scores are learnt on the 4 others that are not its
complement. Adds lines to a table (`--output`, CSV): the attack and both of its parts, over all targets' candidates
together. What is there is not computed again. What made the table of the book:

    python benchmarks/combined.py --output vaeprivacy/reporting/results/combined.csv
"""

import argparse
import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from table import Table, leak

from vaeprivacy.attacks import (
    Knowledge,
    LikelihoodRatio,
    NearestReconstruction,
    calibrated_score,
    combined_score,
    fit_weights,
    reconstruction_score,
)
from vaeprivacy.defences import Framework
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.game import Game
from vaeprivacy.experiments.pool import Pool

EPSILONS, MODELS = (4.0, 8.0, 16.0, None), 6
PARTS = ("release", "reconstruction")


@cache
def pool_of(epsilon: float | None, seed: int, directory: Path) -> Pool:
    """Return the models of one setting; those of a seed share their VAEs, which are kept in files."""
    return Pool.of(Config(defence=Framework(epsilon), seed=seed, n_members=2500, n_models=MODELS), directory)


@cache
def reconstructions(seed: int, directory: Path) -> torch.Tensor:
    """Return how well each VAE reconstructs each candidate, shape (models, candidates)."""
    pool = pool_of(None, seed, directory)
    x, y = pool.data.x[pool.candidates], pool.data.y[pool.candidates]
    vaes = [pool.synthesizer(number) for number in range(MODELS)]
    return torch.stack([reconstruction_score(each.vae, x, y, latent_noise=each.latent_noise) for each in vaes])


def of_releases(pool: Pool) -> torch.Tensor:
    """Return what each release says about each candidate, shape (models, candidates)."""
    game = Game.on(pool, every=False)
    attack = NearestReconstruction if pool.defence.epsilon is None else LikelihoodRatio
    found = []
    for number in range(MODELS):
        held = {"release": pool.release(number), "synthesizer": pool.synthesizer(number)}
        found.append(attack().fit(Knowledge(population=game.population, **held)).score(game.candidates).double())
    return torch.stack(found)


def scores_of(target: int, pool: Pool, releases: torch.Tensor, rebuilt: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the scores of the attack on one target, and of its parts, each of shape (candidates,)."""
    shadows = pool.others(target)

    def parts(number: int) -> torch.Tensor:
        references = [each for each in pool.others(number) if each in shadows]
        calibrated = calibrated_score(rebuilt[number], rebuilt[references], pool.is_member[references])
        return torch.stack([releases[number], calibrated], dim=1)

    weights = fit_weights(torch.stack([parts(number) for number in shadows]), pool.is_member[shadows])
    mine = parts(target)
    return dict(zip(PARTS, mine.T, strict=True)) | {"combined": combined_score(weights, mine)}


def results(epsilon: float | None, seed: int, directory: Path) -> Iterator[dict[str, object]]:
    """Yield what each attack finds on one split."""
    pool = pool_of(epsilon, seed, directory)
    releases, rebuilt = of_releases(pool), reconstructions(seed, directory).double()
    found = [scores_of(target, pool, releases, rebuilt) for target in range(MODELS)]
    for attack in (*PARTS, "combined"):
        yield {"attack": attack} | leak(
            torch.stack([each[attack] for each in found]).flatten(), pool.is_member.flatten()
        )


def main() -> None:
    """Complete the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102])
    parser.add_argument("--directory", type=Path, default=Path("runs"), help="where VAEs are kept")
    parser.add_argument("--output", type=Path, required=True, help="the table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(given.output, ["epsilon", "seed", "attack"])
    for seed, epsilon in itertools.product(given.seeds, EPSILONS):
        here = {"epsilon": epsilon or float("inf"), "seed": seed}
        if table.of(**here).empty:
            table.add(here | found for found in results(epsilon, seed, given.directory))


if __name__ == "__main__":
    main()
