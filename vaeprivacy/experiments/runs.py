"""One run is one configuration in, one row and its scores out: the scores are kept, metrics are computed from them."""

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from vaeprivacy.attacks import ShadowFit
from vaeprivacy.attacks.catalogue import ATTACK_CLASSES, looks_at
from vaeprivacy.compute.files import load_or_compute, read_arrays, write_arrays
from vaeprivacy.experiments.adversaries import PREFIXES, attack_target
from vaeprivacy.experiments.cache import run_key
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.stages import load_once, pool
from vaeprivacy.metrics import evaluate


def class_auc(log_posteriors: np.ndarray, y: np.ndarray) -> float:
    """Return the area under the ROC curve of telling the classes apart, averaged over classes (one against the rest).

    Unlike accuracy, it is one half for a classifier that knows the classes' shares only.
    """
    posteriors = np.exp(log_posteriors)
    present = [label for label in range(posteriors.shape[1]) if 0 < (y == label).sum() < len(y)]
    return float(np.mean([roc_auc_score(y == label, posteriors[:, label]) for label in present]))


def utility(answers: torch.Tensor, y: torch.Tensor, is_member: torch.Tensor) -> dict[str, np.ndarray]:
    """Return how well each model of a pool does, on its members and on records that no model was trained on.

    Parameters
    ----------
    answers : torch.Tensor
        Log-posteriors, shape (models, records, classes).
    y, is_member : torch.Tensor
        Labels, shape (records,), and which model was trained on which record, shape (models, records).
    """
    right = (answers.argmax(dim=2) == y).double()
    fresh = ~is_member.any(dim=0)
    return {
        "train_accuracy": ((right * is_member).sum(dim=1) / is_member.sum(dim=1)).numpy(),
        "test_accuracy": right[:, fresh].mean(dim=1).numpy(),
        "test_auc": np.array([class_auc(of_one[fresh].numpy(), y[fresh].numpy()) for of_one in answers]),
    }


def attack_scores(config: Config, directory: Path) -> dict[str, np.ndarray]:
    """Train the pool of a run and attack each of its models; return scores, thresholds, memberships and utilities.

    For each attack there are the ``targets`` that it was run on (numbers of models), one row of scores for each of
    them, shape (targets, candidates), and the ``thresholds`` above which it says "member": arrays named by these words,
    a slash and the attack's name. Attacks with shadow models are run by up to three adversaries: one whose shadow
    models are trained on records as they are; one that copies the defence (``adaptive_``); and one that also sends its
    queries through encoder and decoder (``through_``). For each there is ``likeness/`` and its prefix, the numbers of a
    :class:`~vaeprivacy.attacks.shadow_fit.ShadowFit` for each target.
    """
    data = load_once(config.dataset)
    parts = config.parts(data.y)
    raw, own = pool(config.raw, directory)[0], pool(config, directory)
    arrays: dict[str, list[Any]] = {}
    for target in range(config.n_targets or config.n_models):
        found, alike = attack_target(config, directory, parts, target=target, raw=raw, own=own)
        for name, (scores, threshold) in found.items():
            for what, value in (("scores", scores.numpy()), ("thresholds", threshold), ("targets", target)):
                arrays.setdefault(f"{what}/{name}", []).append(value)
        for prefix, likeness in alike.items():
            arrays.setdefault(f"likeness/{prefix}", []).append(likeness.numbers)
    n = len(parts.candidates)
    return {
        "is_member": raw.is_member[:, :n].numpy(),
        "log_posteriors": own[0].log_posteriors[:, :n].numpy(),
        "y": data.y[parts.candidates].cpu().numpy(),
        **utility(own[0].log_posteriors, own[0].y, own[0].is_member),
        **{name: np.stack(values) for name, values in arrays.items()},
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
        ``key``, ``config``, ``setting`` and ``training`` in words, ``n_targets``, ``train_accuracy`` (on the members'
        own records), ``test_accuracy`` and ``test_auc`` (on records of the population), averages over the pool;
        ``shadows`` with a sentence for each adversary about the likeness of its shadow models; ``attacks``, see
        :func:`attack_rows`; and ``seconds`` that this call took (what other runs left costs nothing).
    """
    directory, start = Path(directory), time.perf_counter()
    make = partial(attack_scores, config, directory)
    arrays = load_or_compute(directory / "runs" / f"{run_key(config)}.npz", make, write_arrays, read_arrays)
    utilities = ("train_accuracy", "test_accuracy", "test_auc")
    return {
        "key": run_key(config),
        "config": asdict(config),
        "setting": config.defence.label,
        "training": config.defence.how_trained,
        "n_targets": config.n_targets or config.n_models,
        **{name: float(arrays[name].mean()) for name in utilities},
        "shadows": {prefix: str(likeness) for prefix, likeness in likenesses(arrays).items()},
        "attacks": attack_rows(arrays),
        "seconds": time.perf_counter() - start,
    }


def likenesses(arrays: dict[str, np.ndarray]) -> dict[str, ShadowFit]:
    """Return, for each adversary by its prefix, the likeness of its shadow models and a target, averaged over targets.

    Parameters
    ----------
    arrays : dict
        As from :func:`attack_scores`.
    """
    return {
        name.removeprefix("likeness/"): ShadowFit(*map(tuple, of_targets.mean(axis=0).tolist()))
        for name, of_targets in arrays.items()
        if name.startswith("likeness/")
    }


def attack_rows(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Return the metrics of each attack, averaged over the targets that it was run on.

    Parameters
    ----------
    arrays : dict
        As from :func:`attack_scores`.

    Returns
    -------
    dict
        By attack: the metrics of :func:`vaeprivacy.metrics.evaluate` (ends of intervals are averages too: each is that
        of one target), number ``of_targets``, what it ``looks_at``, ``knowledge`` of its adversary in words, and
        whether it is ``weak``: whether its shadow models are unlike the target.
    """
    alike, rows = likenesses(arrays), {}
    for name in (key.removeprefix("scores/") for key in arrays if key.startswith("scores/")):
        prefix = next((p for p in PREFIXES if p and name.startswith(p)), "")
        attack = ATTACK_CLASSES[name.removeprefix(prefix)]
        scores, thresholds, targets = (arrays[f"{what}/{name}"] for what in ("scores", "thresholds", "targets"))
        of_each = [
            evaluate(of_one, is_member, threshold=float(threshold))
            for of_one, is_member, threshold in zip(scores, arrays["is_member"][targets], thresholds, strict=True)
        ]
        rows[name] = {
            **{metric: float(np.mean([row[metric] for row in of_each])) for metric in of_each[0]},
            "of_targets": len(targets),
            "looks_at": looks_at(name.removeprefix(prefix)),
            "knowledge": attack.knowledge() + PREFIXES[prefix],
            "weak": bool(attack.by_shadows() and prefix in alike and not alike[prefix].alike),
        }
    return rows


def run_scores(config: Config, *, directory: Path | str) -> dict[str, np.ndarray]:
    """Return the arrays that a finished run left, as described at :func:`attack_scores`."""
    return read_arrays(Path(directory) / "runs" / f"{run_key(config)}.npz")
