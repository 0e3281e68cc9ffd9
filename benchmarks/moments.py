"""How well do classifiers do on samples of noisy moments, of any number of records up to all of Fashion-MNIST?

Prints test accuracies on Fashion-MNIST for members and fresh records as the experiments draw them, with the package's
own classifier. Features are computed once and kept in a file. `python benchmarks/moments.py --help` says what may be
chosen; with `--members 60000` all training images are members, and the official test images are fresh. Constants were
chosen on seeds 0 to 2 with 2,500 members; the saved runs of moments.yaml have other seeds, and the rivals.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier
from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.compute.files import load_or_compute
from vaeprivacy.datasets import load
from vaeprivacy.defences import NoDefence
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.feature_maps import FeatureMap, cosine_map, scattering_map
from vaeprivacy.moments import fit_moments
from vaeprivacy.randomness import seeded_generator

SHAPE, ALL = (28, 28), 60_000


def chosen(seed: int, members: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return members and fresh records, as indices into Fashion-MNIST."""
    if members == ALL:
        return torch.arange(ALL), torch.arange(ALL, 70_000)
    pool = Pool.of(Config(defence=NoDefence(), seed=seed, n_members=members, n_models=4))
    return pool.members(0), pool.population


def features(of_map: FeatureMap, x: torch.Tensor, file: Path) -> torch.Tensor:
    """Return features of records, from a file if they are there."""

    def compute() -> dict[str, np.ndarray]:
        return {"features": of_map.transform(x).numpy()}

    return torch.from_numpy(load_or_compute(file, compute, write_arrays, read_arrays)["features"])


def student(x: torch.Tensor, y: torch.Tensor, *, epochs: int, seed: int) -> torch.nn.Module:
    """Return a classifier trained on a release."""
    generator = seeded_generator(seed, "student")
    return fit_classifier(x, y, ClassifierSettings(epochs=epochs), n_classes=10, generator=generator)


def tell(what: str, epsilon: float, seed: int, right: float, start: float) -> None:
    """Print one result."""
    print(f"{what}, whole epsilon {epsilon:g}, seed {seed}: {right:.4f} ({time.time() - start:.1f} s)", flush=True)


def main() -> None:
    """Print accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["dct", "scattering", "raw"])
    parser.add_argument("--epsilons", type=float, nargs="+", default=[4.0, 10.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--members", type=int, default=2500)
    parser.add_argument("--rows", type=int, help="samples; by default as many as members")
    parser.add_argument("--epochs", type=int, default=60, help="of the student")
    parser.add_argument("--directions", type=int, default=250)
    parser.add_argument("--delta", type=float, default=1.5e-6)
    parser.add_argument("--directory", type=Path, default=Path("moments"))
    given, data = parser.parse_args(), load("fashion-mnist")
    torch.set_num_threads(1)
    for seed in given.seeds:
        mine, fresh = chosen(seed, given.members)
        records = (data.x[mine], data.y[mine], data.x[fresh], data.y[fresh])
        if given.what == "raw":
            start, (x, y, *test) = time.time(), records
            tell("raw records", float("inf"), seed, accuracy(student(x, y, epochs=60, seed=seed), *test), start)
        else:
            moments(given, seed, *records)


def moments(
    given: argparse.Namespace,
    seed: int,
    x: torch.Tensor,
    y: torch.Tensor,
    test_x: torch.Tensor,
    test_y: torch.Tensor,
) -> None:
    """Print accuracies of students on samples of noisy moments."""
    scattered = given.what == "scattering"
    of_map = scattering_map(SHAPE, directions=given.directions) if scattered else cosine_map(SHAPE)
    name = given.directory / f"{given.what}-{of_map.basis.shape[1]}-{given.members}-{seed}"
    start, h = time.time(), features(of_map, x, Path(f"{name}-members.npz"))
    seen = features(of_map, test_x, Path(f"{name}-fresh.npz")) if scattered else test_x
    print(f"features: {time.time() - start:.1f} s", flush=True)
    for epsilon in given.epsilons:
        start, options = time.time(), {"epsilon": epsilon, "delta": given.delta, "n_classes": 10}
        model = fit_moments(h, y, of_map, generator=seeded_generator(seed, "noise"), **options)
        release = model.sample(given.rows or len(x), generator=seeded_generator(seed, "samples"))
        found = student(release.x, release.y, epochs=given.epochs, seed=seed)
        tell(given.what, epsilon, seed, accuracy(found, seen, test_y), start)


if __name__ == "__main__":
    main()
