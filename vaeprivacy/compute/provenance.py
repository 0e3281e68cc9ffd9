"""Where a number comes from: versions, hardware, and when."""

import os
import platform
from datetime import UTC, datetime

import numpy as np
import torch

from vaeprivacy import __version__
from vaeprivacy.compute.devices import best_device, device_name, processor


def hardware() -> dict[str, str | int]:
    """Return what this process computes with.

    Returns
    -------
    dict
        ``processor`` (its name), ``cores`` (how many it has), ``threads`` (how many this process takes), ``device``
        (what tensors are computed with, see :func:`vaeprivacy.compute.devices.best_device`).
    """
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "device": device_name(best_device()),
    }


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
