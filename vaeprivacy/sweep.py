"""A sweep is many runs: computed in parallel, resumable, and laid out as one tidy table."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vaeprivacy.config import Config, run_key
from vaeprivacy.experiment import run, run_scores
from vaeprivacy.parallel import in_parallel
from vaeprivacy.stages import framework_vae, shadow_answers, shadow_chunks
from vaeprivacy.storage import append_row, read_rows


def grid(*, seeds: Iterable[int], epsilons: Iterable[float], **common: Any) -> list[Config]:
    """Return the runs of the book's sweep: for each seed raw data, the framework without noise, and with each epsilon.

    Parameters
    ----------
    seeds : iterable of int
        Seeds.
    epsilons : iterable of float
        Metric-privacy parameters, per unit of latent distance.
    **common
        Fields that all runs share, see :class:`vaeprivacy.config.Config`.
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
        Columns ``dataset``, ``defence``, ``epsilon``, ``setting`` (see :attr:`vaeprivacy.config.Config.label`),
        ``training``, ``seed``, ``n_members``, ``train_accuracy``, ``test_accuracy``, ``attack``, what it
        ``looks_at``, its ``knowledge`` and whether it is ``weak`` (see :func:`vaeprivacy.experiment.run`), and the
        metrics of :func:`vaeprivacy.metrics.evaluate`.
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
        prefix = "" if config.defence == "none" else "adaptive_"
        target, of_shadows, _ = run_scores(config, directory=directory)[f"likeness_{prefix}"]
        table.append(
            {
                "setting": config.label,
                "seed": config.seed,
                "target on members": target[0],
                "shadows on members": of_shadows[0],
                "target on others": target[1],
                "shadows on others": of_shadows[1],
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
    # First what several runs share, each piece once: VAEs and shadow models on raw records; then what the framework's
    # shadow models are trained on is there; then the runs.
    pieces = [partial(framework_vae, config, directory, who) for config, who in _vaes(missing)]
    pieces += _shadow_pieces([config.raw for config in missing], directory)
    _do(pieces, n_jobs, "VAEs and shadow models" if progress else "")
    pieces = _shadow_pieces([config for config in missing if config.defence == "framework"], directory)
    _do(pieces, n_jobs, "shadow frameworks" if progress else "")
    runs = [partial(run, config, directory=directory) for config in missing]
    for row in in_parallel(runs, n_jobs=n_jobs, title="runs" if progress else "", ordered=False):
        append_row(row, directory=directory)
    done = read_rows(directory)
    return tidy(done[run_key(config)] for config in configs)


def _vaes(configs: Iterable[Config]) -> list[tuple[Config, str]]:
    """Return the VAEs that runs need, each once: those of the defenders and those of the adversaries."""
    with_vae = [config for config in configs if config.defence == "framework"]
    needed = [(config.model, "target") for config in with_vae]
    needed += [(config.reference_model, f"shadow {i}") for config in with_vae for i in range(config.n_shadows)]
    return list(dict.fromkeys(needed))


def _shadow_pieces(configs: Iterable[Config], directory: Path) -> list[Callable[[], Any]]:
    """Return the work of training the shadow models of runs, each once."""
    return [
        partial(shadow_answers, config, directory, numbers)
        for config in dict.fromkeys(configs)
        for numbers in shadow_chunks(config)
    ]


def _do(pieces: list[Callable[[], Any]], n_jobs: int, title: str) -> None:
    """Do pieces of work, each of which leaves a file."""
    for _ in in_parallel(pieces, n_jobs=n_jobs, title=title, ordered=False):
        pass
