"""People's own records on the command line: read, split, fitted once, and written."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vaeprivacy.compute.files import write_whole
from vaeprivacy.estimators import (
    ImageSynthesizer,
    TabularSynthesizer,
    draft_schema,
    read_images,
    read_schema,
    read_table,
    write_images,
    write_table,
)
from vaeprivacy.estimators.drafts import check_frame
from vaeprivacy.estimators.released_models import pixels
from vaeprivacy.estimators.subject import LEAST
from vaeprivacy.randomness import SYSTEM_ENTROPY, uniforms

if TYPE_CHECKING:
    from collections.abc import Callable

    from vaeprivacy.cli.release_work import Order

HELD_OUT = 5  # one record in so many
SPLIT, MODEL = "split.csv", "model.safetensors"
MEMBER, HELD_OUT_PART = "member", "held out"
CLASS = "class"  # what the label of an image is called


@dataclass(frozen=True)
class Records:
    """Private records.

    Attributes
    ----------
    frame, holdout : pandas.DataFrame, and pandas.DataFrame or None
        The table, or images as one row of pixels each; and records from another file, to measure with.
    label : str or None
        The column to be predicted.
    image_shape : tuple of int or None
        Of images, height and width, in colour with channels first.
    """

    frame: pd.DataFrame
    holdout: pd.DataFrame | None
    label: str | None
    image_shape: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """Number of records in the file."""
        return len(self.frame)


def read_records(order: "Order") -> Records:
    """Read the records of an order, and those to measure with.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If they cannot be read, or do not fit options or each other.
    """
    if order.data.is_dir():
        return _read_folder(order)
    frame = check_frame(read_table(order.data), drop=order.drop)
    _check_label(frame, order.label)
    if order.unit and (order.unit not in frame.columns or frame[order.unit].isna().any()):
        raise ValueError(f"--unit is {order.unit!r}; expected a column that no record lacks.")
    holdout = None if order.holdout is None else check_frame(read_table(order.holdout), drop=order.drop)
    if holdout is not None and list(holdout.columns) != list(frame.columns):
        raise ValueError(f"{order.holdout} has other columns than {order.data}: give records of the same kind.")
    return Records(frame, holdout, order.label)


def _check_label(frame: pd.DataFrame, label: str | None) -> None:
    if label is not None and label not in frame.columns:
        raise ValueError(f"--label is {label!r}; expected one of the columns {', '.join(frame.columns[:20])}.")


def _read_folder(order: "Order") -> Records:
    for name in ("label", "schema", "unit", "bins"):
        if getattr(order, name) is not None:
            raise ValueError(f"--{name} is for tables; the labels of images are the names of their folders.")
    images, labels = read_images(order.data)
    shape = images.shape[1:] if images.ndim == 3 else (images.shape[3], *images.shape[1:3])
    holdout = None if order.holdout is None else pixels(*read_images(order.holdout), label=CLASS)
    return Records(pixels(images, labels, label=CLASS), holdout, CLASS, shape)


def split(order: "Order", records: Records) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return members and held-out records; which they are is drawn once, and kept with the owner.

    Of each person one row, drawn at random, is a member or held out; without a unit each row is a person.

    Raises
    ------
    ValueError
        If so few would be held out that nothing can be measured.
    """
    path, frame = order.owner / SPLIT, records.frame
    n_held_out = 0
    if order.measure and records.holdout is None:
        n_held_out = (frame[order.unit].nunique() if order.unit else len(frame)) // HELD_OUT
        if n_held_out < LEAST:
            raise ValueError(
                f"{len(frame):,} records are too few to hold a fifth of them out (at least {LEAST * HELD_OUT}): give "
                "--holdout or --no-measure."
            )
    if not path.exists():
        parts = drawn_parts(frame[order.unit] if order.unit else pd.Series(range(len(frame))), n_held_out)
        write_whole(path, partial(parts.to_csv, index=False))
    parts = pd.read_csv(path)["part"].to_numpy()
    members, held_out = (frame[parts == part].reset_index(drop=True) for part in (MEMBER, HELD_OUT_PART))
    return members, held_out if records.holdout is None else records.holdout


def drawn_parts(persons: pd.Series, n_held_out: int) -> pd.DataFrame:
    """Draw which rows are members, are held out, or are not used, by the entropy of the operating system."""
    order = uniforms((len(persons),), generator=SYSTEM_ENTROPY).argsort().numpy()
    used = order[~persons.iloc[order].duplicated().to_numpy()]
    parts = np.full(len(persons), "not used", dtype=object)
    parts[used[:n_held_out]], parts[used[n_held_out:]] = HELD_OUT_PART, MEMBER
    return pd.DataFrame({"part": parts})


def model_of(
    order: "Order", records: Records, members: pd.DataFrame, *, say: "Callable[[str], None]"
) -> TabularSynthesizer | ImageSynthesizer:
    """Return the fitted model, which is fitted once and then kept: a second fit would be a second release."""
    path = order.owner / MODEL
    kind = TabularSynthesizer if records.image_shape is None else ImageSynthesizer
    if path.exists():
        say("The model was fitted before: it is read, and no second release is made.")
        return kind.load(path)
    model = new_model(order, records, members)
    say(f"The promise: {model.guarantee}")
    fitted = fit(model, records, members)
    fitted.save(path)
    return fitted


def new_model(order: "Order", records: Records, members: pd.DataFrame) -> TabularSynthesizer | ImageSynthesizer:
    """Return a synthesizer for an order, not yet fitted: its guarantee is stated before anything is computed."""
    if records.image_shape is not None:
        return ImageSynthesizer(epsilon=order.epsilon, delta=order.delta, classes=sorted(set(records.frame[CLASS])))
    schema = draft_schema(measured(members, order.unit)) if order.schema is None else read_schema(order.schema)
    return TabularSynthesizer(
        epsilon=order.epsilon, delta=order.delta, schema=schema.without(order.drop), label=order.label, bins=order.bins,
        unit=order.unit,
    )  # fmt: skip


def measured(rows: pd.DataFrame, unit: str | None) -> pd.DataFrame:
    """Return the columns that a release has: all but the one that says whose a row is."""
    return rows if unit is None else rows.drop(columns=unit)


def fit(
    model: TabularSynthesizer | ImageSynthesizer, records: Records, members: pd.DataFrame
) -> TabularSynthesizer | ImageSynthesizer:
    """Fit a synthesizer to rows of a table, or to the images that rows of pixels are."""
    if records.image_shape is None:
        return model.fit(members)
    return model.fit(as_arrays(members, records.image_shape), members[CLASS].to_numpy())


def as_arrays(rows: pd.DataFrame, shape: tuple[int, ...]) -> np.ndarray:
    """Return rows of pixels as images, uint8, shape (n, height, width), or in colour (n, height, width, 3)."""
    values = (rows.drop(columns=CLASS).to_numpy(np.float32) * 255).round().astype(np.uint8)
    images = values.reshape(len(rows), *shape)
    return np.moveaxis(images, 1, -1) if len(shape) == 3 else images


def read_synthetic(records: Records, folder: Path) -> pd.DataFrame:
    """Read what :func:`write_synthetic` wrote."""
    if records.image_shape is not None:
        return pixels(*read_images(folder / "synthetic"), label=CLASS)
    return read_table(folder / "synthetic.csv")


def write_synthetic(synthetic: pd.DataFrame, records: Records, folder: Path) -> None:
    """Write synthetic records as their originals came: images in folders of classes, else a table."""
    if records.image_shape is not None:
        write_images(as_arrays(synthetic, records.image_shape), synthetic[CLASS].to_numpy(), folder / "synthetic")
    else:
        write_table(synthetic, folder / "synthetic.csv")
