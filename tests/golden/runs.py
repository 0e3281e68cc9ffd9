"""Runs, a sweep and a search for the golden files, and how they are written in them."""

import tempfile
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from golden.names import OLD_DEFENCES
from golden.shared import (
    CLASSIFIER,
    CONDITIONAL,
    CONVOLUTIONAL,
    RESNET,
    RUN,
    SMALL,
    Results,
    digits,
    refused,
    shared_folder,
)

from vaeprivacy.defences import DPSGD, Framework, NoDefence, PriorSampling, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.proposal import propose
from vaeprivacy.experiments.runs import run, run_scores
from vaeprivacy.experiments.search import try_settings
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAESettings

#: Names of attacks in the fixture, by those of today where they differ.
OLD_NAMES: dict[str, str] = {
    "shokri": "shadow",
    "shokri_joint": "shadow_joint",
    "noise_robustness": "noise",
    "shift_robustness": "shift",
    "domias": "density",
    "calibrated_reconstruction": "vae",
}


# Runs: defences attacked

RUNS: dict[str, Config] = {
    "none, all attacks": replace(RUN, defence=NoDefence(), attacks="all"),
    "no noise": replace(RUN, defence=Framework(vae=SMALL)),
    "framework, all attacks": replace(RUN, defence=Framework(4.0, vae=SMALL), attacks="all"),
    "conditional": replace(
        RUN,
        defence=Framework(4.0, vae=CONDITIONAL, denoiser="posterior-mean", labels=RandomisedResponse(2.0, 10)),
        n_targets=2,
    ),
    "gaussian": replace(RUN, defence=Framework(4.0, "gaussian", vae=SMALL)),
    "coordinates": replace(RUN, defence=Framework(4.0, "coordinate-laplace", radius=2.0, vae=SMALL)),
    "sphere": replace(RUN, defence=Framework(4.0, "von-mises-fisher", vae=SMALL)),
    "noise-aware": replace(RUN, defence=Framework(4.0, vae=SMALL, noise_aware=True)),
    "disjoint": replace(RUN, defence=Framework(4.0, trainer=PublicTrainer(), vae=SMALL)),
    "few disjoint": replace(RUN, n_members=60, defence=Framework(4.0, trainer=PublicTrainer(0.5, 5), vae=SMALL)),
    "VAE with DP-SGD": replace(RUN, defence=Framework(4.0, trainer=DPSGDTrainer(8.0), vae=SMALL)),
    "prior, all attacks": replace(RUN, defence=PriorSampling(vae=SMALL), attacks="all"),
    "conditional prior": replace(RUN, defence=PriorSampling(vae=CONDITIONAL)),
    "prior with DP-SGD": replace(RUN, defence=PriorSampling(DPSGDTrainer(8.0), SMALL)),
    "record noise, all attacks": replace(RUN, defence=RecordNoise(), attacks="all"),
    "label smoothing": replace(RUN, defence=Regularised(label_smoothing=0.1)),
    "RelaxLoss": replace(RUN, defence=Regularised(relax_loss=0.5, epochs=2)),
    "DP-SGD": replace(RUN, defence=DPSGD()),
    "scattering": replace(RUN, defence=DPSGD(scattering=True)),
    "convolutional": replace(RUN, n_members=20, defence=Framework(4.0, vae=CONVOLUTIONAL), classifier=RESNET),
    "two targets": replace(RUN, seed=1, defence=Framework(4.0, vae=SMALL), n_targets=2, n_population=30),
}


def old(attack: str | None) -> str | None:
    """Return the name that an attack has in the fixture."""
    if not attack:
        return attack
    prefix = next((prefix for prefix in ("adaptive_", "reconstructed_") if attack.startswith(prefix)), "")
    name = attack.removeprefix(prefix)
    return prefix.replace("reconstructed_", "through_") + OLD_NAMES.get(name, name)


def joined(arrays: dict[str, np.ndarray], what: str) -> Results:
    """Return arrays ``what/name`` as one, in the order of their names, and the number of values of each."""
    found = {old(name.removeprefix(what)) or "": array for name, array in arrays.items() if name.startswith(what)}
    found, what = dict(sorted(found.items())), what.replace("shadow_fit/", "likeness/")
    return {
        what: np.concatenate([array.ravel() for array in found.values()]),
        f"parts of {what}": {name: list(array.shape) for name, array in found.items()},
    }


def row_results(rows: dict[str, dict[str, Any]]) -> Results:
    """Return rows of metrics by attack, as numbers and as texts."""
    rows = dict(sorted((old(name) or "", row) for name, row in rows.items()))
    kinds = {name: isinstance(value, str | bool) for name, value in next(iter(rows.values())).items()}
    words = [name for name, is_word in kinds.items() if is_word]
    numbers = [name for name, is_word in kinds.items() if not is_word]
    return {
        "row: numbers": np.array([[row[name] for name in numbers] for row in rows.values()], dtype=float),
        "row: metrics": numbers,
        "row: words": {name: [row[word] for word in words] for name, row in rows.items()},
    }


def of_run(config: Config) -> Results:
    """Return the scores of a run, and its row."""
    row, arrays = run(config, directory=shared_folder()), run_scores(config, directory=shared_folder())
    with_parts = ("scores/", "thresholds/", "targets/", "shadow_fit/")
    results = {name: array for name, array in arrays.items() if not name.startswith(with_parts)}
    for what in with_parts:
        results |= joined(arrays, what)
    results["attacks in their order"] = [old(name) for name in row["attacks"]]
    utilities = ("train_accuracy", "test_accuracy", "test_auc")
    results["row: utilities"] = np.array([row[name] for name in utilities])
    results["row"] = {name: row[name] for name in ("setting", "trainer", "n_targets")}
    results["row"]["shadows"] = {old(prefix): sentence for prefix, sentence in row["shadows"].items()}
    results["row"]["training"] = results["row"].pop("trainer")
    return results | row_results(row["attacks"])


# Tables


def of_table(table: pd.DataFrame, *, without: tuple[str, ...] = ()) -> Results:
    """Return the columns of a table: numbers as arrays, others as texts."""
    kept = [name for name in table.columns if name not in without]
    table, kept = table.rename(columns={"trainer": "training"}), ["training" if n == "trainer" else n for n in kept]
    if "defence" in table:
        table = table.assign(defence=table.defence.map(lambda name: OLD_DEFENCES.get(name, name)))
    results: Results = {"columns": kept, "rows": len(table)}
    numbers = [name for name in kept if table[name].dtype.kind in "iuf"]
    results["columns of numbers"] = numbers
    results["numbers"] = table[numbers].to_numpy(dtype=float)
    for name in (name for name in kept if name not in numbers):
        values = [None if pd.isna(value) else value for value in table[name].tolist()]
        values = [old(value) for value in values] if name == "attack" else values
        # Most columns are the same for many rows: each value, and how often it comes one after the other.
        runs: list[list[Any]] = []
        for value in values:
            if runs and runs[-1][0] == value:
                runs[-1][1] += 1
            else:
                runs.append([value, 1])
        results[f"column {name}"] = runs
    return results


def of_sweep() -> Results:
    """Return the table of a sweep."""
    configs = [RUNS["none, all attacks"], RUNS["framework, all attacks"]]
    with tempfile.TemporaryDirectory() as folder:
        table = sweep(
            [replace(config, attacks="few") for config in configs], directory=folder, n_jobs=1, progress=False
        )
        origin = ("python", "torch", "numpy", "vaeprivacy", "processor", "cores", "threads", "device", "finished")
        return of_table(table, without=("key", "config", "seconds", "short_label", "full_label", *origin))


def of_search() -> Results:
    """Return what a search for a setting finds, and what is proposed."""
    table = try_settings(
        digits().x[:120], digits().y[:120], epsilons=[1.0, 8.0], latent_dims=[2], seeds=[0, 1], n_models=4,
        vae=VAESettings(hidden=16, epochs=3), classifier=CLASSIFIER, progress=False,
    )  # fmt: skip
    proposal = propose(table, max_auc=1.0)
    # The attacks on the VAE stood before those on the release then, and labels had no columns of their own.
    run, last = (table.attack == table.attack[0]).cumsum(), table.looks_at == "release"
    table = table.loc[pd.DataFrame({"run": run, "last": last}).sort_values(["run", "last"], kind="stable").index]
    table = table.reset_index(drop=True).drop(columns=["short_label", "full_label"])
    return of_table(table) | {
        "proposal": str(proposal),
        "what looks at encoder and decoder": str(propose(table, max_auc=1.0, looks_at="encoder and decoder")),
        "by AUC": str(propose(table, max_auc=1.0, measure="auc")),
        "cost": str(proposal.cost),
        "none": refused(partial(propose, table, max_auc=0.51)),
    }
