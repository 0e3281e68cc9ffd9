"""Where a number comes from: versions, hardware, and when."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from vaeprivacy import __version__


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def hardware() -> dict[str, str | int]:
    """Return the name of the processor, its number of cores, and the number of threads that this process computes in.

    Returns
    -------
    dict
        ``processor``, ``cores``, ``threads``.
    """
    return {"processor": processor(), "cores": os.cpu_count() or 1, "threads": torch.get_num_threads()}


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package, and of those that compute its results.

    Returns
    -------
    dict
        ``python``, ``torch``, ``numpy``, ``vaeprivacy``.
    """
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "vaeprivacy": __version__,
    }


def provenance() -> dict[str, str | int]:
    """Return what :func:`versions` and :func:`hardware` say, and ``finished``, the time now (UTC, ISO 8601)."""
    return {**versions(), **hardware(), "finished": datetime.now(UTC).isoformat(timespec="seconds")}


def made_with(table: pd.DataFrame) -> str:
    """Return in one sentence what a table of runs was made with.

    Parameters
    ----------
    table : pandas.DataFrame
        As from :func:`vaeprivacy.sweep.tidy`.
    """
    runs = table.drop_duplicates("key")

    def values(column: str) -> str:
        return ", ".join(map(str, sorted(runs[column].unique())))

    return (
        f"{len(runs)} runs, {len(runs.seed.unique())} seeds; vaeprivacy {values('vaeprivacy')}, torch "
        f"{values('torch')}, Python {values('python')}; {values('cores')} cores of {values('processor')}; the last one "
        f"finished on {runs.finished.max()[:10]}."
    )
