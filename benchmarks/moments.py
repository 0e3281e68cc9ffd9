"""How well do classifiers do on samples of noisy moments, of any number of records up to all of Fashion-MNIST?

Adds a line to a table (`--output`, CSV) for each classifier: its accuracy on fresh records. What the table has already
is not computed again, so an interrupted run goes on. With `--members 60000` all training images are members, and the
official test images are fresh; otherwise both are drawn as the experiments draw them. The saved runs of moments.yaml
have the rivals, and the attacks. `python benchmarks/moments.py --help` says what may be chosen; these made the table of
the book:

    M="python benchmarks/moments.py --seeds 100 101 102 103 104
       --output vaeprivacy/reporting/results/moments-students.csv"
    $M scattering --epsilons 0.2 1 5 10 inf --members 60000 --directions 500 --epochs 20 --delta 1.5e-6
    $M dct --epsilons 0.2 1 5 10 inf --members 60000 --epochs 20 --delta 1.5e-6
    for N in 1000 2500 6000; do $M scattering --epsilons 1 10 inf --members $N; done
    $M scattering --epsilons 1 10 inf --members 20000 --epochs 20
    $M scattering --epsilons 4 10 inf --students logistic forest
    $M dct --epsilons 4 10 inf --students logistic forest
"""

import argparse
import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from table import Table

from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier
from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.compute.files import load_or_compute
from vaeprivacy.datasets import Dataset, load, split
from vaeprivacy.defences import NoDefence
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.feature_maps import FeatureMap, cosine_map, scattering_map
from vaeprivacy.moments import fit_moments
from vaeprivacy.randomness import seeded_generator

SHAPE, ALL = (28, 28), 60_000
MOST = 17_500  # members that the experiments can draw, with as many other records as they need
Records = tuple[torch.Tensor, torch.Tensor]


@cache
def data() -> Dataset:
    """Return Fashion-MNIST."""
    return load("fashion-mnist")


def chosen(seed: int, members: int) -> Records:
    """Return members and fresh records, as indices into Fashion-MNIST."""
    if members == ALL:
        return torch.arange(ALL), torch.arange(ALL, 70_000)
    if members > MOST:
        sizes = {"n_members": members, "n_reference": 1000, "n_test": 10_000}
        parts = split(data().y, **sizes, generator=seeded_generator(seed, "split"))
        return parts.members, parts.test
    pool = Pool.of(Config(defence=NoDefence(), seed=seed, n_members=members, n_models=4))
    return pool.members(0), pool.population


@cache
def features(what: str, directions: int, folder: Path) -> tuple[FeatureMap, torch.Tensor, torch.Tensor]:
    """Return a map, the features of all records (kept in a file), and what a classifier sees of them."""
    if what == "dct":
        return (of_map := cosine_map(SHAPE)), of_map.transform(data().x), data().x
    of_map = scattering_map(SHAPE, directions=directions)

    def compute() -> dict[str, np.ndarray]:
        return {"features": of_map.transform(data().x).numpy()}

    file = folder / f"scattering-{directions}.npz"
    found = torch.from_numpy(load_or_compute(file, compute, write_arrays, read_arrays)["features"])
    return of_map, found, found


def small_network(x: torch.Tensor, y: torch.Tensor, test: Records, *, epochs: int, seed: int) -> float:
    """Return the accuracy of the package's classifier."""
    settings, generator = ClassifierSettings(epochs=epochs), seeded_generator(seed, "student")
    return accuracy(fit_classifier(x, y, settings, n_classes=10, generator=generator), *test)


def logistic(x: torch.Tensor, y: torch.Tensor, test: Records, *, epochs: int, seed: int) -> float:
    """Return the accuracy of logistic regression."""
    return LogisticRegression(max_iter=1000).fit(x.numpy(), y.numpy()).score(*(each.numpy() for each in test))


def forest(x: torch.Tensor, y: torch.Tensor, test: Records, *, epochs: int, seed: int) -> float:
    """Return the accuracy of a forest of 200 trees."""
    fitted = RandomForestClassifier(200, random_state=seed).fit(x.numpy(), y.numpy())
    return fitted.score(*(each.numpy() for each in test))


STUDENTS = {"network": small_network, "logistic": logistic, "forest": forest}


def release(given: argparse.Namespace, seed: int, epsilon: float) -> Records:
    """Return rows of features, or images, to train on: with an infinite epsilon, those of the members."""
    of_map, h, seen = features(given.what, given.directions, given.directory)
    mine, _ = chosen(seed, given.members)
    if epsilon == float("inf"):
        return seen[mine], data().y[mine]
    generator, options = seeded_generator(seed, "noise"), {"epsilon": epsilon, "delta": given.delta, "n_classes": 10}
    model = fit_moments(h[mine], data().y[mine], of_map, generator=generator, **options)
    made = model.sample(given.rows or len(mine), generator=seeded_generator(seed, "samples"))
    return made.x, made.y


def results(given: argparse.Namespace, seed: int, epsilon: float, students: list[str]) -> Iterator[dict[str, object]]:
    """Yield the accuracy of each student."""
    x, y = release(given, seed, epsilon)
    fresh = chosen(seed, given.members)[1]
    test = features(given.what, given.directions, given.directory)[2][fresh], data().y[fresh]
    for student in students:
        right = STUDENTS[student](x, y, test, epochs=given.epochs, seed=seed)
        yield {"student": student, "accuracy": round(right, 4)}


def parsed() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["dct", "scattering"])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[4.0, 10.0], help="inf: the members themselves")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--members", type=int, default=2500)
    parser.add_argument("--rows", type=int, help="samples; by default as many as members")
    parser.add_argument("--epochs", type=int, default=60, help="of the small network")
    parser.add_argument("--students", choices=STUDENTS, nargs="+", default=["network"])
    parser.add_argument("--directions", type=int, default=250, help="of scattering features")
    parser.add_argument("--delta", type=float, default=1e-6)
    parser.add_argument("--directory", type=Path, default=Path("runs"), help="where features are kept")
    parser.add_argument("--output", type=Path, required=True, help="the table")
    return parser.parse_args()


def main() -> None:
    """Complete the table."""
    given = parsed()
    torch.set_num_threads(1)
    settings = {name: getattr(given, name) for name in ("what", "members", "directions", "epochs", "delta")}
    settings |= {"rows": given.rows or given.members}
    table = Table(given.output, [*settings, "epsilon", "seed", "student"])
    for epsilon, seed in itertools.product(given.epsilons, given.seeds):
        here = settings | {"epsilon": epsilon, "seed": seed}
        missing = [name for name in given.students if name not in set(table.of(**here).student)]
        for found in results(given, seed, epsilon, missing) if missing else ():
            table.add([here | found])


if __name__ == "__main__":
    main()
