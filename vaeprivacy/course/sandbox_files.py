"""Files that pass between the grader and a student's process: what either wrote there may be anything."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

MIB = 2**20
TOO_LARGE = 5 * MIB  # for a submission
MOST_FILES, MOST_BYTES = 2000, 512 * MIB  # that a submission may have in its folder


class AnswerError(Exception):
    """What is wrong with an answer, in words for the student."""


def read_content(path: Path) -> bytes:
    """Return what a submission's file holds, cut off behind the first byte that is too much to be graded."""
    with path.open("rb") as file:
        return file.read(TOO_LARGE + 1)


def texts_of(value: Any, *, most: int = 1000) -> list[str]:
    """Return a list of texts that a submission's process sent, or nothing if it sent something else."""
    return [str(each)[:most] for each in value] if isinstance(value, list) else []


def how_it_ended(code: int) -> str:
    """Return in words why a process is no longer there."""
    if code == -getattr(signal, "SIGXCPU", 24):
        return "it used more processor time than it may, and was stopped."
    if code < 0:
        return f"the process was stopped by signal {-code}; did it use too much memory?"
    return f"the process ended itself with code {code} (by os._exit or the like)."


def write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet, so that nothing the student put there is followed."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def read_answer(path: Path, limit: int) -> dict[str, Any]:
    """Read an answer, which may be anything that a hostile process leaves there.

    Raises
    ------
    AnswerError
        If it is no regular file, too long, or no JSON object.
    """
    try:
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(number, "rb") as file:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                raise AnswerError("its answer is no file.")
            content = file.read(limit + 1)
    except OSError:
        raise AnswerError("its answer cannot be read.") from None
    if len(content) > limit:
        raise AnswerError(f"its answer is larger than {limit // MIB} MiB.")
    try:
        reply = json.loads(content)
    except (ValueError, RecursionError, MemoryError):
        raise AnswerError("its answer cannot be read.") from None
    if not isinstance(reply, dict):
        raise AnswerError("its answer has not the form of an answer.")
    return reply


def check_folder(folder: Path) -> None:
    """Raise AnswerError if a submission has filled its folder: the disk is the class's."""
    n_files, n_bytes, folders = 0, 0, [os.fspath(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    n_files += 1
                    n_bytes += entry.stat(follow_symlinks=False).st_size
                    folders += [entry.path] if entry.is_dir(follow_symlinks=False) else []
                    if n_files > MOST_FILES or n_bytes > MOST_BYTES:
                        raise AnswerError(f"it wrote more than {MOST_FILES} files or {MOST_BYTES // MIB} MiB.")
        except FileNotFoundError:  # deleted meanwhile
            continue
        except OSError:
            raise AnswerError("its folder is nested too deeply.") from None


def remove(folder: tempfile.TemporaryDirectory) -> None:
    """Delete a folder, however deep it is; what is being killed may write for another moment."""
    for _ in range(50):
        with contextlib.suppress(RecursionError, OSError):
            folder.cleanup()
        if not os.path.lexists(folder.name):
            return
        with contextlib.suppress(OSError):  # there is none on Windows
            subprocess.run(["rm", "-rf", "--", folder.name], capture_output=True, check=False)
        time.sleep(0.02)
