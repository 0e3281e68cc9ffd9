"""Training that survives an interruption: its state is kept in a file, and the same call goes on from there."""

import hashlib
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vaeprivacy.compute.files import write_whole


def fingerprint(settings: Any, *tensors: torch.Tensor) -> str:
    """Return a hash of what a training depends on: its settings (by their repr) and its data."""
    digest = hashlib.sha256(repr(settings).encode())
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def training_state(
    weights: Iterable[torch.Tensor],
    optimizer: torch.optim.Optimizer,
    generators: Iterable[torch.Generator],
    **more: Any,
) -> dict[str, Any]:
    """Return the state of a training: all that its next step depends on, and `more` (numbers and tensors)."""
    return {
        "weights": [weight.detach() for weight in weights],
        "optimizer": optimizer.state_dict(),
        "generators": [generator.get_state() for generator in generators],
        **more,
    }


@torch.no_grad()
def restore_training(
    state: dict[str, Any],
    weights: Iterable[torch.Tensor],
    optimizer: torch.optim.Optimizer,
    generators: Iterable[torch.Generator],
) -> None:
    """Bring weights, optimizer and generators, in place, to a state as from :func:`training_state`."""
    for weight, kept in zip(weights, state["weights"], strict=True):
        weight.copy_(kept)
    optimizer.load_state_dict(state["optimizer"])
    for generator, kept in zip(generators, state["generators"], strict=True):
        generator.set_state(kept.cpu())


def to_cpu(state: Any) -> Any:
    """Return nested state with its tensors on the CPU, so that a machine with another device can go on."""
    if isinstance(state, torch.Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {name: to_cpu(value) for name, value in state.items()}
    return type(state)(to_cpu(value) for value in state) if isinstance(state, list | tuple) else state


@dataclass
class Checkpoint:
    """The state of one training, in a file.

    Attributes
    ----------
    path : pathlib.Path or None
        The file; None keeps nothing.
    about : str
        What is trained, as from :func:`fingerprint`.
    every_s : float
        Least time between two writes, in seconds; the first state is written at once.
    """

    path: Path | None
    about: str = ""
    every_s: float = 10.0
    _written: float = field(default=-math.inf, init=False)

    def read(self) -> dict[str, Any] | None:
        """Return the state that was kept; None if there is none.

        Raises
        ------
        ValueError
            If the file is damaged, or of a training with other settings or data.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            kept = torch.load(self.path, weights_only=True)
            about, state = kept["about"], kept["state"]
        except Exception as error:  # torch.load raises errors of many kinds
            raise ValueError(f"{self.path} is no checkpoint ({type(error).__name__}): delete it.") from error
        if about != self.about:
            raise ValueError(
                f"{self.path} is the checkpoint of a training with other settings, data or seed: delete it, or give "
                "this training a file of its own."
            )
        return state

    def keep(self, state: Callable[[], dict[str, Any]], *, now: bool = False) -> None:
        """Write a state if it is time to, or `now`; the file is there whole or not at all."""
        if self.path is None or (time.monotonic() - self._written < self.every_s and not now):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"about": self.about, "state": to_cpu(state())}
        write_whole(self.path, lambda path: torch.save(kept, path))
        self._written = time.monotonic()
