"""Would larger batches make DP-SGD a stronger rival? Chosen on some splits of Fashion-MNIST, reported on others.

Batch sizes and numbers of epochs are tried at whole epsilon 4 on seeds 0 to 2, for the small network on pixels and for
the linear model on scattering features. The pair with the best mean accuracy on fresh records is then trained on the
seeds that the saved runs of moments.yaml have. (No accountant counts the choice, on either side.) With the same pair,
the network on pixels is also trained, on three of these seeds, on four views of each record: shifted by up to two
pixels, half of them mirrored, their gradients averaged before the clipping (De et al., arXiv 2204.13650). Adds lines to
a table (`--output`, CSV); what is there is not computed again. What made the table of the book:

    python benchmarks/dp_sgd.py --output vaeprivacy/reporting/results/dp-sgd-batches.csv
"""

import argparse
import itertools
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from moments import SHAPE, chosen, data
from table import Table

from vaeprivacy.accounting import dp_sgd_plan, dp_sgd_schedule
from vaeprivacy.classifiers import accuracy
from vaeprivacy.defences import DPSGD
from vaeprivacy.dp_classifier import LINEAR_SETTINGS, DPClassifierSettings, fit_dp_classifier
from vaeprivacy.dp_sgd import train_with_dp_sgd
from vaeprivacy.networks import mlp
from vaeprivacy.randomness import seeded_generator

MEMBERS, DELTA = 2500, 1e-6
BATCHES, EPOCHS = (500, 1250, 2500), (15, 30, 60, 120)
KEYS = ["sees", "batch_size", "epochs", "epsilon", "seed"]
VIEWS, FARTHEST = 4, 2
SETTINGS = {"pixels": DPClassifierSettings(), "scattering": LINEAR_SETTINGS}


@cache
def seen(sees: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what a classifier sees of members, and of fresh records."""
    defence = DPSGD(scattering=sees == "scattering")
    mine, fresh = (defence.features(data().x[each], image_shape=SHAPE) for each in chosen(seed, MEMBERS))
    return mine, fresh


def add(table: Table, sees: str, batch_size: int, epochs: int, epsilon: float, seed: int) -> None:
    """Train one classifier, if the table does not have it."""
    here = dict(zip(KEYS, (sees, batch_size, epochs, epsilon, seed), strict=True))
    if table.of(**here).empty:
        settings = replace(SETTINGS[sees], batch_size=batch_size, epochs=epochs)
        (mine, fresh), (x, test) = chosen(seed, MEMBERS), seen(sees, seed)
        model, _ = fit_dp_classifier(
            x, data().y[mine], settings, epsilon=epsilon, delta=DELTA, n_classes=10, adjacency="replace",
            generator=seeded_generator(seed, f"DP-SGD {batch_size} {epochs} {epsilon}"),
        )  # fmt: skip
        table.add([here | {"accuracy": round(accuracy(model, test, data().y[fresh]), 4)}])


def view(x: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    """Return flat images, all shifted alike and mirrored or not: which, no record decides."""
    down, right = torch.randint(2 * FARTHEST + 1, (2,), generator=generator).tolist()
    mirrored = torch.rand(1, generator=generator).item() < 0.5
    padded = F.pad(x.unflatten(1, SHAPE), (FARTHEST,) * 4)
    seen = padded[:, down : down + SHAPE[0], right : right + SHAPE[1]]
    return (seen.flip(2) if mirrored else seen).flatten(1)


def with_views(
    x: torch.Tensor, y: torch.Tensor, settings: DPClassifierSettings, *, epsilon: float, generator: torch.Generator
) -> torch.nn.Module:
    """Train a network with DP-SGD whose loss of a record is the mean over views of it: one gradient, clipped once."""
    sample_rate, steps = dp_sgd_schedule(len(x), epochs=settings.epochs, batch_size=settings.batch_size)
    noise_multiplier, _ = dp_sgd_plan(epsilon, DELTA, sample_rate, steps, "replace")
    sizes = [x.shape[1], settings.hidden, 10]
    model = mlp(sizes, generator=generator, activation=torch.nn.Tanh)

    def losses(taken: torch.Tensor) -> torch.Tensor:
        views = [view(x[taken], generator=generator) for _ in range(VIEWS)]
        logits = model(torch.stack(views, dim=1) - settings.centre)
        return F.cross_entropy(logits.movedim(1, 2), y[taken, None].expand(-1, VIEWS), reduction="none").mean(dim=1)

    train_with_dp_sgd(
        model, losses, len(x), sample_rate=sample_rate, steps=steps, noise_multiplier=noise_multiplier,
        max_grad_norm=settings.max_grad_norm, learning_rate=settings.learning_rate, generator=generator,
    )  # fmt: skip
    clean = mlp(sizes, generator=torch.Generator(), activation=torch.nn.Tanh)
    clean.load_state_dict(model.state_dict())
    return clean


def add_views(table: Table, batch_size: int, epochs: int, epsilon: float, seed: int) -> None:
    """Train one network on views of its records, if the table does not have it."""
    here = dict(zip(KEYS, (f"pixels, {VIEWS} views", batch_size, epochs, epsilon, seed), strict=True))
    if table.of(**here).empty:
        settings = replace(SETTINGS["pixels"], batch_size=batch_size, epochs=epochs)
        (mine, fresh), (x, test) = chosen(seed, MEMBERS), seen("pixels", seed)
        generator = seeded_generator(seed, f"DP-SGD views {batch_size} {epochs} {epsilon}")
        model = with_views(x, data().y[mine], settings, epsilon=epsilon, generator=generator)
        right = accuracy(model, test - settings.centre, data().y[fresh])
        table.add([here | {"accuracy": round(right, 4)}])


def best(table: Table, sees: str) -> tuple[int, int]:
    """Return the batch size and the number of epochs that are best on seeds 0 to 2."""
    tried = table.of(sees=sees).query("seed in [0, 1, 2]")
    batch_size, epochs = tried.groupby(["batch_size", "epochs"]).accuracy.mean().idxmax()
    return int(batch_size), int(epochs)


def main() -> None:
    """Complete the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="the table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(given.output, KEYS)
    for sees in SETTINGS:
        for batch_size, epochs, seed in itertools.product(BATCHES, EPOCHS, range(3)):
            add(table, sees, batch_size, epochs, 4.0, seed)
        for epsilon, seed in itertools.product((1.0, 4.0, 10.0), range(100, 105)):
            add(table, sees, *best(table, sees), epsilon, seed)
    for epsilon, seed in itertools.product((10.0, 4.0), range(100, 103)):
        add_views(table, *best(table, "pixels"), epsilon, seed)


if __name__ == "__main__":
    main()
