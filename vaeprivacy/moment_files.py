"""Files of models made of noisy moments: everything that is published, and no Python object that could run code."""

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import get_args

from vaeprivacy.compute.array_files import check_shapes, read_tensors, reading, write_tensors
from vaeprivacy.compute.files import write_whole
from vaeprivacy.feature_maps import FeatureMap
from vaeprivacy.gaussian_bounds import Measure
from vaeprivacy.moments import MomentModel
from vaeprivacy.scattering import ANGLES, SCALES
from vaeprivacy.whole_guarantee import WholeGuarantee

#: What makes scattering features of another version different ones.
FILTERS = {"scales": SCALES, "angles": ANGLES}
MEASURES = {kind.__name__: kind for kind in get_args(Measure)}


def save_moments(model: MomentModel, path: Path | str) -> None:
    """Write a model to a safetensors file, with a checksum; it is there whole or not at all.

    It holds the map of features (its filters, mean, directions and unit), the moments, the guarantee, and the version
    of this package.
    """
    of_map, guarantee = model.feature_map, model.guarantee
    about = {
        "package": f"vaeprivacy {version('vaeprivacy')}",
        "feature map": {"kind": of_map.kind, "unit": of_map.unit, "image_shape": of_map.image_shape},
        "filters": FILTERS,
        "measure": [type(guarantee.measure).__name__, asdict(guarantee.measure)],
        "guarantee": {"delta": guarantee.delta, "how": guarantee.how, "seeded": guarantee.seeded},
    }
    tensors = {"centre": of_map.centre, "basis": of_map.basis}
    tensors |= {"means": model.means, "roots": model.roots, "counts": model.counts}
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    texts = {name: json.dumps(value) for name, value in about.items()}
    write_whole(Path(path), lambda unfinished: write_tensors(whole, unfinished, about=texts))


def load_moments(path: Path | str) -> MomentModel:
    """Read a model that :func:`save_moments` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, holds something else, or was made with other filters than those of this version.
    """
    with reading(Path(path), "is no model of moments that this version can read ({why}); fit it again."):
        tensors, texts = read_tensors(Path(path))
        about = {name: json.loads(text) for name, text in texts.items()}
        if about["filters"] != FILTERS:
            raise ValueError("Its features were made with other filters.")
        kind, numbers = about["measure"]
        guarantee = WholeGuarantee(MEASURES[kind](**numbers), **about["guarantee"])
        shape = about["feature map"].pop("image_shape")
        of_map = FeatureMap(
            centre=tensors.pop("centre"),
            basis=tensors.pop("basis"),
            image_shape=None if shape is None else tuple(shape),
            **about["feature map"],
        )
        size, n_classes = of_map.basis.shape[1], len(tensors["counts"])
        check_shapes(tensors, {"means": (n_classes, size), "roots": (n_classes, size, size)}, Path(path))
        if not all(each.isfinite().all() for each in tensors.values()):
            raise ValueError("Some moments are not finite.")
        return MomentModel(of_map, **tensors, guarantee=guarantee)
