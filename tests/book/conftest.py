"""Fixtures of the book's tests: the tools, and every notebook run once on the digits."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import papermill
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.md"))

# The smallest experiment that still goes through every cell.
QUICK = {
    "dataset": "digits",
    "n_members": 150,
    "n_shadows": 2,
    "n_models": 5,
    "n_samples": 300,
    "n_outputs": 5000,
    "n_draws": 20000,
    "n_seeds": 300,
    "audit_sizes": [1000],
    "repetitions": 5,
    "dp_epsilons": [8.0],
    "epsilons": [1.0, 8.0],
    "seeds": [0, 1],
    "early_epochs": [2],
}


@pytest.fixture(scope="session")
def executed(tmp_path_factory) -> Path:
    """Run every notebook from its .ipynb alone, as on Colab, each in a folder of its own; return where they are."""
    output = tmp_path_factory.mktemp("executed")
    os.environ |= {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}

    def run(name: str) -> None:
        source = ROOT / "notebooks" / f"{name}.ipynb"
        asked = papermill.inspect_notebook(source)
        papermill.execute_notebook(
            source,
            output / f"{name}.ipynb",
            parameters={key: value for key, value in QUICK.items() if key in asked},
            cwd=str(tmp_path_factory.mktemp(name)),
            kernel_name="python3",
            progress_bar=False,
        )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, NOTEBOOKS))
    return output
