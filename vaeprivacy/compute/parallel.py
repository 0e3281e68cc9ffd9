"""Independent tasks, on as many processes as there are cores, or on a Dask cluster.

:func:`in_parallel` yields results. Executors yield outcomes: a piece that fails does not stop the others.
"""

import os
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import joblib
import torch
from joblib.externals.loky.process_executor import BrokenProcessPool

from vaeprivacy.compute.devices import workers
from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.progress import progress_bar
from vaeprivacy.compute.source import code_hash

T = TypeVar("T")
KILLED = (
    "the process that computed it was killed, by the system if memory ran out: take fewer processes at a time, or a "
    "machine with more memory."
)


def in_parallel(
    tasks: Sequence[Callable[[], T]],
    *,
    n_jobs: int,
    title: str = "",
    ordered: bool = True,
    in_threads: bool = False,
    batch_size: int | str = "auto",
) -> Iterator[T]:
    """Yield the results of tasks.

    Parameters
    ----------
    tasks : sequence of callable
        Each is called without arguments.
    n_jobs : int
        Number of processes with one thread each; -1 takes one per GPU or, without one, one per core. 1 stays in this
        process.
    title : str
        Name on the progress bar; none is shown without it.
    ordered : bool
        Yield results in the order of the tasks; otherwise as they are done.
    in_threads : bool
        Take threads of this process instead of processes: they start at once and share memory, but only one at a time
        runs Python code. Good for tasks that spend their time in large operations.
    batch_size : int or "auto"
        How many tasks a process is handed at a time; by default more if they are short.
    """
    options = {} if in_threads else {"inner_max_num_threads": 1, "mmap_mode": "c"}
    backend = "threading" if in_threads else "loky"
    with joblib.parallel_config(backend, **options), warnings.catch_warnings():
        # joblib replaces a process that has kept much memory, and says so each time; one that dies raises an error.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        return_as = "generator" if ordered else "generator_unordered"
        parallel = joblib.Parallel(n_jobs=workers(n_jobs), return_as=return_as, batch_size=batch_size)
        results = parallel(joblib.delayed(_with_one_thread)(task, os.getpid()) for task in tasks)
        told: list[tuple[str, type[Warning]]] = []
        try:
            for result, said in progress_bar(results, show=bool(title), total=len(tasks), desc=title):
                told += said
                yield result
        finally:  # below the bar, not in it
            for message, category in dict.fromkeys(told):
                warnings.warn(message, category, stacklevel=2)


def _with_one_thread(task: Callable[[], T], caller: int) -> tuple[T, list[tuple[str, type[Warning]]]]:
    """Run a task with one thread, also in the calling process: the last digits depend on their number.

    What another process warns of is returned, so that the caller says it, in the caller's way.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if os.getpid() == caller:
            return task(), []
        with warnings.catch_warnings(record=True) as said:
            return task(), [(str(warning.message), warning.category) for warning in said]
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class Outcome:
    """What became of one piece.

    Attributes
    ----------
    number : int
        Which piece, from 0.
    result : object
        What it returned; None if it failed.
    error : str
        Kind and sentence of the error, such as "ValueError: epsilon must be positive."; empty if there was none.
    traceback : str
        Where the error arose.
    of_files : bool
        Whether a file could not be read or written: others will not be, either.
    """

    number: int
    result: Any = None
    error: str = ""
    traceback: str = ""
    of_files: bool = False


class Executor(Protocol):
    """Computes pieces."""

    def outcomes(self, pieces: Sequence[Callable[[], Any]]) -> Iterator[Outcome]:
        """Yield the outcome of each piece, as they are done."""
        ...


def attempt(piece: Callable[[], Any], number: int) -> Outcome:
    """Compute a piece; an error becomes its outcome."""
    try:
        return Outcome(number, piece())
    except Exception as error:
        return failure(number, error)


def failure(number: int, error: BaseException) -> Outcome:
    """Return the outcome of a piece that failed, with the error on one line."""
    sentence = " ".join(str(error).split())
    where = "".join(traceback.format_exception(error))
    told = f"{type(error).__name__}: {sentence}"
    return Outcome(number, error=told, traceback=where, of_files=isinstance(error, OSError))


@dataclass(frozen=True)
class OnThisMachine:
    """Compute in `n_jobs` processes of this machine, as :func:`in_parallel` does."""

    n_jobs: int = -1

    def outcomes(self, pieces: Sequence[Callable[[], Any]]) -> Iterator[Outcome]:
        """Yield the outcome of each piece, as they are done.

        If a process dies, all go down with it. The culprit is among the pieces that had been handed out: each of these
        is then computed again, alone, so that only the one that kills its process is lost; then the others go on.
        """
        left = dict(enumerate(pieces))
        n_jobs = workers(self.n_jobs)
        handed_out = 2 * joblib.effective_n_jobs(n_jobs)  # joblib's default, with batches of one
        while left:
            tasks = [partial(attempt, piece, number) for number, piece in left.items()]
            try:
                for outcome in in_parallel(tasks, n_jobs=n_jobs, ordered=False, batch_size=1):
                    del left[outcome.number]
                    yield outcome
            except BrokenProcessPool:
                for number in list(left)[:handed_out]:
                    yield _alone(left.pop(number), number)


def _alone(piece: Callable[[], Any], number: int) -> Outcome:
    """Compute one piece in another process and nothing beside it."""
    try:
        # With one job, joblib would stay in this process.
        return next(iter(list(in_parallel([partial(attempt, piece, number)], n_jobs=2))))
    except BrokenProcessPool as error:
        return failure(number, type(error)(KILLED))


@dataclass(frozen=True)
class OnDask:
    """Compute on a Dask cluster whose machines share a file system, one task a piece.

    A task whose worker dies is given to another one; if several die over it, it alone has failed (Dask's setting
    ``distributed.scheduler.allowed-failures``); joblib's backend for Dask (1.6) would wait for it for ever.

    Attributes
    ----------
    address : str
        The scheduler's, such as "tcp://10.0.0.1:8786".
    """

    address: str

    def outcomes(self, pieces: Sequence[Callable[[], Any]]) -> Iterator[Outcome]:
        """Yield the outcome of each piece, as they are done.

        Raises
        ------
        ImportError
            If Dask is not installed.
        ConnectionError
            If no scheduler answers at the address.
        """
        with extra("dask", work="A sweep on a cluster"):
            import distributed
        try:
            client = distributed.Client(self.address, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectionError(
                f"No Dask scheduler answers at {self.address!r} ({error}): start one with `dask scheduler`, which "
                "prints its address, and workers with `dask worker ADDRESS --nthreads 1`."
            ) from error
        with client:
            code = (code_hash(), torch.__version__)
            numbers = {client.submit(_on_worker, piece, n, code, pure=False): n for n, piece in enumerate(pieces)}
            for future in distributed.as_completed(list(numbers), loop=client.loop):
                number = numbers.pop(future)  # the cluster may forget it
                yield future.result() if future.status == "finished" else failure(number, future.exception())


def _on_worker(piece: Callable[[], Any], number: int, code: tuple[str, str]) -> Outcome:
    """Compute a piece on a worker, with one thread: the last digits depend on their number."""
    torch.set_num_threads(1)  # for good: another task of this process may still need it when this one is done
    return attempt(partial(_with_same_code, piece, code), number)


def _with_same_code(piece: Callable[[], Any], code: tuple[str, str]) -> Any:
    if (code_hash(), torch.__version__) != code:
        raise RuntimeError(
            "The worker has another version of vaeprivacy or torch than the process that asks: install the same."
        )
    return piece()
