"""Training that survives an interruption: its state is kept in a file, and the same call goes on from there."""

import hashlib
import io
import math
import time
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from vaeprivacy.compute.array_files import reading
from vaeprivacy.compute.files import DamagedFileError, set_aside, write_whole

EVERY_S = 10.0  # least time between two writes, in seconds; the first state is written at once


def fingerprint(settings: Any, *tensors: torch.Tensor) -> str:
    """Return a hash of what a training depends on: its settings (by their repr) and its data."""
    digest = hashlib.sha256(repr(settings).encode())
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def to_cpu(state: Any) -> Any:
    """Return nested state with its tensors on the CPU, so that a machine with another device can go on."""
    if isinstance(state, torch.Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {name: to_cpu(value) for name, value in state.items()}
    return type(state)(to_cpu(value) for value in state) if isinstance(state, list | tuple) else state


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    """Return what a checkpoint is about, and the state in it; torch does not compare the checksums that it writes."""
    with reading(path, "is no checkpoint ({why})."):
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise ValueError("A checksum is another one.")
        kept = torch.load(path, weights_only=True)
        return kept["about"], {name: kept["state"][name] for name in ("weights", "optimizer", "generators", "more")}


class Checkpoint:
    """The state of one training, in a file.

    Parameters
    ----------
    path : pathlib.Path or None
        The file; None keeps nothing.
    about : sequence
        What is trained: settings and tensors, for :func:`fingerprint`.
    optimizer : torch.optim.Optimizer
        It is kept together with the weights that it changes.
    generators : sequence of torch.Generator
        Sources of the random numbers of the next steps.
    """

    def __init__(
        self,
        path: Path | None,
        about: Sequence[Any],
        optimizer: torch.optim.Optimizer,
        generators: Sequence[torch.Generator],
    ) -> None:
        self.path, self.about, self.optimizer, self.generators = path, about, optimizer, generators
        self.weights = [weight.detach() for group in optimizer.param_groups for weight in group["params"]]
        self._written = -math.inf

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint(*self.about)

    def resume(self) -> Any:
        """Go back to the state in the file, and return what else was kept; None if there is no file, or a damaged one.

        Raises
        ------
        ValueError
            If the file is no checkpoint, or that of a training with other settings or data.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            about, state = _read(self.path)
        except DamagedFileError as error:
            with self.path.open("rb") as file:
                if file.read(2) not in (b"", b"PK"):  # whatever a person keeps there stays there
                    raise ValueError(f"{str(error).removesuffix('.')}: delete it.") from error
            set_aside(self.path, error)
            return None
        if about != self._fingerprint:
            raise ValueError(
                f"{self.path} is the checkpoint of a training with other settings, data or seed: delete it, or give "
                "this training a file of its own."
            )
        for weight, value in zip(self.weights, state["weights"], strict=True):
            weight.copy_(value)
        self.optimizer.load_state_dict(state["optimizer"])
        for generator, value in zip(self.generators, state["generators"], strict=True):
            generator.set_state(value)
        return state["more"]

    def keep(self, more: Any, *, now: bool = False) -> None:
        """Write the state, and `more` that the loop depends on, if it is time to, or `now`: a whole file or none."""
        if self.path is None or (time.monotonic() - self._written < EVERY_S and not now):
            return
        generators = [generator.get_state() for generator in self.generators]
        state = {"weights": self.weights, "optimizer": self.optimizer.state_dict(), "generators": generators}
        kept = {"about": self._fingerprint, "state": to_cpu(state | {"more": more})}
        held = io.BytesIO()  # torch says of a full disk that it is an error in its code
        torch.save(kept, held)
        write_whole(self.path, lambda path: path.write_bytes(held.getvalue()))
        self._written = time.monotonic()
