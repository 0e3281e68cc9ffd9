"""Files that are written whole or not at all, the results file, and YAML."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.compute.files import RESULTS, append_row, load_or_compute, read_rows, read_yaml, write_whole


def write_text(text: str, path: Path) -> None:
    path.write_text(text)


def not_called(*args: object) -> str:
    raise AssertionError("This was to be read from its file.")


# Impossible input


def test_a_computation_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> str:
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        load_or_compute(tmp_path / "stage", fail, write_text, Path.read_text)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_is_cut_off_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    path = tmp_path / "stage"

    def cut_off(text: str, path: Path) -> None:
        path.write_text(text[:3])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_or_compute(path, lambda: "complete", cut_off, Path.read_text)
    assert not path.exists()
    # And what it left elsewhere does not stop the next attempt.
    assert load_or_compute(path, lambda: "complete", write_text, Path.read_text) == "complete"


def test_a_file_with_python_objects_is_refused(tmp_path: Path) -> None:
    # Reading them would run whatever code is in the file.
    np.savez(tmp_path / "objects.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"objects.npz .*holds Python objects, which might run code"):
        read_arrays(tmp_path / "objects.npz")


# A known answer


def test_a_stage_is_computed_once(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "stage"
    assert load_or_compute(path, lambda: "first", write_text, Path.read_text) == "first"
    assert path.read_text() == "first"
    assert load_or_compute(path, not_called, not_called, Path.read_text) == "first"


def test_what_is_returned_is_what_was_read(tmp_path: Path) -> None:
    # So a result does not depend on whether it was computed now or earlier.
    assert (
        load_or_compute(tmp_path / "stage", lambda: 7, lambda n, path: path.write_text(str(n)), Path.read_text) == "7"
    )


def test_no_file_but_the_final_one_is_left(tmp_path: Path) -> None:
    load_or_compute(tmp_path / "stage", lambda: "text", write_text, Path.read_text)
    assert [path.name for path in tmp_path.iterdir()] == ["stage"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    # They may be threads of one process, or processes of one number on two machines.
    path, seen = tmp_path / "stage", []

    def write(unfinished: Path) -> None:
        seen.append(unfinished)
        unfinished.write_text(str(len(seen)))
        if len(seen) == 1:
            write_whole(path, write)

    write_whole(path, write)
    assert len(set(seen)) == 2
    assert path.read_text() == "1"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unfinished_file_is_not_taken_for_the_finished_one(tmp_path: Path) -> None:
    (tmp_path / f"stage.{os.getpid()}.unfinished").write_text("half")
    (tmp_path / "stage.1.unfinished").write_text("half")
    assert load_or_compute(tmp_path / "stage", lambda: "whole", write_text, Path.read_text) == "whole"


def test_a_directory_without_results_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path) == {}
    assert read_rows(tmp_path / "no such folder") == {}


def test_the_last_row_of_a_key_counts(tmp_path: Path) -> None:
    for value in (1, 2):
        append_row({"key": "a", "value": value}, directory=tmp_path)
    assert read_rows(tmp_path) == {"a": {"key": "a", "value": 2}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "while parsing a flow node .*line 1, column 5: a: \\[ \\^\\.$"),
        ("seed: 1\nother: 2\nseed: 3", "'seed' stands twice in one mapping, the second time in line 3\\.$"),
        ("a: {x: 1, x: 1}", "'x' stands twice in one mapping, the second time in line 1\\.$"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("a: 1\n---\na: 2", "expected a single document"),
    ],
)
def test_what_is_no_yaml_or_says_things_twice_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{path} cannot be read as YAML: .*{sentence}"):
        read_yaml(path)


def test_a_missing_yaml_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"There is no file {tmp_path / 'x.yaml'}; pass a YAML file."):
        read_yaml(tmp_path / "x.yaml")


def test_yaml_means_what_people_mean(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text("a: 1e-4\nb: 012\nc: no\nd: true\ne: [null, 1.5, 2]\n")
    assert read_yaml(path) == {"a": 1e-4, "b": 12, "c": "no", "d": True, "e": [None, 1.5, 2]}


# Properties


def test_arrays_are_read_as_they_were_written(tmp_path: Path) -> None:
    arrays = {
        "scores": np.array([0.1, -np.inf, 1e-300]),
        "single": np.float32([[1.5], [2.5]]),
        "flags": np.array([True, False]),
        "number": np.array(0.3),
    }
    write_arrays(arrays, tmp_path / "arrays.npz")
    read = read_arrays(tmp_path / "arrays.npz")
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        assert (read[name].dtype, read[name].tolist()) == (array.dtype, array.tolist())


@pytest.mark.parametrize("name", ["arrays.npz", "arrays", "arrays.npz.17.unfinished"])
def test_arrays_are_written_under_just_the_name_given(tmp_path: Path, name: str) -> None:
    # numpy would append .npz to it, and the file would not be found again.
    write_arrays({"a": np.zeros(1)}, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = [
        {"key": "a", "value": 0.1 + 0.2, "nested": {"list": [1, None, "ε\n"]}},
        {"key": "b", "value": 1e-300},
    ]
    for row in rows:
        append_row(row, directory=tmp_path / "new folder")
    assert list(read_rows(tmp_path / "new folder").values()) == rows


@pytest.mark.filterwarnings("error")  # a warning without reason would be one too
@pytest.mark.parametrize("left", [1, 7, 30, -2])
def test_a_line_that_was_cut_off_is_skipped_and_the_next_row_is_safe(tmp_path: Path, left: int) -> None:
    rows = [{"key": name, "value": list(range(20))} for name in "abc"]
    for row in rows[:2]:
        append_row(row, directory=tmp_path)
    path = tmp_path / RESULTS
    whole = path.read_text()
    start = whole.index(json.dumps(rows[1]))
    path.write_text(whole[: start + left] if left > 0 else whole[:left])
    with pytest.warns(UserWarning, match=f"{path}, line 4, is no row of a run: a killed process left it unfinished"):
        assert read_rows(tmp_path) == {"a": rows[0]}
    append_row(rows[2], directory=tmp_path)
    with pytest.warns(UserWarning, match="unfinished"):
        assert read_rows(tmp_path) == {"a": rows[0], "c": rows[2]}


@pytest.mark.filterwarnings("error")
def test_a_line_that_lacks_only_its_end_of_line_counts(tmp_path: Path) -> None:
    append_row({"key": "a"}, directory=tmp_path)
    path = tmp_path / RESULTS
    path.write_text(path.read_text().rstrip("\n"))
    append_row({"key": "b"}, directory=tmp_path)
    assert list(read_rows(tmp_path)) == ["a", "b"]
