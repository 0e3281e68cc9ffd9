"""One run is one configuration in, one row and its scores out: the scores are kept, metrics are computed from them."""

import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import auc, roc_curve

from vaeprivacy.attacks import ATTACKS, ShadowFit
from vaeprivacy.compute.array_files import check_shapes, read_arrays, write_arrays
from vaeprivacy.compute.files import load_or_compute
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.game import ADVERSARIES, attack_pool
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.metrics import evaluate

UTILITIES = ("train_accuracy", "test_accuracy", "test_auc")


def class_auc(log_posteriors: np.ndarray, y: np.ndarray) -> float:
    """Return the area under the ROC curve of telling the classes apart, averaged over classes (one against the rest).

    Unlike accuracy, it is one half for a classifier that knows the classes' shares only.
    """
    posteriors = np.exp(log_posteriors)
    present = [label for label in range(posteriors.shape[1]) if 0 < (y == label).sum() < len(y)]
    return float(np.mean([auc(*roc_curve(y == label, posteriors[:, label])[:2]) for label in present]))


def utility(log_posteriors: torch.Tensor, y: torch.Tensor, is_member: torch.Tensor) -> dict[str, np.ndarray]:
    """Return how well each model of a pool does, on its members and on records that no model was trained on.

    Parameters
    ----------
    log_posteriors : torch.Tensor
        Predictions, shape (models, records, classes).
    y, is_member : torch.Tensor
        Labels, shape (records,), and which model was trained on which record, shape (models, records).
    """
    right = (log_posteriors.argmax(dim=2) == y).double()
    fresh = ~is_member.any(dim=0)
    return {
        "train_accuracy": ((right * is_member).sum(dim=1) / is_member.sum(dim=1)).numpy(),
        "test_accuracy": right[:, fresh].mean(dim=1).numpy(),
        "test_auc": np.array([class_auc(of_one[fresh].numpy(), y[fresh].numpy()) for of_one in log_posteriors]),
    }


def attack_run(config: Config, directory: Path) -> dict[str, np.ndarray]:
    """Train the pool of a run and attack each of its models.

    Attacks with shadow models are run by up to three adversaries: one whose shadow models are trained on records as
    they are; one that copies the defence (``adaptive_``); and one that also sends its queries through encoder and
    decoder (``reconstructed_``).

    Returns
    -------
    dict
        The arrays of :func:`vaeprivacy.experiments.game.attack_pool`; ``log_posteriors`` and labels ``y`` of the
        candidates; and what :func:`utility` says of each model.
    """
    pool = Pool.of(config, directory)
    plain, n = pool.shadows[0], len(pool.candidates)
    return {
        "log_posteriors": plain.log_posteriors[:, :n].numpy(),
        "y": plain.y[:n].numpy(),
        **utility(plain.log_posteriors, plain.y, plain.is_member),
        **attack_pool(pool, config.targets, every=config.attacks == "all", combined=config.attacks == "combined"),
    }


def run(config: Config, *, directory: Path | str) -> dict[str, Any]:
    """Compute one run, or read it if it is there, and return its row.

    Parameters
    ----------
    config : Config
        What to run.
    directory : path-like
        Where the files of all stages live.

    Returns
    -------
    dict
        ``key``, ``config``, ``setting``, ``short_label``, ``full_label`` and ``trainer`` in words, ``n_targets``,
        ``train_accuracy`` (on the members' own records), ``test_accuracy`` and ``test_auc`` (on records of the
        population), averages over the pool; ``shadows`` with a sentence for each adversary about its shadow models;
        ``attacks``, see :func:`attack_rows`; and ``seconds`` that this call took (what other runs left costs nothing).
    """
    directory, start = Path(directory), time.perf_counter()
    arrays = run_scores(config, directory=directory)
    return {
        **about_run(config),
        "n_targets": len(config.targets),
        **{name: float(arrays[name].mean()) for name in UTILITIES},
        "shadows": {prefix: str(fit) for prefix, fit in shadow_fits(arrays).items()},
        "attacks": attack_rows(arrays),
        "seconds": time.perf_counter() - start,
    }


def about_run(config: Config) -> dict[str, Any]:
    """Return the part of a row that says what was run."""
    return {
        "key": config.key,
        "config": asdict(config),
        "setting": config.defence.label,
        "short_label": config.defence.short_label,
        "full_label": config.defence.full_label,
        "trainer": config.defence.how_trained,
    }


def shadow_fits(arrays: dict[str, np.ndarray]) -> dict[str, ShadowFit]:
    """Return, for each adversary by its prefix, how its shadow models and a target compare, averaged over targets.

    Parameters
    ----------
    arrays : dict
        As from :func:`attack_run`.
    """
    return {
        name.removeprefix("shadow_fit/"): ShadowFit(*map(tuple, of_targets.mean(axis=0).tolist()))
        for name, of_targets in arrays.items()
        if name.startswith("shadow_fit/")
    }


def shadow_fit(configs: Iterable[Config], *, directory: Path | str) -> pd.DataFrame:
    """Compare shadow models with their target: an attack by shadows that behave otherwise is weaker than it could be.

    Parameters
    ----------
    configs : iterable of Config
        Finished runs.
    directory : path-like
        Where their files are.

    Returns
    -------
    pandas.DataFrame
        One row a run: ``setting``, ``seed``, and the accuracy of the target and (on average) of the shadow models that
        were trained with the same defence, on members and on other records.
    """
    table = []
    for config in configs:
        prefix = "" if config.defence.name == "none" else "adaptive_"
        fit = shadow_fits(run_scores(config, directory=directory))[prefix]
        table.append(
            {
                "setting": config.defence.label,
                "seed": config.seed,
                "target on members": fit.target[0],
                "shadows on members": fit.shadows[0],
                "target on others": fit.target[1],
                "shadows on others": fit.shadows[1],
            }
        )
    return pd.DataFrame(table)


def attack_rows(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Return the metrics of each attack, averaged over the targets that it was run on.

    Parameters
    ----------
    arrays : dict
        As from :func:`attack_run`.

    Returns
    -------
    dict
        By attack: the metrics of :func:`vaeprivacy.metrics.evaluate` (ends of intervals are averages too: each is that
        of one target), number ``of_targets``, what it ``looks_at``, ``knowledge`` of its adversary in words, and
        whether it is ``weak``: whether its shadow models are unlike the target.
    """
    fits, rows = shadow_fits(arrays), {}
    for name in (key.removeprefix("scores/") for key in arrays if key.startswith("scores/")):
        prefix = next((p for p in ADVERSARIES if p and name.startswith(p)), "")
        attack = ATTACKS[name.removeprefix(prefix)]
        scores, thresholds, targets = (arrays[f"{what}/{name}"] for what in ("scores", "thresholds", "targets"))
        of_each = [
            evaluate(of_one, is_member, threshold=float(threshold))
            for of_one, is_member, threshold in zip(scores, arrays["is_member"][targets], thresholds, strict=True)
        ]
        rows[name] = {
            **{metric: float(np.mean([row[metric] for row in of_each])) for metric in of_each[0]},
            "of_targets": len(targets),
            "looks_at": attack.looks_at,
            "knowledge": attack.knowledge + ADVERSARIES[prefix],
            "weak": bool(attack.by_shadows and prefix in fits and not fits[prefix].comparable),
        }
    return rows


def run_scores(config: Config, *, directory: Path | str) -> dict[str, np.ndarray]:
    """Return the arrays of a run, as described at :func:`attack_run`; what it did not leave whole is computed."""
    directory, n = Path(directory), 2 * config.n_members
    shapes = dict.fromkeys(UTILITIES, (config.n_models,))
    shapes |= {"y": (n,), "log_posteriors": (config.n_models, n, None), "is_member": (config.n_models, n)}
    read = lambda path: check_shapes(read_arrays(path), shapes, path)  # noqa: E731
    path = directory / "runs" / f"{config.key}.npz"
    return load_or_compute(path, lambda: attack_run(config, directory), write_arrays, read)
