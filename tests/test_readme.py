"""Every fenced block of README.md runs, from top to bottom, as a newcomer gives it: in a clone, with an empty HOME."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pybtex.database import parse_string
from systems import posix_only

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
#: These set up the world: an environment of their own, then most of an hour. `.ci/run` gives them, in a fresh clone;
#: a test below holds it to that.
WORLD = "make book\nmake test\n"
#: The first words of a block, and what its output must hold.
SAID = {
    "pip install": [],
    "pip wheel": ["Successfully built vaeprivacy"],
    "from sklearn.datasets": [
        "Given the encoder and decoder, the features of each record have metric privacy with epsilon 8"
    ],
    "vaeprivacy run": ["One row in runs/results.jsonl.", "scores and figure", "law of the noise, d = 16: not refuted"],
    "vaeprivacy course": ["measure_a_leak.ipynb: Measure a leak, for 7", "1 submissions, on average 0.0 of 21 points"],
}
RUN = [(kind, code) for kind, code in BLOCKS if kind in ("bash", "python") and code != WORLD]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the repository holds, beside which lies an empty folder for HOME."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "home").mkdir()
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    for name in [name for name in listed if name and (ROOT / name).is_file()]:
        (folder / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "clone" / name)
    return folder / "clone"


def given(kind: str, code: str, clone: Path) -> subprocess.CompletedProcess[str]:
    """Give a block to the shell or to Python; what pip installs goes beside the clone, and nothing is downloaded."""
    installed = clone.with_name("installed")
    path = [installed / "bin", Path(sys.executable).parent, os.environ["PATH"]]
    environment = {"HOME": str(clone.with_name("home")), "PATH": os.pathsep.join(map(str, path)), "COLUMNS": "200"}
    environment |= {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    environment["LOKY_MAX_CPU_COUNT"] = "1"  # as on one core: further processes take longer to start than to compute
    # pip reads "0" as "no" here: setuptools, which builds the package, is the one that is installed.
    environment |= {
        "PIP_TARGET": str(installed),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
    }
    if not code.startswith("pip install"):
        del environment["PIP_TARGET"]  # of which `pip wheel` knows nothing
    command = ["bash", "-e", "-c", code] if kind == "bash" else [sys.executable, "-c", code]
    cwd = clone if kind == "bash" else clone.with_name("home")
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_every_block_is_run_or_known() -> None:
    assert {kind for kind, _ in BLOCKS} == {"bash", "python", "bibtex"}
    assert TEXT.count("\n```") == 2 * len(BLOCKS)
    assert [code for kind, code in BLOCKS if kind == "bash" and code.startswith("make")] == [WORLD]
    assert sorted(" ".join(code.split()[:2]) for _, code in RUN) == sorted(SAID)


def test_ci_gives_the_commands_that_set_up_the_world() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in WORLD.splitlines() if line not in ci] == []


@posix_only
@pytest.mark.parametrize(("kind", "code"), RUN, ids=[" ".join(code.split()[:2]) for _, code in RUN])
def test_the_block_runs(kind: str, code: str, clone: Path) -> None:
    done = given(kind, code, clone)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said
    assert [words for words in SAID[" ".join(code.split()[:2])] if words not in said] == []


@posix_only
def test_what_was_installed_is_what_ran(clone: Path) -> None:
    done = given("python", "import vaeprivacy; print(vaeprivacy.__file__)", clone)
    assert done.stdout.startswith(str(clone.with_name("installed")))
    assert list(clone.glob("vaeprivacy-*.whl"))


def test_the_five_lines_are_five_and_the_page_is_short() -> None:
    [code] = [code for kind, code in BLOCKS if kind == "python"]
    steps = [line for line in code.splitlines() if line and not line.startswith(("from ", "import ", "x, y = "))]
    assert len(steps) == 5
    assert len(TEXT.splitlines()) <= 160


def test_the_bibtex_is_that_of_the_citation_file() -> None:
    [code] = [code for kind, code in BLOCKS if kind == "bibtex"]
    entry = parse_string(code, "bibtex").entries["vaeprivacy"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (entry.fields["title"], entry.fields["version"]) == (citation["title"], citation["version"])
    assert [str(person) for person in entry.persons["author"]] == ["{" + citation["authors"][0]["name"] + "}"]
