"""Attack a target that comes in files: records and predictions as arrays, the target as weights."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import nn

from vaeprivacy.attacks import Candidates, ClassifierRecipe, ShadowFit, Shadows, train_shadows
from vaeprivacy.checks import check_records
from vaeprivacy.classifiers import ClassifierSettings, predict
from vaeprivacy.compute.files import read_arrays
from vaeprivacy.compute.source import code_hash
from vaeprivacy.datasets import draw_balanced_memberships
from vaeprivacy.experiments.game import Found, Game
from vaeprivacy.networks import mlp
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.synthesizer import Release

ARRAYS = (
    "x", "y", "is_member", "log_posteriors", "reference_x", "reference_y", "reference_log_posteriors", "release_x",
    "release_y",
)  # fmt: skip


def load_arrays(path: Path) -> dict[str, torch.Tensor]:
    """Read the arrays of an attack from an .npz or .safetensors file.

    Parameters
    ----------
    path : pathlib.Path
        Holds ``x``, ``y`` and ``is_member`` of the candidates, and any of ``log_posteriors`` (the target's
        predictions), ``reference_x``, ``reference_y``, ``reference_log_posteriors`` (records of the adversary),
        ``release_x`` and ``release_y``.

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
    return check_records(tensor.float(), name)


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
    image_shape: tuple[int, ...] | None,
    seed: int,
    directory: Path,
) -> dict[str, np.ndarray]:
    """Train shadow models on halves of the candidates and run all attacks for which there is enough knowledge.

    Parameters
    ----------
    arrays : dict
        As from :func:`load_arrays`.
    target : torch.nn.Sequential or None
        The target; None if its predictions are among the arrays.
    n_shadows, epochs : int
        Number of shadow models, and of their passes over their records: as many as the target's.
    image_shape : tuple of int or None
        As for :func:`vaeprivacy.attacks.catalogue.make_attack`.
    seed : int
        Decides all random numbers.
    directory : pathlib.Path
        Where the predictions of shadow models are kept; an interrupted attack continues.

    Returns
    -------
    dict
        ``is_member``, ``shadow_fit/`` and, for each attack, ``scores/``, ``thresholds/`` and ``targets/`` with its
        name, as from :func:`vaeprivacy.experiments.game.attack_pool` for a pool of which only the first model is a
        target.

    Raises
    ------
    ValueError
        If there is neither a target nor its predictions, or some do not fit together.
    """
    y, is_member, n = arrays["y"], arrays["is_member"], len(arrays["y"])
    predictions = _predictions(arrays, target)
    settings = ClassifierSettings(epochs=epochs)
    if target is not None:
        settings = replace(settings, hidden=len(target[0].weight))
    recipe = ClassifierRecipe(predictions["log_posteriors"].shape[1], seed, settings)
    shadows = _shadows(arrays, recipe, n_shadows=n_shadows, directory=directory)
    game = Game(
        Candidates(x=arrays["x"], y=y),
        Candidates(x=arrays["reference_x"], y=arrays["reference_y"]) if "reference_x" in arrays else None,
        seed,
        image_shape,
        every=True,
    )
    said = torch.cat(list(predictions.values()))
    found = game.attack_classifier(shadows=shadows, log_posteriors=said, black_box=_black_box(target), copying=False)
    if "release_x" in arrays:
        release = Release(arrays["release_x"], arrays["release_y"], None)
        found |= game.attack_release(release, synthesizer=None)
    fit = ShadowFit.between(shadows.about(slice(n)), said[:n], y, is_member)
    return {"is_member": is_member.numpy()[None], "shadow_fit/": fit.numbers[None], **_as_of_one_target(found)}


def _as_of_one_target(found: Found) -> dict[str, np.ndarray]:
    """Return scores and thresholds as the arrays of a pool of which only the first model is a target."""
    arrays = {}
    for name, (scores, threshold) in found.items():
        arrays |= {f"scores/{name}": scores.numpy()[None], f"thresholds/{name}": np.array([threshold])}
        arrays |= {f"targets/{name}": np.array([0])}
    return arrays


def _black_box(target: nn.Sequential | None) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Return the target as a black box: fields of an adversary's knowledge; none if it is not there to be queried."""
    if target is None:
        return {}
    return {"query": partial(predict, target), "query_label": lambda x: predict(target, x).argmax(dim=1)}


def _shadows(arrays: dict[str, torch.Tensor], recipe: ClassifierRecipe, *, n_shadows: int, directory: Path) -> Shadows:
    """Train shadow models on halves of the candidates; return what they say about these and then reference records."""
    x, y = arrays["x"], arrays["y"]
    n, generator = len(y), seeded_generator(recipe.seed, "shadow members")
    halves = draw_balanced_memberships(y, n_shadows=n_shadows, generator=generator)
    x, y = torch.cat([x, arrays.get("reference_x", x[:0])]), torch.cat([y, arrays.get("reference_y", y[:0])])
    is_member = torch.cat([halves, torch.zeros(n_shadows, len(y) - n, dtype=torch.bool)], dim=1)
    parts = [x.numpy().tobytes(), y.numpy().tobytes(), repr((recipe, n_shadows)).encode(), code_hash().encode()]
    return train_shadows(
        x, y, is_member=is_member, recipe=recipe, n_jobs=-1, progress=True,
        directory=directory / "shadows" / hashlib.sha256(b"".join(parts)).hexdigest()[:20],
    )  # fmt: skip


def _predictions(arrays: dict[str, torch.Tensor], target: nn.Sequential | None) -> dict[str, torch.Tensor]:
    """Return what the target says about candidates and then reference records, as far as that can be had."""
    if target is None and "log_posteriors" not in arrays:
        raise ValueError("Nothing to attack: pass a target, or its answers as log_posteriors in the data file.")
    if target is not None and target[0].weight.shape[1] != arrays["x"].shape[1]:
        raise ValueError(
            f"The target takes {target[0].weight.shape[1]} features, but the records have {arrays['x'].shape[1]}."
        )
    predictions = {}
    for prefix in ("", "reference_"):
        given = arrays.get(f"{prefix}log_posteriors")
        if given is not None:
            predictions[f"{prefix}log_posteriors"] = given.log_softmax(dim=1)  # logits are as good
        elif target is not None and f"{prefix}x" in arrays:
            predictions[f"{prefix}log_posteriors"] = predict(target, arrays[f"{prefix}x"])
    return predictions
