"""See to it that Fashion-MNIST is on this machine: find it or download it, and check it."""

import json
import os
import sys
from pathlib import Path

#: Which files were found and checked, so that this is not done again, which takes seconds.
CHECKED = Path(__file__).resolve().parent.parent / "_build" / "fashion-mnist.json"


def state(files: list[str]) -> dict[str, object]:
    """Return where data sets are looked for, and the sizes and times of files (None for one that is not there)."""
    stats = {file: os.stat(file) if os.path.isfile(file) else None for file in files}
    return {
        "VAEPRIVACY_DATA": os.environ.get("VAEPRIVACY_DATA"),
        "files": {file: stat and [stat.st_size, stat.st_mtime_ns] for file, stat in stats.items()},
    }


def is_checked() -> bool:
    """Return whether the files are still those that were checked."""
    if not CHECKED.exists():
        return False
    before = json.loads(CHECKED.read_text(encoding="utf-8"))
    return state(list(before["files"])) == before


def find_and_check() -> None:
    """Load the data set, which checks every file, and note which files these are."""
    from vaeprivacy.datasets import find_fashion_mnist, load
    from vaeprivacy.datasets.images import FASHION_MNIST_SHA256

    load("fashion-mnist")
    CHECKED.parent.mkdir(parents=True, exist_ok=True)
    files = [str(find_fashion_mnist(name)) for name in FASHION_MNIST_SHA256]
    CHECKED.write_text(json.dumps(state(files), indent=1), encoding="utf-8")


def main() -> None:
    """Find the data set and check it, unless that was done before."""
    if is_checked():
        return
    try:
        find_and_check()
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
