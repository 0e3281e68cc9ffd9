"""Data that Debian has packaged: downloaded and unpacked by whoever asks, and not installed."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

PATIENCE = 600  # seconds that a step may take


def unpack_package(package: str, inside: str, folder: Path) -> None:
    """Download a package of Debian's and keep one folder of what is in it; that needs no root.

    apt-get asks the servers that the system names, and checks what they send. If the system's list of packages is
    empty or too old, a new one is made beside the package, and deleted with it.

    Parameters
    ----------
    package : str
        Its name.
    inside : str
        Which folder of it, such as "usr/share/datasets/fashion-mnist".
    folder : pathlib.Path
        What that becomes; there must be no such folder yet.

    Raises
    ------
    OSError
        If this system has no apt-get, or it does not find or get the package.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise FileNotFoundError("there is no apt-get")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as name:
        work = Path(name)
        if not any(_ran(command, work) for command in _downloads(package, work)):
            raise OSError(f"apt-get could not get {package}")
        [archive] = work.glob(f"{package}_*.deb")
        if not _ran(["dpkg-deb", "--extract", archive.name, "all"], work):
            raise OSError(f"dpkg-deb could not unpack {archive.name}")
        (work / "all" / inside).rename(folder)


def _downloads(package: str, work: Path) -> Iterator[list[str]]:
    """Yield commands that download a package: with the system's list of packages, then with one of our own."""
    yield ["apt-get", "download", package]
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    own = {"Dir::State::Lists": work / "lists", "Dir::Cache": work / "cache", "APT::Sandbox::User": "root"}
    apt = ["apt-get", *(part for name, value in own.items() for part in ("-o", f"{name}={value}"))]
    if _ran([*apt, "update"], work):
        yield [*apt, "download", package]


def _ran(command: list[str], work: Path) -> bool:
    """Return whether a command, whose output nobody sees, did its work in time."""
    try:
        return subprocess.run(command, cwd=work, capture_output=True, check=False, timeout=PATIENCE).returncode == 0
    except subprocess.TimeoutExpired:
        return False
