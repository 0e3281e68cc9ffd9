"""Print, as a table in Markdown, which packages are installed in another version than requirements.lock has."""

from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
OURS = {"vaeprivacy", "pip"}  # pip comes with the environment, and nothing asks for it


def locked(path: Path = ROOT / "requirements.lock") -> dict[str, str]:
    """Return the version that the lock has of each package."""
    return dict(line.split("==") for line in path.read_text(encoding="utf-8").split())


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
