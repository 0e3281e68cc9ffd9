"""The report on notebooks that run alone: one that fails is named, and the others are tried."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from alone import run_alone
from conftest import ROOT
from nbformat.v4 import new_code_cell, new_notebook

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def write(path: Path, code: str) -> None:
    cell = new_code_cell(code, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell], metadata={"kernelspec": KERNEL}), path)


def test_notebooks_that_run_at_the_same_time_stay_in_their_folders(tmp_path: Path) -> None:
    def run(folder: Path) -> None:
        folder.mkdir()
        write(folder / "in.ipynb", "open('here', 'w').close()")
        run_alone(folder / "in.ipynb", folder / "out.ipynb", folder)

    folders = [tmp_path / name for name in "abc"]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(run, folders))
    assert [folder.name for folder in folders if (folder / "here").is_file()] == ["a", "b", "c"]


def test_a_notebook_that_fails_is_reported_and_the_next_one_is_run_in_an_empty_folder(tmp_path: Path) -> None:
    codes = {"a": "raise ValueError('a | b')", "b": "import os\nassert os.listdir() == []"}
    for name, code in codes.items():
        write(tmp_path / f"{name}.ipynb", code)
    command = [sys.executable, str(ROOT / "tools" / "alone.py"), str(tmp_path / "output"), "--notebooks", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "1 notebooks did not run." in done.stderr
    rows = (tmp_path / "output" / "report.md").read_text(encoding="utf-8").splitlines()[3:]
    assert [row.split(" | ")[0] for row in rows] == ["| a", "| b"]
    assert rows[0].endswith("| ValueError: a \\| b |") and rows[1].endswith("| ran |")
