"""Fixtures of the book's tests: the tools, and every notebook run once on the digits."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import papermill
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from common import known_parameters, profile_parameters  # noqa: E402 (found by the line above)

NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.md"))
QUICK = profile_parameters("quick")


@pytest.fixture(scope="session")
def executed(tmp_path_factory) -> Path:
    """Run every notebook from its .ipynb alone, as on Colab, each in a folder of its own; return where they are."""
    output = tmp_path_factory.mktemp("executed")
    os.environ |= {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}

    def run(name: str) -> None:
        source = ROOT / "notebooks" / f"{name}.ipynb"
        papermill.execute_notebook(
            source,
            output / f"{name}.ipynb",
            parameters=known_parameters(source, QUICK),
            cwd=str(tmp_path_factory.mktemp(name)),
            kernel_name="python3",
            progress_bar=False,
        )

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, NOTEBOOKS))
    return output
