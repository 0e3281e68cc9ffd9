"""What ``vaeprivacy attack`` computes: every attack, on a run of ours or on files."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.config import Config
from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, WithDPSGD
from vaeprivacy.experiment import attack_rows, run, run_scores
from vaeprivacy.files import attack_files, load_arrays, load_classifier
from vaeprivacy.storage import RESULTS, read_rows
from vaeprivacy.sweep import sweep
from vaeprivacy.vae import VAESettings

Attacked = tuple[dict[str, np.ndarray], dict[str, dict[str, Any]], list[str], str]


def attack_run(directory: Path, *, key: str | None, n_shadows: int) -> Attacked:
    """Run every attack on the target of a run, with shadow models on halves of its candidates.

    Parameters
    ----------
    directory : pathlib.Path
        Where the run's files and row are; what is computed joins them.
    key : str or None
        The run's key, or its beginning; None takes the last.
    n_shadows : int
        Number of shadow models of each adversary.

    Returns
    -------
    scores, rows, notes, title
        Scores by attack, rows of metrics by attack, sentences about the shadow models, and what was attacked.

    Raises
    ------
    ValueError
        If the directory has no such run.
    """
    rows = read_rows(directory)
    found = [row for name, row in rows.items() if key is None or name.startswith(key)]
    if not found:
        wanted = "" if key is None else f" whose key begins with {key}"
        raise ValueError(f"{directory / RESULTS} has {len(rows)} runs, none{wanted}: make one with `vaeprivacy run`.")
    config = replace(config_of(found[-1]["config"]), online=True, n_shadows=n_shadows, attacks="all")
    sweep([config], directory=directory)
    row = run(config, directory=directory)
    setting = config.label if config.epsilon is None else f"epsilon {config.label}"
    title = f"{config.dataset}, {config.n_members:,} members, {setting}, seed {config.seed}"
    return run_scores(config, directory=directory), row["attacks"], list(row["shadows"].values()), title


def config_of(fields: dict[str, Any]) -> Config:
    """Return the configuration that a row of the results file tells of."""
    training = dict(fields["training"])
    name = training.pop("name")
    kinds = {kind().name: kind for kind in (OnPrivateRecords, OnDisjointRecords)}
    made = kinds[name]() if name in kinds else WithDPSGD(**training)
    nested = {"vae": VAESettings(**fields["vae"]), "classifier": ClassifierSettings(**fields["classifier"])}
    return Config(**{**fields, **nested, "training": made})


def attack_file(
    data: Path, target: Path | None, *, n_shadows: int, epochs: int, seed: int, directory: Path
) -> Attacked:
    """Run every attack on a target and records in files; parameters as :func:`vaeprivacy.files.attack_files`.

    Returns and errors are those of :func:`attack_run`.
    """
    arrays = load_arrays(data)
    scores, likeness = attack_files(
        arrays, None if target is None else load_classifier(target), n_shadows=n_shadows, epochs=epochs,
        image_shape=likely_shape(arrays["x"].shape[1]), seed=seed, directory=directory,
    )  # fmt: skip
    rows = attack_rows(scores, {"": likeness})
    return scores, rows, [str(likeness)], f"{data.name}: {len(arrays['y']):,} candidates"


def likely_shape(features: int) -> tuple[int, ...] | None:
    """Return the shape of the images that records may be: square and grey, CIFAR's in colour, or None for a table.

    A file does not say. A table that is taken for images only makes one attack worse, the one with shifts.
    """
    if features == 3 * 32 * 32:
        return (3, 32, 32)
    side = math.isqrt(features)
    return (side, side) if side**2 == features else None
