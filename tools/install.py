"""Install what the book and the tests need, beside the Python that runs this; `make` calls it, Windows and conda can.

Everything comes in the versions of requirements.lock, and is checked against its hashes. PyTorch is the exception: one
version of it has builds for the CPU and for several releases of CUDA, at PyPI and at PyTorch's own index, and no list
has the hashes of all. Its version stands in pyproject.toml; TORCH_INDEX in the environment says which index is asked.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GIGABYTES = (
    "No NVIDIA GPU is in sight, but PyPI's PyTorch brings CUDA, several gigabytes: stop with Ctrl-C if you want the "
    "build for the CPU (0.2 GB); README.md, under PyTorch, has the line to write, with TORCH_INDEX."
)


def torch_requirement(*, newest: bool) -> str:
    """Return which PyTorch is asked for: the one that goes with the lock, or the bounds of the package."""
    asked = PROJECT["project"]["dependencies"] if newest else PROJECT["tool"]["uv"]["constraint-dependencies"]
    [torch] = [requirement for requirement in asked if requirement.startswith("torch")]
    return torch


def has_gpu() -> bool:
    """Return whether a driver of NVIDIA's is in sight."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def is_at_hand(requirement: str) -> bool:
    """Return whether pip has a package without asking an index: installed, or in a folder of wheels."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--no-deps", requirement]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def calls(*, newest: bool, index: str | None) -> list[list[str]]:
    """Return the arguments of `pip install`, call by call.

    Parameters
    ----------
    newest : bool
        Whether to leave the lock aside, and take the newest versions that pyproject.toml allows.
    index : str or None
        Address of the only index that is asked for PyTorch; None for that of everything else.
    """
    torch, chosen = torch_requirement(newest=newest), ["--index-url", index] if index else []
    if newest:
        return [[*chosen, "--no-deps", torch], ["--editable", ".[book,test]"]]
    return [
        ["--quiet", "--no-deps", "--require-hashes", "--requirement", "requirements.lock"],
        [*chosen, torch],
        ["--quiet", "--no-deps", "--no-build-isolation", "--editable", "."],
    ]


def main() -> None:
    """Say what will be large, and install."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--newest", action="store_true", help="the newest versions, not those of requirements.lock")
    newest, index = parser.parse_args().newest, os.environ.get("TORCH_INDEX")
    if sys.platform == "linux" and not (index or has_gpu() or is_at_hand(torch_requirement(newest=newest))):
        print(GIGABYTES, flush=True)
    for arguments in calls(newest=newest, index=index):
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments], cwd=ROOT, check=False
        )
        if done.returncode:
            sys.exit(done.returncode)


if __name__ == "__main__":
    main()
