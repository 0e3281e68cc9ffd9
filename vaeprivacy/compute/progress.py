"""Progress bars in plain text."""

from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm  # plain text: it needs no widgets

T = TypeVar("T")


def progress_bar(iterable: Iterable[T] | None = None, *, show: bool, **options: Any) -> "tqdm[T]":
    """Wrap an iterable in tqdm's progress bar, or return one to update.

    `show` turns it on, unless the user's ``TQDM_DISABLE`` turns it off.
    """
    # An explicit disable=False would overrule the environment variable.
    return tqdm(iterable, **options, **({} if show else {"disable": True}))
