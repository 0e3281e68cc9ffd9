"""A command as another user than root, who can run this Python even if it is installed in root's home."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import vaeprivacy

NOBODY = 65534
# In a view of its own: keeps what Python needs, and puts it into an empty folder over the one that nobody may enter.
SCRIPT = """set -e
closed=$1; shift; stash=$(mktemp -d); mount -t tmpfs -o mode=755 none "$stash"; n=0
for keep in $KEEP; do n=$((n + 1)); mkdir "$stash/$n"; mount --rbind "$keep" "$stash/$n"; done
mount -t tmpfs -o mode=755 none "$closed"; n=0
for keep in $KEEP; do n=$((n + 1)); mkdir -p "$keep"; mount --rbind "$stash/$n" "$keep"; done
umount -l "$stash"; rmdir "$stash"
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""


@cache
def _closed() -> tuple[str, list[str]]:
    """Return the folder that only root may enter and that Python is in, if any, and what of it Python needs."""
    needed = {os.path.realpath(each) for each in (sys.base_prefix, sys.prefix, Path(vaeprivacy.__file__).parents[1])}
    needed |= {os.path.realpath(each) for each in sys.path if each.endswith("-packages")}
    for path in sorted(needed):
        for parent in [*reversed(Path(path).parents), Path(path)]:
            if not parent.stat().st_mode & 0o001:
                return str(parent), sorted(each for each in needed if each.startswith(f"{parent}/"))
    return "", []


def run_as(user: str, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command as this user ("own") or, if that is root, as "nobody"."""
    given = {"capture_output": True, "text": True, "check": False, **options}
    closed, needed = _closed() if user == "nobody" else ("", [])
    if closed:
        given["env"] = {**os.environ, "KEEP": " ".join(needed), "HOME": "/", **given.get("env", {})}
        command = ["unshare", "-m", "sh", "-c", SCRIPT, "sh", closed, *command]
    elif user == "nobody":
        given |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    done = subprocess.run(command, **given)
    if closed and done.returncode and ("unshare:" in done.stderr or "mount:" in done.stderr):
        pytest.skip("Python is where only root may go, and root may mount nothing here.")
    return done
