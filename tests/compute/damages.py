"""What becomes of files: cut off, emptied, changed, replaced, or without room on the disk."""

import errno
import os
from collections.abc import Callable
from pathlib import Path


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "a bit flipped": flipped,
    "foreign": lambda data: b"<html>503 Service Unavailable</html>",
}


def harm(path: Path, damage: str) -> None:
    path.write_bytes(DAMAGES[damage](path.read_bytes()))


def no_space(*args: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
