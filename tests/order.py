"""In which order the files of tests are begun, so that both processes end at about the same time.

xdist begins files with many tests first. Here, those with few tests take longest.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
#: The first runs the notebooks, which takes some minutes. Files that need neither them nor the book keep the other
#: process busy meanwhile, so that it does not wait; then come long files that need them.
FIRST = (
    "book/test_elsewhere.py",
    "experiments/test_sweeps.py",
    "experiments/test_runs.py",
    "test_golden.py",
    "mechanisms/test_denoisers.py",
    "compute/test_parallel.py",
    "test_readme.py",
    "course/test_hostile.py",
    "course/test_assignments.py",
    "test_repository.py",
    "compute/test_devices.py",
    "course/test_gradebook.py",
    "compute/test_checkpoints.py",
    "experiments/test_search.py",
    "experiments/test_toys.py",
    "course/test_metric_privacy_assignment.py",
    "audit/test_distributions.py",
    "book/test_browser.py",
    "book/test_pages.py",
    "book/test_prose.py",
    "book/test_explorers.py",
    "test_packaging.py",
    "test_import_time.py",
    "dp/test_dp_sgd.py",
    "course/test_shadow_models_assignment.py",
)
#: These need the notebooks or the book, and are short.
LAST = (
    "book/test_notebooks.py",
    "book/test_first_use.py",
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
