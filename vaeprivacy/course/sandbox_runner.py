"""What runs in a student's process: limits, a guard on files and processes, the submission's cells, then questions.

It is started by its path, with Python's isolated mode, by :mod:`vaeprivacy.course.sandbox`, and imports nothing
of the package: what it could import, the student's code could read.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events that change files, and which of their arguments are numbers of open directories (-1 if there is none).
CHANGES = {
    "os.remove": (1,),
    "os.rmdir": (1,),
    "os.mkdir": (2,),
    "os.chmod": (2,),
    "os.chown": (3,),
    "os.utime": (3,),
    "os.rename": (2, 3),
    "os.truncate": (),
    "os.setxattr": (),
    "os.removexattr": (),
}
LOOKS = frozenset({"os.listdir", "os.scandir", "os.chdir"})
REFUSED = frozenset({"os.kill", "os.killpg", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn"})
REFUSED |= {"os.system", "os.link", "os.symlink", "os.startfile", "os.startfile/2", "subprocess.Popen", "pty.spawn"}
REFUSED |= {"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "resource.prlimit"}
MOST_OPEN = 256  # files at a time
#: The assignments that come with the package: what it reads of it, a submission may read, but not these.
SOURCES = os.path.realpath(Path(__file__).with_name("sources"))
# Where packages look for what a machine may have: nobody is named for that, nor for a program that one asks.
SYSTEM = ("/dev", "/etc", "/proc", "/run", "/sys", "/usr", "/var")


def beside(name: str) -> ModuleType:
    """Return the module in a file beside this one, which is in no package when it runs."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cells_of, wall = beside("sandbox_cells"), beside("wall")  # read before the guard is there
Notebook = cells_of.Notebook


def set_limits(*, memory: int, seconds: int, file_size: int, processes: int) -> None:
    """Limit memory, processor time, size of files and processes, on POSIX, in bytes and seconds.

    The limit of processes counts all threads of the user, and does not hold for root.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {"RLIMIT_AS": memory, "RLIMIT_CPU": seconds, "RLIMIT_FSIZE": file_size, "RLIMIT_CORE": 0}
    wanted |= {"RLIMIT_NPROC": processes, "RLIMIT_NOFILE": MOST_OPEN}
    for name, limit in wanted.items():
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(getattr(resource, name), (limit, limit))


def end_with_parent(parent: int) -> None:
    """End this process soon after the grader's has ended, also if that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def make_guard(
    folder: str, readable: list[str], *, tried: list[str], walled: bool = False
) -> Callable[[str, tuple], None]:
    """Return an audit hook that lets Python write only below `folder`, and start no other process.

    It speaks in sentences, where a wall only says no, and notes in `tried` what a person should know of. Where there is
    no wall, it keeps off accidents; then it also refuses changes by a folder's number, of which it cannot see the path.
    """
    realpath, decode = os.path.realpath, os.fsdecode  # as they are before a submission can patch them
    refused, changes, looks = REFUSED, dict(CHANGES), LOOKS
    of_python, no_incident = {os.path.realpath(each) for each in sys.path}, [*SYSTEM, *readable]

    def below(path: Any, folders: list[str]) -> bool:
        real = realpath(decode(path))
        if real == SOURCES or real.startswith(SOURCES + os.sep):
            return False
        return any(real == each or real.startswith(each + os.sep) for each in folders)

    def refuse(sentence: str, attempt: str, path: Any = "/") -> None:
        if attempt != "subprocess.Popen" and not below(path, no_incident) and realpath(decode(path)) not in of_python:
            tried.append(f"{attempt} {'' if path == '/' else decode(path)}".strip()[:200])
        raise PermissionError(sentence)

    def check_open(path: Any, flags: int) -> None:
        writes = bool((flags or 0) & WRITING)
        if not (writes and path == os.devnull) and not below(path, [folder] if writes else [folder, *readable]):
            sentence = f"{decode(path)} is outside of the submission's folder."
            refuse(sentence, "to write" if writes else "to read", path)

    def guard(event: str, arguments: tuple) -> None:
        if event == "open" and not isinstance(arguments[0], int):
            check_open(arguments[0], arguments[2])
        elif event in refused:
            what = "start processes, send signals, make links or use the network"
            refuse(f"A submission may not {what} ({event}).", event)
        elif (
            event in looks and not isinstance(arguments[0], int) and not below(arguments[0] or ".", [folder, *readable])
        ):
            raise PermissionError(f"{arguments[0]} is outside of the submission's folder.")
        elif event in changes:
            paths = [each for each in arguments[:2] if isinstance(each, str | bytes | os.PathLike)]
            by_number = not walled and any(arguments[i] not in (-1, None) for i in changes[event])
            if by_number or not all(below(path, [folder]) for path in paths):
                refuse(f"A submission may change files only in its own folder ({event}).", event, *paths[:1])

    return guard


def decode(value: Any) -> Any:
    """Return what JSON stands for: arrays and generators are written as objects with one special key."""
    import numpy as np  # behind the wall: it may start threads, which would stay outside

    if isinstance(value, dict) and "__array__" in value:
        return np.array(value["__array__"], dtype=value["dtype"]).reshape(value["shape"])
    if isinstance(value, dict) and "__seed__" in value:
        return np.random.default_rng(value["__seed__"])
    if isinstance(value, dict):
        return {key: decode(each) for key, each in value.items()}
    return [decode(each) for each in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """Return a value in terms of JSON; arrays, tensors and tables become nested lists."""
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if hasattr(value, "to_numpy"):
        return plain(value.to_numpy())
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"an answer must be a number, a text, an array or a list of these, not a {type(value).__name__}")


def describe(error: BaseException) -> str:
    """Return an error as one line, with the number of the line of the submission in which it happened."""
    line, trace = None, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename.startswith("cell "):
            line = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    where = f" ({line})" if line else ""
    return f"{type(error).__name__}: {error}"[:500] + where


def run_cells(cells: list[str], namespace: dict[str, Any], notes: list[str] | None = None) -> list[str]:
    """Run the cells in order and return their errors: one that fails does not stop the others.

    Parameters
    ----------
    cells : list of str
        Their code.
    namespace : dict
        In which they run.
    notes : list of str, optional
        Gets what did nothing, such as ``!pip install``.
    """
    notebook, errors = Notebook(namespace), []
    if any("IPython" in cell for cell in cells):  # `from IPython import get_ipython` gets the same as others
        with contextlib.suppress(ImportError):
            import IPython

            IPython.get_ipython = namespace["get_ipython"]
    for number, source in enumerate(cells, start=1):
        try:
            notebook.run(source, f"cell {number}")
        except BaseException as error:
            errors.append(describe(error))
    if notes is not None:
        notes += notebook.notes
    return errors


def loaded(names: list[str]) -> list[str]:
    """Return of which packages modules have been loaded; that of a whole package's root does not count."""
    modules = [name for name in sys.modules if not name.endswith("._lazy")]
    return [each for each in names if any(name.startswith(f"{each}.") for name in modules)]


def answer(request: dict[str, Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """Return the value of a variable, or what a function returns."""
    name = request["name"]
    if name not in namespace or namespace[name] is ...:
        return {"error": f"`{name}` is missing."}
    try:
        if "arguments" not in request:
            return {"value": plain(namespace[name])}
        return {"value": plain(namespace[name](*decode(request["arguments"])))}
    except BaseException as error:
        return {"error": f"`{name}` failed with {describe(error)}."}


def write_answer(content: dict[str, Any], path: Path, dump: Callable[[Any], str] = json.dumps) -> None:
    """Write an answer to a file that appears whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(dump(content), encoding="utf-8")
    os.replace(unfinished, path)


def read(path: Path) -> dict[str, Any]:
    """Return the cells of a submission's file and the texts with an answer, or the name of what went wrong."""
    try:
        cells, texts = cells_of.read_submission(path)
    except Exception as error:  # whatever a broken file makes its readers raise
        return {"error": type(error).__name__}
    return {"cells": cells, "texts": [text for text in texts if "<!-- answer:" in text]}


def main(exchange: Path) -> None:
    """Go behind the wall, read the submission, run it, then answer requests until there are no more."""
    job = json.loads((exchange / "job.json").read_text(encoding="utf-8"))
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    folder, readable = os.path.realpath(exchange), wall.readable_folders()
    set_limits(**job["limits"])
    wall.go_behind(job["wall"], folder, readable)
    if "bubblewrap" not in job["wall"]:  # behind it, other processes cannot be seen
        end_with_parent(job["parent"])
    cells = job["cells"]
    if job["file"]:
        found = read(exchange / job["file"])
        write_answer(found, exchange / "answer-read.json")
        if "error" in found:
            return
        cells = found["cells"]
    tried: list[str] = []
    sys.addaudithook(make_guard(folder, readable, tried=tried, walled=bool(job["wall"])))
    # A module of its own, called as in Jupyter: what pickles, or asks whether it is the main one, finds it.
    sys.modules["__main__"] = ModuleType("__main__")
    sys.path.append(str(exchange))  # for modules that a notebook writes
    namespace, notes = vars(sys.modules["__main__"]), []
    errors = run_cells(cells, namespace, notes)

    def also() -> dict[str, Any]:
        return {"uses": loaded(job["noted"]), "tried": [*dict.fromkeys(tried)][:20]}

    write_answer({"value": errors, "notes": notes} | also(), exchange / "answer-0.json")
    for line in requests:
        request = json.loads((exchange / f"ask-{int(line)}.json").read_text(encoding="utf-8"))
        write_answer(answer(request, namespace) | also(), exchange / f"answer-{int(line)}.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
