"""People's own images: a folder with one folder a class, or an .npz file; and such a folder written."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np

from vaeprivacy.compute.array_files import read_arrays
from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.files import check_new, in_words
from vaeprivacy.estimators.image_maps import MOST_PIXELS

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGB": "RGB", "RGBA": "RGB", "CMYK": "RGB"}


def read_images(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """Read images from a folder with one folder a class, whose names are the labels, or from an .npz file (x and y).

    Files that are hidden, or no pictures by their ending, are left out.

    Returns
    -------
    images, labels : numpy.ndarray
        uint8, shape (n, height, width), or (n, height, width, 3) if any is in colour, and strings, shape (n,); of an
        .npz file as they are.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such folder, a file in it is no whole picture, has transparent parts, over 8 bits, or another
        size than the first one. The sentence names the file.
    ImportError
        If Pillow is not installed.
    """
    path = Path(path)
    if path.is_file() and path.suffix.lower() == ".npz":
        arrays = read_arrays(path, only=("x", "y"))
        return arrays["x"], arrays["y"]
    files = _files(path)
    images, labels, first = [], [], None
    for label, file in files:
        image = _read_image(file)
        if image.shape[0] * image.shape[1] > MOST_PIXELS:
            raise ValueError(f"{file} has {_size(image)} pixels; make all images smaller: at most {MOST_PIXELS:,}.")
        if first is not None and image.shape[:2] != first[1].shape[:2]:
            raise ValueError(
                f"{file} has {_size(image)} pixels, and {first[0]} {_size(first[1])}: bring all images to one size."
            )
        first = first or (file, image)
        images.append(image)
        labels.append(label)
    if any(image.ndim == 3 for image in images):
        images = [image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2) for image in images]
    return np.stack(images), np.array(labels)


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"


def _files(folder: Path) -> list[tuple[str, Path]]:
    """Return the class and the path of each picture, in alphabetical order."""
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}; give the path of one that has a folder for each class.")
    found = [(one.parent.name, one) for one in sorted(folder.glob("*/*")) if _is_picture(one)]
    if not found:
        raise ValueError(
            f"{folder} has no pictures in folders of classes; expected files such as {folder / 'cat' / '1.png'} "
            f"({', '.join(ENDINGS)})."
        )
    return found


def _is_picture(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.parent.name.startswith(".")
    return path.is_file() and not hidden and path.suffix.lower() in ENDINGS


def _read_image(path: Path) -> np.ndarray:
    """Return one picture as uint8, shape (height, width) or (height, width, 3); see :func:`read_images`."""
    with extra("card", work="A folder of images"):
        from PIL import Image
    try:
        with warnings.catch_warnings(action="error"), Image.open(path) as image:
            image.load()
            mode = "RGBA" if "transparency" in image.info else image.mode
            whole = image.convert("RGBA") if mode in ("RGBA", "LA", "PA") else image
    except PermissionError as error:
        raise in_words(error, path) from error
    except Exception as error:  # Pillow raises errors of a dozen kinds, in words that are not for users
        raise ValueError(
            f"{path} is no whole picture: it is damaged, cut off or of another kind; leave it out."
        ) from error
    if mode not in MODES:
        raise ValueError(f"{path} has over 8 bits a pixel (mode {mode}); save it with 8, as PNG or JPEG.")
    if whole.mode == "RGBA" and np.asarray(whole)[..., 3].min() < 255:
        raise ValueError(f"{path} has transparent parts; put it on a background of one colour.")
    return np.asarray(whole.convert("L" if image.mode in ("1", "L", "LA") else "RGB"))


def write_images(images: np.ndarray, labels: np.ndarray, folder: Path | str) -> None:
    """Write images as PNG files into a new folder with one folder a class, which is there whole or not at all.

    Raises
    ------
    FileExistsError, ValueError, OSError, ImportError
        If the folder is there, a label is no name of a folder, it cannot be written, or Pillow is not installed.
    """
    folder = Path(folder)
    check_new(folder)
    check_class_names(labels)
    unfinished = folder.with_name(f"{folder.name}.{uuid4().hex[:12]}.unfinished")
    try:
        for name, image in _named(images, labels):
            (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
            image.save(unfinished / name)
        unfinished.rename(folder)
    except BaseException as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, OSError):
            raise in_words(error, folder) from error
        raise


def check_class_names(labels: np.ndarray) -> None:
    """Refuse labels that are no names of folders."""
    for label in sorted(set(map(str, labels))):
        if label in ("", ".", "..") or set(label) & set("/\\:\0"):
            raise ValueError(f"The label {label!r} is no name of a folder; give the class another name.")


def _named(images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[str, object]]:
    """Yield the path of each picture below the folder, and the picture."""
    with extra("card", work="A folder of images"):
        from PIL import Image
    for number, (image, label) in enumerate(zip(images, map(str, labels), strict=True), start=1):
        channels_last = np.moveaxis(image, 0, -1) if image.ndim == 3 and image.shape[0] == 3 else image
        yield f"{label}/{number:06d}.png", Image.fromarray(channels_last)
