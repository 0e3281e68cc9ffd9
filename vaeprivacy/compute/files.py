"""Files that are written whole or not at all, the results file, one line a run, and YAML."""

import errno
import hashlib
import json
import os
import re
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

RESULTS = "results.jsonl"
CHECKSUM = "checksum"
T = TypeVar("T")
DENIED = "permission is denied: choose another place, or change the permissions"
NO_FOLDER = "a file stands where a folder is wanted: choose another folder"
FULL = "the disk is full: make room, and run the same again"
#: What the system says of files, in sentences that say what to do.
REASONS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EACCES: DENIED,
    errno.EPERM: DENIED,
    errno.EROFS: "the disk is read-only: choose another place",
    errno.ENOTDIR: NO_FOLDER,
    errno.EEXIST: NO_FOLDER,
    errno.EISDIR: "a folder stands where a file is wanted: give the path of a file",
}


class DamagedFileError(ValueError):
    """A file that is cut off, changed, or of another kind than its place says."""


def in_words(error: OSError, path: Path | str) -> OSError:
    """Return an error of the system as one whose text names a file and says what to do."""
    if error.strerror is None:  # it has been through here, or is of our own making
        return error
    said = type(error)(f"{path}: {REASONS.get(error.errno, error.strerror)}.")
    said.errno = error.errno
    return said


def check_writable(directory: Path | str) -> None:
    """Try to write into a folder, or where it will be made, and leave nothing: better to know before hours of work.

    Raises
    ------
    OSError
        If it cannot be made or written to; the text names it and says what to do.
    """
    directory = Path(directory).absolute()
    there = next(place for place in (directory, *directory.parents) if place.exists())
    try:
        there.mkdir(exist_ok=True)  # an error, if it is a file
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise in_words(error, there) from error


def check_new(path: Path) -> None:
    """Refuse to write over a file or a folder.

    Raises
    ------
    FileExistsError
        If there is one.
    """
    if path.exists():
        raise FileExistsError(f"{path} is there already: choose another name, or delete it.")


def load_or_compute(path: Path, make: Callable[[], T], write: Callable[[T, Path], Any], read: Callable[[Path], T]) -> T:
    """Read the file of a stage; if there is none, or it is damaged, compute it first.

    Parameters
    ----------
    path : pathlib.Path
        Where the file belongs. It appears there only once it is complete, even if the process is killed.
    make : callable
        Computes what the file holds.
    write, read : callable
        Write it to a path, read it from one; `read` raises :class:`DamagedFileError` if it cannot.
    """
    found = read_kept(path, read)
    if found is None:
        write_whole(path, partial(write, make()))
        found = read(path)
    return found


def read_kept(path: Path, read: Callable[[Path], T]) -> T | None:
    """Return what a file of our own holds; None if there is none, or it is damaged: then it is set aside."""
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except DamagedFileError as error:
        set_aside(path, error)
        return None


def set_aside(path: Path, error: DamagedFileError) -> None:
    """Give a damaged file another name, and say so: it is computed again."""
    aside = path.with_name(f"{path.name}.damaged")
    with suppress(FileNotFoundError):  # another process was faster
        os.replace(path, aside)
    warnings.warn(f"{error} So it is set aside as {aside.name}, and computed again.", stacklevel=3)


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file under another name and move it to its place, so that it is there whole or not at all.

    It is on the disk before it is moved: a power failure leaves no empty file.

    Raises
    ------
    OSError
        If it cannot be written; the text names it and says what to do.
    """
    # A name of its own for each writer: another machine may have a process with the same number.
    unfinished = path.with_name(f"{path.name}.{uuid4().hex[:12]}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(unfinished)
        _onto_disk(unfinished)
        os.replace(unfinished, path)
        _onto_disk(path.parent)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink()
        if isinstance(error, OSError):
            raise in_words(error, path) from error
        raise


def _onto_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows has no such call for folders
    place = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def append_row(row: dict[str, Any], *, directory: Path | str) -> None:
    """Append the row of a run to the results file of a directory, in one write, with a checksum.

    Raises
    ------
    OSError
        If it cannot be written; then nothing is.
    """
    path = Path(directory) / RESULTS
    # The leading newline closes a line that a killed process may have left unfinished.
    line = f"\n{json.dumps({'row': row, CHECKSUM: _checksum(row)})}\n".encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            start = file.seek(0, os.SEEK_END)
            written = file.write(line)
            if written < len(line):
                if os.fstat(file.fileno()).st_size == start + written:  # no other process has written since
                    file.truncate(start)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
    except OSError as error:
        raise in_words(error, path) from error


def _checksum(row: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(row).encode()).hexdigest()[:16]


def read_rows(directory: Path | str) -> dict[str, dict[str, Any]]:
    """Return all rows of a directory's results file by their keys; a line that is none is skipped with a warning.

    Rows of older versions stand there alone, without a checksum.
    """
    path = Path(directory) / RESULTS
    rows = {}
    for number, line in enumerate(path.read_bytes().split(b"\n") if path.exists() else [], start=1):
        row = _row(line)
        if row is not None:
            rows[row["key"]] = row
        elif line.strip():
            warnings.warn(
                f"{path}, line {number}, is no row of a run: a killed process left it unfinished, or it was changed. "
                "If it was one, that run is computed again.",
                stacklevel=2,
            )
    return rows


def _row(line: bytes) -> dict[str, Any] | None:
    """Return the row that a line holds; None if it holds none, or another one than was written."""
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if isinstance(row, dict) and "row" in row:
        row = row["row"] if row.get(CHECKSUM) == _checksum(row["row"]) else None
    return row if isinstance(row, dict) and isinstance(row.get("key"), str) else None


def read_yaml(path: Path) -> Any:
    """Return what a YAML file (of version 1.2: 1e-4 is a number) holds: mappings, lists, texts, numbers, and so on.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is no YAML, or has a key twice.
    """
    from ruamel.yaml import YAML  # only here: few of those who write files read grids
    from ruamel.yaml.constructor import DuplicateKeyError

    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; pass a YAML file.")
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8-sig"))
    except DuplicateKeyError as error:
        key, line = [*error.problem.split('"'), ""][1], error.problem_mark.line + 1
        problem, cause = f"{key!r} stands twice in one mapping, the second time in line {line}", error
    except RecursionError as error:
        problem, cause = "it is nested too deeply", error
    except UnicodeDecodeError as error:
        problem, cause = "it is no text in UTF-8; save it anew, in that encoding", error
    except Exception as error:  # the library's own, and of what it makes of numbers, dates and tags
        # The line is said twice: 'line 3, column 5: ... (line: 3)'.
        problem, cause = re.sub(r" \(line: \d+\)", "", " ".join(str(error).split())), error
        problem = "it holds a number of thousands of digits" if "set_int_max_str_digits" in problem else problem
    raise ValueError(f"{path} cannot be read as YAML: {problem}.") from cause
