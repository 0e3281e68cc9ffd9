"""Miniature files in the formats of the real ones, for tests of their loaders."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes in IDX format: two zeros, the code of the type, the rank, the sizes, the values."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


# 3 training images and 2 more, of 28 x 28 pixels.
PIXELS = np.arange(5 * 28 * 28).reshape(5, 28, 28) % 256
LABELS = [9, 0, 3, 3, 7]
IDX_FILES = {
    "train-images-idx3-ubyte": idx(PIXELS[:3]),
    "train-labels-idx1-ubyte": idx(np.array(LABELS[:3])),
    "t10k-images-idx3-ubyte": idx(PIXELS[3:]),
    "t10k-labels-idx1-ubyte": idx(np.array(LABELS[3:])),
}


def sha256(data: bytes) -> str:
    """Return a checksum as the package writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def damaged(packed: bytes) -> dict[str, bytes]:
    """Return packed files as they come from broken downloads and broken disks."""
    middle = len(packed) // 2
    return {
        "truncated": packed[:middle],
        "empty": b"",
        "an HTML page": b"<html>503 Service Unavailable</html>",
        "flipped bytes in the middle": packed[:middle] + bytes(b ^ 255 for b in packed[middle:][:20]) + packed[-8:],
        "flipped checksum": packed[:-8] + bytes(b ^ 255 for b in packed[-8:-4]) + packed[-4:],
    }


def failing_with(error: Exception) -> Callable[..., str]:
    """Return a download that fails."""

    def retrieve(*args: object, **options: object) -> str:
        raise error

    return retrieve


def write_idx_files(folder: Path) -> None:
    """Write the four files, packed, into a folder."""
    folder.mkdir(exist_ok=True)
    for name, contents in IDX_FILES.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(contents))


def save(folder: Path, text: str | bytes, name: str = "people.csv") -> Path:
    """Write a file."""
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name
