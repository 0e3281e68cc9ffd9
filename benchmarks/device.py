"""How near do training and noise come to what the device can do?

Its ceilings are measured first: a large matrix product, and a large copy. Then the work of the book: a VAE, shadow
models one by one and all at once, and noise; of each, the arithmetic that it does (counted by PyTorch) and the share of
the ceiling that it reaches. Run it with `make benchmark-device`; it takes the GPU if there is one.
"""

import argparse
import json
import platform
import resource
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from vaeprivacy.classifiers import ClassifierSettings, fit_classifiers
from vaeprivacy.compute.devices import best_device, device_name
from vaeprivacy.compute.provenance import hardware, versions
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.networks import PRECISIONS
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.reporting.results import FOLDER
from vaeprivacy.vae import VAESettings
from vaeprivacy.vae_training import fit_vae

FEATURES, CLASSES, DIMENSION = 784, 10, 16
VAES = {
    "VAE, perceptrons": VAESettings(),
    "VAE, convolutional": VAESettings(architecture="convolutional", batch_size=500),
}
CLASSIFIERS = {
    "perceptron": ClassifierSettings(),
    "ResNet-9": ClassifierSettings(architecture="resnet9", hidden=32, batch_size=250),
}


def seconds(work: Callable[[], Any], *, least: float) -> dict[str, float]:
    """Return median and quartiles of the seconds that a piece of work takes, run again for at least so long."""
    measured = Timer("work()", globals={"work": work}).blocked_autorange(min_run_time=least)
    return dict(zip(("low", "median", "high"), np.quantile(measured.times, (0.25, 0.5, 0.75)).tolist(), strict=True))


def arithmetic(work: Callable[[], Any]) -> int:
    """Return the floating-point operations of all matrix products and convolutions in a piece of work."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def ceilings(device: torch.device, *, side: int, least: float) -> dict[str, float]:
    """Return operations a second of a large matrix product in each precision, and bytes a second of a large copy.

    Where half precision is slower, its ceiling is that of float32: a library may compute with that.
    """
    found = {}
    for name in PRECISIONS:
        matrix = torch.rand(side, side, device=device).to(getattr(torch, name))
        found[name] = 2 * side**3 / seconds(partial(torch.matmul, matrix, matrix), least=least)["median"]
    found["bfloat16"] = max(found.values())
    source = torch.rand(4 * side**2, device=device)
    target = torch.empty_like(source)
    moved = 2 * source.numel() * source.element_size()  # read and written
    return found | {"copy": moved / seconds(partial(target.copy_, source), least=least)["median"]}


def of_vaes(x: torch.Tensor, *, epochs: int) -> dict[str, tuple[Callable[[], Any], int]]:
    """Return the training of each VAE in each precision, as pieces of work by name, and their operations."""
    work = {}
    for name, settings in VAES.items():
        for precision in PRECISIONS:
            piece = partial(_fit_vae, x, replace(settings, epochs=epochs, patience=epochs, precision=precision))
            work[f"{name}, {precision}"] = piece, arithmetic(piece)
    return work


def _fit_vae(x: torch.Tensor, settings: VAESettings) -> Any:
    return fit_vae(x, settings, generator=seeded_generator(0, "benchmark"))


def of_shadows(
    x: torch.Tensor, y: torch.Tensor, *, models: int, epochs: int
) -> dict[str, tuple[Callable[[], Any], int]]:
    """Return the training of shadow models, one by one and all at once, and the operations of both.

    They are those of one model, times the models: PyTorch counts too much for convolutions in groups.
    """
    work = {}
    for name, settings in CLASSIFIERS.items():
        for precision in PRECISIONS:
            settings = replace(settings, epochs=epochs, precision=precision)
            what = f"{models} shadow models, {name}, {precision}"
            operations = models * arithmetic(partial(_fit_shadows, x, y, settings, models=1, at_once=1))
            for how, at_once in (("one by one", 1), ("all at once", models)):
                piece = partial(_fit_shadows, x, y, settings, models=models, at_once=at_once)
                work[f"{what}, {how}"] = piece, operations
    return work


def _fit_shadows(x: torch.Tensor, y: torch.Tensor, settings: ClassifierSettings, *, models: int, at_once: int) -> None:
    for numbers in torch.arange(models).split(at_once):
        generators = [seeded_generator(int(number), "benchmark") for number in numbers]
        halves = [torch.randperm(len(x), generator=g)[: len(x) // 2] for g in generators]
        fit_classifiers(x, y, settings, subsets=halves, n_classes=CLASSES, generators=generators)


def share_of_copy(device: torch.device, ceiling: float, *, records: int, least: float) -> dict[str, float]:
    """Return how long it takes to make codes noisy where they are, and how that compares with copying them."""
    codes = torch.randn(records, DIMENSION).clamp(-1, 1).to(device)
    generator = torch.Generator(device if device.type == "cuda" else "cpu").manual_seed(0)
    time = seconds(partial(EuclideanLaplace(1.0).perturb, codes, generator=generator), least=least)
    return time | {"share": 2 * codes.numel() * codes.element_size() / time["median"] / ceiling}


def peak_memory(device: torch.device) -> int:
    """Return the most bytes that were taken so far: on a GPU by tensors, else by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if platform.system() == "Darwin" else 1024  # bytes on macOS, kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Do all measurements and return what came out."""
    device, least = best_device(), options.seconds
    limits = ceilings(device, side=options.side, least=least)
    print(device_name(device), {name: f"{value:.3g}" for name, value in limits.items()}, flush=True)
    generator = seeded_generator(0, "records")
    x = torch.rand(options.records, FEATURES, generator=generator).to(device)
    y = torch.randint(CLASSES, (len(x),), generator=generator).to(device)
    work = of_vaes(x, epochs=options.epochs) | of_shadows(x, y, models=options.models, epochs=options.epochs)
    rows = {}
    for name, (piece, operations) in work.items():
        time = seconds(piece, least=least)
        precision = next(each for each in PRECISIONS if each in name)
        share = operations / time["median"] / limits[precision]
        rows[name] = time | {"operations": operations, "share": share, "peak_memory": peak_memory(device)}
        print(f"{name}: {time['median']:.3g} s, {share:.1%} of the ceiling", flush=True)
    noise = share_of_copy(device, limits["copy"], records=options.codes, least=least)
    print(f"noise for {options.codes:,} codes: {noise['median']:.3g} s, {noise['share']:.1%} of a copy", flush=True)
    sizes = {name: getattr(options, name) for name in ("records", "models", "epochs", "codes", "side")}
    return {"machine": hardware() | versions(), "sizes": sizes, "ceilings": limits, "work": rows, "noise": noise}


def main() -> None:
    """Measure, print, and write a JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    on_gpu = best_device().type != "cpu"
    parser.add_argument("--records", type=int, default=10_000 if on_gpu else 1000)
    parser.add_argument("--models", type=int, default=64 if on_gpu else 4, help="shadow models")
    parser.add_argument("--epochs", type=int, default=5 if on_gpu else 1)
    parser.add_argument("--codes", type=int, default=1_000_000 if on_gpu else 100_000)
    parser.add_argument("--side", type=int, default=8192 if on_gpu else 1024, help="of the square matrices")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement, at least")
    parser.add_argument("--output", type=Path, default=FOLDER / f"device-{best_device().type}.json")
    options = parser.parse_args()
    found = measure(options)
    options.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
