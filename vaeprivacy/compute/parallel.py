"""Independent tasks, on as many processes as there are cores."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import joblib
import torch

from vaeprivacy.compute.devices import workers
from vaeprivacy.compute.progress import progress_bar

T = TypeVar("T")


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
        results = parallel(joblib.delayed(_with_one_thread)(task) for task in tasks)
        yield from progress_bar(results, show=bool(title), total=len(tasks), desc=title)


def _with_one_thread(task: Callable[[], T]) -> T:
    """Run a task with one thread, also in the calling process: the last digits depend on their number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return task()
    finally:
        torch.set_num_threads(threads)
