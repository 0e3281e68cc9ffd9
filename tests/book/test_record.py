"""Saved runs are what their commands compute: a part computed anew is the same, and a changed value is found."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import record

from vaeprivacy.reporting import load_results, results

GRID = "dataset: digits\nseed: 0\nn_members: 60\nn_models: 4\nclassifier: {epochs: 2}\ndefence: none\n"
CHAPTER = """\
```{code-cell} ipython3
:tags: [parameters]

scale: float = 1.0
seeds: list = [0, 1, 2]
```

```{code-cell} ipython3
import pandas as pd

from vaeprivacy.reporting import rows_of_seeds
```

```{code-cell} ipython3
def squares(seeds):
    rows = [{"seed": seed, "square": scale * seed**2} for seed in seeds]
    return pd.DataFrame(rows)


print(rows_of_seeds("tiny.squares", squares, seeds, from_record=True, scale=scale))
raise RuntimeError("what stands behind the rows is not run")
```
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for saved runs, with a grid and a chapter."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # a process would take longer to start than to compute
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(record, "ROOT", tmp_path)
    (tmp_path / "tiny.yaml").write_text(GRID, encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "tiny.md").write_text(CHAPTER, encoding="utf-8")
    return tmp_path


def status_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str | int | None:
    """Give the command and return what it exits with: a sentence stands for 1."""
    monkeypatch.setattr("sys.argv", ["record.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        record.main()
    return ended.value.code


def test_a_chapter_that_asks_for_no_such_rows_is_refused(folder: Path) -> None:
    shutil.copy(folder / "notebooks" / "tiny.md", folder / "notebooks" / "other.md")
    with pytest.raises(FileNotFoundError):  # it asks for rows of another name, which nobody has saved
        record.record_rows("other.cubes")


def test_rows_that_were_changed_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    record.record_rows("tiny.squares", scale=0.5)
    saved, made = results.read_rows("tiny.squares")
    assert list(saved.square) == [0.0, 0.5, 2.0] and made["settings"] == {"scale": 0.5}
    assert record.check_rows("tiny.squares", scale=0.5).startswith(
        "tiny.squares, seeds [0, 1]: 2 rows, at most 0 apart"
    )
    assert status_of(monkeypatch, "--check", "tiny.squares").startswith(
        "The saved rows of tiny.squares have scale = 0.5"
    )
    record.record_rows("tiny.squares")
    assert status_of(monkeypatch, "--check") is None and "at most 0 apart" in capsys.readouterr().out
    file = folder / "tiny.squares.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("1,1.0\n", "1,1.1\n"), encoding="utf-8")
    said = status_of(monkeypatch, "--check")
    assert said == "tiny.squares, seeds [0, 1]: square of 1 is 1.000000, 1.100000 was saved; at most 1e-06 is allowed."


@pytest.mark.parametrize("with_controls", [False, True])
def test_a_run_that_was_changed_is_found(
    with_controls: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(record, "WITH_CONTROLS", ("tiny",) if with_controls else ())
    record.record_grid("tiny", folder / "runs")
    assert len(load_results("tiny", controls=True)) - len(load_results("tiny")) == 2 * with_controls
    assert status_of(monkeypatch, "--check") is None
    assert "tiny, raw data, seed 0: " in capsys.readouterr().out
    table = load_results("tiny", controls=True)
    table.loc[1, "auc"] += 0.001
    table.to_parquet(folder / "tiny.parquet", index=False)
    assert f"auc of {table.attack[1]} classifier is " in status_of(monkeypatch, "--check")


def test_another_machine_may_be_off_by_a_stated_tolerance() -> None:
    rows = pd.DataFrame({"attack": ["loss"], "auc": [0.6]})
    here = record.provenance()
    near, far = rows.assign(auc=0.6 + 0.9 * record.TOLERANCE), rows.assign(auc=0.6 + 1.1 * record.TOLERANCE)
    assert "1 rows" in record.compare("a run", rows, near, here | {"processor": "another"})
    with pytest.raises(ValueError, match=r"auc of loss is 0\.627000, 0\.600000 was saved"):
        record.compare("a run", rows, near, here)
    with pytest.raises(ValueError, match=r"at most 0\.03 is allowed"):
        record.compare("a run", rows, far, here | {"processor": "another"})


def test_rows_that_are_not_the_same_are_found() -> None:
    rows, here = pd.DataFrame({"attack": ["loss", "gap"], "auc": [0.6, 0.5]}), record.provenance()
    with pytest.raises(ValueError, match="2 rows were saved, and 1, or others, are computed now"):
        record.compare("a run", rows, rows[:1], here)
    with pytest.raises(ValueError, match="was saved as missing"):
        record.compare("a run", rows, rows.assign(auc=[0.6, float("nan")]), here)
