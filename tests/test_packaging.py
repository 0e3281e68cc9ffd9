"""The wheel has every file of the package, and works alone: without the extras, and far from the repository. So does
the sdist, which has the tests and what they look at.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from newcomer import COMMANDS, COURSE, MADE, PROGRAM, SUBMISSION  # noqa: E402 (found by the line above)

#: What the extras bring, and what the package has no use for.
EXTRAS = (
    "opacus", "matplotlib", "seaborn", "jupytext", "nbformat", "pyarrow", "statsmodels", "IPython",
    "psutil", "yaml", "distributed", "dask",
)  # fmt: skip
#: What "course" brings, and what that brings.
OF_THE_COURSE = ("jupytext", "nbformat", "IPython", "psutil", "yaml")
# Python imports a module of this name at its start.
SITECUSTOMIZE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
"""
LINES = """
import sys
from vaeprivacy.cli.app import app
from vaeprivacy.compute import parallel

parallel.OnThisMachine.__init__.__defaults__ = (1,)  # no processes, each of which would import everything
for line in sys.argv[1:]:
    print("status", app(line.split(), standalone_mode=False) or 0)
"""
WITHOUT_EXTRAS = ("sweep grid.yaml", "course make metric-privacy --student 1 --output out")


@pytest.fixture(scope="module")
def files() -> list[str]:
    """The files that are, or would be, in the repository; in an unpacked sdist, all that are there."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
        return [name for name in listed if name and (ROOT / name).is_file()]
    made = {"PKG-INFO", "setup.cfg", "vaeprivacy.egg-info", "__pycache__"}
    found = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    return [path.as_posix() for path in found if not made & set(path.parts)]


@pytest.fixture(scope="module")
def built(files: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist, built of a copy: in the repository, an older build would get into them."""
    folder = tmp_path_factory.mktemp("built")
    for name in files:
        (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "copy" / name)
    code = f"from setuptools.build_meta import *; build_wheel({str(folder)!r}); build_sdist({str(folder)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder / "copy", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    """The wheel."""
    return next(built.glob("*.whl"))


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path, files: list[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(packed) == sorted(name for name in files if name.startswith("vaeprivacy/"))
    assert {"vaeprivacy/py.typed", "vaeprivacy/course/sources/metric_privacy.py"} <= set(packed)


def test_the_tests_run_from_the_unpacked_sdist(built: Path, files: list[str]) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(built, filter="data")
    [folder] = built.glob("vaeprivacy-*/")
    assert [name for name in files if not (folder / name).is_file()] == []
    # All are collected, which imports them; two files are run.
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--assert=plain"]
    command += ["-k", "test_bounds.py or test_size.py"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and " deselected" in done.stdout, done.stdout[-3000:]
    code = "import vaeprivacy; print(vaeprivacy.__file__)"
    assert ran(code, folder, installed=folder).startswith(str(folder))


def unpacked(wheel: Path, folder: Path, *, refused: tuple[str, ...]) -> Path:
    """Return a folder with the unpacked wheel, in which some packages cannot be imported."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    (folder / "installed" / "sitecustomize.py").write_text(SITECUSTOMIZE.format(refused=refused))
    (folder / "grid.yaml").write_text("dataset: digits\nn_members: 20\nn_models: 4\ndefence: none\n")
    return folder


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel without any extra."""
    return unpacked(wheel, tmp_path_factory.mktemp("alone"), refused=EXTRAS)


def ran(code: str, folder: Path, *arguments: str, installed: Path | None = None) -> str:
    """Return what code prints with the unpacked wheel."""
    variables = {"PYTHONPATH": str(installed or folder / "installed"), "COLUMNS": "200", "TQDM_DISABLE": "1"}
    command, environment = [sys.executable, "-c", code, *arguments], os.environ | variables
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_wheel_alone_fits_releases_attacks_and_audits(alone: Path) -> None:
    first, *rest = ran(PROGRAM, alone).splitlines()
    assert first.startswith(str(alone / "installed"))
    assert "not refuted" in rest[-1]


def test_the_command_works_alone_and_says_which_extra_it_misses(alone: Path) -> None:
    output = ran(LINES, alone, *COMMANDS, *WITHOUT_EXTRAS)
    said = " ".join(output.split())
    assert "digits, 20 members, framework, no noise, seed 0" in said
    assert "The figure was not drawn: The figure needs matplotlib, which is not installed" in said
    assert "law of the noise, d = 2: not refuted" in said
    assert "The table of a sweep needs pyarrow, which is not installed: pip install 'vaeprivacy[experiments]'." in said
    assert "Coursework needs psutil, which is not installed: pip install 'vaeprivacy[course]'." in said
    statuses = [line for line in output.splitlines() if line.startswith("status")]
    assert statuses == ["status 0"] * len(COMMANDS) + ["status 2"] * len(WITHOUT_EXTRAS)


def test_with_the_extra_course_it_makes_and_grades(wheel: Path, tmp_path: Path) -> None:
    refused = tuple(name for name in EXTRAS if name not in OF_THE_COURSE)
    folder = unpacked(wheel, tmp_path, refused=refused)
    make, check, grade = COURSE
    assert ran(LINES, folder, make, check).count("status 0") == 2
    (folder / SUBMISSION.parent).mkdir()
    (folder / MADE).rename(folder / SUBMISSION)
    assert "status 0" in ran(LINES, folder, grade)
    [row] = json.loads((folder / "submissions-grades" / "grades.json").read_text(encoding="utf-8"))
    assert row["student"] == "1" and row["points"] == row["possible"] > 0
