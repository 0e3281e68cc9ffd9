"""Purchase-100, Texas-100 and Location-30: packed and unpacked files, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import damaged, tgz

from vaeprivacy.datasets import bits, load
from vaeprivacy.datasets.bits import Sizes

BITS = np.random.default_rng(0).integers(0, 2, (5, 7))
LABELS = np.array([30, 1, 2, 2, 5])
# Name, file packed and unpacked.
FIRST = [
    ("purchase-100", "dataset_purchase.tgz", "dataset_purchase"),
    ("location-30", "dataset_location.tgz", "bangkok"),
]
FEATURES, TEXAS_LABELS = "texas/100/feats", "texas/100/labels"
NAMES = ("purchase-100", "location-30", "texas-100")


def csv(table: np.ndarray, form: str = "%d") -> bytes:
    """Return a table as lines of numbers between commas."""
    return "".join(",".join(form % value for value in row) + "\n" for row in table).encode()


WITH_LABELS = csv(np.column_stack([LABELS, BITS]))


@pytest.fixture(autouse=True)
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The chosen folder; the package is made to take five records of seven bits for all."""
    for name, sizes in bits.SIZES.items():
        monkeypatch.setitem(bits.SIZES, name, Sizes(5, 7, sizes.classes))
    monkeypatch.setenv("VAEPRIVACY_DATA", str(tmp_path))
    return tmp_path


def save(folder: Path, name: str, contents: bytes, labels: bytes = csv(LABELS[:, None])) -> Path:
    """Write the packed file of a data set, with labels in front or, for Texas-100, in a file of their own."""
    if name == "texas-100":
        path, members = folder / "dataset_texas.tgz", {FEATURES: contents, TEXAS_LABELS: labels}
    else:
        file, member = next(rest for first, *rest in FIRST if first == name)
        path, members = folder / file, {f"./{member}": contents}
    path.write_bytes(tgz(members))
    return path


# Impossible input


@pytest.mark.parametrize("name", NAMES)
def test_without_files_the_message_says_which_file_to_get_and_where_to_put_it(
    name: str, chosen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advice = r"Get dataset_\w+\.tgz from the project privacytrustlab/datasets on GitHub .* VAEPRIVACY_DATA to it\.$"
    with pytest.raises(FileNotFoundError, match=f"^VAEPRIVACY_DATA names {chosen}, which has no .*tgz. {advice}"):
        load(name)
    monkeypatch.delenv("VAEPRIVACY_DATA")
    with pytest.raises(FileNotFoundError, match=f"has to be got by hand, and VAEPRIVACY_DATA is not set. {advice}"):
        load(name)


@pytest.mark.parametrize("damage", [name for name in damaged(b"") if name != "flipped checksum"])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_archive_is_named_with_what_to_do(name: str, damage: str, chosen: Path) -> None:
    path = save(chosen, name, WITH_LABELS if name != "texas-100" else csv(BITS))
    path.write_bytes(damaged(path.read_bytes())[damage])
    with pytest.raises(ValueError, match=rf"^{path} (is damaged|has no).*Delete it and get it again\. Get dataset_"):
        load(name)


@pytest.mark.parametrize(
    ("contents", "fault"),
    [
        (WITH_LABELS[:-5], "is not a complete table of whole numbers"),
        (WITH_LABELS[: WITH_LABELS.rindex(b"\n", 0, -1) + 1], "4 labels and 4 records of 7 features; expected 5"),
        (csv(np.column_stack([LABELS, BITS[:, 1:]])), "5 labels and 5 records of 6 features; .* and 7 features"),
        (csv(np.column_stack([LABELS - 1, BITS])), "has labels from 0 to 29; expected 1 to"),
        (csv(np.column_stack([LABELS + 90, BITS])), "has labels from 91 to 120; expected 1 to"),
        (csv(np.column_stack([LABELS + 300, BITS])), "is not a complete table of whole numbers"),
        (csv(np.column_stack([LABELS, BITS * 2])), "has features up to 2; expected zeros and ones"),
        (csv(np.column_stack([LABELS, BITS / 2]), "%.1f"), "is not a complete table of whole numbers"),
        (csv(np.column_stack([LABELS, -BITS])), "is not a complete table of whole numbers"),
        (b"<html>503 Service Unavailable</html>", "is not a complete table of whole numbers"),
        (b"", "is not a complete table of whole numbers"),
    ],
)
@pytest.mark.parametrize("name", ["purchase-100", "location-30"])
def test_a_table_that_is_not_what_it_should_be_is_refused(name: str, contents: bytes, fault: str, chosen: Path) -> None:
    path = save(chosen, name, contents)
    with pytest.raises(ValueError, match=f"^{path} .*{fault}.*Delete it and get it again"):
        load(name)


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (csv(LABELS[:4, None]), "4 labels and 5 records"),
        (csv(LABELS[:, None] * [1, 1]), "has 2 labels a record; expected one"),
        (csv(LABELS[:, None] - 1), "labels from 0 to 29; expected 1 to 100"),
    ],
)
def test_labels_of_texas_that_do_not_fit_are_refused(labels: bytes, fault: str, chosen: Path) -> None:
    path = save(chosen, "texas-100", csv(BITS), labels)
    with pytest.raises(ValueError, match=f"^{path} .*{fault}.*Delete it and get it again"):
        load("texas-100")


def test_an_archive_of_something_else_is_refused(chosen: Path) -> None:
    (chosen / "dataset_texas.tgz").write_bytes(tgz({FEATURES: csv(BITS)}))
    with pytest.raises(ValueError, match="has no texas/100/labels in it"):
        load("texas-100")


# A known answer


@pytest.mark.parametrize("in_a_folder_of_its_own", [True, False])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("name", "archive", "member"), FIRST)
def test_the_first_number_of_a_line_is_the_label_and_the_rest_are_the_features(
    name: str, archive: str, member: str, packed: bool, in_a_folder_of_its_own: bool, chosen: Path
) -> None:
    folder = chosen / name if in_a_folder_of_its_own else chosen
    folder.mkdir(exist_ok=True)
    (folder / (archive if packed else member)).write_bytes(tgz({member: WITH_LABELS}) if packed else WITH_LABELS)
    data = load(name)
    assert (data.x.tolist(), data.x.dtype) == (BITS.tolist(), torch.float32)
    assert (data.y.tolist(), data.y.dtype) == ((LABELS - 1).tolist(), torch.int64)
    assert (data.n_classes, data.class_names[29], data.image_shape) == (int(name[-3:].strip("-")), "30", None)
    assert data.to_frame(data.x).to_numpy().tolist() == BITS.tolist()


@pytest.mark.parametrize("packed", [True, False])
def test_texas_has_its_labels_in_a_file_of_their_own(packed: bool, chosen: Path) -> None:
    if packed:
        save(chosen, "texas-100", csv(BITS))
    else:
        (chosen / "texas" / "100").mkdir(parents=True)
        (chosen / FEATURES).write_bytes(csv(BITS))
        (chosen / TEXAS_LABELS).write_bytes(csv(LABELS[:, None]))
    texas = load("texas-100")
    assert (texas.x.tolist(), texas.y.tolist(), texas.n_classes) == (BITS.tolist(), (LABELS - 1).tolist(), 100)
    assert list(texas.to_frame(texas.x[:1]).columns) == [f"bit {number}" for number in range(1, 8)]
