"""What the ``vaeprivacy`` command says if something is wrong, and the exit status that it ends with."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import typer

#: What a user can get wrong. (OSError: no such file, no Dask at the address; ImportError: something is not installed;
#: FloatingPointError: a release that would not be finite.)
MISTAKES = (ValueError, TypeError, OSError, ImportError, FloatingPointError)


def _sentence(error: BaseException) -> str:
    """Return what is said of an error: what the system says of files and memory, in our words."""
    from vaeprivacy.compute.files import in_words

    if _of_memory(error):
        return "There is not enough memory for this: take fewer or smaller models, or fewer records."
    if isinstance(error, OSError) and error.filename is not None:
        return str(in_words(error, error.filename))
    return str(error)


def _of_memory(error: BaseException) -> bool:
    """Return whether memory ran out; PyTorch says it by an error of another kind."""
    told = re.search("(not enough|out of|allocate) memory", str(error)) if isinstance(error, RuntimeError) else None
    return isinstance(error, MemoryError) or told is not None


def _as_note(message: Warning | str, category: type[Warning], *where: object, **more: object) -> str:
    """Return what is shown of a warning: only what it says, not where in the code."""
    return f"vaeprivacy: {message}\n"


@contextmanager
def reports_errors(*others: type[Exception], resumes: bool = False) -> Iterator[None]:
    """Decorate a command: a user's mistake is told in one sentence, and so is Ctrl-C.

    Parameters
    ----------
    *others : type of Exception
        What is told in the same way, beside :data:`MISTAKES`.
    resumes : bool
        Whether the same command, interrupted, goes on where it stopped.

    Raises
    ------
    typer.Exit
        With status 2 after a mistake, and 130 after Ctrl-C.
    """
    plain, warnings.formatwarning = warnings.formatwarning, _as_note
    try:
        yield
    except typer.Exit:  # which is a RuntimeError
        raise
    except Exception as error:
        if not isinstance(error, (*MISTAKES, *others)) and not _of_memory(error):
            raise
        typer.echo(f"vaeprivacy: {_sentence(error)}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        how_to_go_on = "; what is done is kept, and the same command continues" if resumes else ""
        typer.echo(f"vaeprivacy: interrupted{how_to_go_on}.", err=True)
        raise typer.Exit(130) from error
    finally:
        warnings.formatwarning = plain
