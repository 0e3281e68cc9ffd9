"""The wheel has every file of the package, and works alone: without the extras, and far from the repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: What the extras bring, and what the package has no use for.
EXTRAS = (
    "opacus", "matplotlib", "seaborn", "jupytext", "nbformat", "pyarrow", "statsmodels", "IPython",
    "psutil", "yaml", "distributed", "dask",
)  # fmt: skip
# Python imports a module of this name at its start.
SITECUSTOMIZE = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
"""
PYTHON = """
import torch
import vaeprivacy as vp

print(vp.__file__, vp.__version__)
data = vp.load("digits")
parts = vp.split(data.y, n_members=60, n_reference=60, n_test=60, generator=vp.seeded_generator(0, "split"))
x, y = data.x[parts.members], data.y[parts.members]
settings = vp.VAESettings(latent_dim=2, hidden=16, epochs=2)
synthesizer = vp.Synthesizer(vp.EuclideanLaplace(2.0), settings).fit(x, y, generator=vp.seeded_generator(0, "vae"))
release = synthesizer.release(x, y, generator=vp.SYSTEM_ENTROPY)
print(release.guarantee)
small, generator = vp.ClassifierSettings(hidden=16, epochs=2), vp.seeded_generator(0, "target")
target = vp.fit_classifier(release.x, release.y, small, n_classes=10, generator=generator)
candidates = data.x[parts.candidates], data.y[parts.candidates]
log_posteriors = vp.predict(target, candidates[0])
loss = log_posteriors[torch.arange(len(log_posteriors)), candidates[1]]
print(vp.auc(loss, parts.is_member))
print(vp.audit_release(synthesizer, x, y, generator=vp.seeded_generator(0, "audit")))
"""
COMMANDS = """
from vaeprivacy.cli.app import app
from vaeprivacy.compute import parallel

parallel.OnThisMachine.__init__.__defaults__ = (1,)  # no processes, each of which would import everything
for line in (
    "run --dataset digits --members 20 --models 4",
    "attack runs --shadows 2",
    "audit --n 100 --dimension 2",
    "sweep grid.yaml",
    "course make metric-privacy --student 1 --output out",
):
    print("status", app(line.split(), standalone_mode=False) or 0)
"""


@pytest.fixture(scope="module")
def sources() -> list[str]:
    """The files of the package that are, or would be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "vaeprivacy"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [name for name in listed if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(sources: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built of a copy: in the repository, an older build would get into it."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*sources, "pyproject.toml", "README.md", "LICENSE"):
        (folder / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "copy" / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(folder / "copy")], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path, sources: list[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(packed) == sorted(sources)


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, in which no package of an extra can be imported."""
    folder = tmp_path_factory.mktemp("alone")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    (folder / "installed" / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (folder / "grid.yaml").write_text("dataset: digits\nn_members: 20\nn_models: 4\ndefence: none\n")
    return folder


def ran(code: str, folder: Path) -> str:
    """Return what code prints with the unpacked wheel."""
    environment = os.environ | {"PYTHONPATH": str(folder / "installed"), "COLUMNS": "200", "TQDM_DISABLE": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_wheel_alone_fits_releases_attacks_and_audits(alone: Path) -> None:
    first, *rest = ran(PYTHON, alone).splitlines()
    assert first.startswith(str(alone / "installed"))
    assert "not refuted" in rest[-1]


def test_the_command_works_alone_and_says_which_extra_it_misses(alone: Path) -> None:
    output = ran(COMMANDS, alone)
    said = " ".join(output.split())
    assert "digits, 20 members, framework, no noise, seed 0" in said
    assert "The figure was not drawn: The figure needs matplotlib, which is not installed" in said
    assert "law of the noise, d = 2: not refuted" in said
    assert "The table of a sweep needs pyarrow, which is not installed: pip install 'vaeprivacy[experiments]'." in said
    assert "Coursework needs psutil, which is not installed: pip install 'vaeprivacy[course]'." in said
    assert [line for line in output.splitlines() if line.startswith("status")] == ["status 0"] * 3 + ["status 2"] * 2
