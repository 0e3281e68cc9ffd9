"""Debian's package of a data set: the real apt-get downloads it into the user's cache, and nothing is installed."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pooch
import pytest
from data_files import IDX_FILES, failing_with, sha256, write_idx_files

from vaeprivacy.datasets import images, load, sources
from vaeprivacy.datasets.debian import unpack_package

PACKAGE, INSIDE = "dataset-of-the-tests", "usr/share/datasets/tests"
SYSTEM = [Path("/var/lib/dpkg/status"), Path("/var/lib/apt/lists")]
needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="This system has no apt-get.")


def control(more: str = "") -> str:
    lines = [f"Package: {PACKAGE}", "Version: 1", "Architecture: all", "Maintainer: nobody <a@example.org>"]
    return "\n".join([*lines, f"{more}Description: none", ""])


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that apt-get takes for Debian's server, with one package; the list of packages is not loaded yet."""
    folder, tree = tmp_path / "mirror", tmp_path / "tree"
    (tree / INSIDE).mkdir(parents=True)
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN" / "control").write_text(control())
    write_idx_files(tree / INSIDE)
    folder.mkdir()
    archive = folder / f"{PACKAGE}_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", str(tree), str(archive)], check=True, capture_output=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    more = f"Filename: ./{archive.name}\nSize: {archive.stat().st_size}\nSHA256: {digest}\n"
    (folder / "Packages").write_text(control(more))
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
    (tmp_path / "lists").mkdir()
    config = {"Dir::Etc::SourceList": "sources.list", "Dir::Etc::SourceParts": "none", "Dir::State::Lists": "lists"}
    (tmp_path / "apt.conf").write_text("".join(f'{name} "{tmp_path / value}";\n' for name, value in config.items()))
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    return folder


def state() -> list[tuple[int, int]]:
    """Return what changes if something is installed, or the system's list of packages renewed."""
    return [(path.stat().st_mtime_ns, path.stat().st_size) for path in SYSTEM if path.exists()]


def test_without_apt_there_is_no_package(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match=r"^there is no apt-get$"):
        unpack_package(PACKAGE, INSIDE, tmp_path / "cache" / "tests")
    assert list(tmp_path.iterdir()) == []


@needs_apt
def test_a_package_that_is_not_there_leaves_nothing(mirror, tmp_path):
    with pytest.raises(OSError, match="apt-get could not get no-such-package"):
        unpack_package("no-such-package", INSIDE, tmp_path / "cache" / "tests")
    assert list((tmp_path / "cache").iterdir()) == []


@needs_apt
def test_a_package_that_was_changed_on_its_way_is_refused(mirror, tmp_path):
    archive = next(mirror.glob("*.deb"))
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    with pytest.raises(OSError, match="apt-get could not get"):
        unpack_package(PACKAGE, INSIDE, tmp_path / "cache" / "tests")
    assert list((tmp_path / "cache").iterdir()) == []


@needs_apt
@pytest.mark.parametrize("known", [True, False], ids=["with the system's list", "with a list of its own"])
def test_a_package_is_unpacked_and_nothing_is_installed(mirror, tmp_path, known):
    if known:
        subprocess.run(["apt-get", "update"], check=True, capture_output=True)
    before, lists = state(), sorted((tmp_path / "lists").rglob("*"))
    unpack_package(PACKAGE, INSIDE, tmp_path / "cache" / "tests")
    files = {path.name for path in (tmp_path / "cache" / "tests").iterdir()}
    assert files == {f"{name}.gz" for name in IDX_FILES}
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["tests"]
    assert state() == before and sorted((tmp_path / "lists").rglob("*")) == lists
    assert subprocess.run(["dpkg", "--status", PACKAGE], capture_output=True, check=False).returncode != 0


@needs_apt
def test_fashion_mnist_comes_out_of_the_package_once_if_its_server_is_down(mirror, tmp_path, monkeypatch):
    hashes = {name: ("sha256:of the server's file", sha256(data)) for name, data in IDX_FILES.items()}
    monkeypatch.setattr(images, "FASHION_MNIST_SHA256", hashes)
    here = replace(images.FASHION_MNIST, folders=(Path("/") / INSIDE,), package=PACKAGE)
    monkeypatch.setattr(images, "FASHION_MNIST", here)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    monkeypatch.setattr(pooch, "retrieve", failing_with(OSError("no network")))
    taken = []
    monkeypatch.setattr(sources, "unpack_package", lambda *given: (taken.append(given[0]), unpack_package(*given)))
    assert len(load("fashion-mnist").x) == len(load("fashion-mnist").x) == 5
    assert taken == [PACKAGE]
    assert os.listdir(tmp_path / "vaeprivacy") == ["fashion-mnist-debian"]
