"""Named arrays in .npz and .safetensors files: one reader that tells a damaged file from a whole one."""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vaeprivacy.compute.files import CHECKSUM, DamagedFileError

PATHS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
#: What a file may unpack to, in bytes; and how many times its own length, if that is more.
UNPACKED, TIMES = 2**30, 100


class UnreadableError(ValueError):
    """Why a file is not read, in words that stand in brackets in a sentence about it."""


@contextmanager
def reading(path: Path, what: str = "is no .npz or .safetensors file of arrays ({why}).") -> Iterator[None]:
    """Turn whatever goes wrong with the contents of a file into :class:`~vaeprivacy.compute.files.DamagedFileError`.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    what : str
        What is said after its name.
    """
    try:
        yield
    except PATHS:
        raise
    # zipfile, zlib, NumPy, safetensors and torch raise errors of a dozen kinds, in words that are not for users.
    except Exception as error:
        raise DamagedFileError(f"{path} {what.format(why=_why(path, error))}") from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the name of a file before what is said of its contents."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{path}: {error}") from error


def _why(path: Path, error: Exception) -> str:
    """Return why a file cannot be read, by how it begins."""
    with path.open("rb") as file:
        head = file.read(6)
    if not head:
        return "it is empty"
    if isinstance(error, UnreadableError):
        return str(error)
    if "allow_pickle" in str(error):
        return "it holds Python objects, which might run code: write numbers, or strings"
    if head == b"\x93NUMPY":
        return "it holds one array without a name: write it with np.savez"
    zipped = head.startswith(b"PK")
    return "it is damaged or cut off" if zipped or path.suffix == ".safetensors" else "it is of another kind"


def write_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Write named arrays to an .npz file."""
    with path.open("wb") as file:
        np.savez(file, **arrays)


def read_arrays(path: Path, *, only: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Read named arrays of an .npz file, and compare all that is read with the checksums in it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    only : sequence of str
        Read just these arrays, which must be there; by default all.

    Raises
    ------
    DamagedFileError
        If it is damaged, of another kind, or holds Python objects, which are not read: that may run any code.
    ValueError
        If it lacks an array.
    """
    path = Path(path)
    with reading(path), zipfile.ZipFile(path) as archive:
        there = [name.removesuffix(".npy") for name in archive.namelist()]
        if len(set(there)) < len(there):
            raise ValueError("It has a name twice.")
        wanted = [f"{name}.npy" for name in only or there if name in there]
        _refuse_bombs([archive.getinfo(name) for name in wanted], length=path.stat().st_size)
        arrays = {name.removesuffix(".npy"): _array(_unpacked(archive, name)) for name in wanted}
    if len(arrays) < len(only):
        expected = " and ".join(map(repr, only))
        raise ValueError(
            f"{path} holds {', '.join(map(repr, there)) or 'no array'}; expected arrays called {expected}: "
            f"np.savez(..., {', '.join(f'{name}={name}' for name in only)})."
        )
    return arrays


def _refuse_bombs(members: Sequence[zipfile.ZipInfo], *, length: int) -> None:
    """Refuse members that say that they unpack to far more than the file's length, before any memory is taken."""
    size, most = sum(member.file_size for member in members), max(UNPACKED, TIMES * length)
    if size > most:
        raise UnreadableError(f"it would unpack to {size / 2**30:,.1f} GiB, but may to {most / 2**30:,.1f}")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise UnreadableError("it is packed in another way than np.savez does")  # one that unpacks without a limit


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member, all of it, so that zipfile compares its checksum, but not more than it says that it holds."""
    with archive.open(name) as member:
        return member.read(archive.getinfo(name).file_size + 1)  # without a number, 2 GiB would be unpacked at once


def _array(data: bytes) -> np.ndarray:
    """Return the array that an .npy file holds, if it holds that and nothing else."""
    stream = io.BytesIO(data)
    first = np.lib.format.read_magic(stream) == (1, 0)
    header = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(stream)
    # Before NumPy takes the memory. (Objects are pickled in any length; it refuses them.)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError("The header is that of another array.")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def check_shapes(
    arrays: dict[str, np.ndarray], shapes: Mapping[str, tuple[int | None, ...] | None], path: Path
) -> dict[str, np.ndarray]:
    """Return arrays of a file if those that were to be there have their shapes (None stands for any).

    Raises
    ------
    DamagedFileError
        If one is missing, or has another shape.
    """
    for name, shape in shapes.items():
        found = None if name not in arrays else arrays[name].shape
        fits = shape is None or (
            found is not None
            and len(found) == len(shape)
            and all(wanted in (None, n) for wanted, n in zip(shape, found, strict=True))
        )
        if found is None or not fits:
            raise DamagedFileError(f"{path} is not what belongs there ({name} has shape {found}).")
    return arrays


def write_tensors(tensors: Mapping[str, Any], path: Path, *, about: Mapping[str, str]) -> None:
    """Write named tensors to a safetensors file, with some texts and a checksum of all of it."""
    from safetensors.torch import save

    whole = dict(about) | {CHECKSUM: _checksum(tensors, about)}
    Path(path).write_bytes(save(dict(tensors), metadata=whole))


def read_tensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the named tensors of a safetensors file, and its texts; the checksum, if it has one, is compared.

    Raises
    ------
    DamagedFileError
        If it is damaged or of another kind.
    """
    from safetensors import safe_open

    with reading(Path(path)), safe_open(path, framework="pt") as file:
        about = dict(file.metadata() or {})
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        known = about.pop(CHECKSUM, None)
        if known not in (None, _checksum(tensors, about)):
            raise ValueError("The checksum is another one.")
    return tensors, about


def _checksum(tensors: Mapping[str, Any], about: Mapping[str, str]) -> str:
    """Return a hash of names, types, shapes, values and texts."""
    import torch

    parts = [[name, str(tensor.dtype), list(tensor.shape)] for name, tensor in sorted(tensors.items())]
    digest = hashlib.sha256(json.dumps([sorted(about.items()), parts]).encode())
    for name, _, _ in parts:
        digest.update(tensors[name].detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
