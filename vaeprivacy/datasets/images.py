"""Images: scikit-learn's digits, MNIST and Fashion-MNIST (IDX files), CIFAR-10 and CIFAR-100 (pickles)."""

import gzip
import io
import math
import pickle
import zlib
from pathlib import Path
from typing import Any

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
)
MNIST = Source(
    "mnist",
    "MNIST",
    "Put the four .gz files of MNIST into a folder called mnist (Fashion-MNIST's have the same names) and set the "
    "environment variable VAEPRIVACY_DATA to the folder that it is in.",
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
)
CIFAR_ADVICE = (
    "Put the Python version ({}) from https://www.cs.toronto.edu/~kriz/cifar.html into a folder, packed, and set the "
    "environment variable VAEPRIVACY_DATA to it."
)
TORONTO = "https://www.cs.toronto.edu/~kriz/"
CIFAR_10 = Source("cifar-10", "CIFAR-10", CIFAR_ADVICE.format("cifar-10-python.tar.gz"), url=TORONTO)
CIFAR_100 = Source("cifar-100", "CIFAR-100", CIFAR_ADVICE.format("cifar-100-python.tar.gz"), url=TORONTO)
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
# Of the packed files; these MD5 sums are the ones that torchvision checks, and all that is published.
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}
CIFAR_MD5 = {
    "cifar-10-python.tar.gz": "md5:c58f30108f718f92721af3b95e74349a",
    "cifar-100-python.tar.gz": "md5:eb9058c3a382ffc7106e4002c42a8d85",
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
    files = []
    for name, (_, sha256) in FASHION_MNIST_SHA256.items():
        path = find_fashion_mnist(name)
        data = unpack(path.read_bytes(), FASHION_MNIST, path=path) if path.suffix == ".gz" else path.read_bytes()
        FASHION_MNIST.check(data, sha256, path=path)
        files.append(parse_idx(data, FASHION_MNIST, path=path))
    return _grey_images(FASHION_MNIST, files, FASHION_MNIST_CLASSES)


def load_mnist() -> Dataset:
    """Load all 70,000 images (LeCun, Cortes and Burges), the authors' training images first."""
    files = []
    for name, md5 in MNIST_MD5.items():
        path = MNIST.find(name, known_hash=md5)
        packed = path.read_bytes()
        data = unpack(packed, MNIST, path=path)
        MNIST.check(packed, md5, path=path)
        files.append(parse_idx(data, MNIST, path=path))
    return _grey_images(MNIST, files, tuple("0123456789"))


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


def unpack(packed: bytes, source: Source, *, path: Path) -> bytes:
    """Return what a .gz file holds, or raise a ValueError if it is damaged."""
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise source.refusal(path, f"is damaged: it does not unpack ({error})") from error


def parse_idx(data: bytes, source: Source, *, path: Path) -> np.ndarray:
    """Return the array of a file in IDX format: two zeros, the code of bytes (8), rank, big-endian sizes, the bytes.

    Raises
    ------
    ValueError
        If these do not fit together.
    """
    rank = data[3] if len(data) > 3 and data[:3] == b"\0\0\x08" else 0
    start = 4 + 4 * rank
    shape = np.frombuffer(data[4:start], dtype=">u4").tolist() if len(data) >= start else []
    if not shape or len(data) - start != math.prod(shape):
        raise source.refusal(path, "is not in IDX format, or its sizes do not fit its length")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def _grey_images(source: Source, files: list[np.ndarray], class_names: tuple[str, ...]) -> Dataset:
    """Return a data set from training images, training labels, test images and test labels of 28 x 28 pixels."""
    train_x, train_y, test_x, test_y = files
    for x, y in ((train_x, train_y), (test_x, test_y)):
        if x.shape != (*y.shape, 28, 28) or y.ndim != 1 or y.max(initial=0) >= len(class_names):
            raise ValueError(
                f"The files of {source.title} hold images of shape {x.shape} and labels of shape {y.shape}, at most "
                f"{y.max(initial=0)}; expected (n, 28, 28), (n,) and {len(class_names) - 1}. {source.advice}"
            )
    x = torch.from_numpy(np.concatenate([train_x, test_x]).reshape(-1, 28 * 28)).float() / 255
    y = torch.from_numpy(np.concatenate([train_y, test_y])).long()
    return Dataset(source.name, x, y, (28, 28), class_names)


def load_cifar_10() -> Dataset:
    """Load all 60,000 images in 10 classes (Krizhevsky, 2009), the author's training images first."""
    batches = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    return _load_cifar(CIFAR_10, "cifar-10-batches-py", batches, "batches.meta", (b"labels", b"label_names"))


def load_cifar_100() -> Dataset:
    """Load all 60,000 images in 100 fine classes (Krizhevsky, 2009), the author's training images first."""
    keys = (b"fine_labels", b"fine_label_names")
    return _load_cifar(CIFAR_100, "cifar-100-python", ["train", "test"], "meta", keys)


def _load_cifar(source: Source, folder: str, batches: list[str], meta: str, keys: tuple[bytes, bytes]) -> Dataset:
    """Read the batches and the names of the classes out of one archive."""
    archive = f"{source.name}-python.tar.gz"
    path = source.find(archive, known_hash=CIFAR_MD5[archive])
    source.check(path.read_bytes(), CIFAR_MD5[archive], path=path)
    members = source.read(path, *(f"{folder}/{name}" for name in (*batches, meta)))
    read = {name.removeprefix(f"{folder}/"): read_pickle(data, source, path=path) for name, data in members.items()}
    try:
        x = np.concatenate([np.asarray(read[name][b"data"]) for name in batches])
        y = np.concatenate([np.asarray(read[name][keys[0]], dtype=np.int64) for name in batches])
        class_names = tuple(name.decode() for name in read[meta][keys[1]])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise source.refusal(path, f"does not hold batches of images with {keys[0].decode()} ({error!r})") from error
    low, high = y.min(initial=0), y.max(initial=0)
    if x.dtype != np.uint8 or x.shape != (*y.shape, 3 * 32 * 32) or low < 0 or high >= len(class_names):
        raise source.refusal(
            path, f"holds images of shape {x.shape} and type {x.dtype} with labels of shape {y.shape}, from {low} to "
            f"{high}; expected (n, 3072) and uint8 with (n,), 0 to {len(class_names) - 1}",
        )  # fmt: skip
    return Dataset(source.name, torch.from_numpy(x).float() / 255, torch.from_numpy(y), (3, 32, 32), class_names)


class ArraysOnly(pickle.Unpickler):
    """Reads a pickle of arrays, numbers, bytes, lists and dictionaries; a pickle may otherwise run any code."""

    # Whatever version of NumPy wrote the array, its functions are those of the version that reads it.
    reconstruct = np.empty(0).__reduce__()[0]
    allowed = {  # noqa: RUF012 (never changed)
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): reconstruct,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle asks for, if it is on the list; raise pickle.UnpicklingError otherwise."""
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which may run code")
        return self.allowed[module, name]


def read_pickle(data: bytes, source: Source, *, path: Path) -> Any:
    """Return what a pickle from the archive `path` holds, strings of Python 2 as bytes.

    Raises
    ------
    ValueError
        If it is damaged, or holds anything but arrays, numbers, bytes, lists and dictionaries.
    """
    try:
        return ArraysOnly(io.BytesIO(data), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        # A damaged pickle fails in many ways.
        raise source.refusal(path, f"is damaged: a batch in it cannot be read ({error})") from error
