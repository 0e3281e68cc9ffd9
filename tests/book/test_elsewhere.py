"""The notebooks compute on a device as they do on the CPU: run on a pretended one, in this process."""

import shutil

import matplotlib
import pytest
from common import code_cells, known_parameters, read_source
from conftest import NOTEBOOKS, QUICK, ROOT
from elsewhere import elsewhere
from IPython.core.interactiveshell import InteractiveShell

from vaeprivacy.datasets import Dataset

COMPUTING = [name for name in NOTEBOOKS if "best_device()" in (ROOT / "notebooks" / f"{name}.md").read_text("utf-8")]


@pytest.mark.parametrize("name", COMPUTING)
def test_the_notebook_runs_on_another_device(name, executed, tmp_path, monkeypatch):
    # Processes of a sweep compute on the CPU: what they left when the notebook ran there need not be computed again.
    shutil.copytree(executed.with_name("alone") / name, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    matplotlib.use("agg")
    InteractiveShell.instance()  # without one, display() has nothing to update
    rows = {path: path.read_text(encoding="utf-8") for path in tmp_path.glob("runs/results.jsonl")}
    path = ROOT / "notebooks" / f"{name}.md"
    parameters = known_parameters(path.with_suffix(".ipynb"), QUICK)
    names = {"__name__": "__main__"}
    with elsewhere(monkeypatch) as device:
        for cell in code_cells(read_source(path)):
            exec(compile(cell.source.replace("%pip", "#"), f"{name}.md", "exec"), names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= parameters
    devices = [data.x.device for data in names.values() if isinstance(data, Dataset)]
    assert devices and set(devices) == {device}
    assert rows == {path: path.read_text(encoding="utf-8") for path in rows}  # no run was computed again
