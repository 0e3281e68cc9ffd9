"""Print, as a table in Markdown, which packages are installed in another version than requirements.lock has."""

from importlib.metadata import distributions
from pathlib import Path

from install import torch_requirement
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
OURS = {"vaeprivacy", "pip"}  # pip comes with the environment, and nothing asks for it


def locked(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return the version of each package by the lock, and PyTorch's, which stands beside it.

    Parameters
    ----------
    environment : dict or None
        What a marker such as ``sys_platform == 'win32'`` looks at; what is not given is as on this machine.
    """
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    asked = [line.rstrip("\\ ") for line in lines if line[:1].isalnum()]
    asked = [Requirement(text) for text in (*asked, torch_requirement(newest=False))]
    here = [one for one in asked if one.marker is None or one.marker.evaluate(environment)]
    return dict(sorted((one.name, str(one.specifier).removeprefix("==")) for one in here))


def installed() -> dict[str, str]:
    """Return the version of each package of this environment, without the build of it (such as +cpu)."""
    found = {canonicalize_name(one.metadata["Name"]): Version(one.version).public for one in distributions()}
    return {name: version for name, version in found.items() if name not in OURS}


def table(lock: dict[str, str], found: dict[str, str]) -> str:
    """Return the table, with "none" where a package is missing; or a sentence if there is nothing to tell."""
    differing = sorted(name for name in lock | found if lock.get(name) != found.get(name))
    if not differing:
        return "All versions are those of requirements.lock."
    rows = [f"| {name} | {lock.get(name, 'none')} | {found.get(name, 'none')} |" for name in differing]
    return "\n".join(["| package | requirements.lock | here |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    print(table(locked(), installed()))
