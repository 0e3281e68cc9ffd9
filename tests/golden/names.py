"""What seeds the noise of defences, for the golden files."""

import json
from dataclasses import asdict
from typing import Any
from unittest.mock import patch

import pandas as pd
from golden.shared import RECORDS, Results

from vaeprivacy.defences import DPSGD, Defence, Framework, NoDefence, PriorSampling, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import config_of, read_grid
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAESettings

CHECK_OF_GRIDS = "vaeprivacy.experiments.grids.check"  # what read_grid calls to see that the data set is there


def seed_name(defence: Defence) -> str:
    """Return the text of a defence with which its noise is seeded."""
    return defence.seed_name


DEFENCES: tuple[Defence, ...] = (
    NoDefence(),
    Framework(),
    Framework(8),
    Framework(2.0, "gaussian", 3.0, PublicTrainer(), VAESettings(latent_dim=3)),
    Framework(2.0, "coordinate-laplace"),
    Framework(2.0, "von-mises-fisher", trainer=PublicTrainer(0.5, 5)),
    Framework(trainer=DPSGDTrainer(4, delta=1e-7)),
    Framework(2.0, trainer=PublicTrainer(), noise_aware=True, labels=RandomisedResponse(1.0, 10)),
    Framework(2.0, trainer=DPSGDTrainer(4.0), labels=RandomisedResponse(1.0, 10)),
    Framework(2.0, vae=VAESettings(n_classes=10), denoiser="posterior-mean"),
    PriorSampling(),
    PriorSampling(DPSGDTrainer(4.0), VAESettings(n_classes=10)),
    PriorSampling(PublicTrainer()),
    RecordNoise(8.0, radius=2.0),
    Regularised(epochs=4, weight_decay=0.01),
    Regularised(relax_loss=0.5),
    DPSGD(2.0, scattering=True),
    DPSGD(),
)


def of_promises() -> Results:
    """Return what seeds the noise of some defences, what they are called, and what they promise."""
    results: Results = {}
    for defence in DEFENCES:
        try:
            promised = repr(defence.promised_epsilon(2500))
        except ValueError as error:
            promised = str(error)
        results[seed_name(defence)] = {
            "label": defence.label,
            "how trained": defence.how_trained,
            "publishes": ["model" if part == "vae" else part for part in defence.publishes],
            "promised": promised,
            "whole promise": str(defence.total_guarantee(2500)),
            "as JSON": json.dumps(in_old_words(asdict(defence))),
        }
    return results


#: Names of defences and trainers in the fixture, by those of today.
OLD_DEFENCES = {"record-noise": "record noise", "dp-sgd": "DP-SGD"}
OLD_TRAINERS = {"private": "private records", "public": "disjoint records", "dp-sgd": "DP-SGD"}


def in_old_words(defence: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a defence with the names and in the words of the fixture."""
    found = {("training" if name == "trainer" else name): value for name, value in defence.items()}
    found["name"] = OLD_DEFENCES.get(found["name"], found["name"])
    if "training" in found:
        found["training"] = found["training"] | {"name": OLD_TRAINERS[found["training"]["name"]]}
    return found


def in_new_words(defence: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a defence of the fixture with the names and in the words of today."""
    new_defences, new_trainers = ({new: now for now, new in each.items()} for each in (OLD_DEFENCES, OLD_TRAINERS))
    found = {("trainer" if name == "training" else name): value for name, value in defence.items()}
    found["name"] = new_defences.get(found["name"], found["name"])
    if "trainer" in found:
        found["trainer"] = found["trainer"] | {"name": new_trainers[found["trainer"]["name"]]}
    return found


def saved_row() -> dict[str, Any]:
    """Return a configuration as it stands in saved runs."""
    return asdict(Config())


def name_of_saved(row: dict[str, Any], defence: dict[str, Any]) -> str:
    """Return what seeds the noise of a defence that stands in a saved run.

    Parameters
    ----------
    row : dict
        As of :func:`saved_row`.
    defence : dict
        The defence's fields, which take the place of those in the row.
    """
    return seed_name(config_of({**row, "defence": in_new_words(json.loads(json.dumps(defence)))}).defence)


def names_in_records() -> list[tuple[dict[str, Any], str]]:
    """Return all defences of saved runs, as JSON, and what seeds their noise."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(RECORDS.glob("*.parquet")):
        for text in pd.read_parquet(path, columns=["config"]).config.unique():
            defence = in_old_words(json.loads(text)["defence"])
            found[json.dumps(defence, sort_keys=True)] = defence
    return [(found[text], name_of_saved(saved_row(), found[text])) for text in sorted(found)]


def names_in_grids() -> dict[str, list[str]]:
    """Return what seeds the noise of each defence of the grids of records, in their order."""
    with patch(CHECK_OF_GRIDS):  # without the data sets
        grids = {path.name: read_grid(path) for path in sorted(RECORDS.glob("*.yaml"))}
    return {name: list(dict.fromkeys(seed_name(each.defence) for each in configs)) for name, configs in grids.items()}
