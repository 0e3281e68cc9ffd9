"""See to it that Fashion-MNIST is on this machine: find it, download it, or install Debian's package of it."""

import json
import os
import shutil
import subprocess
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


def install_debian_package() -> bool:
    """Install dataset-fashion-mnist if this is Debian and we are root; say whether that was tried."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    print("Fashion-MNIST cannot be downloaded; installing Debian's package dataset-fashion-mnist.", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "dataset-fashion-mnist"]):
        subprocess.run(["apt-get", "-qq", *arguments], env=environment, stdout=subprocess.DEVNULL, check=False)
    return True


def main() -> None:
    """Find the data set and check it, unless that was done before."""
    if is_checked():
        return
    try:
        find_and_check()
    except FileNotFoundError as error:
        if not install_debian_package():
            sys.exit(str(error))
        try:
            find_and_check()
        except (FileNotFoundError, ValueError) as still:
            sys.exit(str(still))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
