"""Files are whole or absent, whatever happens while they are written."""

from pathlib import Path

import numpy as np
import pytest

from vaeprivacy.storage import RESULTS, append_row, read_arrays, read_rows, stored, write_arrays


def write(text: str, path: Path) -> None:
    path.write_text(text)


def test_python_objects_are_refused_when_reading(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(tmp_path / "x.npz")


def test_a_stage_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stored(tmp_path / "a" / "x", fail, write, Path.read_text)
    assert not (tmp_path / "a" / "x").exists()


def test_a_write_that_is_cut_off_leaves_no_file_and_is_repeated(tmp_path: Path) -> None:
    def cut_off(text: str, path: Path) -> None:
        path.write_text(text[:2])
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        stored(tmp_path / "x", lambda: "whole", cut_off, Path.read_text)
    assert not (tmp_path / "x").exists()
    assert stored(tmp_path / "x", lambda: "whole", write, Path.read_text) == "whole"


def test_a_stage_is_computed_once(tmp_path: Path) -> None:
    calls = []
    for _ in range(3):
        assert stored(tmp_path / "x", lambda: calls.append(1) or "text", write, Path.read_text) == "text"
    assert calls == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array(0.1), "c": np.array([True, False])}
    write_arrays(arrays, tmp_path / "x.npz")
    back = read_arrays(tmp_path / "x.npz")
    assert set(back) == set(arrays)
    assert all(np.array_equal(back[name], arrays[name]) and back[name].dtype == arrays[name].dtype for name in arrays)


def test_rows_come_back_by_key_and_the_last_of_a_key_counts(tmp_path: Path) -> None:
    assert read_rows(tmp_path) == {}
    rows = [{"key": "a", "v": 1.5}, {"key": "b", "v": None}, {"key": "a", "v": 2}]
    for row in rows:
        append_row(row, directory=tmp_path / "new")
    assert read_rows(tmp_path / "new") == {"a": rows[2], "b": rows[1]}


@pytest.mark.parametrize("cut", [1, 2, 5, 20])
def test_a_torn_line_is_skipped_and_the_next_row_is_readable(tmp_path: Path, cut: int) -> None:
    append_row({"key": "a", "text": "x" * 30}, directory=tmp_path)
    append_row({"key": "b", "text": "x" * 30}, directory=tmp_path)
    path = tmp_path / RESULTS
    path.write_text(path.read_text()[: -cut - 1])
    with pytest.warns(UserWarning, match="unfinished"):
        assert set(read_rows(tmp_path)) == {"a"}
    append_row({"key": "c"}, directory=tmp_path)
    with pytest.warns(UserWarning, match="unfinished"):
        assert set(read_rows(tmp_path)) == {"a", "c"}
