"""Images: scikit-learn's digits, and Fashion-MNIST (IDX files)."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits as sklearn_digits

from vaeprivacy.datasets.dataset import Dataset
from vaeprivacy.datasets.sources import Source

FASHION_MNIST = Source(
    "fashion-mnist",
    "Fashion-MNIST",
    "Install Debian's package dataset-fashion-mnist, or put the authors' four .gz files into a folder and set the "
    "environment variable VAEPRIVACY_DATA to it.",
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    folders=(Path("/usr/share/datasets/fashion-mnist"),),
    package="dataset-fashion-mnist",
)
# File name -> checksum of the authors' .gz file (what is downloaded) and of the bytes inside it (what is checked
# whatever the source: Debian re-compresses the files, so their .gz differ while their contents do not).
FASHION_MNIST_SHA256 = {
    "train-images-idx3-ubyte": (
        "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train-labels-idx1-ubyte": (
        "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "t10k-images-idx3-ubyte": (
        "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t10k-labels-idx1-ubyte": (
        "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}
FASHION_MNIST_CLASSES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


def load_digits() -> Dataset:
    """Load the 1,797 grey images of 8 x 8 pixels that come with scikit-learn."""
    digits = sklearn_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)
    return Dataset("digits", x, torch.tensor(digits.target), (8, 8), tuple("0123456789"))


def load_fashion_mnist() -> Dataset:
    """Load all 70,000 images (Xiao, Rasul and Vollgraf, arXiv 1708.07747), the authors' training images first."""
    arrays = []
    for name, (_, sha256) in FASHION_MNIST_SHA256.items():
        path = find_fashion_mnist(name)
        data = unpack(path.read_bytes(), path=path) if path.suffix == ".gz" else path.read_bytes()
        FASHION_MNIST.check(data, sha256, path=path)
        arrays.append(parse_idx(data))
    train_x, train_y, test_x, test_y = arrays
    x = torch.from_numpy(np.concatenate([train_x, test_x]).reshape(-1, 28 * 28)).float() / 255
    y = torch.from_numpy(np.concatenate([train_y, test_y])).long()
    return Dataset(FASHION_MNIST.name, x, y, (28, 28), FASHION_MNIST_CLASSES)


def find_fashion_mnist(file: str) -> Path:
    """Return the path of one file of Fashion-MNIST, downloading it if it is nowhere on this machine.

    Where it is looked for: see :meth:`vaeprivacy.datasets.sources.Source.find`.

    Parameters
    ----------
    file : str
        A key of ``FASHION_MNIST_SHA256``.

    Raises
    ------
    FileNotFoundError
        If it is nowhere, and cannot be downloaded.
    """
    return FASHION_MNIST.find(f"{file}.gz", file, known_hash=FASHION_MNIST_SHA256[file][0])


def unpack(packed: bytes, *, path: Path) -> bytes:
    """Return what a .gz file holds, or raise a ValueError if it is damaged."""
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise FASHION_MNIST.refusal(path, f"is damaged: it does not unpack ({error})") from error


def parse_idx(data: bytes) -> np.ndarray:
    """Return the array of a file in IDX format: two zeros, the code of bytes (8), rank, big-endian sizes, the bytes.

    The file's checksum has shown that it is one.
    """
    start = 4 + 4 * data[3]
    shape = np.frombuffer(data[4:start], dtype=">u4")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)
