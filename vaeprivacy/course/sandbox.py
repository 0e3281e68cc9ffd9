"""A submission in a process of its own: it gets inputs, and only plain answers come back."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vaeprivacy.compute.extras import extra
from vaeprivacy.course import sandbox_files as files
from vaeprivacy.course import sandbox_runner, wall
from vaeprivacy.course.sandbox_files import MIB, TOO_LARGE, AnswerError, read_answer, texts_of
from vaeprivacy.course.variants import Variant, write_files

with extra("course", work="Coursework"):
    import psutil

SPARE_THREADS = 64  # that a submission may start
MOST_CELLS = 4 * TOO_LARGE  # bytes of JSON that a submission's cells may be
READ_SECONDS = 20.0  # for reading them from a file, which is no time of the student's
# Of what it may not, or of a file that is not its own: behind bubblewrap, there is none.
REFUSALS = re.compile(r"PermissionError|Permission denied|not permitted|'/.*No such file|No such file.*'/", re.DOTALL)
LOOK_AGAIN = 0.2  # seconds, after which the size of its folder is looked at


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
        self.incidents: list[str] = []  # what a person may have to look at
        self._failed: dict[str, str] = {}
        self._process: subprocess.Popen | None = None
        self._loaded, self._n_asked, self._spent = False, 0, 0.0

    @classmethod
    def of(cls, path: Path, **options: Any) -> "Student":
        """Return the submission in a file, which its own process has read, within its limits.

        Raises
        ------
        ValueError
            If it is too large, or cannot be read.
        """
        content = files.read_content(path)
        if len(content) > TOO_LARGE:
            raise ValueError(f"{path.name} is larger than {TOO_LARGE // MIB} MiB: clear its outputs.")
        student = cls([], [], **options)
        try:
            student._launch(file=f"submission{path.suffix.lower()}", content=content)
            reply = student._wait("read", READ_SECONDS, MOST_CELLS)
            student._spent = 0.0
        except AnswerError as error:
            student._end()
            raise ValueError(f"{path.name} cannot be read: {error}") from None
        if "error" in reply:
            student._end()
            what = str(reply["error"])[:100]
            raise ValueError(f"{path.name} cannot be read as a notebook or Python file ({what}).")
        student.cells, student.texts = (texts_of(reply.get(name), most=TOO_LARGE) for name in ("cells", "texts"))
        return student

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
            raise self._lost(name, f"`{name}`: {error}") from None
        if "error" in reply:
            self._look_at([str(reply["error"])[:1000]])
            raise AnswerError(str(reply["error"])[:1000])
        return reply.get("value")

    def _look_at(self, errors: list[str]) -> None:
        """Note errors of a submission that say that it was refused something."""
        self.incidents += [each for each in errors if REFUSALS.search(each) and each not in self.incidents]

    def _start(self) -> None:
        """Start a process and run the submission's cells, unless one is waiting; what fails once is not tried again."""
        if "" in self._failed:
            raise AnswerError(self._failed[""])
        if self._loaded:
            return
        if not self._process:
            self._launch()
        try:
            reply = self._wait("0", self.limits.load_seconds)
        except AnswerError as error:
            raise self._lost("", f"Running the submission from top to bottom: {error}") from None
        self.errors, self.notes = (texts_of(reply.get(name))[:20] for name in ("value", "notes"))
        self._look_at(self.errors)
        self._loaded = True

    def _launch(self, *, file: str = "", content: bytes = b"") -> None:
        """Start a process in a folder of its own, behind a wall; if there is a file, it reads its cells from that."""
        self._folder = tempfile.TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name).resolve()
        write_files(self.variant, folder)
        if file:
            (folder / file).write_bytes(content)
        (folder / "job.json").write_text(json.dumps(self._job() | {"file": file}), encoding="utf-8")
        self._n_asked = 0
        command = [sys.executable, "-I", "-B", "-X", "utf8", sandbox_runner.__file__, str(folder)]
        self._process = subprocess.Popen(
            [*wall.around(wall.found(), folder), *command],
            cwd=folder,
            env=clean_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _lost(self, name: str, why: str) -> AnswerError:
        """End the process, remember why, and return it as an error."""
        self._failed[name] = why
        self.incidents.append(why)
        self._end()
        return AnswerError(why)

    def _job(self) -> dict[str, Any]:
        limits = self.limits
        of_process = {"memory": limits.memory, "seconds": int(limits.total_seconds) + 1, "file_size": limits.file_size}
        of_process["processes"] = own_threads() + SPARE_THREADS
        job = {"cells": self.cells, "limits": of_process, "noted": self.noted}
        return {**job, "parent": os.getpid(), "wall": wall.found()}

    def _exchange(self, number: int, request: dict[str, Any]) -> dict[str, Any]:
        folder = Path(self._folder.name)
        try:
            files.write_new(folder / f"ask-{number}.json", json.dumps(request))
            self._process.stdin.write(f"{number}\n".encode())
            self._process.stdin.flush()
        except OSError:
            raise AnswerError("the process has ended before it was asked.") from None
        return self._wait(str(number), self.limits.call_seconds)

    def _wait(self, what: str, seconds: float, most: int = 0) -> dict[str, Any]:
        """Wait for an answer, at most so long, and within what is left of the total time."""
        begin, path = time.monotonic(), Path(self._folder.name) / f"answer-{what}.json"
        allowed, look = min(seconds, self.limits.total_seconds - self._spent), begin + LOOK_AGAIN
        try:
            while not os.path.lexists(path):
                if self._process.poll() is not None and not os.path.lexists(path):
                    raise AnswerError(files.how_it_ended(self._code()))
                if time.monotonic() > look:
                    files.check_folder(path.parent)
                    look = time.monotonic() + LOOK_AGAIN
                if time.monotonic() - begin > allowed:
                    raise AnswerError(f"it took longer than {max(allowed, 0):.0f} seconds and was stopped.")
                time.sleep(0.002)
        finally:
            self._spent += time.monotonic() - begin
        reply = read_answer(path, most or self.limits.answer_size)
        self.uses.update(name for name in self.noted if name in texts_of(reply.get("uses")))
        tried = [f"it tried {each}" for each in texts_of(reply.get("tried"))[:20]]
        self.incidents += [each for each in tried if each not in self.incidents]
        return reply

    def _code(self) -> int:
        """Return how the process ended, as Python says it: minus the signal. bubblewrap says 128 plus the signal."""
        code = self._process.returncode
        return 128 - code if code > 128 and "bubblewrap" in wall.found() else code

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
        self._process, self._loaded = None, False
        files.remove(self._folder)


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
