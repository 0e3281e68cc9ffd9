"""People's own files: tables in .csv, .parquet and .npz, and folders of images, as the synthesizers take them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd


def read_table(path: Path | str) -> pd.DataFrame:
    """Read a table from a .csv, .parquet or .npz file (an array x, and maybe labels y).

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If there is no such file, or it is no table; the sentence names the file and says what to do.
    """
    raise NotImplementedError


def read_parts(path: Path | str, *, rows: int = 100_000) -> Iterator[pd.DataFrame]:
    """Yield a table in parts of so many rows, so that a file larger than the memory can be fitted.

    ``TabularSynthesizer(schema=..., ...).fit(read_parts(path))`` keeps two bytes of each value.
    """
    raise NotImplementedError


def read_images(folder: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """Read images from a folder with one folder a class, whose names are the labels.

    Returns
    -------
    images, labels : numpy.ndarray
        uint8, shape (n, height, width), or (n, height, width, 3) if any is in colour; strings, shape (n,).
    """
    raise NotImplementedError


def write_table(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a table to a .csv or .parquet file, which is there whole or not at all."""
    raise NotImplementedError


def write_images(images: np.ndarray, labels: np.ndarray, folder: Path | str) -> None:
    """Write images as PNG files into a new folder with one folder a class, which is there whole or not at all."""
    raise NotImplementedError
