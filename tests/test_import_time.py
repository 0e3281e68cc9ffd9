"""What nobody uses is not imported: neither by the package, nor by the help of a command."""

import subprocess
import sys
from collections.abc import Iterator
from statistics import median

import pytest

resource = pytest.importorskip("resource")  # POSIX only

COMMANDS = (
    "", "data", "schema", "release", "card", "run", "sweep", "attack", "audit", "course", "course make",
    "course check", "course grade", "course export", "course contest", "course contest make", "course contest rank",
)  # fmt: skip
HELP = """
import sys
from vaeprivacy.cli.app import app
app([*sys.argv[1:], "--help"], standalone_mode=False)
print(sorted({"torch", "numpy", "pandas", "scipy", "sklearn", "matplotlib"} & set(sys.modules)))
"""
SLOWER = 1.4  # than PyTorch alone


def cpu_seconds(code: str, *arguments: str) -> tuple[float, str]:
    """Return the processor time of a new Python that runs some code, and the last line that it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, (done.stdout.splitlines() or [""])[-1]


def pairs(first: str, second: str, n: int) -> Iterator[float]:
    """Yield how many times as long the second code takes as the first, one after the other."""
    for _ in range(n):
        seconds, _ = cpu_seconds(first)
        yield cpu_seconds(second)[0] / seconds


def test_the_synthesizer_is_imported_in_little_more_time_than_pytorch() -> None:
    assert median(pairs("import torch", "from vaeprivacy import Synthesizer", 3)) <= SLOWER


def test_what_only_some_work_needs_is_not_imported() -> None:
    needless = {"opacus", "matplotlib", "seaborn", "jupytext", "IPython", "sklearn", "scipy.stats"}
    code = f"import sys; from vaeprivacy import Synthesizer; print(sorted({needless!r} & set(sys.modules)))"
    assert cpu_seconds(code)[1] == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_comes_in_a_second_and_without_pytorch(command: str) -> None:
    seconds, loaded = cpu_seconds(HELP, *command.split())
    assert loaded == "[]"
    assert seconds < 1
