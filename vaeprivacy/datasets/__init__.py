"""Data sets by name, one door for all others, and the split into members, non-members, reference, test and public."""

from collections.abc import Callable

from vaeprivacy.datasets.dataset import Column, Dataset
from vaeprivacy.datasets.fair import load_fair
from vaeprivacy.datasets.images import find_fashion_mnist, load_digits, load_fashion_mnist
from vaeprivacy.datasets.own import from_arrays
from vaeprivacy.datasets.own_files import from_csv, from_npz
from vaeprivacy.datasets.splits import (
    MOST_MODELS,
    Split,
    draw_balanced_memberships,
    draw_memberships,
    split,
    stratified_parts,
)

__all__ = [
    "LOADERS",
    "MOST_MODELS",
    "Column",
    "Dataset",
    "Split",
    "draw_balanced_memberships",
    "draw_memberships",
    "find_fashion_mnist",
    "from_arrays",
    "from_csv",
    "from_npz",
    "load",
    "split",
    "stratified_parts",
]

#: Every data set's name, and the function without arguments that loads it.
LOADERS: dict[str, Callable[[], Dataset]] = {
    "fashion-mnist": load_fashion_mnist,
    "digits": load_digits,
    "fair": load_fair,
}


def load(name: str) -> Dataset:
    """Load a data set by its name; any other one comes in through :func:`from_arrays`, `from_npz` or `from_csv`.

    Parameters
    ----------
    name : str
        A key of :data:`LOADERS`. "digits" and "fair" need no file. Those of "fashion-mnist" are looked for in the
        folder that the environment variable ``VAEPRIVACY_DATA`` names; if it is not set, they are downloaded.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If the name is unknown, or a file's contents are not what they should be.
    FileNotFoundError
        If a file is nowhere to be found; the message says where it was looked for and what to do.
    ImportError
        If the package that "fair" comes with is not installed.
    """
    if name not in LOADERS:
        raise ValueError(f"There is no data set {name!r}; choose one of {', '.join(map(repr, LOADERS))}.")
    return LOADERS[name]()
