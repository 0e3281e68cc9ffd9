"""Data sets by name, and Fashion-MNIST: where its files are looked for, and what they hold."""

import gzip
from dataclasses import replace
from pathlib import Path

import pooch
import pytest
import torch
from data_files import IDX_FILES, LABELS, PIXELS, damaged, failing_with, sha256, write_idx_files

from vaeprivacy.datasets import LOADERS, Dataset, find_fashion_mnist, images, load, sources

FILE = "train-images-idx3-ubyte"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the miniature files, packed, which the package is made to take for the real ones."""
    folder = tmp_path / "fashion"
    write_idx_files(folder)
    hashes = {name: (sha256((folder / f"{name}.gz").read_bytes()), sha256(data)) for name, data in IDX_FILES.items()}
    monkeypatch.setattr(images, "FASHION_MNIST_SHA256", hashes)
    look_in(tmp_path / "no such folder", monkeypatch)  # whatever is installed on this machine, the tests see none of it
    return folder


def look_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the package take a folder for that of Debian's package."""
    monkeypatch.setattr(images, "FASHION_MNIST", replace(images.FASHION_MNIST, folders=(folder,)))


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an empty cache: that of this machine may hold the files already."""
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder without files."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


# Impossible input


def test_an_unknown_data_set_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(ValueError, match=r"'minst'; choose one of 'fashion-mnist', 'digits', 'fair'\.$"):
        load("minst")


def test_a_chosen_folder_without_the_files_is_named(folder: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The Debian folder has them, but who chooses a folder wants to know that it is the wrong one.
    look_in(folder, monkeypatch)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(empty))
    with pytest.raises(FileNotFoundError, match=f"VAEPRIVACY_DATA names {empty}, which has no {FILE}.gz.*Install"):
        load("fashion-mnist")


@pytest.mark.parametrize("error", [OSError("no network"), ValueError("wrong hash"), PermissionError("read-only cache")])
def test_a_failing_download_ends_in_advice(folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(pooch, "retrieve", failing_with(error))
    monkeypatch.setattr(sources, "unpack_package", failing_with(OSError("there is no apt-get")))
    match = (
        f"{FILE}.gz.*{images.FASHION_MNIST.url}.*{type(error).__name__}.*Debian's package of it .there is no apt-get"
    )
    with pytest.raises(FileNotFoundError, match=match) as caught:
        load("fashion-mnist")
    assert str(caught.value).endswith(images.FASHION_MNIST.advice)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("damage", damaged(b""))
def test_a_damaged_file_is_named_with_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    path = folder / f"{FILE}.gz"
    path.write_bytes(damaged(path.read_bytes())[damage])
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    with pytest.raises(ValueError, match=rf"^{path} is .*Delete it and get it again\. Install"):
        load("fashion-mnist")


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_a_file_with_other_contents_is_named_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    # A well-formed file, but one pixel differs.
    other = bytearray(IDX_FILES[FILE])
    other[-1] ^= 1
    (folder / f"{FILE}.gz").unlink()
    path = folder / f"{FILE}{suffix}"
    path.write_bytes(gzip.compress(other) if suffix else other)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    with pytest.raises(ValueError, match=rf"^{path} is not the file.*SHA-256.*Delete it and get it again\. Install"):
        load("fashion-mnist")


@pytest.mark.parametrize("name", ["digits", "any images"])
def test_images_are_no_table(name: str, digits: Dataset) -> None:
    with pytest.raises(
        ValueError, match=f"^The records of {name} are images, not rows of a table: draw them instead.$"
    ):
        replace(digits, name=name).to_frame(digits.x)


# A known answer


@pytest.mark.parametrize("name", ["digits", "fair"])
def test_loading_is_the_same_every_time_and_touches_no_global_generator(name: str) -> None:
    torch.manual_seed(1)
    first, again, drawn = load(name), load(name), torch.rand(1)
    assert name in LOADERS and first.name == name
    assert torch.equal(again.x, first.x) and torch.equal(again.y, first.y)
    assert (first.x.dtype, first.y.dtype, first.x.min(), first.x.max()) == (torch.float32, torch.int64, 0, 1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))


def test_digits_are_1797_images_of_64_grey_values(digits: Dataset) -> None:
    assert (digits.x.shape, digits.x.dtype) == ((1797, 64), torch.float32)
    assert (digits.y.shape, digits.y.dtype) == ((1797,), torch.int64)
    assert (digits.x.min(), digits.x.max()) == (0, 1)
    assert (digits.image_shape, digits.n_classes, digits.class_names[3]) == ((8, 8), 10, "3")
    assert digits.y.unique().tolist() == list(range(10))
    # The first image is a zero: a ring, dark in the middle. scikit-learn counts grey values from 0 to 16.
    assert (digits.x[0] * 16).reshape(8, 8)[3].tolist() == [0, 4, 12, 0, 0, 8, 8, 0]


@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_holds_the_pixels_and_labels_of_its_files_in_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    if not packed:
        for name, contents in IDX_FILES.items():
            (folder / f"{name}.gz").unlink()
            (folder / name).write_bytes(contents)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    fashion = load("fashion-mnist")
    assert (fashion.x.shape, fashion.x.dtype, fashion.image_shape) == ((5, 784), torch.float32, (28, 28))
    assert (fashion.x.double() * 255).round().tolist() == PIXELS.reshape(5, 784).tolist()
    assert (fashion.y.tolist(), fashion.y.dtype) == (LABELS, torch.int64)
    assert (fashion.n_classes, fashion.class_names[9]) == (10, "ankle boot")


def test_the_chosen_folder_comes_before_debians(folder: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty / f"{FILE}.gz").touch()
    look_in(empty, monkeypatch)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    assert find_fashion_mnist(FILE) == folder / f"{FILE}.gz"


def test_debians_folder_comes_before_a_download(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A download would fail this test (see conftest.py).
    look_in(folder, monkeypatch)
    assert find_fashion_mnist(FILE) == folder / f"{FILE}.gz"


def test_an_empty_variable_chooses_no_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look_in(folder, monkeypatch)
    monkeypatch.setenv("VAEPRIVACY_DATA", "")
    assert find_fashion_mnist(FILE) == folder / f"{FILE}.gz"


def test_a_file_that_is_nowhere_is_downloaded_and_its_hash_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def retrieve(url: str, **options: object) -> str:
        asked.update(options, url=url)
        return str(folder / f"{FILE}.gz")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert find_fashion_mnist(FILE) == folder / f"{FILE}.gz"
    checksum = sha256((folder / f"{FILE}.gz").read_bytes())
    assert (asked["url"], asked["known_hash"]) == (f"{images.FASHION_MNIST.url}{FILE}.gz", checksum)
    # MNIST's files have the same names, so the cache is one of its own.
    assert (asked["fname"], asked["path"].name) == (f"{FILE}.gz", "fashion-mnist")


def test_all_files_are_downloaded_if_none_is_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def retrieve(url: str, *, fname: str, **options: object) -> str:
        asked.append(fname)
        return str(folder / fname)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert len(load("fashion-mnist").x) == 5
    assert asked == [f"{name}.gz" for name in IDX_FILES]
