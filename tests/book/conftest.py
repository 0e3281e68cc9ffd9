"""Fixtures of the book's tests: the tools, and every notebook run once on the digits."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from alone import run_alone  # noqa: E402 (found by the line above)
from common import profile_parameters  # noqa: E402

NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.md"))
QUICK = profile_parameters("quick")


@pytest.fixture(scope="session")
def executed(tmp_path_factory) -> Path:
    """Run every notebook from its .ipynb alone, as on Colab, each in a folder of its own; return where they are."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all test processes: the first to come runs the notebooks, the others wait
    output, done = folder / "executed", folder / "executed.done"
    with FileLock(folder / "executed.lock"):
        if not done.exists():
            run_notebooks(output)
            done.touch()
    return output


def run_notebooks(output: Path) -> None:
    """Run all notebooks on the digits, two at a time, and write them to a folder."""
    os.environ |= {"TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    output.mkdir(exist_ok=True)

    def run(name: str) -> None:
        source, alone = ROOT / "notebooks" / f"{name}.ipynb", output.with_name("alone") / name
        alone.mkdir(parents=True, exist_ok=True)
        run_alone(source, output / f"{name}.ipynb", alone)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, NOTEBOOKS))
