"""Where results are kept: files whose names stand for all that their contents depend on, or memory."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from vaeprivacy.compute.files import load_or_compute, read_arrays, write_arrays, write_whole
from vaeprivacy.compute.source import code_hash
from vaeprivacy.vae import VAE

Arrays = dict[str, np.ndarray]


def key_of(*parts: Any) -> str:
    """Return a name for what is computed from some settings with the code and the versions of today.

    Parameters
    ----------
    *parts
        Texts, numbers, and dataclasses of these.
    """
    plain = [_canonical(asdict(part) if is_dataclass(part) else part) for part in (*parts, code_hash())]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:20]


def _canonical(value: Any) -> Any:
    """Return nested fields with whole numbers as int: 1 and 1.0 are equal, but would be written differently."""
    if isinstance(value, dict):
        return {name: _canonical(field) for name, field in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass(frozen=True)
class Store:
    """Keeps what is computed, each under its name: an interrupted computation continues where it stopped.

    Attributes
    ----------
    directory : pathlib.Path or None
        Where the files go, each whole or not there at all; None keeps everything in memory.
    """

    directory: Path | None = None
    _memory: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def vae(self, name: str, make: Callable[[], VAE]) -> VAE:
        """Return a VAE, trained if it is not there."""
        return self._one("vaes", f"{name}.safetensors", make, VAE.save, VAE.load)

    def arrays(self, folder: str, name: str, make: Callable[[], Arrays]) -> Arrays:
        """Return named arrays, computed if they are not there."""
        return self._one(folder, f"{name}.npz", make, write_arrays, read_arrays)

    def arrays_together(self, folder: str, names: Sequence[str], make: Callable[[], Sequence[Arrays]]) -> list[Arrays]:
        """Return named arrays under each of several names; if some are missing, all are computed, and those kept.

        All, because what models leave that are trained at once depends in its last digits on how many they are.
        """
        if self.directory is None:
            return self._remember("/".join([folder, *names]), lambda: list(make()))
        paths = [self.directory / folder / f"{name}.npz" for name in names]
        if not all(path.exists() for path in paths):
            for path, arrays in zip(paths, make(), strict=True):
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    write_whole(path, partial(write_arrays, arrays))
        return [read_arrays(path) for path in paths]

    def _one(
        self,
        folder: str,
        name: str,
        make: Callable[[], Any],
        write: Callable[[Any, Path], Any],
        read: Callable[[Path], Any],
    ) -> Any:
        if self.directory is not None:
            return load_or_compute(self.directory / folder / name, make, write, read)
        return self._remember(f"{folder}/{name}", make)

    def _remember(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._memory:
            self._memory[name] = make()
        return self._memory[name]
