"""Tables of zeros and ones that papers on membership inference share: Purchase-100, Texas-100 and Location-30."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vaeprivacy.datasets.dataset import Column, Dataset
from vaeprivacy.datasets.sources import Source


@dataclass(frozen=True)
class Sizes:
    """What a complete file holds: numbers of records, of features and of classes."""

    records: int
    features: int
    classes: int


# No checksum of these files is published, so it is their sizes that tell a complete file from a part of it.
SIZES = {
    "purchase-100": Sizes(197_324, 600, 100),
    "texas-100": Sizes(67_330, 6_169, 100),
    "location-30": Sizes(5_010, 446, 30),
}
ADVICE = (
    "Get {} from the project privacytrustlab/datasets on GitHub (it says where its large files are), put it into a "
    "folder, packed or not, and set the environment variable VAEPRIVACY_DATA to it."
)
PURCHASE_100 = Source("purchase-100", "Purchase-100", ADVICE.format("dataset_purchase.tgz"))
TEXAS_100 = Source("texas-100", "Texas-100", ADVICE.format("dataset_texas.tgz"))
LOCATION_30 = Source("location-30", "Location-30", ADVICE.format("dataset_location.tgz"))


def load_purchase_100() -> Dataset:
    """Load 197,324 customers, 600 bits each: what they bought; 100 classes of customers (arXiv 1610.05820)."""
    path = PURCHASE_100.find("dataset_purchase.tgz", "dataset_purchase", "dataset_purchase.csv")
    return _with_labels_first(PURCHASE_100, path, "dataset_purchase")


def load_location_30() -> Dataset:
    """Load 5,010 users in Bangkok, 446 bits each: where they checked in; 30 classes of users (arXiv 1610.05820)."""
    path = LOCATION_30.find("dataset_location.tgz", "bangkok", "bangkok.csv")
    return _with_labels_first(LOCATION_30, path, "bangkok")


def load_texas_100() -> Dataset:
    """Load 67,330 stays in hospitals, 6,169 bits each; the label is one of 100 procedures (arXiv 1610.05820)."""
    read = {}
    for name in ("texas/100/labels", "texas/100/feats"):
        path = TEXAS_100.find("dataset_texas.tgz", name)
        read[name] = _numbers(TEXAS_100.read(path, name)[name], TEXAS_100, path=path)
    labels, bits = read["texas/100/labels"], read["texas/100/feats"]
    if labels.shape[1] != 1:
        raise TEXAS_100.refusal(path, f"has {labels.shape[1]} labels a record; expected one")
    return _dataset(TEXAS_100, labels[:, 0], bits, path=path)


def _with_labels_first(source: Source, path: Path, member: str) -> Dataset:
    """Read a file of which each line has a label and bits."""
    table = _numbers(source.read(path, member)[member], source, path=path)
    return _dataset(source, table[:, 0], table[:, 1:], path=path)


def _numbers(data: bytes, source: Source, *, path: Path) -> np.ndarray:
    """Read lines of small whole numbers between commas, shape (lines, numbers), uint8."""
    try:
        # Bytes, because the largest of these tables has 415 million values.
        return pd.read_csv(io.BytesIO(data), header=None, dtype=np.uint8).to_numpy()
    except ValueError as error:  # pandas' own errors are ValueErrors
        raise source.refusal(path, f"is not a complete table of whole numbers ({error})") from error


def _dataset(source: Source, labels: np.ndarray, bits: np.ndarray, *, path: Path) -> Dataset:
    """Check labels, counted from 1, and bits, and return the data set."""
    sizes = SIZES[source.name]
    if bits.shape != (sizes.records, sizes.features) or len(labels) != sizes.records:
        raise source.refusal(
            path, f"holds {len(labels):,} labels and {len(bits):,} records of {bits.shape[1]:,} features; expected "
            f"{sizes.records:,} of both and {sizes.features:,} features",
        )  # fmt: skip
    if labels.min() < 1 or labels.max() > sizes.classes:
        raise source.refusal(path, f"has labels from {labels.min()} to {labels.max()}; expected 1 to {sizes.classes}")
    if bits.max() > 1:
        raise source.refusal(path, f"has features up to {bits.max()}; expected zeros and ones")
    columns = tuple(Column(f"bit {number}", whole=True) for number in range(1, sizes.features + 1))
    class_names = tuple(str(label) for label in range(1, sizes.classes + 1))
    y = torch.from_numpy(labels.astype(np.int64) - 1)
    return Dataset(source.name, torch.from_numpy(bits.astype(np.float32)), y, None, class_names, columns)
