"""Readers' own records: what is refused, with what sentence, and what comes in."""

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from data_files import damaged, save
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaeprivacy.datasets import Dataset, from_arrays, from_csv, from_npz

X = np.array([[0.0, 0.25], [0.5, 0.75], [1.0, 0.125]])
Y = np.array([0, 1, 1])
NAN = float("nan")
GREY = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(np.uint8)
RUNNING = Path(__file__).resolve().parents[2] / "book" / "running.md"


class Villain:
    """Pickles to a call of print."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("your disk is being wiped",)


def one_sentence(caught: pytest.ExceptionInfo[Exception]) -> bool:
    """Whether a message is one line that ends with a full stop, and nothing else does."""
    text = str(caught.value)
    return text.endswith(".") and "\n" not in text and ". " not in text


# Impossible input


@pytest.mark.parametrize(
    ("x", "error", "fault"),
    [
        (X.tolist(), TypeError, "x is a list; expected a NumPy array or torch.Tensor of real numbers: convert it"),
        (pd.DataFrame(X), TypeError, "x is a DataFrame; expected"),
        (X.astype(str), TypeError, "x is of type <U"),
        (X.astype(complex), TypeError, "x is of type complex128"),
        (X.astype(object), TypeError, "x is of type object"),
        (X[:, 0], ValueError, r"x has shape \(3,\); expected \(n, features\), \(n, height, width\) or"),
        (X.reshape(3, 1, 1, 1, 2), ValueError, r"x has shape \(3, 1, 1, 1, 2\); expected"),
        (X[:0], ValueError, r"x has shape \(0, 2\); expected .* none of them 0"),
        (X[:, :0], ValueError, r"x has shape \(3, 0\); expected .* none of them 0"),
        (
            np.zeros((3, 32, 32, 3)),
            ValueError,
            r"x has shape \(3, 32, 32, 3\), channels last; put them first, e.g. with np.moveaxis",
        ),
        (X[:2], ValueError, "x has 2 records and y 3 labels; expected one label a record"),
        (np.where(X == 1, NAN, X), ValueError, "x contains NaN or infinite values"),
        (np.where(X == 1, np.inf, X), ValueError, "x contains NaN or infinite values"),
        (X + 1e-3, ValueError, r"x has values from 0\.001\d* to 1\.001\d*; expected 0 to 1: pass grey values as uint8"),
        (X - 1e-3, ValueError, r"x has values from -0\.001\d* to 0\.99\d*; expected 0 to 1"),
        (X * 1e300, ValueError, "x has values from 0 to inf; expected 0 to 1"),
        (X * 255, ValueError, r"x has values from 0 to 255; .*scale others by a range .* \(x - low\) / \(high - low\)"),
        ((X * 255).astype(int), ValueError, "x has values from 0 to 255; expected 0 to 1: pass grey values as uint8"),
        (-(X == 1).astype(np.int8), ValueError, "x has values from -1 to 0"),
    ],
)
def test_features_that_do_not_fit_are_refused(x: object, error: type[Exception], fault: str) -> None:
    with pytest.raises(error, match=f"^{fault}") as caught:
        from_arrays(x, Y)
    assert one_sentence(caught) or "e.g. " in str(caught.value)


@pytest.mark.parametrize(
    ("y", "fault"),
    [
        (np.eye(3), r"y has shape \(3, 3\); .*if it is one-hot, pass y\.argmax\(axis=1\)"),
        (torch.eye(3), r"y has shape \(3, 3\); .*if it is one-hot, pass y\.argmax\(axis=1\)"),
        ([[1, 0], [0, 1], [0, 1]], r"y has shape \(3, 2\); .*one-hot"),
        ([[1], [0, 1], [1]], "y holds labels of type list; expected whole numbers only, or strings only"),
        (np.zeros((3, 1, 1)), r"y has shape \(3, 1, 1\); expected \(n,\)"),
        (5, r"y has shape \(\); expected \(n,\), one label a record"),
        (None, r"y has shape \(\); expected \(n,\), one label a record"),
        ([], r"y has shape \(0,\); expected \(n,\)"),
        ([0, 0.5, 1], "y holds the number 0.5; expected whole numbers only, or strings only, such as"),
        ([0, np.inf, 1], "y holds the number inf; expected"),
        ([0, 1e300, 1], r"y holds the number 1e\+300; expected"),
        ([0, 2**70, 1], f"y holds the number {2**70}; expected"),
        ([0, 1j, 1], "y holds labels of type complex and int; expected"),
        ([0, "one", 1], "y holds labels of type int and str; expected"),
        (np.array([0, NAN, 1]), "y lacks 1 of 3 labels; leave these records out"),
        (["a", NAN, "b"], "y lacks 1 of 3 labels"),
        (["a", None, None], "y lacks 2 of 3 labels"),
        (pd.Series([0, None, 1], dtype="Int64"), "y lacks 1 of 3 labels"),
        ([7, 7, 7], "y holds only the label 7; expected at least two classes"),
        (["a", "a", "a"], "y holds only the label 'a'; expected at least two classes"),
    ],
)
def test_labels_that_do_not_fit_are_refused(y: object, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}") as caught:
        from_arrays(X, y)
    assert one_sentence(caught)


@pytest.mark.parametrize(
    ("y", "class_names", "fault"),
    [
        (Y, "no", "class_names is 'no'; expected at least two different strings"),
        (Y, ["no"], r"class_names is \['no'\]; expected at least two different strings"),
        (Y, ["no", "no"], r"class_names is \['no', 'no'\]; expected at least two different strings"),
        (Y, [0, 1], r"class_names is \[0, 1\]; expected at least two different strings"),
        (
            Y + 1,
            ["no", "yes"],
            "y holds the label 2; expected 0 to 1, one a class name: mend the labels or class_names",
        ),
        (-Y, ["no", "yes"], "y holds the label -1; expected 0 to 1"),
        (["no", "yes", "perhaps"], ["no", "yes"], "y holds the label 'perhaps'; expected one of class_names"),
        (["0", "1", "1"], ["no", "yes"], "y holds the label '0'; expected one of class_names"),
    ],
)
def test_class_names_that_do_not_fit_are_refused(y: object, class_names: object, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}") as caught:
        from_arrays(X, y, class_names=class_names)
    assert one_sentence(caught)


@pytest.mark.parametrize("image_shape", [(4, 5), (3, 4), (60,), 60, (3, 4, 5, 1), (-3, -4, 5), (), (4, 3, 5)])
def test_a_shape_of_images_that_does_not_fit_is_refused(image_shape: object) -> None:
    # Flat records of sixty features may be images of the last shape, but these images are not.
    for x in [GREY] if image_shape == (4, 3, 5) else [GREY, GREY.reshape(2, 60)]:
        with pytest.raises(ValueError, match=r"^image_shape is \(.*\), which does not fit x of shape \(2, ") as caught:
            from_arrays(x, [0, 1], image_shape=image_shape)
        assert one_sentence(caught)


@pytest.mark.parametrize("read", [from_npz, lambda path: from_csv(path, label="label")])
def test_a_file_that_is_not_there_is_named(read: Callable[[Path], Dataset], tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(FileNotFoundError, match=f"^There is no file {path}; give the path of one.$"):
            read(path)


def test_what_is_no_npz_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    for path, why in (
        (tmp_path / "x.npy", r"it holds one array without a name: write it with np\.savez"),
        (save(tmp_path, "age,label\n20,no\n", "people.csv"), "it is of another kind"),
        (save(tmp_path, b"", "empty.npz"), "it is empty"),
    ):
        with pytest.raises(ValueError, match=rf"^{path} is no \.npz or \.safetensors file of arrays \({why}\)\.$"):
            from_npz(path)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_npz_file_is_refused(compressed: bool, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((40, 20))
    path = tmp_path / "own.npz"
    (np.savez_compressed if compressed else np.savez)(path, x=x, y=np.arange(40) % 2)
    whole = path.read_bytes()
    middle = len(whole) // 3
    flipped = whole[:middle] + bytes(b ^ 255 for b in whole[middle : middle + 20]) + whole[middle + 20 :]
    for contents in [*damaged(whole).values(), flipped]:
        with pytest.raises(ValueError, match=rf"^{path} is no \.npz or .* \(it is (damaged|empty|of another kind)"):
            from_npz(save(tmp_path, contents, path.name))


def test_python_objects_are_not_unpickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "own.npz", x=X, y=np.array([Villain(), 1, 2], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"own\.npz .*it holds Python objects, which might run code: write"):
        from_npz(tmp_path / "own.npz")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("held", "fault"),
    [
        ({}, "holds no array; expected arrays called 'x' and 'y'"),
        ({"x": X, "labels": Y}, "holds 'x', 'labels'; expected arrays called 'x' and 'y'"),
        ({"x": X, "y": Y[:2]}, "x has 3 records and y 2 labels"),
        ({"x": X.astype(str), "y": Y}, "x is of type <U"),
        ({"x": X, "y": 5}, r"y has shape \(\)"),
    ],
)
def test_an_npz_file_of_other_arrays_is_refused(held: dict[str, np.ndarray], fault: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **held)
    with pytest.raises((ValueError, TypeError), match=rf"own\.npz:? {fault}"):
        from_npz(tmp_path / "own.npz")


# A known answer


def test_a_table_of_floats_is_taken_as_it_is() -> None:
    data = from_arrays(X, Y)
    assert (data.name, data.image_shape, data.class_names) == ("own records", None, ("0", "1"))
    assert (data.x.tolist(), data.x.dtype) == (X.tolist(), torch.float32)
    assert (data.y.tolist(), data.y.dtype) == ([0, 1, 1], torch.int64)
    assert data.to_frame(data.x).to_dict("list") == {"feature 1": [0, 0.5, 1], "feature 2": [0.25, 0.75, 0.125]}


@pytest.mark.parametrize(
    "x",
    [X.astype(np.float16), X.astype(">f8"), np.asfortranarray(X), X[::-1][::-1], torch.tensor(X),
     torch.tensor(X, dtype=torch.bfloat16), torch.tensor(X, requires_grad=True), torch.tensor(X).to_sparse()],
    ids=str,
)  # fmt: skip
def test_any_floats_come_in(x: np.ndarray | torch.Tensor) -> None:
    data = from_arrays(x, torch.tensor(Y))
    assert (data.x.tolist(), data.x.dtype, data.x.requires_grad) == (X.tolist(), torch.float32, False)
    assert data.x.is_contiguous()


def test_a_rounding_error_above_1_is_none() -> None:
    assert from_arrays(X * (1 + 1e-15), Y).x.max() == 1


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint16, bool, torch.uint8, torch.bool, torch.int32])
def test_zeros_and_ones_are_taken_as_they_are(kind: type) -> None:
    bits = X > 0.5
    data = from_arrays(torch.tensor(bits).to(kind) if isinstance(kind, torch.dtype) else bits.astype(kind), Y)
    assert (data.x.tolist(), data.x.dtype) == (bits.tolist(), torch.float32)
    frame = data.to_frame(torch.tensor([[0.4, 0.6]]))
    assert (frame.iloc[0].tolist(), frame["feature 1"].dtype) == ([0, 1], np.int64)


@pytest.mark.parametrize("given", [None, "the same"])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
def test_grey_values_are_divided_by_255_and_images_flattened(shape: tuple[int, ...], given: str | None) -> None:
    x = GREY.reshape(-1, *shape) * 2
    data = from_arrays(x, np.arange(len(x)) % 2, image_shape=shape if given else None)
    assert (data.x.shape, data.x.dtype, data.image_shape) == ((len(x), np.prod(shape)), torch.float32, shape)
    assert (data.x.double() * 255).round().tolist() == x.reshape(len(x), -1).tolist()
    assert data.columns == ()


def test_one_channel_is_grey() -> None:
    data = from_arrays(GREY[:, :1], [0, 1])
    assert (
        data.image_shape == from_arrays(GREY[:, 0].reshape(2, 20), [0, 1], image_shape=(1, 4, 5)).image_shape == (4, 5)
    )


def test_grey_values_that_are_no_images_lead_back_to_themselves() -> None:
    data = from_arrays(GREY.reshape(2, 60), [0, 1])
    assert data.image_shape is None
    assert data.to_frame(data.x).to_numpy().tolist() == GREY.reshape(2, 60).tolist()


@pytest.mark.parametrize(
    ("y", "numbers", "names"),
    [
        ([[0], [1], [1]], [0, 1, 1], ("0", "1")),
        (np.array([[0], [1], [1]], dtype=np.uint8), [0, 1, 1], ("0", "1")),
        (torch.tensor([0.0, 1.0, 1.0], dtype=torch.bfloat16), [0, 1, 1], ("0", "1")),
        ([10, 2, 2], [1, 0, 0], ("2", "10")),
        ([-1, 1, 1], [0, 1, 1], ("-1", "1")),
        ([True, False, True], [1, 0, 1], ("False", "True")),
        (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")),
        (["a\0", "a", "a\0"], [1, 0, 1], ("a", "a\0")),
        ([b"dog", b"cat", b"dog"], [1, 0, 1], ("cat", "dog")),
        (np.array(["dog", "cat", "dog"]), [1, 0, 1], ("cat", "dog")),
        (np.array([b"dog", b"cat", b"dog"]), [1, 0, 1], ("cat", "dog")),
        (pd.Series(["dog", "cat", "dog"], dtype="category"), [1, 0, 1], ("cat", "dog")),
        (pd.Series([1, 2, 1], dtype="Int64"), [0, 1, 0], ("1", "2")),
    ],
)
def test_classes_are_the_different_labels_in_order(y: object, numbers: list[int], names: tuple[str, ...]) -> None:
    data = from_arrays(X, y)
    assert (data.y.tolist(), data.y.dtype, data.class_names) == (numbers, torch.int64, names)


@pytest.mark.parametrize("y", [[2, 0, 2], ["red", "green", "red"], [2.0, 0.0, 2.0]])
def test_class_names_say_what_the_numbers_mean_and_may_be_more_than_occur(y: list[object]) -> None:
    data = from_arrays(X, y, class_names=["green", "blue", "red"])
    assert (data.y.tolist(), data.class_names, data.n_classes) == ([2, 0, 2], ("green", "blue", "red"), 3)


@pytest.mark.parametrize("x", [X.astype(np.float32), torch.tensor(X).float()])
def test_nothing_is_shared_with_the_readers_arrays(x: np.ndarray | torch.Tensor) -> None:
    y = torch.tensor(Y)
    data = from_arrays(x, y)
    x[:], y[:] = 0, 0
    assert (data.x.tolist(), data.y.tolist()) == (X.tolist(), Y.tolist())


def test_an_npz_file_holds_what_the_arrays_do(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "my pictures.npz", x=GREY.reshape(2, 60), y=["cat", "dog"], other=1)
    data = from_npz(str(tmp_path / "my pictures.npz"), class_names=("dog", "cat"), image_shape=(3, 4, 5))
    assert (data.name, data.class_names, data.y.tolist()) == ("my pictures", ("dog", "cat"), [1, 0])
    assert torch.equal(data.x, from_arrays(GREY, [1, 0]).x) and data.image_shape == (3, 4, 5)


def test_the_page_on_running_shows_how_two_known_data_sets_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", RUNNING.read_text(), re.S) if "from_arrays" in block
    )
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3072), dtype=np.uint8)
    (tmp_path / "cifar-10-batches-py").mkdir()
    for i, name in enumerate([*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]):
        batch = pickle.dumps({b"data": pixels[i : i + 1], b"labels": [9 - i]})
        save(tmp_path / "cifar-10-batches-py", batch, name)
    save(tmp_path / "cifar-10-batches-py", pickle.dumps({b"label_names": [b"cat"]}), "batches.meta")
    save(tmp_path, "3,1,0,0\n100,0,1,1\n", "dataset_purchase")
    monkeypatch.chdir(tmp_path)
    made: dict[str, Dataset] = {}
    exec(code, made)
    cifar, purchase = made["cifar"], made["purchase"]
    assert (cifar.x.double() * 255).round().tolist() == pixels.tolist()
    assert (cifar.y.tolist(), cifar.class_names, cifar.image_shape) == (
        [5, 4, 3, 2, 1, 0],
        tuple("456789"),
        (3, 32, 32),
    )
    assert (purchase.x.tolist(), purchase.y.tolist()) == ([[1, 0, 0], [0, 1, 1]], [0, 1])
    assert purchase.class_names == ("3", "100")


# Properties


@given(
    x=arrays(np.float32, st.tuples(st.integers(2, 8), st.integers(1, 5)), elements=st.floats(0, 1, width=32)),
    kinds=st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=4) | st.lists(st.text(max_size=2), min_size=2),
    places=st.lists(st.integers(0, 3), min_size=8, max_size=8),
)
def test_what_comes_in_is_what_was_given(x: np.ndarray, kinds: list[int] | list[str], places: list[int]) -> None:
    y = [kinds[place % len(kinds)] for place in places[: len(x)]]
    if len(set(y)) < 2:
        with pytest.raises(ValueError, match="expected at least two classes"):
            from_arrays(x, y)
        return
    data = from_arrays(x, y)
    assert np.array_equal(data.x.numpy(), x)
    assert [data.class_names[number] for number in data.y] == [str(value) for value in y]
    assert data.y.unique().tolist() == list(range(len(set(y)))) and data.n_classes == len(set(y))
    # Named, the same classes may come in another order.
    names = data.class_names[::-1]
    named = from_arrays(x, [str(value) for value in y], class_names=names)
    assert [named.class_names[number] for number in named.y] == [str(value) for value in y]
