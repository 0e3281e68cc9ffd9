"""See to it that Fashion-MNIST is on this machine: find it, download it, or install Debian's package of it."""

import os
import shutil
import subprocess
import sys

from vaeprivacy.data import load


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
    """Load the data set once, which checks every file."""
    try:
        load("fashion-mnist")
    except FileNotFoundError as error:
        if not install_debian_package():
            sys.exit(str(error))
        try:
            load("fashion-mnist")
        except (FileNotFoundError, ValueError) as still:
            sys.exit(str(still))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
