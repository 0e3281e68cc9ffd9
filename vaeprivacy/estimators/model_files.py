"""Files of fitted synthesizers: all that is published, no fingerprint of records, no Python object that runs code."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vaeprivacy.compute.array_files import check_shapes, read_tensors, reading, write_tensors
from vaeprivacy.compute.files import write_whole
from vaeprivacy.estimators import framework
from vaeprivacy.estimators.codec import Codec
from vaeprivacy.estimators.copula import CopulaModel
from vaeprivacy.estimators.promise import Seen
from vaeprivacy.estimators.schema import Schema
from vaeprivacy.feature_maps import FeatureMap
from vaeprivacy.guarantee import ReleaseCount
from vaeprivacy.moments import HOW, MomentModel
from vaeprivacy.whole_guarantee import WholeGuarantee

if TYPE_CHECKING:
    from vaeprivacy.estimators.image_synthesizers import ImageSynthesizer
    from vaeprivacy.estimators.synthesizers import TabularSynthesizer

#: Settings of a synthesizer that are plain values; a seeded generator is not kept, but that there was one is.
SETTINGS = ("epsilon", "delta", "label", "bins", "unit", "drop", "form")
#: What a synthesizer of images knows of them once it is fitted, beside its model and classes.
FITTED = ("image_shape_", "channels_last_", "labelled_", "seeded_", "n_features_in_")


def save_table(synthesizer: "TabularSynthesizer", path: Path) -> None:
    """Write a fitted synthesizer of tables to a safetensors file, whole or not at all."""
    codec = synthesizer.codec_
    tensors, about = PARTS[synthesizer.form](synthesizer.model_)
    about |= {
        "settings": {name: _plain_list(getattr(synthesizer, name)) for name in SETTINGS},
        "schema": codec.schema.to_dict(),
        "dtypes": dict(codec.dtypes),
        "categories": dict(codec.categories),
        "label_place": synthesizer.label_place_,
        "seeded": synthesizer.seeded_,
    }
    tensors["class_starts"] = torch.from_numpy(np.ascontiguousarray(synthesizer.class_starts_))
    _write_with_count(path, tensors, about, synthesizer._state)


def _copula_parts(model: CopulaModel) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the arrays of a model as tensors, by name; there is nothing else to say of it."""
    arrays = {"classes": model.classes, "correlations": model.correlations}
    for name in ("starts", "orders", "histograms"):
        arrays |= {f"{name} {j}": array for j, array in enumerate(getattr(model, name))}
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}, {}


#: What takes a model apart, by the form of its synthesizer.
PARTS = {"moments": _copula_parts, "framework": framework.to_file, "vae": lambda vae: (framework.weights_of(vae), {})}


def _write_with_count(path: Path, tensors: dict[str, torch.Tensor], about: dict[str, Any], seen: Seen) -> None:
    """Write numbers, plain values about them, and the count of releases."""
    about |= {"package": f"vaeprivacy {version('vaeprivacy')}", "releases": seen.count.made}
    about |= {"spent": seen.spent, "kind": seen.kind}
    texts = {name: json.dumps(value) for name, value in about.items()}
    write_whole(path, lambda unfinished: write_tensors(tensors, unfinished, about=texts))


def _read_with_count(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any], Seen]:
    """Read what ``_write_with_count`` wrote."""
    tensors, texts = read_tensors(path)
    about = {name: json.loads(text) for name, text in texts.items()}
    seen = Seen(ReleaseCount(int(about["releases"])), float(about["spent"]), str(about["kind"]), loaded=True)
    return tensors, about, seen


def _plain_list(value: object) -> object:
    """Return a tuple as a list, and anything else as it is."""
    return list(value) if isinstance(value, tuple) else value


def load_table(kind: "type[TabularSynthesizer]", path: Path) -> "TabularSynthesizer":
    """Read what :func:`save_table` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is damaged or of another kind.
    """
    with reading(path, "is no synthesizer that this version can read ({why}); fit it again."):
        tensors, about, seen = _read_with_count(path)
        schema = Schema.from_dict(about["schema"])
        synthesizer = kind(**about["settings"], schema=schema)
        codec, place = Codec(schema, about["dtypes"], about["categories"]), about["label_place"]
        synthesizer.codec_, synthesizer.schema_, synthesizer.label_place_ = codec, schema, place
        synthesizer.class_starts_, synthesizer.seeded_ = tensors.pop("class_starts").numpy(), about["seeded"]
        if synthesizer.form == "moments":
            synthesizer.model_ = model_of({name: tensor.numpy() for name, tensor in tensors.items()})
        elif synthesizer.form == "vae":
            synthesizer.model_ = framework.vae_of(tensors, codec.features(None))
        else:
            features = codec.features(place)
            synthesizer.model_ = framework.from_file(tensors, about, features=features, releases=seen.count)
            synthesizer.trainer = synthesizer.model_.trainer
        synthesizer.feature_names_in_ = np.array(schema.names, dtype=object)
        synthesizer.n_features_in_, synthesizer._seen = len(schema.names), seen
    return synthesizer


def model_of(arrays: dict[str, np.ndarray]) -> CopulaModel:
    """Return the model whose arrays stand in a file, if they are finite and fit each other."""
    d = arrays["correlations"].shape[1]
    parts = {name: tuple(arrays[f"{name} {j}"] for j in range(d)) for name in ("starts", "orders", "histograms")}
    model = CopulaModel(classes=arrays["classes"], correlations=arrays["correlations"], **parts)
    n_classes = len(model.classes)
    fits = all(
        histogram.shape == (n_classes, len(starts) - 1) and sorted(order) == list(range(len(starts) - 1))
        for starts, order, histogram in zip(model.starts, model.orders, model.histograms, strict=True)
    )
    if not fits or model.correlations.shape != (n_classes, d, d):
        raise ValueError("Its parts do not fit each other.")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("Some numbers are not finite.")
    return model


def save_images(synthesizer: "ImageSynthesizer", path: Path) -> None:
    """Write a fitted synthesizer of images to a safetensors file, whole or not at all."""
    tensors, about = IMAGE_PARTS[synthesizer.form](synthesizer.model_)
    about |= {
        "settings": {name: getattr(synthesizer, name) for name in ("epsilon", "delta", "waves", "form")},
        "given": synthesizer.classes is not None,
        "fitted": {name: getattr(synthesizer, name) for name in FITTED} | {"classes_": synthesizer.classes_.tolist()},
    }
    _write_with_count(path, tensors, about, synthesizer._state)


def _moment_parts(model: MomentModel) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the tensors of a model, by name, and the unit of its features."""
    of_map = model.feature_map
    tensors = {"centre": of_map.centre, "basis": of_map.basis, "means": model.means, "roots": model.roots}
    tensors |= {"counts": model.counts}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}, {"unit": of_map.unit}


#: What takes a model of images apart, by the form of its synthesizer.
IMAGE_PARTS = {"moments": _moment_parts, "vae": PARTS["vae"]}


def load_images(kind: "type[ImageSynthesizer]", path: Path) -> "ImageSynthesizer":
    """Read what :func:`save_images` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is damaged or of another kind.
    """
    with reading(path, "is no synthesizer of images that this version can read ({why}); fit it again."):
        tensors, about, seen = _read_with_count(path)
        fitted = about["fitted"]
        classes, shape = np.array(fitted.pop("classes_")), tuple(fitted.pop("image_shape_"))
        synthesizer = kind(**about["settings"], classes=classes.tolist() if about["given"] else None)
        vars(synthesizer).update(fitted, classes_=classes, image_shape_=shape, _seen=seen)
        if synthesizer.form == "vae":
            synthesizer.model_ = framework.vae_of(tensors, synthesizer.n_features_in_ + len(classes))
        else:
            of_map = FeatureMap("records", tensors.pop("centre"), tensors.pop("basis"), about["unit"], shape)
            guarantee = WholeGuarantee(synthesizer.measure, synthesizer.delta, HOW, seeded=synthesizer.seeded_)
            _check_moments(tensors, of_map.basis.shape[1], len(classes), path)
            synthesizer.model_ = MomentModel(of_map, **tensors, guarantee=guarantee)
    return synthesizer


def _check_moments(tensors: dict[str, torch.Tensor], size: int, n_classes: int, path: Path) -> None:
    """Refuse moments whose shapes do not fit each other, or that are not finite."""
    shapes = {"means": (n_classes, size), "roots": (n_classes, size, size), "counts": (n_classes,)}
    check_shapes(tensors, shapes, path)
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise ValueError("Some numbers are not finite.")
