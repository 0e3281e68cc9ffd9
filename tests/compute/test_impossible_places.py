"""Commands refuse impossible places, sizes and grids in one sentence, and go on after a power failure."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from damages import harm, no_space
from typer.testing import CliRunner

from vaeprivacy.cli import app
from vaeprivacy.compute import files
from vaeprivacy.compute.files import RESULTS, append_row, read_rows

GRID = "dataset: digits\nn_members: 30\nn_models: 4\ndefence: none\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a file, a grid, and arrays to attack."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "grid.yaml").write_text(GRID)
    x, y = np.random.default_rng(0).random((40, 4)).astype("f4"), np.arange(40) % 2
    said = np.log(np.random.default_rng(1).dirichlet(np.ones(2), 40))
    np.savez(tmp_path / "d.npz", x=x, y=y, is_member=y == np.arange(40) // 20, log_posteriors=said)
    yield tmp_path


RUN = ["run", "--dataset", "digits", "--members", "30", "--models", "4", "--defence", "none"]
COMMANDS = {
    "run": RUN,
    "sweep": ["sweep", "grid.yaml"],
    "attack": ["attack", "d.npz", "--shadows", "2", "--epochs", "1"],
}
commands = pytest.mark.parametrize("command", COMMANDS)


def refused(arguments: list[str]) -> str:
    """Return the one sentence that a command ends with, with status 2."""
    result = CliRunner().invoke(app.app, arguments)
    assert result.exit_code == 2, result.output
    lines = [line for line in result.output.strip().splitlines() if line.startswith("vaeprivacy: ")]
    assert len(lines) == 1 and "Traceback" not in result.output and "Errno" not in lines[0]
    return lines[0]


@commands
@pytest.mark.parametrize("directory", ["file", "file/sub"])
def test_a_file_where_a_folder_is_wanted_stays_as_it_is(command: str, directory: str, place: Path) -> None:
    sentence = refused([*COMMANDS[command], "--directory", directory])
    assert "file: a file stands where a folder is wanted: choose another folder." in sentence
    assert (place / "file").read_text() == "mine"


@commands
def test_on_a_full_disk_a_command_says_so_before_any_work(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(place.rglob("*"))
    monkeypatch.setattr(files.tempfile, "TemporaryFile", no_space)
    assert "the disk is full: make room, and run the same again." in refused([*COMMANDS[command], "--directory", "new"])
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_disk_that_fills_up_on_the_way_ends_a_command(
    command: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vaeprivacy.compute.parallel import Outcome
    from vaeprivacy.experiments import sweeps

    outcome = Outcome(0, error="OSError: a/b.npz: the disk is full: make room, and run the same again.", of_files=True)
    monkeypatch.setattr(sweeps, "_done", lambda pieces, **options: iter([outcome] if pieces else []))
    assert refused([*COMMANDS[command], "--directory", "new"]) == f"vaeprivacy: {outcome.error[9:]}"
    assert read_rows(place / "new") == {}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*RUN, "--seed", str(2**63)], "seed must be at most 9,223,372,036,854,775,807"),
        ([*RUN, "--seed", "1" + 400 * "0"], "seed must be at most"),
        ([*RUN[:-4], "--models", str(10**9)], "n_models must be at most 100,000, not 1,000,000,000"),
        (["attack", "d.npz", "--shadows", str(10**9)], "n_shadows must be at most 100,000"),
        (["attack", "d.npz", "--seed", str(10**30)], "seed must be at most"),
        (["audit", "--seed", str(10**30)], "seed must be at most"),
        (
            ["sweep", "grid.yaml", "--jobs", "0"],
            "n_jobs (-1 for all cores) must be a whole number of at least 1, not 0.",
        ),
        (["sweep", "grid.yaml", "--jobs", "-3"], "n_jobs (-1 for all cores) must be a whole number of at least 1"),
        (["sweep", "grid.yaml", "--jobs", str(10**9)], "n_jobs (-1 for all cores) must be at most 1,024, not 1,000,0"),
    ],
)
def test_impossible_sizes_and_seeds_are_refused_before_any_work(
    arguments: list[str], sentence: str, place: Path
) -> None:
    before = sorted(place.rglob("*"))
    assert sentence in refused(arguments)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f"seed: {list(range(400))}\nn_members: {list(range(10, 410))}\n",
            "asks for 160,000 combinations, but may ask for 100,000",
        ),
        ("classifier: {hidden: 1000000000000}\n", "hidden must be at most 10,000,000"),
        ("seed: 100000000000000000000\n", "seed must be at most"),
        ("n_members: 1" + 5000 * "0" + "\n", "it holds a number of thousands of digits"),
        ("seed: &a [*a]\n", "cannot be read as YAML|nested too deeply"),
        ("defence: " + 5000 * "[" + 5000 * "]" + "\n", "nested too deeply"),
    ],
)
def test_impossible_grids_are_refused(text: str, sentence: str, place: Path) -> None:

    (place / "grid.yaml").write_text(text)
    assert re.search(sentence, refused(["sweep", "grid.yaml"]))
    assert not (place / "runs").exists()


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_grid_in_another_encoding_is_refused_in_our_words(encoding: str, place: Path) -> None:
    (place / "grid.yaml").write_bytes("dataset: für\n".encode(encoding))
    told = "vaeprivacy: grid.yaml cannot be read as YAML: it is no text in UTF-8; save it anew, in that encoding."
    assert refused(["sweep", "grid.yaml"]) == told


@pytest.mark.parametrize(("option", "number"), [("--dimension", 10**11), ("--n", 10**14), ("--n", 10**400)])
def test_an_audit_of_impossible_size_is_refused(option: str, number: int) -> None:
    result = CliRunner().invoke(app.app, ["audit", option, str(number)])
    assert (result.exit_code, type(result.exception)) == (2, SystemExit), result.exception


def test_an_attack_on_a_folder_without_runs_says_so(place: Path) -> None:
    (place / "none").mkdir()
    assert refused(["attack", "none"]) == "vaeprivacy: none holds no finished run: make one with `vaeprivacy run`."


# Properties


@pytest.mark.parametrize("damage", ["empty", "cut off", "a bit flipped"])
def test_a_command_goes_on_after_a_power_failure(damage: str, place: Path) -> None:
    assert CliRunner().invoke(app.app, RUN).exit_code == 0
    (place / "runs" / RESULTS).unlink()
    for path in [*(place / "runs").rglob("*.npz")]:
        harm(path, damage)
    # It is told here, once each, though other processes find it.
    with pytest.warns(UserWarning, match="So it is set aside") as said:
        result = CliRunner().invoke(app.app, RUN)
    assert result.exit_code == 0, result.output
    told = [str(warning.message).split(" is no ")[0] for warning in said if "set aside" in str(warning.message)]
    assert sorted(told) == sorted(str(path) for path in (place / "runs").rglob("*.npz"))
    assert len(read_rows(place / "runs")) == 1


def test_a_row_of_another_version_is_named(place: Path) -> None:
    append_row({"key": "a", "config": {"defence": {"name": "none"}, "colour": 1}, "attacks": {}}, directory="old")
    assert "results.jsonl: the run a is of another version of this package" in refused(["attack", "old"])
