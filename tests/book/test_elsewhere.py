"""The notebooks compute on a device as they do on the CPU: those that compute were run on a pretended one."""

import json

import papermill
import pytest
from conftest import COMPUTING
from elsewhere import ELSEWHERE, NOTED
from nbformat.v4 import new_code_cell, new_notebook, writes
from warm import ELSEWHERE as KERNEL
from warm import warm_kernels

LOADED = 'from vaeprivacy import best_device, load\ndata = load("digits")'


@pytest.mark.parametrize("name", COMPUTING)
def test_the_notebook_runs_on_another_device(name, executed):
    devices = json.loads((executed.with_name("alone") / name / NOTED).read_text(encoding="utf-8"))
    assert devices and set(devices) == {ELSEWHERE.type}


def devices_after(folder, *cells):
    """Run a notebook of some cells on the pretended device; return on which devices its data sets are."""
    path = folder / "small.ipynb"
    path.write_text(writes(new_notebook(cells=[new_code_cell(cell) for cell in cells])), encoding="utf-8")
    folder_of = {"metadata": {"path": str(folder)}}
    with warm_kernels() as kernels, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(kernels))
        papermill.execute_notebook(
            path, path, kernel_name=KERNEL, language="python", resources=folder_of, progress_bar=False
        )
    return json.loads((folder / NOTED).read_text(encoding="utf-8"))


def test_data_that_stay_on_the_cpu_are_noticed(tmp_path):
    assert devices_after(tmp_path, LOADED, "there = data.to(best_device())") == ["cpu", ELSEWHERE.type]


def test_a_notebook_that_mixes_devices_fails(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="here and there"):
        devices_after(tmp_path, LOADED, "data.to(best_device()).x + data.x")
