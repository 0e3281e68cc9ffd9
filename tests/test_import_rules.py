"""Who may import whom: the layers of pyproject.toml, and how modules and notebooks get at the package's names."""

import re
from pathlib import Path

import grimp
import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parent.parent
IMPORT = re.compile(r"^\s*(?:from|import) (vaeprivacy[\w.]*)", flags=re.MULTILINE)


def test_no_module_imports_from_a_layer_above_its_own() -> None:
    # Functions that import at the last moment count, too; names that the facade and the rooms offer do not.
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_modules_get_names_where_they_are_defined_and_not_from_the_facade() -> None:
    # There the layers would not see whose they are; the version is the facade's own.
    graph = grimp.build_graph("vaeprivacy", cache_dir=None)
    assert graph.find_modules_that_directly_import("vaeprivacy") <= {"vaeprivacy.compute.provenance"}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.md")), ids=lambda path: path.stem)
def test_notebooks_import_from_the_facade_and_the_rooms_and_not_from_files_in_rooms(path: Path) -> None:
    imported = IMPORT.findall(path.read_text(encoding="utf-8"))
    assert [name for name in imported if name.count(".") > 1] == []
