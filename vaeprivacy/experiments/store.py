"""Where results are kept: files whose names stand for all that their contents depend on, or memory."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from vaeprivacy.compute.array_files import check_shapes, read_arrays, write_arrays
from vaeprivacy.compute.files import DamagedFileError, load_or_compute, read_kept, write_whole
from vaeprivacy.compute.source import code_hash
from vaeprivacy.vae import VAE, VAESettings

Arrays = dict[str, np.ndarray]
Shapes = Mapping[str, tuple[int | None, ...]]
NO_SHAPES: Shapes = MappingProxyType({})


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


def _read(path: Path, *, shapes: Shapes) -> Arrays:
    return check_shapes(read_arrays(path), shapes, path)


def vae_sizes(settings: VAESettings, features: int) -> dict[str, Any]:
    """Return the sizes that a VAE of some settings has for records of so many features."""
    names = ("latent_dim", "hidden", "n_classes", "architecture")
    return {"features": features, **{name: getattr(settings, name) for name in names}}


def _read_vae(path: Path, *, sizes: Mapping[str, Any]) -> VAE:
    vae = VAE.load(path)
    for name, wanted in sizes.items():
        if vae.sizes[name] != wanted:
            raise DamagedFileError(f"{path} is not what belongs there (a VAE with {name} {vae.sizes[name]}).")
    return vae


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

    def vae(self, name: str, make: Callable[[], VAE], *, sizes: Mapping[str, Any] = NO_SHAPES) -> VAE:
        """Return a VAE, trained if it is not there in these sizes (its VAE's ``sizes``)."""
        return self._one("vaes", f"{name}.safetensors", make, VAE.save, partial(_read_vae, sizes=sizes))

    def arrays(self, folder: str, name: str, make: Callable[[], Arrays], *, shapes: Shapes = NO_SHAPES) -> Arrays:
        """Return named arrays, computed if they are not there in these shapes (None stands for any length)."""
        return self._one(folder, f"{name}.npz", make, write_arrays, partial(_read, shapes=shapes))

    def arrays_together(
        self, folder: str, names: Sequence[str], make: Callable[[], Sequence[Arrays]], *, shapes: Shapes = NO_SHAPES
    ) -> list[Arrays]:
        """Return named arrays under each of several names; if some are missing, all are computed, and those kept.

        All, because what models leave that are trained at once depends in its last digits on how many they are.
        """
        if self.directory is None:
            return self._remember("/".join([folder, *names]), lambda: list(make()))
        paths = [self.directory / folder / f"{name}.npz" for name in names]
        read = partial(_read, shapes=shapes)
        found = [read_kept(path, read) for path in paths]
        if any(each is None for each in found):
            for path, arrays in zip(paths, make(), strict=True):
                if not path.exists():
                    write_whole(path, partial(write_arrays, arrays))
            found = [read(path) for path in paths]
        return found

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
