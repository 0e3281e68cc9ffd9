"""MNIST and CIFAR: miniature files in the formats of the real ones, and what is refused."""

import gzip
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from data_files import IDX_FILES, LABELS, PIXELS, damaged, failing_with, idx, md5, python2_pickle, tgz, write_idx_files

from vaeprivacy.datasets import Dataset, images, load
from vaeprivacy.datasets.images import ArraysOnly, parse_idx

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 3072)).astype(np.uint8)
FILE = "train-images-idx3-ubyte.gz"


def save_mnist(folder: Path, monkeypatch: pytest.MonkeyPatch, **other: bytes) -> None:
    """Write MNIST's four files into a folder, some with other contents, and take their checksums for the real ones."""
    write_idx_files(folder)
    for name, contents in other.items():
        (folder / f"{name.replace('_', '-')}-ubyte.gz").write_bytes(gzip.compress(contents))
    monkeypatch.setattr(images, "MNIST_MD5", {name: md5((folder / name).read_bytes()) for name in images.MNIST_MD5})


def batches(fine: bool = False) -> dict[str, dict[bytes, object]]:
    """Return what the files of an archive of CIFAR hold, one image a batch (CIFAR-100: four and two)."""
    if fine:
        names = {b"fine_label_names": [b"name %d" % i for i in range(100)], b"coarse_label_names": [b"x"] * 20}
        parts = {"train": slice(0, 4), "test": slice(4, 6)}
        labels = [99, 0, 1, 2, 3, 4]
        return {
            **{
                name: {b"data": COLOURS[s], b"fine_labels": labels[s], b"coarse_labels": [0]}
                for name, s in parts.items()
            },
            "meta": names,
        }
    files = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    made = {name: {b"data": COLOURS[i : i + 1], b"labels": [9 - i]} for i, name in enumerate(files)}
    return {**made, "batches.meta": {b"label_names": [b"class %d" % i for i in range(10)]}}


def save_cifar(folder: Path, monkeypatch: pytest.MonkeyPatch, contents: dict[str, object], name: str = "10") -> Path:
    """Write an archive of CIFAR into the chosen folder and take its checksum for the real one."""
    inside = {"10": "cifar-10-batches-py", "100": "cifar-100-python"}[name]
    pickles = {k: v if isinstance(v, bytes) else python2_pickle(v) for k, v in contents.items()}
    path = folder / f"cifar-{name}-python.tar.gz"
    path.write_bytes(tgz({f"{inside}/{k}": v for k, v in pickles.items()}))
    monkeypatch.setitem(images.CIFAR_MD5, path.name, md5(path.read_bytes()))
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    return path


# Impossible input


@pytest.mark.parametrize("damage", damaged(b""))
def test_a_damaged_file_of_mnist_is_named_with_what_to_do(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_mnist(tmp_path / "mnist", monkeypatch)
    path = tmp_path / "mnist" / FILE
    path.write_bytes(damaged(path.read_bytes())[damage])
    monkeypatch.setenv("VAEPRIVACY_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=rf"^{path} is .*Delete it and get it again\. Put the four"):
        load("mnist")


def test_fashion_mnist_is_not_taken_for_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx_files(tmp_path)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"not the file of MNIST \(wrong MD5\).*Fashion-MNIST's have the same names"):
        load("mnist")


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        ({"train_labels_idx1": idx(np.array([1, 2, 10]))}, "at most 10; expected"),
        ({"train_labels_idx1": idx(np.array([1, 2]))}, r"labels of shape \(2,\)"),
        ({"t10k_images_idx3": idx(np.zeros((2, 8, 8)))}, r"images of shape \(2, 8, 8\)"),
        ({"t10k_labels_idx1": idx(np.zeros((2, 1)))}, r"labels of shape \(2, 1\)"),
    ],
)
def test_images_and_labels_of_mnist_that_do_not_fit_are_refused(
    other: dict[str, bytes], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_mnist(tmp_path / "mnist", monkeypatch, **other)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=f"{fault}.*VAEPRIVACY_DATA"):
        load("mnist")


@pytest.mark.parametrize(
    "data",
    [b"", b"\0\0\x08", b"\0\0\x08\x02\0\0\0\x01", idx(np.zeros(3))[:-1], idx(np.zeros(3)) + b"x", b"text, not idx",
     b"\0\0\x08\x02" + b"\xff" * 8, b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0"],
)  # fmt: skip
def test_bytes_that_are_no_idx_file_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^x is not in IDX format"):
        parse_idx(data, images.MNIST, path=Path("x"))


@pytest.mark.parametrize("name", ["mnist", "cifar-10", "cifar-100"])
def test_a_failing_download_ends_in_advice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooch, "retrieve", failing_with(OSError("no network")))
    with pytest.raises(FileNotFoundError, match=rf"is not in .*{name}, and .*https://.*\(OSError\)\. Put the"):
        load(name)


@pytest.mark.parametrize("damage", damaged(b""))
def test_a_damaged_archive_is_named_with_what_to_do(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_cifar(tmp_path, monkeypatch, batches())
    path.write_bytes(damaged(path.read_bytes())[damage])
    with pytest.raises(ValueError, match=rf"^{path} is not the file of CIFAR-10 \(wrong MD5\)\. Delete it and get it"):
        load("cifar-10")
    # Were it not for the checksum, it would be seen all the same.
    monkeypatch.setitem(images.CIFAR_MD5, path.name, md5(path.read_bytes()))
    if damage != "flipped checksum":  # tarfile stops reading before it
        with pytest.raises(ValueError, match=rf"^{path} (is damaged|has no).*Delete it and get it again"):
            load("cifar-10")


class Villain:
    """Pickles to a call of print."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("your disk is being wiped",)


ONE = {b"data": COLOURS[:1], b"labels": [0]}


@pytest.mark.parametrize(
    ("batch", "fault"),
    [
        (pickle.dumps(Villain(), protocol=2), "asks for .*print, which may run code"),
        (pickle.dumps(np.array([Villain()], dtype=object), protocol=2), "which may run code"),
        (python2_pickle(ONE)[:100], "a batch in it cannot be read"),
        (b"", "a batch in it cannot be read"),
        (b"no pickle", "a batch in it cannot be read"),
        ({b"data": COLOURS[:1]}, "does not hold batches of images with labels"),
        ({b"data": COLOURS[:1], b"labels": [b"cat"]}, "does not hold batches of images with labels"),
        ({b"labels": [0]}, "does not hold batches of images with labels"),
        ([1, 2], "does not hold batches of images with labels"),
        ({b"data": COLOURS[:1, :3000], b"labels": [0]}, "does not hold batches of images"),
        (
            {b"data": COLOURS[:2], b"labels": [0]},
            r"images of shape \(7, 3072\) and type uint8 with labels of shape \(6,\)",
        ),
        ({b"data": COLOURS[:1].astype(float), b"labels": [0]}, "and type float64 with"),
        ({b"data": COLOURS[:1], b"labels": [10]}, "from 0 to 10; expected .* 0 to 9"),
        ({b"data": COLOURS[:1], b"labels": [-1]}, "from -1 to 8; expected .* 0 to 9"),
    ],
)
def test_an_archive_with_a_strange_batch_is_refused(
    batch: object, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_cifar(tmp_path, monkeypatch, {**batches(), "data_batch_1": batch})
    with pytest.raises(ValueError, match=f"^{path} .*{fault}.*Delete it and get it again.*VAEPRIVACY_DATA"):
        load("cifar-10")
    assert capsys.readouterr().out == ""


def test_an_archive_without_a_batch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {name: batch for name, batch in batches().items() if name != "test_batch"}
    save_cifar(tmp_path, monkeypatch, contents)
    with pytest.raises(ValueError, match="has no cifar-10-batches-py/test_batch in it"):
        load("cifar-10")


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_images_are_no_table(name: str, digits: Dataset) -> None:
    with pytest.raises(
        ValueError, match=f"^The records of {name} are images, not rows of a table: draw them instead.$"
    ):
        replace(digits, name=name).to_frame(digits.x)


# A known answer


def test_mnist_holds_the_pixels_and_labels_of_its_files_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_mnist(tmp_path / "mnist", monkeypatch)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(tmp_path))
    mnist = load("mnist")
    assert (mnist.x.shape, mnist.x.dtype, mnist.image_shape) == ((5, 784), torch.float32, (28, 28))
    assert (mnist.x.double() * 255).round().tolist() == PIXELS.reshape(5, 784).tolist()
    assert (mnist.y.tolist(), mnist.y.dtype, mnist.n_classes) == (LABELS, torch.int64, 10)


def test_mnist_is_downloaded_file_by_file_into_a_cache_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_mnist(tmp_path, monkeypatch)
    asked = []

    def retrieve(url: str, *, known_hash: str, fname: str, path: Path) -> str:
        asked.append((url, known_hash, path.name))
        return str(tmp_path / fname)

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert len(load("mnist").x) == 5
    assert asked == [(f"{images.MNIST.url}{name}", known, "mnist") for name, known in images.MNIST_MD5.items()]
    assert len(asked) == len(IDX_FILES)


def test_cifar_10_holds_the_images_of_its_batches_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_cifar(tmp_path, monkeypatch, batches())
    cifar = load("cifar-10")
    assert (cifar.x.shape, cifar.x.dtype, cifar.image_shape) == ((6, 3072), torch.float32, (3, 32, 32))
    assert (cifar.x.double() * 255).round().tolist() == COLOURS.tolist()
    assert (cifar.y.tolist(), cifar.y.dtype) == ([9, 8, 7, 6, 5, 4], torch.int64)
    assert (cifar.n_classes, cifar.class_names[9]) == (10, "class 9")


def test_cifar_100_has_the_fine_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_cifar(tmp_path, monkeypatch, batches(fine=True), "100")
    cifar = load("cifar-100")
    assert (cifar.x.shape, cifar.image_shape) == ((6, 3072), (3, 32, 32))
    assert (cifar.y.tolist(), cifar.n_classes, cifar.class_names[99]) == ([99, 0, 1, 2, 3, 4], 100, "name 99")


@pytest.mark.parametrize("protocol", [2, 4])
def test_arrays_written_by_todays_numpy_can_be_read_if_they_hold_no_text(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "pickle"
    # Protocol 2 of Python 3 writes bytes as a call of _codecs.encode, which nothing here needs.
    path.write_bytes(pickle.dumps({"a": COLOURS}, protocol=protocol))
    with path.open("rb") as file:
        if protocol == 4:
            assert np.array_equal(ArraysOnly(file).load()["a"], COLOURS)
        else:
            with pytest.raises(pickle.UnpicklingError, match=r"_codecs\.encode, which may run code"):
                ArraysOnly(file).load()
