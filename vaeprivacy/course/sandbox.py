"""A submission in a process of its own: it gets inputs, and only plain answers come back."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vaeprivacy.compute.extras import extra
from vaeprivacy.course import sandbox_runner
from vaeprivacy.course.variants import Variant, write_files

with extra("course", work="Coursework"):
    import psutil

MIB = 2**20
SPARE_THREADS = 64  # that a submission may start


class AnswerError(Exception):
    """What is wrong with an answer, in words for the student."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes
    ----------
    load_seconds, call_seconds, total_seconds : float
        For running all its cells, for one question to it, and for everything together.
    memory : int
        Address space in bytes (not on Windows, and not always on macOS).
    file_size, answer_size : int
        Largest file that it may write, and largest answer that is read, in bytes.
    """

    load_seconds: float = 60.0
    call_seconds: float = 20.0
    total_seconds: float = 120.0
    memory: int = 4096 * MIB
    file_size: int = 16 * MIB
    answer_size: int = 8 * MIB


@dataclass(frozen=True)
class Seed:
    """Stands for ``numpy.random.default_rng(value)`` among the arguments of a student's function."""

    value: int


def encode_answer(value: Any) -> Any:
    """Return arguments in terms of JSON, as :func:`vaeprivacy.course.sandbox_runner.decode` reads them."""
    if isinstance(value, np.ndarray):
        return {"__array__": value.ravel().tolist(), "dtype": str(value.dtype), "shape": value.shape}
    if isinstance(value, Seed):
        return {"__seed__": value.value}
    return [encode_answer(each) for each in value] if isinstance(value, list | tuple) else value


class Student:
    """A submission that can be asked for values of its variables and results of its functions.

    Use it in a ``with`` statement, which ends the process.

    Parameters
    ----------
    cells : list of str
        The code of the submission.
    texts : list of str
        Its texts.
    variant : Variant
        Its public files are put beside the code.
    limits : Limits
        What it may use.
    noted : tuple of str
        Packages of which it is noted, in `uses`, whether the submission has loaded a module.
    """

    def __init__(
        self,
        cells: list[str],
        texts: list[str],
        *,
        variant: Variant,
        limits: Limits | None = None,
        noted: tuple[str, ...] = (),
    ) -> None:
        self.cells, self.texts, self.variant, self.limits = cells, texts, variant, limits or Limits()
        self.noted, self.uses = noted, set()
        self.errors: list[str] = []
        self.notes: list[str] = []  # lines that did nothing
        self._failed: dict[str, str] = {}
        self._process: subprocess.Popen | None = None
        self._n_asked, self._spent = 0, 0.0

    def __enter__(self) -> "Student":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def call(self, name: str, *arguments: Any) -> Any:
        """Return what a function of the submission returns, arrays as nested lists.

        Raises
        ------
        AnswerError
            If there is no such function, if it fails, takes too long, or ends the process.
        """
        return self._ask(name, {"name": name, "arguments": encode_answer(arguments)})

    def value(self, name: str) -> Any:
        """Return the value of a variable of the submission; errors are those of :meth:`call`."""
        return self._ask(name, {"name": name})

    def text(self, name: str) -> str:
        """Return what the student wrote below the mark ``<!-- answer: name -->``, without the text that stood there."""
        mark = f"<!-- answer: {name} -->"
        found = [text.split(mark, 1)[1].strip() for text in self.texts if mark in text]
        return found[0].replace("*Write here.*", "").strip() if found else ""

    def _ask(self, name: str, request: dict[str, Any]) -> Any:
        if name in self._failed:
            raise AnswerError(self._failed[name])
        self._start()
        self._n_asked += 1
        try:
            reply = self._exchange(self._n_asked, request)
        except AnswerError as error:  # the process is lost; the next question gets a new one
            self._failed[name] = f"`{name}`: {error}"
            self._end()
            raise AnswerError(self._failed[name]) from None
        if "error" in reply:
            raise AnswerError(str(reply["error"])[:1000])
        return reply.get("value")

    def _start(self) -> None:
        """Start a process and run the submission's cells, unless one is waiting; what fails once is not tried again."""
        if "" in self._failed:
            raise AnswerError(self._failed[""])
        if self._process:
            return
        self._folder = tempfile.TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        write_files(self.variant, folder)
        (folder / "job.json").write_text(json.dumps(self._job()), encoding="utf-8")
        self._n_asked = 0
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", sandbox_runner.__file__, str(folder)],
            cwd=folder,
            env=clean_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            reply = self._wait(0, self.limits.load_seconds)
            self.errors, self.notes = (texts_of(reply.get(name))[:20] for name in ("value", "notes"))
        except AnswerError as error:
            self._failed[""] = f"Running the submission from top to bottom: {error}"
            self._end()
            raise AnswerError(self._failed[""]) from None

    def _job(self) -> dict[str, Any]:
        limits = self.limits
        of_process = {"memory": limits.memory, "seconds": int(limits.total_seconds) + 1, "file_size": limits.file_size}
        of_process["processes"] = own_threads() + SPARE_THREADS
        return {"cells": self.cells, "parent": os.getpid(), "limits": of_process, "noted": self.noted}

    def _exchange(self, number: int, request: dict[str, Any]) -> dict[str, Any]:
        folder = Path(self._folder.name)
        try:
            write_new(folder / f"ask-{number}.json", json.dumps(request))
            self._process.stdin.write(f"{number}\n".encode())
            self._process.stdin.flush()
        except OSError:
            raise AnswerError("the process has ended before it was asked.") from None
        return self._wait(number, self.limits.call_seconds)

    def _wait(self, number: int, seconds: float) -> dict[str, Any]:
        """Wait for an answer, at most so long, and within what is left of the total time."""
        begin, path = time.monotonic(), Path(self._folder.name) / f"answer-{number}.json"
        allowed = min(seconds, self.limits.total_seconds - self._spent)
        try:
            while not os.path.lexists(path):
                if self._process.poll() is not None and not os.path.lexists(path):
                    raise AnswerError(how_it_ended(self._process.returncode))
                if time.monotonic() - begin > allowed:
                    raise AnswerError(f"it took longer than {max(allowed, 0):.0f} seconds and was stopped.")
                time.sleep(0.002)
        finally:
            self._spent += time.monotonic() - begin
        reply = read_answer(path, self.limits.answer_size)
        self.uses.update(name for name in self.noted if name in texts_of(reply.get("uses")))
        return reply

    def _end(self) -> None:
        """End the process and all that it started in its group, and delete its folder."""
        if not self._process:
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.stdin.close()
        self._process.wait()
        self._process = None
        self._folder.cleanup()


def texts_of(value: Any) -> list[str]:
    """Return a list of texts that a submission's process sent, or nothing if it sent something else."""
    return [str(each)[:1000] for each in value] if isinstance(value, list) else []


def own_threads() -> int:
    """Return how many threads this user has: the limit of processes on POSIX counts all of them together."""
    if not hasattr(os, "getuid"):
        return 0
    found = psutil.process_iter(["uids", "num_threads"])
    return sum(
        each.info["num_threads"] or 1 for each in found if each.info["uids"] and each.info["uids"].real == os.getuid()
    )


def clean_environment(folder: Path) -> dict[str, str]:
    """Return the few variables that a student's process gets: none of the teacher's."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
    folders = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"), str(folder))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # joblib, and scikit-learn with it, then does in one process what it is asked to do in many.
    threads |= {"JOBLIB_MULTIPROCESSING": "0", "LOKY_MAX_CPU_COUNT": "1"}
    return {**kept, **folders, **threads, "MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1"}


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
