"""The figures to play with: keep what they show of a finished sweep, write it for the pages, and put them there.

``python tools/explorer.py runs`` reads the runs of ``vaeprivacy/reporting/results/explorer.yaml`` from a directory and
writes ``explorer.json`` beside that file. A build of the book adds the guarantees and bounds, which need no run.
"""

import argparse
import base64
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import ROOT
from nbformat import NotebookNode
from PIL import Image

from vaeprivacy.attacks import attack_label
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.defences.framework import Framework
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import read_grid
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import run_scores
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.metrics import auc, mean_interval, rate_interval, roc
from vaeprivacy.reporting.results import FOLDER
from vaeprivacy.reporting.tables import made_with
from vaeprivacy.vae import VAESettings

GRID, RECORD = FOLDER / "explorer.yaml", FOLDER / "explorer.json"
#: The attacks that are drawn, on the classifier, the release and the VAE; see the chapter on the epsilon sweep.
ATTACKS = {
    "loss": "classifier",
    "adaptive_rmia": "classifier",
    "reconstructed_rmia": "classifier",
    "nearest": "release",
    "likelihood": "release",
    "calibrated_reconstruction": "encoder and decoder",
}
MECHANISMS = {
    "euclidean-laplace": "Euclidean Laplace",
    "coordinate-laplace": "coordinate-wise Laplace",
    "gaussian": "Gaussian",
    "von-mises-fisher": "von Mises-Fisher",
}
N_PICTURES = 6
N_RATES = 25
#: The HTML of the explorers, and the line that marks the place of one in a notebook.
INCLUDE = ROOT / "book" / "_include"
PLACE = re.compile(r"^<!-- ([a-z]+-explorer) -->$", flags=re.MULTILINE)
STAND_IN = '<p class="{}">A figure to play with stands here, on a screen and with scripts.</p>'


# From a sweep to the record


def keep(directory: Path) -> dict[str, Any]:
    """Return what the explorer shows of the runs of its grid; those that a directory lacks are computed.

    Returns
    -------
    dict
        ``made_with``, ``n_seeds``, ``n_members``; ``fpr``, the false-positive rates of all curves, from the smallest
        that so many non-members can resolve; ``originals``, the picture of some members; ``raw``, the accuracy without
        a defence; and ``settings``, see :func:`kept_setting`. Values with an interval are lists [mean, low, high].
    """
    configs = read_grid(GRID)
    results = sweep(configs, directory=directory)
    by_defence: dict[Any, list[Config]] = {}
    for config in configs:
        by_defence.setdefault(config.defence, []).append(config)
    raw, *others = by_defence.values()
    pool = Pool.of(raw[0], directory)
    mine = pool.members(0)[:N_PICTURES]
    fpr = np.geomspace(1 / raw[0].n_members, 1, N_RATES)
    return {
        "made_with": made_with(results),
        "n_seeds": len(raw),
        "n_members": raw[0].n_members,
        "fpr": [float(f"{rate:.5g}") for rate in fpr],
        "originals": png(pool.data.x[mine]),
        "raw": {"accuracy": accuracy(raw, directory)},
        "settings": [
            kept_setting(runs, directory, fpr=fpr, mine=mine, weak=weak_attacks(runs, results)) for runs in others
        ],
    }


def weak_attacks(runs: Sequence[Config], results: pd.DataFrame) -> set[str]:
    """Return the attacks that are weak in some of these runs: their shadow models are unlike the target."""
    here = results[results.key.isin([config.key for config in runs])]
    return set(here.attack[here.weak.astype(bool)])


def kept_setting(
    runs: Sequence[Config], directory: Path, *, fpr: np.ndarray, mine: torch.Tensor, weak: set[str]
) -> dict[str, Any]:
    """Return what is shown of one setting of the framework, given its runs, one a seed.

    Parameters
    ----------
    runs : sequence of Config
        The same setting with each seed.
    directory : pathlib.Path
        Where the files of the runs are.
    fpr : numpy.ndarray
        Where to read the ROC curves.
    mine : torch.Tensor
        Indices of the records to picture.
    weak : set of str
        Attacks that are weak here.
    """
    defence = runs[0].defence
    pool, noise = Pool.of(runs[0], directory), torch.Generator().manual_seed(0)  # other noise than the run's
    release = pool.synthesizer(0).release(pool.data.x[mine], pool.data.y[mine], generator=noise, shuffle=False)
    scores = [run_scores(config, directory=directory) for config in runs]
    attacks = [name for name in ATTACKS if f"scores/{name}" in scores[0]]
    return {
        "mechanism": None if defence.epsilon is None else defence.mechanism,
        "latent_dim": defence.vae.latent_dim,
        "epsilon": defence.epsilon,
        "picture": png(release.x),
        "accuracy": accuracy(runs, directory),
        "attacks": {name: curve(name, scores, fpr) | {"weak": name in weak} for name in attacks},
    }


def curve(attack: str, scores: Sequence[dict[str, np.ndarray]], fpr: np.ndarray) -> dict[str, list[float]]:
    """Return the AUC of an attack and its ROC curve with intervals, averages over targets and then over seeds."""
    areas, rates = zip(*(_of_one_run(attack, of_run, fpr) for of_run in scores), strict=True)
    tpr = [rate_interval(of_seeds) for of_seeds in np.array(rates).T]
    ends = {end: [round(getattr(rate, end), 4) for rate in tpr] for end in ("value", "low", "high")}
    return {"auc": rounded(mean_interval(areas)), **ends}


def _of_one_run(attack: str, arrays: dict[str, np.ndarray], fpr: np.ndarray) -> tuple[float, np.ndarray]:
    """Return AUC and true-positive rates of an attack, averages over its targets."""
    areas, rates = [], []
    targets = arrays[f"targets/{attack}"]
    for of_one, is_member in zip(arrays[f"scores/{attack}"], arrays["is_member"][targets], strict=True):
        points = roc(of_one, is_member)
        areas.append(auc(of_one, is_member).value)
        # The last point of the curve that is not beyond the rate; in floating point, 1 / 2500 may be.
        last = np.searchsorted(points.fpr, fpr + 1e-9, side="right") - 1
        rates.append(points.tpr.to_numpy()[last])
    return float(np.mean(areas)), np.mean(rates, axis=0)


def accuracy(runs: Sequence[Config], directory: Path) -> list[float]:
    """Return the test accuracy of the classifiers of some runs: the mean over seeds, and the ends of its interval."""
    return rounded(mean_interval([run_scores(run, directory=directory)["test_accuracy"].mean() for run in runs]))


def rounded(values: Sequence[float]) -> list[float]:
    """Return numbers with four digits after the point."""
    return [round(float(value), 4) for value in values]


def png(records: torch.Tensor) -> str:
    """Return square images side by side, dark on a white ground in 16 shades, as a PNG in base64.

    Parameters
    ----------
    records : torch.Tensor
        Shape (images, pixels), values in [0, 1].
    """
    side = round(records.shape[1] ** 0.5)
    tiles = np.concatenate(list(records.reshape(-1, side, side).numpy(force=True)), axis=1)
    image = Image.fromarray((15 * (1 - tiles)).round().astype(np.uint8), mode="P")
    image.putpalette([17 * shade for shade in range(16) for _ in range(3)])
    file = io.BytesIO()
    image.save(file, "PNG", bits=4, optimize=True)
    return base64.b64encode(file.getvalue()).decode()


# From the record to the page


def page_data(record: dict[str, Any]) -> dict[str, Any]:
    """Return all that the explorer needs: the record, and for each setting with noise its guarantee and its bound.

    Settings become a mapping, by mechanism, latent dimension and epsilon with slashes between; without noise the first
    and the last are "none".
    """
    settings = {}
    for one in record["settings"]:
        one = one | {"attacks": [_described(name, found) for name, found in one["attacks"].items()]}
        if one["epsilon"] is not None:
            one |= promised(guarantee_of(one), record["fpr"])
        epsilon = "none" if one["epsilon"] is None else f"{one['epsilon']:g}"
        name = f"{one['mechanism'] or 'none'}/{one['latent_dim']}/{epsilon}"
        settings[name] = one
    return record | {
        "settings": settings,
        "mechanisms": MECHANISMS,
        "dimensions": sorted({one["latent_dim"] for one in record["settings"]}),
        "epsilons": sorted({one["epsilon"] for one in record["settings"]} - {None}),
    }


def guarantee_of(setting: dict[str, Any]) -> Guarantee:
    """Return what a setting of the record promises. (Its runs are seeded; a release of one's own would not be.)"""
    vae = VAESettings(latent_dim=setting["latent_dim"])
    framework = Framework(setting["epsilon"], mechanism=setting["mechanism"], vae=vae)
    synthesizer = framework.synthesizer(None, n_features=1)
    return synthesizer.mechanism.guarantee(synthesizer.radius)


def promised(guarantee: Guarantee, fpr: Sequence[float]) -> dict[str, Any]:
    """Return a guarantee as sentences, and the highest true-positive rates that it allows for any two records."""
    worst = guarantee.any_two_records
    return {
        # Its last sentence is about the seed, which the runs of a record have.
        "guarantee": str(guarantee).partition(" The noise came from")[0],
        "bound": [round(worst.max_tpr(rate), 4) for rate in fpr],
        "bound_at_1_fpr": round(worst.max_tpr(0.01), 4),
        # Gaussian noise has no epsilon without a delta.
        "any_two_records": worst.epsilon if isinstance(worst, Indistinguishability) else None,
    }


def _described(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return an attack with what it is called and what it looks at."""
    weak = " (weak: its shadow models are unlike the target)" if found["weak"] else ""
    return {**found, "name": attack_label(name) + weak, "looks_at": ATTACKS[name]}


def write_script(path: Path) -> None:
    """Write the data of the page as a script: a page that is opened from a disk may load no other kind of file."""
    data = page_data(json.loads(RECORD.read_text(encoding="utf-8")))
    path.write_text(f"const EXPLORER = {json.dumps(data, separators=(',', ':'))};\n", encoding="utf-8")


def with_explorers(notebook: NotebookNode) -> NotebookNode:
    """Put explorers into the places of a page that are marked for them: lines such as ``<!-- noise-explorer -->``.

    Without scripts and on paper, a sentence stands there.

    Raises
    ------
    ValueError
        If there is no explorer of that name.
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = PLACE.sub(lambda match: _directive(match[1]), cell.source)
    return notebook


def _directive(name: str) -> str:
    """Return an explorer as a directive of MyST."""
    path = INCLUDE / f"{name}.html"
    if not path.is_file():
        raise ValueError(f"There is no explorer {name!r}: {path} is missing.")
    return f"```{{raw}} html\n{STAND_IN.format(name)}\n{path.read_text(encoding='utf-8')}```"


def main() -> None:
    """Write the record of a finished sweep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="where the runs of the grid are")
    kept = keep(parser.parse_args().directory)
    RECORD.write_text(json.dumps(kept, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{RECORD}: {len(kept['settings'])} settings, {RECORD.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
