"""Where tensors are computed with: a GPU if there is one, and else the processor."""

import multiprocessing
import os
import platform
import re
from pathlib import Path

import torch

from vaeprivacy.checks import check_whole

VARIABLE = "VAEPRIVACY_DEVICE"
#: Kinds of devices that cannot compute in double precision: Apple's GPUs.
WITHOUT_FLOAT64 = {"mps"}
#: What a machine is taken to have that does not tell its memory (Windows): few have less.
UNKNOWN_MEMORY = 8 * 2**30
MOST_PROCESSES = 1024


def best_device() -> torch.device:
    """Return the device to compute with: CUDA, then MPS, then the CPU, or what ``VAEPRIVACY_DEVICE`` says.

    The processes of a sweep take the GPUs of a machine in turn.

    Raises
    ------
    ValueError
        If the environment variable names a device that is not there.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted:
        return _available(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda", process_number() % torch.cuda.device_count())
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _available(wanted: str) -> torch.device:
    """Return the device of a name if tensors can be put there."""
    try:
        device = torch.device(wanted)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA fails an assertion
        there = "cuda, " if torch.cuda.is_available() else ""
        there += "mps, " if torch.backends.mps.is_available() else ""
        raise ValueError(
            f"{VARIABLE} is {wanted!r}, but this machine has {there}cpu: set it to one of these."
        ) from error
    return device


def process_number() -> int:
    """Return the number of this process among those that joblib started, from 0; 0 in the first process of all."""
    found = re.search(r"\d+", multiprocessing.current_process().name)  # "MainProcess", or "LokyProcess-2"
    return int(found.group()) - 1 if found else 0


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def device_name(device: torch.device | str) -> str:
    """Return what to call a device in a sentence, such as "NVIDIA H100 (cuda:0)" or "AMD EPYC (cpu)"."""
    device = torch.device(device)
    names = {"cpu": processor, "cuda": lambda: torch.cuda.get_device_name(device), "mps": lambda: "Apple GPU"}
    return f"{names.get(device.type, lambda: 'device')()} ({device})"


def memory_of(device: torch.device | str) -> int:
    """Return how many bytes of memory a device has: its own, or those of the machine if it shares them."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return UNKNOWN_MEMORY


def workers(n_jobs: int) -> int:
    """Return how many processes to start: for -1 one a GPU or, if there is none, one a core (-1); else as asked.

    Raises
    ------
    ValueError
        If it is another number, or more than a machine can start.
    """
    if n_jobs != -1:
        check_whole(n_jobs, "n_jobs (-1 for all cores)", least=1, most=MOST_PROCESSES)
    kind = best_device().type
    if n_jobs != -1 or kind == "cpu":
        return n_jobs
    return torch.cuda.device_count() if kind == "cuda" else 1


def exact_device(device: torch.device) -> torch.device:
    """Return the device itself if it can compute in double precision, else the CPU."""
    return torch.device("cpu") if device.type in WITHOUT_FLOAT64 else device


def to_double(values: torch.Tensor) -> torch.Tensor:
    """Return values in double precision, on their device or, if that has no such numbers, on the CPU."""
    return values.to(exact_device(values.device)).double()
