"""Files of data sets: where they are looked for, how they are downloaded, checked and unpacked."""

import hashlib
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

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
    url : str or None
        The folder on a server from which they are downloaded, with a slash at its end; None if that is left to the
        user, because nobody publishes a checksum.
    folders : tuple of pathlib.Path
        Where packages of operating systems put them.
    """

    name: str
    title: str
    advice: str
    url: str | None = None
    folders: tuple[Path, ...] = ()

    def find(self, *names: str, known_hash: str | None = None) -> Path:
        """Return the path of a file, downloading it if it is nowhere on this machine.

        It is looked for in the folder that the environment variable ``VAEPRIVACY_DATA`` names and in its sub-folder of
        the data set's name, and nowhere else, if that is set; otherwise where packages of the operating system put it,
        then in pooch's cache; last it is downloaded.

        Parameters
        ----------
        *names : str
            Names that the file may have, the one to download first.
        known_hash : str, optional
            Its checksum, as "md5:..." or "sha256:...", for a download.

        Raises
        ------
        FileNotFoundError
            If none of these has the file.
        """
        chosen = os.environ.get(VARIABLE)
        for folder in (Path(chosen) / self.name, Path(chosen)) if chosen else self.folders:
            for name in names:
                if (folder / name).is_file():
                    return folder / name
        if chosen:
            unset = f"Unset the variable, or: {self.advice}" if self.url else self.advice
            raise FileNotFoundError(f"{VARIABLE} names {chosen}, which has no {names[0]}. {unset}")
        if self.url is None:
            raise FileNotFoundError(f"{self.title} has to be got by hand, and {VARIABLE} is not set. {self.advice}")
        return self._download(names[0], known_hash)

    def _download(self, name: str, known_hash: str | None) -> Path:
        import pooch  # only a download needs it, and importing it makes tqdm complain in notebooks without widgets

        # Fashion-MNIST took the names of MNIST's files, so each data set has a cache of its own.
        cache = pooch.os_cache("vaeprivacy") / self.name
        try:
            return Path(pooch.retrieve(f"{self.url}{name}", known_hash=known_hash, fname=name, path=cache))
        except (OSError, ValueError) as error:  # no network (requests' errors are OSErrors), or a wrong hash
            places = " nor in ".join(map(str, (*self.folders, cache)))
            raise FileNotFoundError(
                f"{self.title}'s {name} is {'neither' if self.folders else 'not'} in {places}, and downloading it from "
                f"{self.url} failed ({type(error).__name__}). {self.advice}"
            ) from error

    def refusal(self, path: Path, fault: str) -> ValueError:
        """Return the error for a file at `path` that has a fault ("is damaged: ..."), with what to do."""
        return ValueError(f"{path} {fault}. Delete it and get it again. {self.advice}")

    def check(self, data: bytes, known_hash: str, *, path: Path) -> None:
        """Check what was read from `path` against its checksum, "md5:..." or "sha256:...".

        Raises
        ------
        ValueError
            If it is something else.
        """
        algorithm, digest = known_hash.split(":")
        if hashlib.new(algorithm, data).hexdigest() != digest:
            label = {"md5": "MD5", "sha256": "SHA-256"}[algorithm]
            raise self.refusal(path, f"is not the file of {self.title} (wrong {label})")

    def read(self, path: Path, *members: str) -> dict[str, bytes]:
        """Return what a packed archive (.tgz, .tar.gz) holds, or what a file holds that is one member, unpacked.

        Parameters
        ----------
        path : pathlib.Path
            The archive or file.
        *members : str
            Names of files in the archive; one name if `path` is no archive.

        Returns
        -------
        dict
            The bytes of each member.

        Raises
        ------
        ValueError
            If the archive is damaged or lacks a member.
        """
        if path.suffix not in (".tgz", ".gz"):
            return {members[0]: path.read_bytes()}
        try:
            with tarfile.open(path, "r:gz") as archive:
                wanted = ((entry.name.removeprefix("./"), entry) for entry in archive if entry.isfile())
                found = {name: archive.extractfile(entry).read() for name, entry in wanted if name in members}
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise self.refusal(path, f"is damaged: it does not unpack ({error})") from error
        lacking = [name for name in members if name not in found]
        if lacking:
            raise self.refusal(path, f"has no {' and no '.join(lacking)} in it")
        return found
