"""People's own records on the command line: read, checked, split, fitted and written."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vaeprivacy.compute.array_files import naming, read_arrays
from vaeprivacy.estimators import (
    ImageSynthesizer,
    Schema,
    TabularSynthesizer,
    draft_schema,
    read_images,
    read_schema,
    read_table,
    write_images,
    write_table,
)
from vaeprivacy.estimators.base import LEAST_RECORDS
from vaeprivacy.estimators.codec import Codec
from vaeprivacy.estimators.drafts import check_frame
from vaeprivacy.estimators.image_files import check_class_names
from vaeprivacy.estimators.image_synthesizers import as_images
from vaeprivacy.estimators.released_models import pixels
from vaeprivacy.estimators.subject import LEAST
from vaeprivacy.estimators.tables import one_row_each
from vaeprivacy.randomness import SYSTEM_ENTROPY, uniforms

if TYPE_CHECKING:
    from vaeprivacy.cli.release_work import Order

HELD_OUT = 5  # one record in so many
SPLIT = "split.csv"
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
    schema : Schema or None
        What is known of the columns that come out; of images there is none.
    image_shape : tuple of int or None
        Of images, height and width, in colour with channels first.
    """

    frame: pd.DataFrame
    holdout: pd.DataFrame | None
    label: str | None
    schema: Schema | None
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
        If they cannot be read, or do not fit options, the schema or each other.
    """
    records = _read_images(order) if holds_images(order.data) else _read_table(order)
    if records.holdout is not None and len(records.holdout) < LEAST:
        raise ValueError(f"{order.holdout} has {len(records.holdout)} records; expected at least {LEAST}.")
    return records


def holds_images(path: Path) -> bool:
    """Return whether records are images: a folder, or an .npz file whose array x has more than rows and columns."""
    if path.is_dir():
        return True
    return path.suffix.lower() == ".npz" and path.is_file() and read_arrays(path, only=("x", "y"))["x"].ndim > 2


def _read_table(order: "Order") -> Records:
    given = None if order.schema is None else read_schema(order.schema)
    frame = check_frame(read_table(order.data, schema=given), drop=order.drop)
    _check_columns(frame, order)
    left_out = [*order.drop, *([order.unit] if order.unit else [])]
    # A draft is of all records, those that are held out included: else one of these may hold what it does not know.
    schema = draft_schema(measured(frame, order.unit)) if given is None else given.without(left_out)
    codec = Codec.of(measured(frame, order.unit), schema)
    with naming(order.data):
        codec.encode(measured(frame, order.unit))
    holdout = None
    if order.holdout is not None:
        holdout = check_frame(read_table(order.holdout, schema=given), drop=order.drop)
        if set(holdout.columns) != set(frame.columns):
            raise ValueError(f"{order.holdout} has other columns than {order.data}: give records of the same kind.")
        holdout = holdout[list(frame.columns)]
        if order.unit:
            holdout = one_row_each(holdout, order.unit, generator=SYSTEM_ENTROPY)
        with naming(order.holdout):
            codec.encode(measured(holdout, order.unit))
    return Records(frame, holdout, order.label, schema)


def _check_columns(frame: pd.DataFrame, order: "Order") -> None:
    """Refuse a label or a unit that is no column, or one and the same."""
    if order.label is not None and order.label not in frame.columns:
        raise ValueError(f"--label is {order.label!r}; expected one of the columns {', '.join(frame.columns[:20])}.")
    if order.unit and (order.unit not in frame.columns or frame[order.unit].isna().any()):
        raise ValueError(f"--unit is {order.unit!r}; expected a column that no record lacks.")
    if order.unit and order.unit == order.label:
        raise ValueError(f"--unit and --label are both {order.unit!r}; the unit says whose a row is, and is left out.")


def _read_images(order: "Order") -> Records:
    for name in ("label", "schema", "unit", "bins", "drop", "per_record"):
        if getattr(order, name):
            option = name.replace("_", "-")
            raise ValueError(f"--{option} is for tables; the labels of images are the names of their folders, or y.")
    frame, shape = image_table(order.data)
    holdout = None
    if order.holdout is not None:
        holdout, other = image_table(order.holdout)
        if other != shape or not set(holdout[CLASS]) <= set(frame[CLASS]):
            raise ValueError(f"{order.holdout} has images of another size or class than {order.data}.")
    return Records(frame, holdout, CLASS, None, shape)


def image_table(path: Path) -> tuple[pd.DataFrame, tuple[int, ...]]:
    """Return images in a folder or an .npz file as rows of pixels with a class, and the shape of one."""
    images, labels = read_images(path)
    with naming(path):
        x, shape, _ = as_images(images)
        if labels.shape != (len(x),) or pd.isna(labels).any():
            raise ValueError(
                f"y has shape {labels.shape}; expected a label for each of {len(x):,} images, none missing."
            )
        check_class_names(labels)
    images = (x.numpy() * 255).round().astype(np.uint8).reshape(len(x), *shape)
    return pixels(np.moveaxis(images, 1, -1) if len(shape) == 3 else images, labels, label=CLASS), shape


def split(order: "Order", records: Records) -> pd.DataFrame:
    """Return which rows are members, are held out, or are not used, in a column "part"; it is drawn once, and kept.

    Of each person one row, drawn at random, is a member or held out; without a unit each row is a person.

    Raises
    ------
    ValueError
        If so few are left that noise hides all of them.
    """
    path, frame = order.owner / SPLIT, records.frame
    if path.exists():
        return pd.read_csv(path)
    persons = frame[order.unit] if order.unit else pd.Series(range(len(frame)))
    n = persons.nunique()
    n_held_out = n // HELD_OUT if order.measure and records.holdout is None else 0
    if n - n_held_out < LEAST_RECORDS:
        who = "persons" if order.unit else "records"
        held_out = f", without the {n_held_out} that would be held out (--no-measure holds none out)"
        raise ValueError(
            f"{n:,} {who} are too few: noise that hides one of them hides all that they have in common; expected at "
            f"least {LEAST_RECORDS}{held_out if n_held_out else ''}."
        )
    return drawn_parts(persons, n_held_out)


def parted(records: Records, parts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return members and held-out records."""
    rows = [
        records.frame[(parts["part"] == part).to_numpy()].reset_index(drop=True) for part in (MEMBER, HELD_OUT_PART)
    ]
    return rows[0], rows[1] if records.holdout is None else records.holdout


def drawn_parts(persons: pd.Series, n_held_out: int) -> pd.DataFrame:
    """Draw which rows are members, are held out, or are not used, by the entropy of the operating system."""
    order = uniforms((len(persons),), generator=SYSTEM_ENTROPY).argsort().numpy()
    used = order[~persons.iloc[order].duplicated().to_numpy()]
    parts = np.full(len(persons), "not used", dtype=object)
    parts[used[:n_held_out]], parts[used[n_held_out:]] = HELD_OUT_PART, MEMBER
    return pd.DataFrame({"part": parts})


def new_model(order: "Order", records: Records) -> TabularSynthesizer | ImageSynthesizer:
    """Return a synthesizer for an order, not yet fitted: its guarantee is stated before anything is computed."""
    if records.image_shape is not None:
        return ImageSynthesizer(epsilon=order.epsilon, delta=order.delta, classes=sorted(set(records.frame[CLASS])))
    return TabularSynthesizer(
        epsilon=order.epsilon, delta=order.delta, schema=records.schema, label=order.label, bins=order.bins,
        unit=order.unit, form="framework" if order.per_record else "moments",
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
        return image_table(folder / "synthetic")[0]
    return read_table(folder / "synthetic.csv", schema=records.schema)


def write_synthetic(synthetic: pd.DataFrame, records: Records, folder: Path) -> None:
    """Write synthetic records: images in folders of classes, else a table."""
    if records.image_shape is not None:
        write_images(as_arrays(synthetic, records.image_shape), synthetic[CLASS].to_numpy(), folder / "synthetic")
    else:
        write_table(synthetic, folder / "synthetic.csv")
