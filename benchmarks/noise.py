"""How fast is noise? Time ratios against bare normals, and against diffprivlib and OpenDP on what they offer.

All samplers take turns, so that what else the machine does hits them alike; a ratio is that of neighbours in one round.
Run it with `make benchmark`, which sets up an environment of its own: diffprivlib does not import beside the
scikit-learn of requirements.lock.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from vaeprivacy.compute.devices import processor
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.randomness import SYSTEM_ENTROPY

GENERATOR = torch.Generator().manual_seed(0)
Sampler = Callable[[], object]


def seconds(sampler: Sampler) -> float:
    """Return the time of one call."""
    start = time.perf_counter()
    sampler()
    return time.perf_counter() - start


def interleaved(samplers: dict[str, Sampler], *, rounds: int) -> dict[str, list[float]]:
    """Return the times of each sampler, one a round, after one round to warm up."""
    times = {name: [] for name in samplers}
    for number in range(rounds + 1):
        for name, sampler in samplers.items():
            taken = seconds(sampler)
            if number:
                times[name].append(taken)
    return times


def ratio_row(name: str, times: list[float], base: list[float]) -> dict[str, object]:
    """Return median and range over rounds of the ratio of two samplers' times."""
    ratios = np.array(times) / np.array(base)
    low, median, high = np.quantile(ratios, [0.05, 0.5, 0.95])
    return {"sampler": name, "ratio": float(median), "low": float(low), "high": float(high)}


def against_normals(n: int, rounds: int) -> list[dict[str, object]]:
    """Compare our samplers with torch.randn of the same shape and precision."""
    rows = []
    mechanisms = {
        "Euclidean": EuclideanLaplace(0.5),
        "coordinate-wise": CoordinateLaplace(0.5),
        "Gaussian": Gaussian(2.0),
    }
    for dtype in (torch.float32, torch.float64):
        for d in (2, 16, 64):

            def ours(mechanism: Mechanism, d: int = d, dtype: torch.dtype = dtype) -> Sampler:
                return lambda: mechanism.sample(n, d, generator=GENERATOR, dtype=dtype)

            samplers: dict[str, Sampler] = {
                "normals": lambda d=d, dtype=dtype: torch.randn(n, d, generator=GENERATOR, dtype=dtype)
            }
            samplers |= {name: ours(mechanism) for name, mechanism in mechanisms.items()}
            times = interleaved(samplers, rounds=rounds)
            values = n * d / np.median(times["normals"]) / 1e6
            for name in mechanisms:
                row = ratio_row(name, times[name], times["normals"])
                rows.append(
                    {"precision": str(dtype).removeprefix("torch."), "d": d, **row, "normals_mvalues_s": values}
                )
    return rows


def against_libraries(n: int, d: int, rounds: int) -> list[dict[str, object]]:
    """Compare our samplers with what diffprivlib and OpenDP offer, on n * d values in double precision."""
    import opendp.prelude as dp
    from diffprivlib.mechanisms import GaussianAnalytic, Laplace, Vector

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=float, nan=False))
    opendp_laplace = dp.m.make_laplace(space, dp.l1_distance(T=float), scale=2.0)
    opendp_gaussian = dp.m.make_gaussian(space, dp.l2_distance(T=float), scale=2.0)
    laplace = Laplace(epsilon=0.5, sensitivity=1.0)
    gaussian = GaussianAnalytic(epsilon=0.5, delta=1e-5, sensitivity=1.0)
    vector = Vector(epsilon=0.5, function_sensitivity=1.0, data_sensitivity=1.0, dimension=d, alpha=1e6, n=1)
    zeros = [0.0] * (n * d)

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        return 0.0, np.zeros(d)

    peers: dict[str, tuple[str, Sampler]] = {
        "diffprivlib Laplace": ("coordinate-wise", lambda: [laplace.randomise(0.0) for _ in range(n * d)]),
        "OpenDP Laplace": ("coordinate-wise", lambda: opendp_laplace(zeros)),
        "diffprivlib Gaussian": ("Gaussian", lambda: [gaussian.randomise(0.0) for _ in range(n * d)]),
        "OpenDP Gaussian": ("Gaussian", lambda: opendp_gaussian(zeros)),
        "diffprivlib Vector": ("Euclidean", lambda: [vector.randomise(objective)(np.zeros(d)) for _ in range(n)]),
    }
    ours = {"coordinate-wise": CoordinateLaplace(0.5), "Gaussian": Gaussian(2.0), "Euclidean": EuclideanLaplace(0.5)}
    rows = []
    for name, (kind, peer) in peers.items():
        for source in (GENERATOR, SYSTEM_ENTROPY):
            mine = ours[kind]
            samplers = {"peer": peer, "ours": lambda mine=mine, source=source: mine.sample(n, d, generator=source)}
            times = interleaved(samplers, rounds=rounds)
            noise = "seeded" if source is GENERATOR else "system entropy"
            rows.append({"ours": f"{kind}, {noise}", "d": d, **ratio_row(name, times["peer"], times["ours"])})
    return rows


def main() -> None:
    """Measure, print, and write a JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="noise vectors for the comparison with normals")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "noise.json")
    arguments = parser.parse_args()
    normals = against_normals(arguments.rows, arguments.rounds)
    for row in normals:
        print(
            "{precision} d={d:<3} {sampler:16} {ratio:5.2f} x normals ({low:.2f} to {high:.2f})".format(**row),
            flush=True,
        )
    libraries = against_libraries(5000, 16, max(3, arguments.rounds // 3))
    for row in libraries:
        print("{sampler:22} {ratio:7.0f} x as slow as ours ({low:.0f} to {high:.0f}; {ours})".format(**row), flush=True)
    result = {
        "machine": {"processor": processor(), "threads": torch.get_num_threads(), "torch": torch.__version__,
                    "python": platform.python_version()},
        "rounds": arguments.rounds, "against_normals": normals, "against_libraries": libraries,
    }  # fmt: skip
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
