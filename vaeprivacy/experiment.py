"""One run is one configuration in, one row and its scores out: the scores are kept, metrics are computed from them."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaeprivacy.attacks import Knowledge, Likeness, Records, Shadows
from vaeprivacy.attacks.suite import ATTACK_CLASSES, ON_CLASSIFIER, ON_RELEASE, ON_VAE, looks_at, run_attacks
from vaeprivacy.classifiers import accuracy, predict
from vaeprivacy.config import Config, run_key
from vaeprivacy.metrics import evaluate
from vaeprivacy.stages import load_once, reference_vaes, shadow_records, shadows, train_target
from vaeprivacy.storage import read_arrays, stored, write_arrays

# Attacks that learn from shadow models: each is run by several adversaries.
WITH_SHADOWS = (
    "confidence", "entropy", "modified_entropy", "top_posteriors", "shadow_joint", "shadow", "lira_offline",
    "rmia_offline", "lira", "rmia",
)  # fmt: skip
FEW = {"loss", "shadow", "lira_offline", "rmia_offline", "lira", "rmia", "nearest", "likelihood", "vae"}
# The adversaries of a run: what their attacks' names begin with, and what they know beside it.
PREFIXES = {"": "", "adaptive_": ", recipe", "through_": ", recipe, encoder and decoder"}


def asked_records(config: Config, trained: Shadows, answers: torch.Tensor) -> tuple[Records, Records]:
    """Return the adversary's own records and the candidates, with what target and shadow models answer about each.

    Parameters are those of :func:`adversary_scores`.
    """
    data = load_once(config.dataset)
    parts = config.split(data.y)
    n_own = len(parts.reference)
    found = []
    for records, place in ((parts.reference, slice(n_own)), (parts.candidates, slice(n_own, None))):
        shadows = trained.about(place)
        in_references = shadows.is_member if config.online else None
        answered = {"log_posteriors": answers[place], "shadows": shadows, "in_references": in_references}
        found.append(Records(x=data.x[records], y=data.y[records], **answered))
    return found[0], found[1]


def adversary_scores(
    config: Config, prefix: str, trained: Shadows, answers: torch.Tensor, holds: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Run the attacks of one adversary.

    Parameters
    ----------
    config : Config
        The run.
    prefix : str
        Which adversary it is: none, ``adaptive_`` or ``through_``.
    trained : Shadows
        Its shadow models, about reference records and candidates.
    answers : torch.Tensor
        The target's answers about the same records, shape (records, classes).
    holds : dict
        What else it knows, fields of :class:`vaeprivacy.attacks.attack.Knowledge`.

    Returns
    -------
    dict
        Arrays as described at :func:`attack_scores`.
    """
    data = load_once(config.dataset)
    parts = config.split(data.y)
    own, candidates = asked_records(config, trained, answers)
    learnt = trained.two_sided()
    names = WITH_SHADOWS if prefix else (*ON_CLASSIFIER, *ON_RELEASE, *ON_VAE)
    found = run_attacks(
        [name for name in names if config.attacks == "all" or name in FEW],
        knowledge=Knowledge(population=own, shadows=learnt, **holds),
        candidates=candidates,
        seed=config.seed,
        image_shape=data.image_shape,
    )
    alike = Likeness.between(learnt, candidates.log_posteriors, candidates.y, parts.is_member)
    arrays = {f"likeness_{prefix}": np.array([alike.target, alike.shadows, alike.spread])}
    for name, (scores, threshold) in found.items():
        arrays |= {f"{prefix}{name}": scores.numpy(), f"threshold_{prefix}{name}": np.array(threshold)}
    return arrays


def attack_scores(config: Config, directory: Path) -> dict[str, np.ndarray]:
    """Train the target of a run and attack it; return scores, thresholds, memberships and accuracies as arrays.

    For each attack there is an array of one score per candidate and the threshold above which the attack says "member",
    under ``threshold_`` and its name. Attacks with shadow models are run by up to three adversaries: one whose shadow
    models are trained on records as they are; one with its own copy of the framework (``adaptive_``); and one that also
    sends its queries through encoder and decoder (``through_``). For each there is ``likeness_`` and its prefix, the
    numbers of a :class:`~vaeprivacy.attacks.likeness.Likeness`.
    """
    data = load_once(config.dataset)
    parts = config.split(data.y)
    target, synthesizer, release = train_target(config, directory)
    asked = data.x[shadow_records(parts)]
    answers = predict(target, asked)
    holds = {"ask": partial(predict, target), "ask_label": lambda x: predict(target, x).argmax(dim=1)}
    if synthesizer is not None:
        vaes = reference_vaes(config, directory)
        holds |= {"release": release, "synthesizer": synthesizer, "reference_vaes": vaes}
    found = adversary_scores(config, "", shadows(config.raw, directory)[0], answers, holds)
    if synthesizer is not None:
        as_they_are, rendered = shadows(config, directory)
        found |= adversary_scores(config, "adaptive_", as_they_are, answers, {})
        through = predict(target, synthesizer.reconstruct(asked))
        found |= adversary_scores(config, "through_", rendered, through, {})
    return {
        "is_member": parts.is_member.numpy(),
        "log_posteriors": answers[len(parts.reference) :].numpy(),
        "y": data.y[parts.candidates].numpy(),
        "train_accuracy": np.array(accuracy(target, data.x[parts.members], data.y[parts.members])),
        "test_accuracy": np.array(accuracy(target, data.x[parts.test], data.y[parts.test])),
        **found,
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
        ``key``, ``config``, ``setting`` and ``training`` in words, ``train_accuracy`` (on the members' own records),
        ``test_accuracy``, ``shadows`` with a sentence for each adversary about the likeness of its shadow models, and
        ``attacks``, which holds the metrics of each attack (see :func:`vaeprivacy.metrics.evaluate`), what it
        ``looks_at``, ``knowledge`` of its adversary in words, and whether it is ``weak``: whether its shadow models are
        unlike the target.
    """
    directory = Path(directory)
    make = partial(attack_scores, config, directory)
    arrays = stored(directory / "runs" / f"{run_key(config)}.npz", make, write_arrays, read_arrays)
    alike = {
        name.removeprefix("likeness_"): Likeness(*map(tuple, array.tolist()))
        for name, array in arrays.items()
        if name.startswith("likeness_")
    }
    return {
        "key": run_key(config),
        "config": asdict(config),
        "setting": config.label,
        "training": str(config.training),
        "train_accuracy": float(arrays["train_accuracy"]),
        "test_accuracy": float(arrays["test_accuracy"]),
        "shadows": {prefix: str(likeness) for prefix, likeness in alike.items()},
        "attacks": attack_rows(arrays, alike),
    }


def attack_rows(arrays: dict[str, np.ndarray], alike: dict[str, Likeness]) -> dict[str, dict[str, Any]]:
    """Return the metrics of each attack, what its adversary knows, and whether its shadow models are unlike the target.

    Parameters
    ----------
    arrays : dict
        As from :func:`attack_scores`.
    alike : dict
        For each adversary, by its prefix, the likeness of its shadow models and the target.
    """
    rows = {}
    for name in arrays:
        if f"threshold_{name}" in arrays:
            prefix = next((p for p in PREFIXES if p and name.startswith(p)), "")
            attack = ATTACK_CLASSES[name.removeprefix(prefix)]
            row = evaluate(arrays[name], arrays["is_member"], threshold=float(arrays[f"threshold_{name}"]))
            knowledge = attack.knowledge() + PREFIXES[prefix]
            weak = attack.by_shadows() and prefix in alike and not alike[prefix].alike
            rows[name] = {**row, "looks_at": looks_at(name.removeprefix(prefix)), "knowledge": knowledge, "weak": weak}
    return rows


def run_scores(config: Config, *, directory: Path | str) -> dict[str, np.ndarray]:
    """Return the arrays that a finished run left, as described at :func:`attack_scores`."""
    return read_arrays(Path(directory) / "runs" / f"{run_key(config)}.npz")
