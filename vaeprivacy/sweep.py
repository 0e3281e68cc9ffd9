"""A sweep is many runs: computed in parallel, resumable, and laid out as one tidy table."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vaeprivacy.config import Config, run_key
from vaeprivacy.experiment import likenesses, run, run_scores
from vaeprivacy.parallel import in_parallel
from vaeprivacy.stages import chunk_answers, chunks, fitted_model
from vaeprivacy.storage import append_row, read_rows


def tidy(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Turn rows of runs into a table with one row per run and attack.

    Returns
    -------
    pandas.DataFrame
        Columns ``dataset``, ``defence`` (its name), ``setting`` (its label), ``training`` (of its generative model),
        ``epsilon``, ``latent_dim`` and ``vae_epochs`` (where it has them), ``seed``, ``n_members``, ``n_models``,
        ``train_accuracy``, ``test_accuracy``, ``test_auc``, ``attack``, and what
        :func:`vaeprivacy.experiment.attack_rows` says of it.
    """
    table = []
    for row in rows:
        config = row["config"]
        defence = config["defence"]
        vae = defence.get("vae", {})
        about = {"dataset": config["dataset"], "defence": defence["name"]}
        about |= {name: row[name] for name in ("setting", "training")}
        about |= {
            "epsilon": defence.get("epsilon"),
            "latent_dim": vae.get("latent_dim"),
            "vae_epochs": vae.get("epochs"),
        }
        about |= {name: config[name] for name in ("seed", "n_members", "n_models")}
        about |= {name: row[name] for name in ("train_accuracy", "test_accuracy", "test_auc")}
        table += [about | {"attack": attack, **metrics} for attack, metrics in row["attacks"].items()]
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
        prefix = "" if config.defence.name == "none" else "adaptive_"
        alike = likenesses(run_scores(config, directory=directory))[prefix]
        table.append(
            {
                "setting": config.defence.label,
                "seed": config.seed,
                "target on members": alike.target[0],
                "shadows on members": alike.shadows[0],
                "target on others": alike.target[1],
                "shadows on others": alike.shadows[1],
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
    # First what several runs share, each piece once: generative models, then the classifiers of pools; then the runs.
    pieces = [partial(fitted_model, config, directory, number) for config, number in _models(missing)]
    _do(pieces, n_jobs, "VAEs" if progress else "")
    pools = dict.fromkeys(config for each in missing for config in (each.raw, replace(each, attacks="few")))
    pieces = [partial(chunk_answers, config, directory, chunk) for config in pools for chunk in chunks(config)]
    _do(pieces, n_jobs, "classifiers" if progress else "")
    runs = [partial(run, config, directory=directory) for config in missing]
    for row in in_parallel(runs, n_jobs=n_jobs, title="runs" if progress else "", ordered=False):
        append_row(row, directory=directory)
    done = read_rows(directory)
    return tidy(done[run_key(config)] for config in configs)


def _models(configs: Iterable[Config]) -> list[tuple[Config, int]]:
    """Return the generative models that runs need, each once: those of the defenders and those to compare with."""
    needed = []
    for config in configs:
        if config.defence.model is not None:
            own = [0] if config.defence.on_public_records else range(config.n_models)
            needed += [(config.model, number) for number in own]
            needed += [(config.reference_model, number) for number in range(config.n_models)]
    return list(dict.fromkeys(needed))


def _do(pieces: list[Callable[[], Any]], n_jobs: int, title: str) -> None:
    """Do pieces of work, each of which leaves a file."""
    for _ in in_parallel(pieces, n_jobs=n_jobs, title=title, ordered=False):
        pass
