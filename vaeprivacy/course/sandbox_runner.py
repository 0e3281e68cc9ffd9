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
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

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
    "os.link": (2, 3),
    "os.symlink": (2,),
    "os.truncate": (),
    "os.setxattr": (),
    "os.removexattr": (),
}
LOOKS = {"os.listdir", "os.scandir", "os.chdir"}
REFUSED = {"os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.kill", "os.killpg"}
REFUSED |= {"os.startfile", "os.startfile/2", "subprocess.Popen", "pty.spawn", "socket.bind", "socket.connect"}
MAX_FILES = 200  # opened for writing
#: The assignments that come with the package: what it reads of it, a submission may read, but not these.
SOURCES = os.path.realpath(Path(__file__).with_name("sources"))
READABLE = ["/usr", "/lib", "/lib64", "/bin", "/sys", "/dev/null", "/dev/urandom", "/dev/random", "/proc/cpuinfo"]
READABLE += ["/proc/meminfo", "/proc/stat", "/etc/localtime", "/etc/fonts", "/etc/mime.types", "/etc/os-release"]


def beside(name: str) -> ModuleType:
    """Return the module in a file beside this one, which is in no package when it runs."""
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Notebook = beside("sandbox_cells").Notebook  # read before the guard is there


def set_limits(*, memory: int, seconds: int, file_size: int, processes: int) -> None:
    """Limit memory, processor time, size of files and processes, on POSIX, in bytes and seconds.

    The limit of processes counts all threads of the user, and does not hold for root.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {"RLIMIT_AS": memory, "RLIMIT_CPU": seconds, "RLIMIT_FSIZE": file_size, "RLIMIT_CORE": 0}
    wanted["RLIMIT_NPROC"] = processes
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


def readable_folders() -> list[str]:
    """Return the folders that Python and its packages are in, this package's among them."""
    spec = find_spec("vaeprivacy")
    own = [str(Path(spec.origin).parent)] if spec and spec.origin else []
    folders = [sys.prefix, sys.base_prefix, sys.exec_prefix, *own, f"/proc/{os.getpid()}", *READABLE]
    # A folder of the path may hold a whole project (an editable installation): only packages are let in.
    folders += [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages", "lib-dynload")]
    return sorted({os.path.realpath(folder) for folder in folders})


def make_guard(folder: str, readable: list[str]) -> Callable[[str, tuple], None]:
    """Return an audit hook that lets a process write only below `folder`, and start no other process."""
    n_written, realpath, decode = 0, os.path.realpath, os.fsdecode  # as they are before a submission can patch them

    def below(path: Any, folders: list[str]) -> bool:
        real = realpath(decode(path))
        if real == SOURCES or real.startswith(SOURCES + os.sep):
            return False
        return any(real == each or real.startswith(each + os.sep) for each in folders)

    def check_open(path: Any, flags: int) -> None:
        nonlocal n_written
        writes = bool((flags or 0) & WRITING)
        n_written += writes
        if writes and path == os.devnull:
            return
        if not below(path, [folder] if writes else [folder, *readable]):
            raise PermissionError(f"{decode(path)} is outside of the submission's folder.")
        if n_written > MAX_FILES:
            raise PermissionError(f"A submission may open at most {MAX_FILES} files for writing.")

    def guard(event: str, arguments: tuple) -> None:
        if event == "open" and not isinstance(arguments[0], int):
            check_open(arguments[0], arguments[2])
        elif event in REFUSED:
            raise PermissionError(f"A submission may not start processes, send signals or use the network ({event}).")
        elif event in LOOKS and not below(arguments[0] or ".", [folder, *readable]):
            raise PermissionError(f"{arguments[0]} is outside of the submission's folder.")
        elif event in CHANGES:
            paths = [each for each in arguments[:2] if isinstance(each, str | bytes | os.PathLike)]
            by_number = any(arguments[i] not in (-1, None) for i in CHANGES[event])
            if by_number or not all(below(path, [folder]) for path in paths):
                raise PermissionError(f"A submission may change files only in its own folder ({event}).")

    return guard


def decode(value: Any) -> Any:
    """Return what JSON stands for: arrays and generators are written as objects with one special key."""
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


def main(exchange: Path) -> None:
    """Read the job, run the submission, then answer requests until there are no more."""
    job = json.loads((exchange / "job.json").read_text(encoding="utf-8"))
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    end_with_parent(job["parent"])
    readable = readable_folders()
    set_limits(**job["limits"])
    sys.addaudithook(make_guard(os.path.realpath(exchange), readable))
    # A module of its own, called as in Jupyter: what pickles, or asks whether it is the main one, finds it.
    sys.modules["__main__"] = ModuleType("__main__")
    sys.path.append(str(exchange))  # for modules that a notebook writes
    namespace, notes = vars(sys.modules["__main__"]), []
    errors = run_cells(job["cells"], namespace, notes)
    write_answer({"value": errors, "notes": notes, "uses": loaded(job["noted"])}, exchange / "answer-0.json")
    for line in requests:
        request = json.loads((exchange / f"ask-{int(line)}.json").read_text(encoding="utf-8"))
        reply = answer(request, namespace) | {"uses": loaded(job["noted"])}
        write_answer(reply, exchange / f"answer-{int(line)}.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
