"""Results of sweeps that take longer than a build of the book, kept as tables with their provenance."""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import config_of

FOLDER = Path(__file__).parent


def result_names() -> list[str]:
    """Return the names of the records that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.parquet"))


def load_results(name: str) -> pd.DataFrame:
    """Read a record: the table that :func:`vaeprivacy.experiments.sweeps.sweep` made of the grid in the file of the
    same name.

    Parameters
    ----------
    name : str
        One of :func:`result_names`.

    Returns
    -------
    pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`, with the provenance of each row.

    Raises
    ------
    ValueError
        If there is no such record.
    """
    if name not in result_names():
        raise ValueError(f"There is no record {name!r}; choose one of {', '.join(map(repr, result_names()))}.")
    return pd.read_parquet(FOLDER / f"{name}.parquet")


def device_benchmark() -> pd.DataFrame:
    """Read what share of a device's ceilings the work of the book reaches (``make benchmark-device``).

    Returns
    -------
    pandas.DataFrame
        One row a device and piece of work: ``device`` (its name), ``work`` (in words), ``seconds`` (median, with
        quartiles ``low`` and ``high``), ``share`` of the ceiling, and ``peak_memory`` until then (bytes). The ceilings
        come first, with their ``rate``: operations a second, bytes for the copy.
    """
    rows = []
    for path in sorted(FOLDER.glob("device-*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        device, codes = kept["machine"]["device"], kept["sizes"]["codes"]
        work = kept["work"] | {f"noise for {codes:,} codes": kept["noise"]}
        rows += [{"device": device, "work": name, "rate": rate} for name, rate in kept["ceilings"].items()]
        rows += [{"device": device, "work": name, "seconds": one["median"], **one} for name, one in work.items()]
    return pd.DataFrame(rows).drop(columns=["median", "operations"])


def gpu_timings() -> pd.DataFrame:
    """Read what the chapter on GPUs measured when it ran on one: the file ``bill.csv`` that its notebook left.

    Returns
    -------
    pandas.DataFrame
        ``what`` was measured and what came out, both in words; ``attrs["made with"]`` names device and versions.
    """
    path = FOLDER / "bill-cuda.csv"
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    bill = pd.read_csv(path, comment="#")
    bill.attrs["made with"] = first.removeprefix("# ")
    return bill


def runs_of(record: pd.DataFrame, configs: Iterable[Config]) -> pd.DataFrame:
    """Return the runs of a record that were asked for, in that order, as if they had just been computed.

    Parameters
    ----------
    record : pandas.DataFrame
        As from :func:`load_results`.
    configs : iterable of Config
        Runs.

    Raises
    ------
    ValueError
        If the record lacks some of them.
    """
    texts = {config_of(json.loads(text)): text for text in record.config.unique()}
    configs = list(configs)
    lacking = [config for config in configs if config not in texts]
    if lacking:
        raise ValueError(
            f"{len(lacking)} of {len(configs)} runs are not in the record, the first of them on {lacking[0].dataset}: "
            f"{lacking[0].defence.label}, seed {lacking[0].seed}. Compute them with vaeprivacy.experiments.sweep."
        )
    rows = dict(list(record.groupby("config")))
    return pd.concat([rows[texts[config]] for config in configs], ignore_index=True)
