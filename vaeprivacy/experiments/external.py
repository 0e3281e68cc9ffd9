"""Attack a target that comes in files: records and predictions as arrays, the target as weights."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from vaeprivacy.arrays import check_labels, check_log_posteriors, check_memberships, check_records
from vaeprivacy.attacks import Candidates, ClassifierRecipe, ShadowFit, Shadows, train_shadows
from vaeprivacy.checks import check_whole
from vaeprivacy.classifiers import ClassifierSettings, predict
from vaeprivacy.compute.array_files import UnreadableError, naming, read_arrays, read_tensors, reading
from vaeprivacy.compute.files import check_writable
from vaeprivacy.compute.source import code_hash
from vaeprivacy.datasets import MOST_MODELS, draw_balanced_memberships
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
    arrays = read_tensors(path)[0] if path.suffix == ".safetensors" else read_arrays(path)
    lacking, unknown = [name for name in ARRAYS[:3] if name not in arrays], sorted(set(arrays) - set(ARRAYS))
    if lacking or unknown:
        raise ValueError(
            f"{path} lacks {lacking or 'nothing'} and has {unknown or 'nothing'} that is not known; the arrays are "
            f"{', '.join(ARRAYS)}, the first three always."
        )
    with naming(path):
        checked = _checked(arrays)
        _note_members(checked)
    return checked


def _checked(arrays: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return arrays in their types, if they fit together."""
    found: dict[str, torch.Tensor] = {}
    features = n_classes = None
    for group in ("", "reference_", "release_"):
        x, y, said = (f"{group}{name}" for name in ("x", "y", "log_posteriors"))
        mine = [name for name in (x, y, said) if name in arrays]
        lacking = [name for name in (x, y) if mine and name not in arrays]
        if lacking:
            raise ValueError(f"{mine[0]} is there, but {lacking[0]} is missing: give both, or neither.")
        if not mine:
            continue
        found[x] = check_records(arrays[x], x, features=features)
        features = found[x].shape[1]
        if said in arrays:
            found[said] = check_log_posteriors(arrays[said], said, of=found[x]).float()
            if n_classes not in (None, found[said].shape[1]):
                raise ValueError(f"{said} has {found[said].shape[1]} classes, but log_posteriors has {n_classes}.")
            n_classes = found[said].shape[1]
        found[y] = check_labels(arrays[y], y, of=found[x], n_classes=n_classes)
    found["is_member"] = check_memberships(arrays["is_member"], shape=(len(found["x"]),))
    if found["is_member"].all() or not found["is_member"].any():
        raise ValueError("is_member must tell members from others, but all candidates are on one side.")
    return {name: found[name] for name in arrays}


def _note_members(arrays: dict[str, torch.Tensor]) -> None:
    """Say how many reference records are members: whoever attacks should not have these."""
    members, others = arrays["x"][arrays["is_member"]], arrays.get("reference_x")
    if others is not None:
        known = {row.tobytes() for row in members.numpy()}
        shared = sum(row.tobytes() in known for row in others.numpy())
        if shared:
            warnings.warn(
                f"{shared} of the {len(others)} reference records are equal to members: an attack takes them for "
                "records that the target was not trained on.",
                stacklevel=3,
            )


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
    kind = (
        "does not hold a multilayer perceptron (0.weight, 0.bias, 2.weight, ...: {why}). For another kind of target, "
        "put its answers into the data file, as log_posteriors."
    )
    with reading(path, kind):
        state = {name: weight.float() for name, weight in read_tensors(path)[0].items()}
        layers = [f"{2 * place}.weight" for place in range(len(state) // 2)]
        if set(state) != {name.replace("weight", kind) for name in layers for kind in ("weight", "bias")} or not state:
            raise UnreadableError(f"it has {', '.join(sorted(state)[:6]) or 'no tensor'}")
        sizes = [state[layers[0]].shape[1], *(len(state[name]) for name in layers)]
        model = mlp(sizes, generator=torch.Generator())
        model.load_state_dict(state)
    broken = [name for name, weight in state.items() if not weight.isfinite().all()]
    if broken:
        raise ValueError(f"{path} holds NaN or infinite weights in {broken[0]}: save the target again.")
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
    OSError, ValueError
        If there is neither a target nor its predictions, or some do not fit together, or the directory cannot be used.
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
    check_whole(n_shadows, "n_shadows", least=2, most=MOST_MODELS)
    check_writable(directory)
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
