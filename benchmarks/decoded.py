"""Can released scattering features be drawn as images again, by a decoder that has seen no datum?

- decoded: a network learns to draw images from their scattering features, on 40,000 procedural images alone. It then
  draws the rows that are sampled from noisy moments (whole epsilon 4, 10, and without noise). A student on pixels is
  trained on these images.
- moments and transfer set: a fifth of epsilon buys low-frequency moments, the rest a teacher trained with DP-SGD. The
  teacher labels 5,000 samples of the moments and 10,000 procedural images, and a student is trained on both. (Two
  promises add up; each has half of delta.)

Fashion-MNIST, 2,500 members. Accuracies are on real fresh images; "redrawn" ones have been through features and decoder
as the released rows have. Adds lines to a table (`--output`, CSV); what is there is not computed again. What made the
table of the book:

    python benchmarks/decoded.py --output vaeprivacy/reporting/results/decoded.csv
"""

import argparse
import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from moments import SHAPE, chosen, data, features
from table import Table

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier, predict
from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.compute.files import load_or_compute
from vaeprivacy.dp_classifier import fit_dp_classifier
from vaeprivacy.feature_maps import FeatureMap, cosine_map
from vaeprivacy.moments import fit_moments
from vaeprivacy.networks import minibatches, mlp
from vaeprivacy.procedural import silhouettes
from vaeprivacy.randomness import seeded_generator

MEMBERS, DIRECTIONS, DELTA = 2500, 250, 1e-6
IMAGES, EPOCHS, HIDDEN = 40_000, 15, 512  # of the decoder
SAMPLES, DRAWN, STUDENT_EPOCHS = 5000, 10_000, 20  # of moments and transfer set
NO_NOISE = 1e6  # whole epsilon
Rows = tuple[torch.Tensor, torch.Tensor]


def trained_decoder(of_map: FeatureMap) -> dict[str, np.ndarray]:
    """Train the decoder on procedural images, and return its weights."""
    images = silhouettes(IMAGES, image_shape=SHAPE, generator=seeded_generator(0, "decoder images"))
    h, generator = of_map.transform(images), seeded_generator(0, "decoder")
    model = mlp([DIRECTIONS, HIDDEN, SHAPE[0] * SHAPE[1]], generator=generator)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for batch in minibatches(IMAGES, batch_size=200, generator=generator):
            loss = F.binary_cross_entropy_with_logits(model(h[batch]), images[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
    return {name: value.numpy() for name, value in model.state_dict().items()}


@cache
def decoder(folder: Path) -> torch.nn.Module:
    """Return the decoder: maps features to logits of pixels."""
    of_map, _, _ = features("scattering", DIRECTIONS, folder)
    file = folder / f"decoder-{IMAGES}-{EPOCHS}-{HIDDEN}.npz"
    weights = load_or_compute(file, lambda: trained_decoder(of_map), write_arrays, read_arrays)
    model = mlp([DIRECTIONS, HIDDEN, SHAPE[0] * SHAPE[1]], generator=torch.Generator())
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model


def drawn(h: torch.Tensor, folder: Path) -> torch.Tensor:
    """Return the images that the decoder makes of features."""
    return decoder(folder)(h).sigmoid().detach()


def student(x: torch.Tensor, y: torch.Tensor, *, seed: int, epochs: int = 60) -> torch.nn.Module:
    """Return the package's classifier, trained on released images."""
    return fit_classifier(
        x, y, ClassifierSettings(epochs=epochs), n_classes=10, generator=seeded_generator(seed, "student")
    )


def decoded(epsilon: float, seed: int, folder: Path) -> Iterator[dict[str, object]]:
    """Yield how well a student does that saw decoded rows."""
    (mine, fresh), (of_map, h, _) = chosen(seed, MEMBERS), features("scattering", DIRECTIONS, folder)
    options = {"epsilon": epsilon, "delta": DELTA, "n_classes": 10, "generator": seeded_generator(seed, "noise")}
    model = fit_moments(h[mine], data().y[mine], of_map, **options)
    made = model.sample(MEMBERS, generator=seeded_generator(seed, "samples"))
    taught = student(drawn(made.x, folder), made.y, seed=seed)
    for seen, x in {"as they are": data().x[fresh], "redrawn": drawn(h[fresh], folder)}.items():
        yield {"form": "decoded", "tested on": seen, "accuracy": round(accuracy(taught, x, data().y[fresh]), 4)}


def together(epsilon: float, seed: int, folder: Path) -> Iterator[dict[str, object]]:
    """Yield how well a student does that saw samples of moments and procedural images, labelled by a teacher."""
    (mine, fresh), of_map = chosen(seed, MEMBERS), cosine_map(SHAPE)
    x, y = data().x[mine], data().y[mine]
    first, second = (Indistinguishability(share * epsilon, DELTA / 2) for share in (0.2, 0.8))
    moments = fit_moments(
        of_map.transform(x), y, of_map, epsilon=first.epsilon, delta=first.delta, n_classes=10,
        generator=seeded_generator(seed, "noise"),
    )  # fmt: skip
    teacher, _ = fit_dp_classifier(
        x, y, epsilon=second.epsilon, delta=second.delta, n_classes=10, adjacency="replace",
        generator=seeded_generator(seed, "teacher"),
    )  # fmt: skip
    samples = moments.sample(SAMPLES, generator=seeded_generator(seed, "samples")).x
    images = torch.cat([samples, silhouettes(DRAWN, image_shape=SHAPE, generator=seeded_generator(seed, "images"))])
    taught = student(images, predict(teacher, images).argmax(dim=1), seed=seed, epochs=STUDENT_EPOCHS)
    for form, model in {"moments and transfer set": taught, "its teacher": teacher}.items():
        right = accuracy(model, data().x[fresh], data().y[fresh])
        yield {"form": form, "tested on": "as they are", "accuracy": round(right, 4)}


FORMS = {"decoded": (decoded, (4.0, 10.0, NO_NOISE)), "moments and transfer set": (together, (4.0, 10.0))}


def main() -> None:
    """Complete the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103, 104])
    parser.add_argument("--directory", type=Path, default=Path("runs"), help="where features and decoder are kept")
    parser.add_argument("--output", type=Path, required=True, help="the table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = Table(given.output, ["form", "epsilon", "seed", "tested on"])
    for form, (results, epsilons) in FORMS.items():
        for epsilon, seed in itertools.product(epsilons, given.seeds):
            if table.of(form=form, epsilon=epsilon, seed=seed).empty:
                table.add(
                    {"epsilon": epsilon, "seed": seed} | found for found in results(epsilon, seed, given.directory)
                )


if __name__ == "__main__":
    main()
