"""Where the project is published, and the addresses that follow: all of them come from ``published.yaml``."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from vaeprivacy.compute.files import read_yaml

FILE = Path(__file__).parent.parent / "published.yaml"
VERSION = version("vaeprivacy")
COLAB = "https://colab.research.google.com"
HOST = "https://github.com/"


@dataclass(frozen=True)
class Published:
    """Addresses; each is empty as long as there is none, and so is what follows from it.

    Attributes
    ----------
    repository : str
        On GitHub.
    book : str
        Of the pages.
    package : str
        The name on PyPI.
    """

    repository: str = ""
    book: str = ""
    package: str = ""

    def __post_init__(self) -> None:
        wrong = [each for each in (self.repository, self.book) if each and not each.startswith("https://")]
        if self.repository and not self.repository.startswith(HOST):
            wrong.append(self.repository)
        if wrong:
            raise ValueError(
                f"{FILE.name} gives the address {wrong[0]!r}; expected https://, and for repository {HOST}owner/name."
            )
        for name in ("repository", "book"):
            object.__setattr__(self, name, getattr(self, name).rstrip("/"))

    @property
    def ref(self) -> str:
        """What links lead to: the tag of a release, or the branch that is worked on."""
        return f"v{VERSION}" if self.package and "dev" not in VERSION else "main"

    def page(self, page: str) -> str:
        """Return the address of a page, such as ``notebooks/vae.html#training``."""
        return self.book and f"{self.book}/{page}"

    def file(self, path: str) -> str:
        """Return the address at which a file or folder of the repository is shown."""
        return self.repository and f"{self.repository}/blob/{self.ref}/{path}"

    def raw(self, path: str) -> str:
        """Return the address of a file itself, such as a picture."""
        return self.repository and f"{self.repository}/raw/{self.ref}/{path}"

    def colab(self, path: str) -> str:
        """Return the address at which Colab opens a notebook."""
        return self.repository and f"{COLAB}/github/{self.repository.removeprefix(HOST)}/blob/{self.ref}/{path}"

    def requirement(self, extra: str) -> str:
        """Return what pip installs: the release, with its version, or else what the repository holds."""
        if self.ref != "main":
            return f"{self.package}[{extra}]=={VERSION}"
        return self.repository and f"vaeprivacy[{extra}] @ git+{self.repository}@{self.ref}"


PUBLISHED = Published(**read_yaml(FILE))
