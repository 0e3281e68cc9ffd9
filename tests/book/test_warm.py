"""Notebooks that run in forks of one process know nothing of each other, nor of the package, and leave no process."""

import os
import sys
import time
from pathlib import Path

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from warm import warm_kernels

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are started anew")

FIRST = """
import os, sys, random
assert os.listdir() == [] and "left" not in globals() and not hasattr(sys, "left")
assert "torch" in sys.modules and not [name for name in sys.modules if name.startswith("vaeprivacy")]
assert os.environ["ASKED"] == "yes"
left = sys.left = os.environ["LEFT"] = "here"
open("file", "w").close()
print("pid", os.getpid(), random.random())
"""
SECOND = """
import matplotlib.pyplot as plt
import pandas as pd
assert pd.get_option("display.max_columns") == 20 and "seaborn" in sys.modules  # as in a notebook, not a terminal
plt.plot([0, 1]);
"""


def run(folder: Path, *codes: str) -> list[list[nbformat.NotebookNode]]:
    """Run a notebook of some cells in a folder of its own, and return the outputs of each."""
    folder.mkdir()
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(cells=[new_code_cell(code) for code in codes], metadata=metadata)
    source, output = (folder.with_name(f"{folder.name}{end}.ipynb") for end in ("", "-executed"))
    nbformat.write(notebook, source)
    papermill.execute_notebook(source, output, cwd=str(folder), progress_bar=False)
    return [cell.outputs for cell in nbformat.read(output, as_version=4).cells if cell.cell_type == "code"]


def test_each_notebook_runs_alone_in_a_process_that_ends(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ASKED", "yes")
    with warm_kernels() as kernels:
        monkeypatch.setenv("JUPYTER_PATH", str(kernels))
        found = [run(tmp_path / name, FIRST, SECOND) for name in ("one", "two")]
        with pytest.raises(papermill.PapermillExecutionError, match="planted"):
            run(tmp_path / "three", "raise ValueError('planted')")
    said = [first[0].text.split() for first, _ in found]
    assert said[0] != said[1] and all(each[0] == "pid" for each in said)
    assert all("image/png" in figure[-1].data for _, figure in found)
    pids = [int(each[1]) for each in said]
    for _ in range(50):
        alive = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        if not alive:
            break
        time.sleep(0.1)
    assert alive == [] and os.getpid() not in pids
