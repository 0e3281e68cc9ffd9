"""Data sets, and the split into members, non-members, reference and test records."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
SOURCE_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

# File name -> SHA-256 of the authors' .gz file (what is downloaded) and of the bytes inside it (what is checked
# whatever the source: Debian re-compresses the files, so their .gz differ while their contents do not).
FASHION_MNIST_SHA256 = {
    "train-images-idx3-ubyte": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": (
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
FASHION_MNIST_CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
ADVICE = (
    "Install Debian's package dataset-fashion-mnist, or put the authors' four .gz files into a folder and set the "
    "environment variable VAEPRIVACY_DATA to it."
)


@dataclass(frozen=True)
class Dataset:
    """Labelled images as flat records.

    Attributes
    ----------
    name : str
        The name under which :func:`load` knows it.
    x : torch.Tensor
        Records, shape (n, height * width), float32, grey values scaled to [0, 1].
    y : torch.Tensor
        Labels, shape (n,), int64, from 0 to ``n_classes - 1``.
    image_shape : tuple of int
        Height and width of an image.
    class_names : tuple of str
        One name a label.
    """

    name: str
    x: torch.Tensor
    y: torch.Tensor
    image_shape: tuple[int, int]
    class_names: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """Number of different labels."""
        return len(self.class_names)


def load(name: str) -> Dataset:
    """Load a data set by its name.

    Parameters
    ----------
    name : {"fashion-mnist", "digits"}
        Fashion-MNIST: all 70,000 images (Xiao, Rasul and Vollgraf, arXiv 1708.07747), the authors' training images
        first. Digits: the 1,797 images of 8 x 8 pixels that come with scikit-learn.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If the name is unknown, or a file's contents are not what they should be.
    FileNotFoundError
        If Fashion-MNIST is nowhere to be found; the message says where it was looked for and what to do.
    """
    loaders = {"fashion-mnist": _load_fashion_mnist, "digits": _load_digits}
    if name not in loaders:
        raise ValueError(f"There is no data set {name!r}; choose one of {', '.join(map(repr, loaders))}.")
    return loaders[name]()


def _load_digits() -> Dataset:
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)
    return Dataset("digits", x, torch.tensor(digits.target), (8, 8), tuple("0123456789"))


def _load_fashion_mnist() -> Dataset:
    raw = {name: _read_idx(find_fashion_mnist(name), sha256) for name, (_, sha256) in FASHION_MNIST_SHA256.items()}
    images = np.concatenate([raw["train-images-idx3-ubyte"], raw["t10k-images-idx3-ubyte"]])
    labels = np.concatenate([raw["train-labels-idx1-ubyte"], raw["t10k-labels-idx1-ubyte"]])
    x = torch.from_numpy(images.reshape(len(images), -1)).float() / 255
    return Dataset("fashion-mnist", x, torch.from_numpy(labels).long(), (28, 28), FASHION_MNIST_CLASSES)


def find_fashion_mnist(file: str) -> Path:
    """Return the path of one file of Fashion-MNIST, downloading it if it is nowhere on this machine.

    It is looked for in the folder that the environment variable ``VAEPRIVACY_DATA`` names and nowhere else, if that is
    set; otherwise where Debian's package
    ``dataset-fashion-mnist`` puts it, then in pooch's cache; last it is downloaded from the authors' server.

    Parameters
    ----------
    file : str
        A key of ``FASHION_MNIST_SHA256``.

    Raises
    ------
    FileNotFoundError
        If none of these has the file.
    """
    chosen = os.environ.get("VAEPRIVACY_DATA")
    for folder in (Path(chosen),) if chosen else (DEBIAN_FOLDER,):
        for path in (folder / f"{file}.gz", folder / file):
            if path.is_file():
                return path
    if chosen:
        raise FileNotFoundError(
            f"VAEPRIVACY_DATA names {chosen}, which has no {file}.gz. Unset the variable, or: {ADVICE}"
        )
    import pooch  # only a download needs it, and importing it makes tqdm complain in notebooks without widgets

    cache = pooch.os_cache("vaeprivacy")
    try:
        sha256_of_gz = FASHION_MNIST_SHA256[file][0]
        return Path(pooch.retrieve(f"{SOURCE_URL}{file}.gz", known_hash=sha256_of_gz, fname=f"{file}.gz", path=cache))
    except (OSError, ValueError) as error:  # no network (requests' errors are OSErrors), or a wrong hash
        raise FileNotFoundError(
            f"Fashion-MNIST's {file}.gz is neither in {DEBIAN_FOLDER} nor in {cache}, and downloading it from "
            f"{SOURCE_URL} failed ({type(error).__name__}). {ADVICE}"
        ) from error


def _read_idx(path: Path, sha256: str) -> np.ndarray:
    """Read a file in IDX format (magic number, big-endian sizes, bytes) after checking what it contains."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} is damaged: it does not unpack ({error}). Delete it and get it again. {ADVICE}"
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(
            f"{path} is not the file of Fashion-MNIST (wrong SHA-256). Delete it and get it again. {ADVICE}"
        )
    rank = data[3]
    shape = np.frombuffer(data, dtype=">u4", count=rank, offset=4)
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)


@dataclass(frozen=True)
class Split:
    """Disjoint sets of records, as indices into one data set.

    Attributes
    ----------
    members : torch.Tensor
        What the defended model may be trained on.
    non_members : torch.Tensor
        Records from the same source that were used for nothing: the other half of an attack's test.
    reference : torch.Tensor
        The adversary's own records.
    test : torch.Tensor
        What utility is measured on.
    public : torch.Tensor
        Records on which encoder and decoder may be trained without touching any other part; may be none.
    """

    members: torch.Tensor
    non_members: torch.Tensor
    reference: torch.Tensor
    test: torch.Tensor
    public: torch.Tensor

    @property
    def candidates(self) -> torch.Tensor:
        """Members followed by non-members, the records whose membership an attack is asked to tell."""
        return torch.cat([self.members, self.non_members])

    @property
    def is_member(self) -> torch.Tensor:
        """Whether each candidate is a member, shape (candidates,), bool."""
        return torch.arange(len(self.candidates)) < len(self.members)


def stratified_parts(y: torch.Tensor, sizes: Sequence[int], *, generator: torch.Generator) -> list[torch.Tensor]:
    """Draw disjoint sets of records at random, each with the classes in the proportions of the whole.

    scikit-learn's ``train_test_split`` does this for two parts, but refuses when fewer records than classes are left.

    Parameters
    ----------
    y : torch.Tensor
        Labels, shape (n,).
    sizes : sequence of int
        Number of records in each part.
    generator : torch.Generator
        Source of the random order.

    Returns
    -------
    list of torch.Tensor
        Indices into `y`, one tensor a part, in random order. In each part, the number of records of a class differs
        from its proportional share by at most 1 + p (K - 2), where p is the share of the class in all records and K the
        number of classes.

    Raises
    ------
    ValueError
        If a size is not positive or there are not enough records.
    """
    if any(size < 1 for size in sizes) or sum(sizes) > len(y):
        raise ValueError(
            f"Cannot draw disjoint parts of {', '.join(f'{s:,}' for s in sizes)} records from {len(y):,}: each size "
            f"must be at least 1 and their sum ({sum(sizes):,}) at most {len(y):,}."
        )
    shuffled = torch.randperm(len(y), generator=generator)
    position = torch.empty(len(y), dtype=torch.float64)
    for label in y.unique():
        mine = shuffled[y[shuffled] == label]
        position[mine] = (torch.arange(len(mine), dtype=torch.float64) + 0.5) / len(mine)
    # Every class is now spread evenly over (0, 1), so any stretch of this order holds the classes in their proportions.
    order = shuffled[torch.argsort(position[shuffled], stable=True)]
    parts = order[: sum(sizes)].split(list(sizes))
    return [part[torch.randperm(len(part), generator=generator)] for part in parts]


def split(
    y: torch.Tensor, *, n_members: int, n_reference: int, n_test: int, n_public: int = 0, generator: torch.Generator
) -> Split:
    """Split records into members, as many non-members, reference, test and public records, all random and stratified.

    Parameters
    ----------
    y : torch.Tensor
        Labels, shape (n,).
    n_members, n_reference, n_test : int
        Number of records in each part; there are as many non-members as members.
    n_public : int
        Number of public records. The other parts do not depend on it.
    generator : torch.Generator
        Source of the random order.

    Raises
    ------
    ValueError
        If a size is not positive (public records may be none) or there are not enough records.
    """
    sizes = [n_members, n_members, n_reference, n_test, *([n_public] if n_public else [])]
    parts = stratified_parts(y, sizes, generator=generator)
    return Split(*parts[:4], public=parts[4] if n_public else torch.empty(0, dtype=torch.long))
