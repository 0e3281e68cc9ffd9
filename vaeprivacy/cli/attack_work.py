"""What ``vaeprivacy attack`` computes: every attack, on a run of ours or on files. It imports what it needs at once."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vaeprivacy.cli.tables import run_title
from vaeprivacy.compute.files import RESULTS, read_rows
from vaeprivacy.compute.parallel import OnThisMachine
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.external import attack_files, load_arrays, load_classifier
from vaeprivacy.experiments.grids import config_of
from vaeprivacy.experiments.runs import attack_rows, run_scores, shadow_fits
from vaeprivacy.experiments.sweeps import compute

Attacked = tuple[dict[str, np.ndarray], dict[str, dict[str, Any]], list[str], str]


def attack_run(directory: Path, *, key: str | None, n_shadows: int) -> Attacked:
    """Run every attack on each model of a run's pool, which is enlarged if it is too small.

    Parameters
    ----------
    directory : pathlib.Path
        Where the run's files and row are; what is computed joins them.
    key : str or None
        The run's key, or its beginning; None takes the last.
    n_shadows : int
        Least number of shadow models for each target, see :func:`pool_size`.

    Returns
    -------
    arrays, rows, notes, title
        Arrays as of :func:`vaeprivacy.experiments.game.attack_pool`, rows of metrics by attack, sentences about the
        shadow models, and what was attacked.

    Raises
    ------
    ValueError
        If the directory has no such run.
    RuntimeError
        If the run fails.
    """
    rows = {name: row for name, row in read_rows(directory).items() if "error" not in row}
    found = [row for name, row in rows.items() if key is None or name.startswith(key)]
    if not found:
        wanted = "" if key is None or not rows else f" whose key begins with {key}"
        raise ValueError(f"{directory} holds no finished run{wanted}: make one with `vaeprivacy run`.")
    n_models = pool_size(n_shadows)
    config = replace(_config_of(found[-1], directory), n_models=n_models, attacks="all")
    row = compute([config], directory=directory, executor=OnThisMachine(), progress=True)[config.key]
    if "error" in row:
        raise RuntimeError(row["error"])
    pool = (
        f"A pool of {n_models} models, each the target once: the {n_models - 2} others that are not its complement are "
        "its shadow models."
    )
    return run_scores(config, directory=directory), row["attacks"], [pool, *row["shadows"].values()], run_title(config)


def _config_of(row: dict[str, Any], directory: Path) -> Config:
    """Return the configuration of a row of a directory's results file."""
    try:
        return config_of(row["config"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{directory / RESULTS}: the run {row['key']} is of another version of this package: make it anew with "
            "`vaeprivacy run`, or choose another one with --key."
        ) from error


def pool_size(n_shadows: int) -> int:
    """Return how many models a pool has in which each target has at least so many shadow models.

    These are the pool without the target and its complement: two models more, and another one if that is odd.
    """
    return n_shadows + n_shadows % 2 + 2


def pooled_scores(arrays: dict[str, np.ndarray], attack: str) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and memberships of an attack on all of its targets, one after the other.

    Parameters
    ----------
    arrays : dict
        As from :func:`vaeprivacy.experiments.game.attack_pool`.
    attack : str
        Its name.
    """
    return arrays[f"scores/{attack}"].ravel(), arrays["is_member"][arrays[f"targets/{attack}"]].ravel()


def attack_file(
    data: Path, target: Path | None, *, n_shadows: int, epochs: int, seed: int, directory: Path
) -> Attacked:
    """Run every attack on a target and records in files; parameters as
    :func:`vaeprivacy.experiments.external.attack_files`.

    Returns and errors are those of :func:`attack_run`.
    """
    given = load_arrays(data)
    arrays = attack_files(
        given, None if target is None else load_classifier(target), n_shadows=n_shadows, epochs=epochs,
        image_shape=likely_shape(given["x"].shape[1]), seed=seed, directory=directory,
    )  # fmt: skip
    notes = [str(fit) for fit in shadow_fits(arrays).values()]
    return arrays, attack_rows(arrays), notes, f"{data.name}: {len(given['y']):,} candidates"


def likely_shape(features: int) -> tuple[int, ...] | None:
    """Return the shape of the images that records may be: square and grey, CIFAR's in colour, or None for a table.

    A file does not say. A table that is taken for images only makes one attack worse, the one with shifts.
    """
    if features == 3 * 32 * 32:
        return (3, 32, 32)
    side = math.isqrt(features)
    return (side, side) if side**2 == features else None
