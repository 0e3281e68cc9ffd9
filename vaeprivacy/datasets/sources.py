"""Files of data sets: where they are looked for, how they are downloaded and checked."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vaeprivacy.datasets.debian import unpack_package

VARIABLE = "VAEPRIVACY_DATA"


@dataclass(frozen=True)
class Source:
    """Where the files of one data set come from.

    Attributes
    ----------
    name : str
        Name of the data set, and of the sub-folder in which its files are looked for first.
    title : str
        Its name in sentences.
    advice : str
        Sentences that end every error: how to get the files.
    url : str
        The folder on a server from which they are downloaded, with a slash at its end.
    folders : tuple of pathlib.Path
        Where packages of operating systems put them.
    package : str
        Name of the package of Debian's that puts them into the first of these folders.
    """

    name: str
    title: str
    advice: str
    url: str
    folders: tuple[Path, ...]
    package: str

    def find(self, *names: str, known_hash: str) -> Path:
        """Return the path of a file, downloading it if it is nowhere on this machine.

        It is looked for in the folder that the environment variable ``VAEPRIVACY_DATA`` names and in its sub-folder of
        the data set's name, and nowhere else, if that is set; otherwise where packages of the operating system put it,
        then in pooch's cache; last it is downloaded, from the server or else out of Debian's package.

        Parameters
        ----------
        *names : str
            Names that the file may have, the one to download first.
        known_hash : str
            Its checksum, as "sha256:...", for a download.

        Raises
        ------
        FileNotFoundError
            If none of these has the file.
        """
        chosen = os.environ.get(VARIABLE)
        found = _first_file((Path(chosen) / self.name, Path(chosen)) if chosen else self.folders, names)
        if found:
            return found
        if chosen:
            raise FileNotFoundError(
                f"{VARIABLE} names {chosen}, which has no {names[0]}. Unset the variable, or: {self.advice}"
            )
        return self._download(names, known_hash)

    def _download(self, names: tuple[str, ...], known_hash: str) -> Path:
        import pooch  # only a download needs it, and importing it makes tqdm complain in notebooks without widgets

        # Fashion-MNIST's files have the names of MNIST's, so they have a cache of their own. Debian has packed them
        # anew, so those that came out of its package have not the hash of the server's, and a folder of their own.
        cache, name = pooch.os_cache("vaeprivacy") / self.name, names[0]
        unpacked = cache.with_name(f"{self.name}-debian")
        if found := _first_file((unpacked,), names):
            return found
        try:
            return Path(pooch.retrieve(f"{self.url}{name}", known_hash=known_hash, fname=name, path=cache))
        except (OSError, ValueError) as error:  # no network (requests' errors are OSErrors), or a wrong hash
            failed = error
        try:
            unpack_package(self.package, str(self.folders[0]).lstrip("/"), unpacked)
        except OSError as error:
            if found := _first_file((unpacked,), names):  # another process was faster
                return found
            places = " nor in ".join(map(str, (*self.folders, cache)))
            raise FileNotFoundError(
                f"{self.title}'s {name} is neither in {places}, and downloading it from {self.url} failed "
                f"({type(failed).__name__}); so did Debian's package of it ({error}). {self.advice}"
            ) from failed
        return unpacked / name

    def refusal(self, path: Path, fault: str) -> ValueError:
        """Return the error for a file at `path` that has a fault ("is damaged: ..."), with what to do."""
        return ValueError(f"{path} {fault}. Delete it and get it again. {self.advice}")

    def check(self, data: bytes, known_hash: str, *, path: Path) -> None:
        """Check what was read from `path` against its checksum, "sha256:...".

        Raises
        ------
        ValueError
            If it is something else.
        """
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != known_hash:
            raise self.refusal(path, f"is not the file of {self.title} (wrong SHA-256)")


def _first_file(folders: Iterable[Path], names: Iterable[str]) -> Path | None:
    """Return the first file of one of these names in one of these folders."""
    paths = (folder / name for folder in folders for name in names)
    return next((path for path in paths if path.is_file()), None)
