"""Attack a target that comes in files: records and answers as arrays, the target as weights."""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import nn

from vaeprivacy.attacks import Knowledge, Likeness, Records, Shadows, draw_balanced_memberships, train_shadows
from vaeprivacy.attacks.suite import ON_CLASSIFIER, ON_RELEASE, run_attacks
from vaeprivacy.classifiers import ClassifierRecipe, ClassifierSettings, predict
from vaeprivacy.config import code_hash
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.storage import read_arrays
from vaeprivacy.synthesizer import Release
from vaeprivacy.training import checked_records, mlp

ARRAYS = (
    "x", "y", "is_member", "log_posteriors", "reference_x", "reference_y", "reference_log_posteriors", "release_x",
    "release_y",
)  # fmt: skip


def load_arrays(path: Path) -> dict[str, torch.Tensor]:
    """Read the arrays of an attack from an .npz or .safetensors file.

    Parameters
    ----------
    path : pathlib.Path
        Holds ``x``, ``y`` and ``is_member`` of the candidates, and any of ``log_posteriors`` (the target's answers),
        ``reference_x``, ``reference_y``, ``reference_log_posteriors`` (records of the adversary), ``release_x`` and
        ``release_y``.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or the arrays are not what they should be.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; pass an .npz or .safetensors file with x, y and is_member.")
    try:
        arrays = load_file(path) if path.suffix == ".safetensors" else read_arrays(path)
    except (SafetensorError, ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path} is no .npz or .safetensors file of arrays ({error}).") from error
    lacking, unknown = [name for name in ARRAYS[:3] if name not in arrays], sorted(set(arrays) - set(ARRAYS))
    if lacking or unknown:
        raise ValueError(
            f"{path} lacks {lacking or 'nothing'} and has {unknown or 'nothing'} that is not known; the arrays are "
            f"{', '.join(ARRAYS)}, the first three always."
        )
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return {name: _checked(name, tensor, tensors) for name, tensor in tensors.items()}


def _checked(name: str, tensor: torch.Tensor, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return an array in its right type, if it has a row for each record."""
    group = name.removesuffix(name.split("_")[-1]) if name.startswith(("reference", "release")) else ""
    n = len(tensors[f"{group}x"]) if f"{group}x" in tensors else -1
    if len(tensor) != n:
        raise ValueError(f"{name} has {len(tensor)} rows, but {group}x has {n if n >= 0 else 'none (it is missing)'}.")
    if name.endswith("y"):
        return tensor.long()
    if name == "is_member":
        return tensor.bool()
    return checked_records(tensor.float(), name)


def load_classifier(path: Path) -> nn.Sequential:
    """Read a multilayer perceptron from a safetensors file.

    Parameters
    ----------
    path : pathlib.Path
        Its state: ``0.weight``, ``0.bias``, ``2.weight``, ... as a ``torch.nn.Sequential`` of linear layers with ReLU
        between them has it.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it holds another kind of model.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; save the target with safetensors.torch.save_file.")
    try:
        state = {name: torch.from_numpy(array) for name, array in load_file(path).items()}
        layers = sorted((name for name in state if name.endswith(".weight")), key=lambda name: int(name.split(".")[0]))
        sizes = [state[layers[0]].shape[1], *(len(state[name]) for name in layers)]
        model = mlp(sizes, generator=torch.Generator())
        model.load_state_dict(state)
    except (SafetensorError, ValueError, IndexError, RuntimeError) as error:
        raise ValueError(
            f"{path} does not hold a multilayer perceptron (0.weight, 0.bias, 2.weight, ...: {error}). For another "
            "kind of target, put its answers into the data file, as log_posteriors."
        ) from error
    return model


def attack_files(
    arrays: dict[str, torch.Tensor],
    target: nn.Sequential | None,
    *,
    n_shadows: int,
    epochs: int,
    image_shape: tuple[int, int],
    seed: int,
    directory: Path,
) -> tuple[dict[str, np.ndarray], Likeness]:
    """Train shadow models on halves of the candidates and run all attacks for which there is enough knowledge.

    Parameters
    ----------
    arrays : dict
        As from :func:`load_arrays`.
    target : torch.nn.Sequential or None
        The target; None if its answers are among the arrays.
    n_shadows : int
        Number of shadow models.
    epochs : int
        Their passes over their records: as many as the target's.
    image_shape : tuple of int
        Height and width of a record's image, for shifts.
    seed : int
        Decides all random numbers.
    directory : pathlib.Path
        Where the shadow models' answers are kept; an interrupted attack continues.

    Returns
    -------
    arrays : dict
        For each attack, its scores and, under ``threshold_`` and its name, the threshold; and ``is_member``.
    likeness : Likeness
        Whether the shadow models behave like the target.

    Raises
    ------
    ValueError
        If there is neither a target nor its answers, or some do not fit together.
    """
    x, y, is_member = arrays["x"], arrays["y"], arrays["is_member"]
    others_x, others_y = arrays.get("reference_x", x[:0]), arrays.get("reference_y", y[:0])
    answers = _answers(arrays, target)
    n_classes = answers["log_posteriors"].shape[1]
    settings = ClassifierSettings(epochs=epochs)
    if target is not None:
        settings = replace(settings, hidden=len(target[0].weight))
    halves = draw_balanced_memberships(y, n_shadows=n_shadows, generator=seeded_generator(seed, "shadow members"))
    is_in = torch.cat([halves, torch.zeros(n_shadows, len(others_y), dtype=torch.bool)], dim=1)
    everything_x, everything_y = torch.cat([x, others_x]), torch.cat([y, others_y])
    parts = (everything_x.numpy().tobytes(), everything_y.numpy().tobytes(), repr((settings, n_shadows, seed)).encode())
    key = hashlib.sha256(b"".join([*parts, code_hash().encode()])).hexdigest()[:20]
    trained = train_shadows(
        everything_x, everything_y, is_member=is_in, recipe=ClassifierRecipe(n_classes, seed, settings),
        models_at_once=4, n_jobs=-1, directory=directory / "shadows" / key, progress=True,
    )  # fmt: skip
    of_candidates = trained.about(torch.arange(len(y)))
    candidates = Records(x=x, y=y, log_posteriors=answers["log_posteriors"], shadows=of_candidates)
    knowledge = _knowledge(arrays, target, answers, trained, others_x, others_y)
    found = run_attacks(
        (*ON_CLASSIFIER, *ON_RELEASE), knowledge=replace(knowledge, shadows=of_candidates), candidates=candidates,
        seed=seed, image_shape=image_shape,
    )  # fmt: skip
    result = {"is_member": is_member.numpy()}
    for name, (scores, threshold) in found.items():
        result |= {name: scores.numpy(), f"threshold_{name}": np.array(threshold)}
    return result, Likeness.between(of_candidates, answers["log_posteriors"], y, is_member)


def _answers(arrays: dict[str, torch.Tensor], target: nn.Sequential | None) -> dict[str, torch.Tensor]:
    """Return the target's answers about candidates and reference records, as far as they can be had."""
    if target is None and "log_posteriors" not in arrays:
        raise ValueError("Nothing to attack: pass a target, or its answers as log_posteriors in the data file.")
    if target is not None and target[0].weight.shape[1] != arrays["x"].shape[1]:
        raise ValueError(
            f"The target takes {target[0].weight.shape[1]} features, but the records have {arrays['x'].shape[1]}."
        )
    answers = {}
    for prefix in ("", "reference_"):
        given = arrays.get(f"{prefix}log_posteriors")
        if given is not None:
            answers[f"{prefix}log_posteriors"] = given.log_softmax(dim=1)  # logits are as good
        elif target is not None and f"{prefix}x" in arrays:
            answers[f"{prefix}log_posteriors"] = predict(target, arrays[f"{prefix}x"])
    return answers


def _knowledge(
    arrays: dict[str, torch.Tensor],
    target: nn.Sequential | None,
    answers: dict[str, torch.Tensor],
    trained: Shadows,
    others_x: torch.Tensor,
    others_y: torch.Tensor,
) -> Knowledge:
    """Return what the adversary holds: as much as the files give it."""
    population = release = None
    if len(others_y):
        about = trained.about(torch.arange(len(arrays["y"]), len(trained.y)))
        population = Records(
            x=others_x, y=others_y, log_posteriors=answers.get("reference_log_posteriors"), shadows=about
        )
    if "release_x" in arrays:
        release = Release(arrays["release_x"], arrays["release_y"], None)
    if target is None:
        return Knowledge(population=population, release=release)
    return Knowledge(
        population=population,
        release=release,
        ask=partial(predict, target),
        ask_label=lambda x: predict(target, x).argmax(dim=1),
    )
