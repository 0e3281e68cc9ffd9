"""Help comes without PyTorch, and names what there is; mistakes and interruptions become sentences."""

import pytest
import typer
from typer.testing import CliRunner

from vaeprivacy.cli import names
from vaeprivacy.cli.errors import reports_errors
from vaeprivacy.course.assignments import FORMATS
from vaeprivacy.datasets import LOADERS
from vaeprivacy.defences import DEFENCES


def test_names_in_help_texts_are_those_of_the_registries() -> None:
    assert list(LOADERS) == list(names.DATASETS)
    assert list(DEFENCES) == list(names.DEFENCES)
    assert FORMATS == names.FORMATS


NO_MEMORY = "vaeprivacy: There is not enough memory for this: take fewer or smaller models, or fewer records.\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ValueError("No."), 2, "vaeprivacy: No.\n"),
        (PermissionError("Not there."), 2, "vaeprivacy: Not there.\n"),
        (ImportError("Not installed."), 2, "vaeprivacy: Not installed.\n"),
        (KeyboardInterrupt(), 130, "vaeprivacy: interrupted.\n"),
        (typer.Exit(1), 1, ""),
        (RuntimeError("of ours"), 1, ""),
        (FloatingPointError("3 of 9 values are not finite."), 2, "vaeprivacy: 3 of 9 values are not finite.\n"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: ..."), 2, NO_MEMORY),
    ],
)
def test_a_mistake_is_told_in_one_sentence(error: BaseException, status: int, said: str) -> None:
    app = typer.Typer()

    @app.command()
    @reports_errors()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(app)
    assert (result.exit_code, result.output) == (status, said)


def test_a_command_may_say_that_it_resumes_and_tell_of_other_errors() -> None:
    with pytest.raises(typer.Exit) as stop, reports_errors(RuntimeError):
        raise RuntimeError("too large")
    assert stop.value.exit_code == 2
    with pytest.raises(typer.Exit) as stop, reports_errors(RuntimeError):
        raise typer.Exit(1)  # which is a RuntimeError
    assert stop.value.exit_code == 1
    with pytest.raises(typer.Exit) as stop, reports_errors(resumes=True):
        raise KeyboardInterrupt
    assert stop.value.exit_code == 130
