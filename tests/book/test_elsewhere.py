"""The notebooks compute on a device as they do on the CPU: those that compute were run on a pretended one."""

import json

import papermill
import pytest
from conftest import COMPUTING
from elsewhere import ELSEWHERE, NOTED
from nbformat import write
from nbformat.v4 import new_code_cell, new_notebook
from warm import ELSEWHERE as KERNEL
from warm import warm_kernels

from vaeprivacy.compute.files import RESULTS, read_rows

LOADED = 'from vaeprivacy import best_device, load\ndata = load("digits")'


@pytest.mark.parametrize("name", COMPUTING)
def test_the_notebook_runs_on_another_device(name, executed):
    devices = json.loads((executed.with_name("alone") / name / NOTED).read_text(encoding="utf-8"))
    assert devices and set(devices) == {ELSEWHERE.type}


def test_no_run_of_a_sweep_is_computed_twice(executed):
    folder = executed.with_name("runs")
    lines = (folder / RESULTS).read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith('{"row":')]) == len(read_rows(folder)) > 0


@pytest.fixture(scope="module")
def devices_after(tmp_path_factory):
    """Return a function that runs cells on the pretended device and returns where their data sets are."""
    with warm_kernels() as kernels, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(kernels))

        def run(*cells):
            folder = tmp_path_factory.mktemp("small")
            path = folder / "small.ipynb"
            write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
            options = {"resources": {"metadata": {"path": str(folder)}}, "progress_bar": False}
            papermill.execute_notebook(path, path, kernel_name=KERNEL, language="python", **options)
            return json.loads((folder / NOTED).read_text(encoding="utf-8"))

        yield run


def test_data_that_stay_on_the_cpu_are_noticed(devices_after):
    assert devices_after(LOADED, "there = data.to(best_device())") == ["cpu", ELSEWHERE.type]


def test_a_notebook_that_mixes_devices_fails(devices_after):
    with pytest.raises(papermill.PapermillExecutionError, match="here and there"):
        devices_after(LOADED, "data.to(best_device()).x + data.x")
