"""What nobody uses is not imported: neither by the package, nor by the help of a command."""

import subprocess
import sys
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
NEEDLESS = {"opacus", "matplotlib", "seaborn", "jupytext", "IPython", "sklearn", "scipy.stats"}
#: In one process, so that both parts meet the same machine: seconds until PyTorch is there, and until all is.
IMPORTS = f"""
import sys, time
import torch
alone = time.process_time()
from vaeprivacy import Synthesizer
print(alone, time.process_time(), sorted({NEEDLESS!r} & set(sys.modules)))
"""


def cpu_seconds(code: str, *arguments: str) -> tuple[float, str]:
    """Return the processor time of a new Python that runs some code, and the last line that it prints."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, (done.stdout.splitlines() or [""])[-1]


@pytest.fixture(scope="module")
def imports() -> list[list[str]]:
    """What three new processes say that import PyTorch, then the synthesizer."""
    return [cpu_seconds(IMPORTS)[1].split(maxsplit=2) for _ in range(3)]


def test_the_synthesizer_is_imported_in_little_more_time_than_pytorch(imports: list[list[str]]) -> None:
    assert median(float(whole) / float(alone) for alone, whole, _ in imports) <= SLOWER


def test_what_only_some_work_needs_is_not_imported(imports: list[list[str]]) -> None:
    assert [needless for _, _, needless in imports] == ["[]"] * 3


@pytest.mark.parametrize("command", COMMANDS)
def test_help_comes_in_a_second_and_without_pytorch(command: str) -> None:
    seconds, loaded = cpu_seconds(HELP, *command.split())
    assert loaded == "[]"
    assert seconds < 1
