"""In which order the files of tests are begun, so that both processes end at about the same time.

xdist begins files with many tests first. Here, those with few tests take longest.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
#: The first makes what all of tests/book share, in minutes; the other process has others to do meanwhile.
FIRST = (
    "book/test_elsewhere.py",
    "test_golden.py",
    "mechanisms/test_denoisers.py",
    "course/test_assignments.py",
    "audit/test_distributions.py",
    "course/test_hostile.py",
    "compute/test_checkpoints.py",
    "course/test_metric_privacy_assignment.py",
    "course/test_gradebook.py",
    "test_packaging.py",
    "test_import_time.py",
    "dp/test_dp_sgd.py",
    "course/test_shadow_models_assignment.py",
)
#: These need the book that is built of the notebooks; the first builds it.
LAST = (
    "book/test_prose.py",
    "book/test_explorers.py",
    "book/test_browser.py",
    "book/test_first_use.py",
    "book/test_pages.py",
    "book/test_phone.py",
    "book/test_api.py",
)


def place(item: pytest.Item) -> int:
    """Return where a test comes: before 0 if its file is among the first, after 0 if it is among the last."""
    name = item.path.relative_to(TESTS).as_posix()
    if name in FIRST:
        return FIRST.index(name) - len(FIRST)
    return 1 + LAST.index(name) if name in LAST else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first, and those of the built book last; in between, all stay as they are."""
    items.sort(key=place)
