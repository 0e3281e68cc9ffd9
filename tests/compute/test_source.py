"""Results depend on code and versions, not on sentences: the hash that names their files."""

import shutil
from pathlib import Path

import pytest

from vaeprivacy.compute import source
from vaeprivacy.compute.source import BOOK_ROOMS, PACKAGE, RUN_ROOMS, code_hash


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that may be changed."""
    copy = shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(source, "PACKAGE", copy)
    return copy


def fresh_hash(rooms: tuple[str, ...] = RUN_ROOMS) -> str:
    """Return the hash of the files as they are now."""
    return code_hash.__wrapped__(rooms)


@pytest.mark.parametrize(
    "file",
    [
        "vae.py",
        "mechanisms/laplace.py",
        "datasets/splits.py",
        "attacks/shokri.py",
        "defences/framework.py",
        "experiments/pool.py",
        "compute/ensemble.py",
    ],
)
def test_a_change_of_code_in_each_room_of_a_run_changes_the_hash(package: Path, file: str) -> None:
    before = fresh_hash()
    with (package / file).open("a", encoding="utf-8") as opened:
        opened.write("\nCHANGED = 1\n")
    assert fresh_hash() != before


@pytest.mark.parametrize("file", ["cli/app.py", "course/grading.py", "reporting/figures.py", "audit/faults/noise.py"])
def test_what_only_shows_or_checks_does_not(package: Path, file: str) -> None:
    before, of_notebooks = fresh_hash(), fresh_hash(BOOK_ROOMS)
    with (package / file).open("a", encoding="utf-8") as opened:
        opened.write("\nCHANGED = 1\n")
    assert fresh_hash() == before
    assert (fresh_hash(BOOK_ROOMS) != of_notebooks) == file.startswith(("audit", "reporting"))


def test_a_new_file_counts_whatever_its_name(package: Path) -> None:
    before = fresh_hash()
    (package / "attacks" / "figures.py").write_text("NEW = 1\n")
    assert fresh_hash() != before


def test_docstrings_and_comments_do_not_count_and_a_default_value_does(package: Path) -> None:
    before, path = fresh_hash(), package / "vae.py"
    text = path.read_text(encoding="utf-8")
    other = text.replace('"""The variational autoencoder:', '"""Another sentence about the VAE:')
    other = other.replace('"""Return mean and log-variance', '"""Another sentence. Return mean and log-variance')
    other = other.replace("# In the precision", "# Another comment. In the precision")
    assert sum(one != two for one, two in zip(text.split("\n"), other.split("\n"), strict=True)) == 3
    path.write_text(other, encoding="utf-8")
    assert fresh_hash() == before
    path.write_text(other.replace("latent_dim: int = 16", "latent_dim: int = 17"), encoding="utf-8")
    assert fresh_hash() != before


def test_data_files_of_a_room_count(package: Path) -> None:
    before, of_runs = fresh_hash(BOOK_ROOMS), fresh_hash()
    (package / "reporting" / "results" / "new.parquet").write_bytes(b"1")
    assert fresh_hash(BOOK_ROOMS) != before and fresh_hash() == of_runs


@pytest.mark.parametrize("library", source.LIBRARIES)
def test_the_versions_of_libraries_count(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fresh_hash()
    monkeypatch.setattr(source, "version", lambda name: "0.0" if name == library else installed(name))
    assert fresh_hash() != before


installed = source.version


def test_a_library_that_is_not_installed_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LIBRARIES", ("no-such-library",))
    assert fresh_hash()


def test_the_version_of_python_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fresh_hash()
    monkeypatch.setattr(source.platform, "python_version", lambda: "3.0.0")
    assert fresh_hash() != before
