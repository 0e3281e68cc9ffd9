"""Data sets, where Fashion-MNIST is looked for, and the split."""

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded

from vaeprivacy import data
from vaeprivacy.data import Dataset, find_fashion_mnist, load, split, stratified_parts

# Miniature files with the names and the format of the real ones: 3 training images and 2 more, of 28 x 28 pixels.
PIXELS = np.arange(5 * 28 * 28).reshape(5, 28, 28) % 256
LABELS = [9, 0, 3, 3, 7]
FILE = "train-images-idx3-ubyte"


def idx(array: np.ndarray) -> bytes:
    """Return an array of bytes in IDX format: two zeros, the code of the type, the rank, the sizes, the values."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


CONTENTS = {
    "train-images-idx3-ubyte": idx(PIXELS[:3]),
    "train-labels-idx1-ubyte": idx(np.array(LABELS[:3])),
    "t10k-images-idx3-ubyte": idx(PIXELS[3:]),
    "t10k-labels-idx1-ubyte": idx(np.array(LABELS[3:])),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the miniature files, packed, which the package is made to take for the real ones."""
    folder = tmp_path / "fashion"
    folder.mkdir()
    sha256 = {}
    for name, contents in CONTENTS.items():
        packed = gzip.compress(contents)
        (folder / f"{name}.gz").write_bytes(packed)
        sha256[name] = (hashlib.sha256(packed).hexdigest(), hashlib.sha256(contents).hexdigest())
    monkeypatch.setattr(data, "FASHION_MNIST_SHA256", sha256)
    # Whatever is installed on this machine, the tests see none of it.
    monkeypatch.setattr(data, "DEBIAN_FOLDER", tmp_path / "no such folder")
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A folder without files."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def failing_with(error: Exception) -> Callable[..., str]:
    """Return a download that fails."""

    def retrieve(*args: object, **options: object) -> str:
        raise error

    return retrieve


# Impossible input


def test_an_unknown_data_set_is_refused_with_the_names_of_the_known() -> None:
    with pytest.raises(ValueError, match=r"'mnist'.*'fashion-mnist', 'digits'"):
        load("mnist")


def test_a_chosen_folder_without_the_files_is_named(folder: Path, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The Debian folder has them, but who chooses a folder wants to know that it is the wrong one.
    monkeypatch.setattr(data, "DEBIAN_FOLDER", folder)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(empty))
    with pytest.raises(FileNotFoundError, match=f"VAEPRIVACY_DATA names {empty}, which has no {FILE}.gz.*Install"):
        load("fashion-mnist")


@pytest.mark.parametrize("error", [OSError("no network"), ValueError("wrong hash"), PermissionError("read-only cache")])
def test_a_failing_download_ends_in_advice(folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(pooch, "retrieve", failing_with(error))
    with pytest.raises(FileNotFoundError, match=f"{FILE}.gz.*{data.SOURCE_URL}.*{type(error).__name__}") as caught:
        load("fashion-mnist")
    assert str(caught.value).endswith(data.ADVICE)
    assert caught.value.__cause__ is error


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
    other = bytearray(CONTENTS[FILE])
    other[-1] ^= 1
    (folder / f"{FILE}.gz").unlink()
    path = folder / f"{FILE}{suffix}"
    path.write_bytes(gzip.compress(other) if suffix else other)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    with pytest.raises(ValueError, match=rf"^{path} is not the file.*SHA-256.*Delete it and get it again\. Install"):
        load("fashion-mnist")


@pytest.mark.parametrize("sizes", [[0], [3, -1], [3, 0, 2], [11], [6, 5]])
def test_parts_that_cannot_be_drawn_are_refused(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match=f"sum \\({sum(sizes)}\\) at most 10"):
        stratified_parts(torch.zeros(10), sizes, generator=seeded())


@pytest.mark.parametrize("sizes", [(3, 3, 2), (0, 5, 5), (1, 0, 1), (1, 1, 0)])
def test_a_split_that_cannot_be_drawn_is_refused(sizes: tuple[int, int, int]) -> None:
    n_members, n_reference, n_test = sizes
    with pytest.raises(ValueError, match="disjoint"):
        split(torch.zeros(10), n_members=n_members, n_reference=n_reference, n_test=n_test, generator=seeded())


# A known answer


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
        for name, contents in CONTENTS.items():
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
    monkeypatch.setattr(data, "DEBIAN_FOLDER", empty)
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))
    assert find_fashion_mnist(FILE) == folder / f"{FILE}.gz"


def test_debians_folder_comes_before_a_download(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A download would fail this test (see conftest.py).
    monkeypatch.setattr(data, "DEBIAN_FOLDER", folder)
    assert find_fashion_mnist(FILE) == folder / f"{FILE}.gz"


def test_an_empty_variable_chooses_no_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "DEBIAN_FOLDER", folder)
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
    sha256 = hashlib.sha256((folder / f"{FILE}.gz").read_bytes()).hexdigest()
    assert (asked["url"], asked["known_hash"]) == (f"{data.SOURCE_URL}{FILE}.gz", sha256)
    assert asked["fname"] == f"{FILE}.gz"


def test_candidates_are_members_then_non_members() -> None:
    parts = split(torch.zeros(20), n_members=3, n_reference=4, n_test=5, generator=seeded())
    assert parts.candidates.tolist() == parts.members.tolist() + parts.non_members.tolist()
    assert parts.is_member.tolist() == [True] * 3 + [False] * 3


def test_equal_classes_are_halved_exactly() -> None:
    # The first part is off by at most half the bound below: by less than one if the classes are equal, so not at all.
    y = torch.arange(10).repeat(20)
    (part,) = stratified_parts(y, [100], generator=seeded())
    assert y[part].bincount().tolist() == [10] * 10


# Properties

labels = st.lists(st.integers(0, 4), min_size=4, max_size=80).map(torch.tensor)


@st.composite
def labels_and_sizes(draw: st.DrawFn) -> tuple[torch.Tensor, list[int]]:
    """Draw labels and sizes of parts that can be drawn from them; often no record is left over."""
    y = draw(labels)
    ends = draw(st.sets(st.integers(1, len(y)), min_size=1, max_size=4).map(sorted))
    return y, [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]


@given(y_and_sizes=labels_and_sizes(), seed=st.integers(0, 1000))
def test_parts_are_disjoint_and_have_their_sizes(y_and_sizes: tuple[torch.Tensor, list[int]], seed: int) -> None:
    y, sizes = y_and_sizes
    parts = stratified_parts(y, sizes, generator=seeded(seed))
    indices = torch.cat(parts).tolist()
    assert [len(part) for part in parts] == sizes
    assert len(set(indices)) == len(indices)
    assert set(indices) <= set(range(len(y)))


def excess(y: torch.Tensor, part: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return by how many records each class differs from its share of a part, and the bound.

    Why the bound holds. Class c has its n_c records at the positions (j + 1/2) / n_c. Of these, the first m records of
    the whole order hold m_c = t n_c + d_c with |d_c| <= 1/2, for one t that is the same for all classes. So m = t n + D
    with D the sum of all d_c, and with p = n_c / n the difference m_c - m p equals d_c (1 - p) minus p times the d of
    the k - 1 other classes: at most (1 - p) / 2 + p (k - 1) / 2 = (1 + p (k - 2)) / 2. A part lies between two such
    ends, which doubles it.
    """
    n_classes = len(y.unique())
    share = y.bincount().numpy() / len(y)
    counts = y[part].bincount(minlength=len(share)).numpy()
    return np.abs(counts - share * len(part)), 1 + share * (n_classes - 2)


@given(y_and_sizes=labels_and_sizes(), seed=st.integers(0, 1000))
def test_each_part_has_the_classes_in_the_proportions_of_the_whole(
    y_and_sizes: tuple[torch.Tensor, list[int]], seed: int
) -> None:
    y, sizes = y_and_sizes
    for part in stratified_parts(y, sizes, generator=seeded(seed)):
        difference, bound = excess(y, part)
        assert (difference <= bound + 1e-9).all()


def test_the_bound_on_the_proportions_is_reached() -> None:
    # Two records of each of two classes: of 1, 2 and 1 in order, the middle part sometimes is of one class.
    y = torch.tensor([0, 0, 1, 1])
    parts = [stratified_parts(y, [1, 2, 1], generator=seeded(seed))[1] for seed in range(50)]
    differences = [excess(y, part)[0].max() for part in parts]
    assert max(differences) == excess(y, parts[0])[1].max() == 1


@given(y=labels, seed=st.integers(0, 1000))
def test_all_records_can_be_used(y: torch.Tensor, seed: int) -> None:
    parts = stratified_parts(y, [1, len(y) - 1], generator=seeded(seed))
    assert sorted(torch.cat(parts).tolist()) == list(range(len(y)))


def test_the_same_seed_gives_the_same_split_and_another_seed_another(digits: Dataset) -> None:
    first, again, other = (
        split(digits.y, n_members=100, n_reference=200, n_test=300, generator=seeded(seed)) for seed in (0, 0, 1)
    )
    for part in ("members", "non_members", "reference", "test"):
        assert torch.equal(getattr(first, part), getattr(again, part))
        assert set(getattr(first, part).tolist()) != set(getattr(other, part).tolist())


def test_a_split_has_four_disjoint_parts_of_the_sizes_asked_for(digits: Dataset) -> None:
    parts = split(digits.y, n_members=100, n_reference=200, n_test=300, generator=seeded())
    sets = [set(part.tolist()) for part in (parts.members, parts.non_members, parts.reference, parts.test)]
    assert [len(s) for s in sets] == [100, 100, 200, 300]
    assert len(set.union(*sets)) == 700


def test_every_record_is_as_likely_as_any_other_of_its_class_to_be_a_member() -> None:
    y = torch.tensor([0] * 12 + [1] * 6)
    counts = torch.zeros(18)
    for seed in range(2000):
        counts[stratified_parts(y, [9], generator=seeded(seed))[0]] += 1
    # Half of each class is drawn, so each count has standard deviation 22.
    assert (counts - 1000).abs().max() < 5 * 22


def test_a_part_is_in_random_order() -> None:
    # In the order of drawing, the classes would alternate.
    y = torch.arange(2).repeat(500)
    (part,) = stratified_parts(y, [800], generator=seeded())
    same_as_next = (y[part][1:] == y[part][:-1]).double().mean()
    assert 0.4 < same_as_next < 0.6


def test_by_default_there_are_no_public_records(digits: Dataset) -> None:
    parts = split(digits.y, n_members=100, n_reference=200, n_test=200, generator=seeded())
    assert len(parts.public) == 0
    assert parts.public.dtype == parts.members.dtype


def test_public_records_are_disjoint_from_the_rest_and_change_nothing_there(digits: Dataset) -> None:
    sizes = {"n_members": 100, "n_reference": 200, "n_test": 200}
    without = split(digits.y, **sizes, generator=seeded())
    parts = split(digits.y, **sizes, n_public=300, generator=seeded())
    assert len(parts.public.unique()) == 300
    for name in ("members", "non_members", "reference", "test"):
        assert torch.equal(getattr(parts, name), getattr(without, name))
        assert not set(parts.public.tolist()) & set(getattr(parts, name).tolist())


def test_public_records_that_are_not_there_are_refused(digits: Dataset) -> None:
    with pytest.raises(ValueError, match="Cannot draw disjoint parts of 100, 100, 200, 200, 1,500 records from 1,797"):
        split(digits.y, n_members=100, n_reference=200, n_test=200, n_public=1500, generator=seeded())
