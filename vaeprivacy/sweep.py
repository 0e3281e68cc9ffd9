"""A sweep is many runs: computed in parallel, resumable, and laid out as one tidy table."""

import warnings
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import joblib
import pandas as pd
import torch

from vaeprivacy.experiment import Config, framework_vae, run, run_key, run_scores, shadows
from vaeprivacy.storage import append_row, read_rows
from vaeprivacy.training import progress_bar

T = TypeVar("T")


def grid(*, seeds: Iterable[int], epsilons: Iterable[float], **common: Any) -> list[Config]:
    """Return the runs of the book's sweep: for each seed raw data, the framework without noise, and with each epsilon.

    Parameters
    ----------
    seeds : iterable of int
        Seeds.
    epsilons : iterable of float
        Metric-privacy parameters, per unit of latent distance.
    **common
        Fields that all runs share, see :class:`vaeprivacy.experiment.Config`.
    """
    epsilons = list(epsilons)
    configs = []
    for seed in seeds:
        configs.append(Config(defence="none", seed=seed, **common))
        configs += [Config(epsilon=epsilon, seed=seed, **common) for epsilon in [None, *epsilons]]
    return configs


def tidy(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Turn rows of runs into a table with one row per run and attack.

    Returns
    -------
    pandas.DataFrame
        Columns ``dataset``, ``defence``, ``epsilon``, ``setting`` (see :attr:`vaeprivacy.experiment.Config.label`),
        ``training``, ``seed``, ``n_members``, ``train_accuracy``, ``test_accuracy``, ``attack`` and the metrics of
        :func:`vaeprivacy.metrics.evaluate`.
    """
    table = []
    for row in rows:
        config = row["config"]
        for attack, metrics in row["attacks"].items():
            table.append(
                {name: config[name] for name in ("dataset", "defence", "epsilon")}
                | {name: row[name] for name in ("setting", "training")}
                | {name: config[name] for name in ("seed", "n_members")}
                | {name: row[name] for name in ("train_accuracy", "test_accuracy")}
                | {"attack": attack, **metrics}
            )
    return pd.DataFrame(table)


def shadow_fit(configs: Iterable[Config], *, directory: Path | str) -> pd.DataFrame:
    """Compare shadow models with their target: an attack by shadows that behave otherwise is weaker than it could be.

    Parameters
    ----------
    configs : iterable of Config
        Finished runs.
    directory : path-like
        Where their files are.

    Returns
    -------
    pandas.DataFrame
        One row a run: ``setting``, ``seed``, and the accuracy of the target and (on average) of the shadow models that
        were trained with the same defence, on members and on other records.
    """
    table = []
    for config in configs:
        arrays = run_scores(config, directory=directory)
        trained = shadows(config, Path(directory))
        right = (trained.log_posteriors.argmax(dim=2) == trained.y).double()
        target_right = arrays["log_posteriors"].argmax(axis=1) == arrays["y"]
        table.append(
            {
                "setting": config.label,
                "seed": config.seed,
                "target on members": target_right[arrays["is_member"]].mean(),
                "shadows on members": right[trained.is_member].mean().item(),
                "target on others": target_right[~arrays["is_member"]].mean(),
                "shadows on others": right[~trained.is_member].mean().item(),
            }
        )
    return pd.DataFrame(table)


def sweep(configs: Iterable[Config], *, directory: Path | str, n_jobs: int = -1, progress: bool = True) -> pd.DataFrame:
    """Compute many runs, skipping those that are in the results file.

    Parameters
    ----------
    configs : iterable of Config
        What to run.
    directory : path-like
        Where the files of all stages and the results file live.
    n_jobs : int
        Number of processes with one thread each; -1 takes one per core.
    progress : bool
        Show progress bars.

    Returns
    -------
    pandas.DataFrame
        The runs asked for, as :func:`tidy` lays them out.
    """
    configs, directory = list(configs), Path(directory)
    done = read_rows(directory)
    missing = [config for config in dict.fromkeys(configs) if run_key(config) not in done]
    # First what several runs share, each piece once; then the runs.
    stages = [partial(framework_vae, config, directory, who) for config, who in _vaes(missing)]
    stages += [partial(shadows, config, directory) for config in dict.fromkeys(config.raw for config in missing)]
    for _ in _in_parallel(stages, n_jobs, "VAEs and shadow models" if progress else ""):
        pass
    for row in _in_parallel(
        [partial(run, c, directory=directory) for c in missing], n_jobs, "runs" if progress else ""
    ):
        append_row(row, directory=directory)
    done = read_rows(directory)
    return tidy(done[run_key(config)] for config in configs)


def _vaes(configs: Iterable[Config]) -> list[tuple[Config, str]]:
    """Return the VAEs that runs need, each once: those of the defenders and those of the adversaries."""
    with_vae = [config for config in configs if config.defence == "framework"]
    needed = [(config.model, "target") for config in with_vae]
    needed += [(config.reference_model, f"shadow {i}") for config in with_vae for i in range(config.n_shadows)]
    return list(dict.fromkeys(needed))


def _with_one_thread(task: Callable[[], T]) -> T:
    """Run a task with one thread, also in the calling process: the last digits depend on their number."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return task()
    finally:
        torch.set_num_threads(threads)


def _in_parallel(tasks: list[Callable[[], T]], n_jobs: int, title: str) -> Iterable[T]:
    """Yield the results of tasks as they are done, with a progress bar if there is a title."""
    with joblib.parallel_config("loky", inner_max_num_threads=1), warnings.catch_warnings():
        # joblib replaces a process that has kept much memory, and says so each time; one that dies raises an error.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        results = parallel(joblib.delayed(_with_one_thread)(task) for task in tasks)
        yield from progress_bar(results, show=bool(title), total=len(tasks), desc=title)
