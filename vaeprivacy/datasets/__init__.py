"""Data sets by name, and the split into members, non-members, reference, test and public records."""

from collections.abc import Callable

from vaeprivacy.datasets.bits import load_location_30, load_purchase_100, load_texas_100
from vaeprivacy.datasets.dataset import Column, Dataset
from vaeprivacy.datasets.fair import load_adult, load_fair, load_randhie
from vaeprivacy.datasets.images import (
    find_fashion_mnist,
    load_cifar_10,
    load_cifar_100,
    load_digits,
    load_fashion_mnist,
    load_mnist,
)
from vaeprivacy.datasets.mixture import load_mixture, mixture_accuracy, mixture_posterior
from vaeprivacy.datasets.splits import Split, split, stratified_parts

__all__ = [
    "LOADERS",
    "Column",
    "Dataset",
    "Split",
    "find_fashion_mnist",
    "load",
    "mixture_accuracy",
    "mixture_posterior",
    "split",
    "stratified_parts",
]

#: Every data set's name, and the function without arguments that loads it.
LOADERS: dict[str, Callable[[], Dataset]] = {
    "fashion-mnist": load_fashion_mnist,
    "digits": load_digits,
    "mnist": load_mnist,
    "cifar-10": load_cifar_10,
    "cifar-100": load_cifar_100,
    "adult": load_adult,
    "purchase-100": load_purchase_100,
    "texas-100": load_texas_100,
    "location-30": load_location_30,
    "fair": load_fair,
    "randhie": load_randhie,
    "gaussian-mixture": load_mixture,
}


def load(name: str) -> Dataset:
    """Load a data set by its name.

    Parameters
    ----------
    name : str
        A key of :data:`LOADERS`. "digits", "fair", "randhie" and "gaussian-mixture" need no file. The others are looked
        for in the folder that the environment variable ``VAEPRIVACY_DATA`` names; if it is not set, those with a
        published checksum are downloaded.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If the name is unknown, or a file's contents are not what they should be.
    FileNotFoundError
        If a file is nowhere to be found; the message says where it was looked for and what to do.
    """
    if name not in LOADERS:
        raise ValueError(f"There is no data set {name!r}; choose one of {', '.join(map(repr, LOADERS))}.")
    return LOADERS[name]()
