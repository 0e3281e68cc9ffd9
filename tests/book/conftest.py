"""Fixtures of the book's tests: the tools, every notebook run once on the digits, and the book built from them."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from warm import ELSEWHERE, warm_kernels

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from alone import run_alone  # noqa: E402 (found by the line above)
from build import build, is_built, pages_in  # noqa: E402
from common import EXECUTED  # noqa: E402

NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.md"))


def those_with(code: str) -> list[str]:
    """Return the names of the notebooks in whose source some code stands."""
    return [name for name in NOTEBOOKS if code in (ROOT / "notebooks" / f"{name}.md").read_text(encoding="utf-8")]


#: They compute on the best device, which is the pretended one (elsewhere.py): what runs there runs on the CPU.
COMPUTING = those_with("best_device()")


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """Return a folder of all test processes: the first to come makes what is in it, under a lock, the others wait."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def executed(shared) -> Path:
    """Run every notebook from its .ipynb alone, as on Colab, each in a folder of its own; return where they are."""
    output, done = shared / "executed", shared / "executed.done"
    with FileLock(shared / "executed.lock"):
        if not done.exists():
            run_notebooks(output)
            done.touch()
    return output


@pytest.fixture(scope="session")
def book(request, shared) -> tuple[Path, Path]:
    """Return the notebooks of a book, and where it is built: what `make book` has made, if nothing has changed since.

    Otherwise a book is built from the notebooks that were run on the digits; a warning of Sphinx fails the tests.
    """
    made = EXECUTED, ROOT / "_build"
    with FileLock(shared / "built.lock"):
        if is_built(*made):
            return made
        made = request.getfixturevalue("executed"), shared / "built"
        build(*made)
    return made


@pytest.fixture(scope="session")
def html(book) -> Path:
    """Return where the pages of the book are."""
    return pages_in(book[1])


def run_notebooks(output: Path) -> None:
    """Run all notebooks on the digits, two at a time, and write them to a folder."""
    output.mkdir(exist_ok=True)
    runs = output.with_name("runs")
    runs.mkdir(exist_ok=True)

    def run(names: list[str]) -> None:
        for name in names:
            source, alone = ROOT / "notebooks" / f"{name}.ipynb", output.with_name("alone") / name
            alone.mkdir(parents=True, exist_ok=True)
            if name in swept:
                (alone / "runs").symlink_to(runs)
            kernel = ELSEWHERE if name in COMPUTING else "python3"
            run_alone(source, output / f"{name}.ipynb", alone, kernel=kernel)

    # A sweep stays in the notebook's process: others take longer to import the package than so few records to compute.
    # Only notebooks that hand functions of their own to processes get two.
    own, swept = those_with("in_parallel("), those_with('directory: str = "runs"')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TQDM_DISABLE", "1")  # before the kernels are warmed: it is read at imports
        patch.setenv("OMP_NUM_THREADS", "1")
        with warm_kernels() as kernels:
            patch.setenv("JUPYTER_PATH", str(kernels))
            for name in own:
                patch.setenv("LOKY_MAX_CPU_COUNT", "2")
                run([name])
            patch.setenv("LOKY_MAX_CPU_COUNT", "1")
            # Sweeps share models, as in the book: one after the other, so that each is trained once.
            others = [[name] for name in NOTEBOOKS if name not in own + swept]
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(run, [swept, *others]))
