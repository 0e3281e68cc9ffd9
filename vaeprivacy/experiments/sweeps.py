"""A sweep is many runs: computed in parallel, resumable, and laid out as one tidy table."""

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.files import append_row, check_writable, read_rows, write_whole
from vaeprivacy.compute.parallel import Executor, OnDask, OnThisMachine, Outcome
from vaeprivacy.compute.progress import progress_bar
from vaeprivacy.compute.provenance import provenance
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import check
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import UTILITIES, about_run, run

TABLE = "results.parquet"
LABELS = ("setting", "short_label", "full_label", "trainer")
# Numbers that some defences do not have, and failed runs neither: a column without any would have no type.
NUMBERS = ("epsilon", "latent_dim", "vae_epochs", *UTILITIES)
PROVENANCE = ("python", "torch", "numpy", "vaeprivacy", "processor", "cores", "threads", "device", "finished")


def tidy(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Turn rows of runs into a table with one row per run and attack, and one for each run that failed.

    Returns
    -------
    pandas.DataFrame
        What was run: ``dataset``, ``defence`` (its name), ``setting`` (its label), ``short_label``, ``full_label``,
        ``trainer`` (of its generative model, in words), ``epsilon``, ``latent_dim`` and ``vae_epochs`` (where it has
        them), ``classifier_hidden``, ``classifier_epochs``, ``seed``, ``n_members``, ``n_models``. What came out:
        ``train_accuracy``, ``test_accuracy``, ``test_auc``, ``attack``, what
        :func:`vaeprivacy.experiments.runs.attack_rows` says of it, and ``error``, which is empty unless the run failed
        (then the others of this group are missing). Where it comes from: ``seconds``, what
        :func:`vaeprivacy.compute.provenance.provenance` says, the whole ``config`` as JSON, ``key``.
    """
    table = []
    for row in rows:
        found = {name: row.get(name) for name in UTILITIES}
        origin = {"error": row.get("error", ""), "seconds": row["seconds"]}
        origin |= {name: row["provenance"].get(name) for name in PROVENANCE}
        origin |= {"config": json.dumps(row["config"]), "key": row["key"]}
        attacks = row.get("attacks") or {None: {}}
        table += [_about(row) | found | {"attack": name} | metrics | origin for name, metrics in attacks.items()]
    frame = pd.DataFrame(table)
    last = ["error", "seconds", *PROVENANCE, "config", "key"]
    # A failed run that comes first knows no metrics: their columns would else stand after the last ones.
    frame = frame[[name for name in frame.columns if name not in last] + last] if table else frame
    if "weak" in frame and frame.weak.isna().any():
        frame["weak"] = frame.weak.astype(object).where(frame.weak.notna(), None)  # NaN would count as true
    return frame.astype({name: float for name in NUMBERS if name in frame})


def _about(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that say what was run."""
    config, defence = row["config"], row["config"]["defence"]
    vae, classifier = defence.get("vae", {}), config["classifier"]
    return {
        "dataset": config["dataset"],
        "defence": defence["name"],
        **{name: row[name] for name in LABELS},
        "epsilon": defence.get("epsilon"),
        "latent_dim": vae.get("latent_dim"),
        "vae_epochs": vae.get("epochs"),
        **{f"classifier_{name}": classifier[name] for name in ("hidden", "epochs")},
        **{name: config[name] for name in ("seed", "n_members", "n_models")},
    }


def sweep(
    configs: Iterable[Config],
    *,
    directory: Path | str,
    n_jobs: int = -1,
    dask: str | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Compute many runs, skipping those that are in the results file; write their table to ``results.parquet``.

    An interrupted sweep continues where it stopped. A run that fails does not stop the others; it is tried again at the
    next call.

    Parameters
    ----------
    configs : iterable of Config
        What to run.
    directory : path-like
        Where the files of all stages, the results file and the table live.
    n_jobs : int
        Number of processes with one thread each; -1 takes one per GPU or, without one, one per core.
    dask : str, optional
        Address of a Dask scheduler, to compute on its workers instead; they must see `directory` under the same path.
    progress : bool
        Show progress bars, with the time that is left.

    Returns
    -------
    pandas.DataFrame
        The runs asked for, in the order of `configs`, as :func:`tidy` lays them out.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError
        If a data set cannot be loaded or split as a configuration wants it: then nothing is computed.
    """
    with extra("experiments", work="The table of a sweep"):
        import pyarrow  # noqa: F401 (before anything is computed that could not be written)
    configs, directory = list(configs), Path(directory)
    executor = OnThisMachine(n_jobs) if dask is None else OnDask(dask)
    rows = compute(configs, directory=directory, executor=executor, progress=progress)
    failed = [row for row in rows.values() if "error" in row]
    if failed:
        warnings.warn(
            f"{len(failed)} of {len(rows)} runs failed, the first of them ({failed[0]['setting']}, seed "
            f"{failed[0]['config']['seed']}) with {failed[0]['error']} The table has the others in its column "
            "'error'; the next call tries them again.",
            stacklevel=2,
        )
    table = tidy(rows[config.key] for config in configs)
    if configs:
        write_whole(directory / TABLE, partial(table.to_parquet, index=False))
    return table


def unfinished(configs: Iterable[Config], *, directory: Path | str) -> list[Config]:
    """Return those of the runs that are still to be done, each once; a run that failed is one of them."""
    rows = {key: row for key, row in read_rows(directory).items() if "attacks" in row}
    return [config for config in dict.fromkeys(configs) if config.key not in rows]


def compute(
    configs: Iterable[Config], *, directory: Path, executor: Executor, progress: bool
) -> dict[str, dict[str, Any]]:
    """Compute the runs that are not in the results file of a directory, and return all that were asked for.

    Returns
    -------
    dict
        By key: rows as of :func:`vaeprivacy.experiments.runs.run` with ``provenance``; those of failed runs have
        ``error`` and ``traceback`` in place of results.

    Raises
    ------
    RuntimeError
        If the package was changed meanwhile, so that its processes do not all have the same code.
    """
    configs, directory = list(configs), directory.resolve()
    missing = unfinished(configs, directory=directory)
    check(missing)
    if missing:
        check_writable(directory)
    # First what several runs share, each piece once: generative models, then the classifiers of pools; then the runs.
    for title, needed in (("VAEs", _vaes), ("classifiers", _predictions)):
        failed = _prepare(missing, needed, directory, executor=executor, title=title if progress else "")
        missing = [config for config in missing if config not in failed]
        for config, outcome in failed.items():
            _write_row(_failed_row(config, outcome), outcome, directory)
    runs = [partial(run_with_provenance, config, directory) for config in missing]
    for outcome in _done(runs, executor=executor, title="runs" if progress else ""):
        row = _failed_row(missing[outcome.number], outcome) if outcome.error else outcome.result
        if row["key"] != missing[outcome.number].key:  # which tells the code: a new process reads the files anew
            raise RuntimeError(
                "The code of the package was changed while the sweep was running: start the sweep again."
            )
        _write_row(row, outcome, directory)
    rows = read_rows(directory)
    return {config.key: rows[config.key] for config in configs}


def _write_row(row: dict[str, Any], outcome: Outcome, directory: Path) -> None:
    """Append a row, unless files cannot be written: then no other run would be kept either.

    Raises
    ------
    OSError
        If the run failed because of a file; the text is its own.
    """
    if outcome.of_files:
        raise OSError(outcome.error.partition(": ")[2])
    append_row(row, directory=directory)


def run_with_provenance(config: Config, directory: Path) -> dict[str, Any]:
    """Compute a run and note where its row comes from."""
    return run(config, directory=directory) | {"provenance": provenance()}


@dataclass(frozen=True)
class Piece:
    """Work that leaves files, and that several runs may need.

    Attributes
    ----------
    name : str
        The name of what is left: pieces of one name are the same.
    leave : callable
        Does the work, with a configuration of a run that needs it, the directory, and the rest of the arguments.
    config : Config
        The configuration.
    arguments : tuple
        What else `leave` takes.
    """

    name: str
    leave: Callable[..., None]
    config: Config
    arguments: tuple[Any, ...]

    def do(self, directory: Path) -> None:
        """Do the work."""
        self.leave(self.config, directory, *self.arguments)


# What pieces return would have to travel between processes: they leave it in files instead.


def leave_vae(config: Config, directory: Path, number: int, reference: bool) -> None:
    """Train the VAE behind one model of a run's pool, or the one that an adversary compares it with."""
    pool = Pool.of(config, directory)
    (pool.references if reference else pool).vae(number)


def leave_predictions(config: Config, directory: Path, numbers: tuple[int, ...], undefended: bool) -> None:
    """Train a chunk of a run's pool, or of that of an adversary without its defence."""
    pool = Pool.of(config, directory)
    (pool.undefended if undefended else pool).predictions(numbers)


def _vaes(config: Config, directory: Path) -> list[Piece]:
    """Return the VAEs that a run needs: that of each model of its pool, and those to compare with."""
    if config.defence.vae_stage is None:
        return []
    pool, everybodys = Pool.of(config, directory), config.defence.on_public_records
    wanted = [(pool, number, False) for number in range(1 if everybodys else config.n_models)]
    if "vae" in config.defence.publishes:
        wanted += [(pool.references, number, True) for number in range(config.n_models)]
    return [Piece(of.vae_name(number), leave_vae, config, (number, reference)) for of, number, reference in wanted]


def _predictions(config: Config, directory: Path) -> list[Piece]:
    """Return the chunks of the pools that a run needs: its own, and that of an adversary without its defence."""
    pool = Pool.of(config, directory)
    return [
        Piece(f"{of.predictions_name}/{chunk}", leave_predictions, config, (chunk, undefended))
        for of, undefended in ((pool.undefended, True), (pool, False))
        for chunk in of.chunks
    ]


def _prepare(
    configs: Iterable[Config],
    needed: Callable[[Config, Path], list[Piece]],
    directory: Path,
    *,
    executor: Executor,
    title: str,
) -> dict[Config, Outcome]:
    """Do the pieces that runs need, each once; return the runs that lack one of theirs, and why."""
    pieces: dict[str, Piece] = {}
    waiting: dict[str, list[Config]] = {}
    for config in configs:
        for piece in needed(config, directory):
            pieces.setdefault(piece.name, piece)
            waiting.setdefault(piece.name, []).append(config)
    names, failed = list(pieces), {}
    for outcome in _done([partial(pieces[name].do, directory) for name in names], executor=executor, title=title):
        if outcome.error:
            failed |= dict.fromkeys(waiting[names[outcome.number]], outcome)
    return failed


def _done(pieces: list[Callable[[], Any]], *, executor: Executor, title: str) -> Iterator[Outcome]:
    """Yield the outcomes of pieces, with a progress bar."""
    outcomes = executor.outcomes(pieces) if pieces else []
    yield from progress_bar(outcomes, show=bool(title and pieces), total=len(pieces), desc=title)


def _failed_row(config: Config, outcome: Outcome) -> dict[str, Any]:
    """Return the row of a run that failed."""
    return {
        **about_run(config),
        "error": outcome.error,
        "traceback": outcome.traceback,
        "seconds": float("nan"),
        "provenance": provenance(),
    }
