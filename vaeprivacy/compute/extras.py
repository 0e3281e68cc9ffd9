"""Packages that only some work needs."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str, *, work: str) -> Iterator[None]:
    """Say in one sentence what to install if an import inside this context fails.

    Parameters
    ----------
    name : str
        The extra of this package that brings what is imported.
    work : str
        What needs it, as the beginning of a sentence.

    Raises
    ------
    ImportError
        If a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise ImportError(
            f"{work} needs {missing}, which is not installed: pip install 'vaeprivacy[{name}]'."
        ) from error
