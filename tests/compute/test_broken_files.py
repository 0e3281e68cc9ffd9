"""Damaged files of our own are set aside and computed again; what cannot be written is said in one sentence."""

import contextlib
import errno
import io
import os
import re
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from seeding import seeded
from typer.testing import CliRunner

from vaeprivacy.attacks import draw_balanced_memberships, train_shadows
from vaeprivacy.attacks.shadow import ClassifierRecipe
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.cli import app
from vaeprivacy.compute import files
from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.compute.files import RESULTS, DamagedFileError, append_row, check_writable, read_rows, write_whole
from vaeprivacy.datasets import Dataset
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import run
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "a bit flipped": flipped,
    "foreign": lambda data: b"<html>503 Service Unavailable</html>",
}
damages = pytest.mark.parametrize("damage", DAMAGES)


def harm(path: Path, damage: str) -> None:
    path.write_bytes(DAMAGES[damage](path.read_bytes()))


# Impossible input


@damages
def test_a_damaged_vae_is_refused_by_name(damage: str, vae: VAE, tmp_path: Path) -> None:
    path = tmp_path / "vae.safetensors"
    vae.save(path)
    harm(path, damage)
    with pytest.raises(
        DamagedFileError, match=rf"^{path} is not a VAE that this package saved \(it is .*; fit it again"
    ):
        VAE.load(path)


@pytest.mark.parametrize(
    "about",
    [
        {"features": "64", "latent_dim": "3", "hidden": str(10**12), "n_classes": "0"},  # would need terabytes
        {"features": "65", "latent_dim": "3", "hidden": "16", "n_classes": "0"},
        {"features": "many", "latent_dim": "3", "hidden": "16"},
        {},
    ],
)
def test_a_file_of_tensors_that_is_no_vae_is_refused(about: dict[str, str], vae: VAE, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file(vae.state_dict(), path, metadata=about)
    with pytest.raises(ValueError, match="is not a VAE that this package saved"):
        VAE.load(path)


def test_a_vae_whose_weights_are_no_numbers_is_refused(vae: VAE, tmp_path: Path) -> None:
    weights = {name: torch.full_like(weight, torch.nan) for name, weight in vae.state_dict().items()}
    save_file(weights, tmp_path / "nan", metadata={name: str(size) for name, size in vae.sizes.items()})
    with pytest.raises(ValueError, match="is not a VAE that this package saved"):
        VAE.load(tmp_path / "nan")


@damages
def test_a_damaged_file_of_arrays_is_refused_by_name(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_arrays({"a": np.arange(1000)}, path)
    harm(path, damage)
    with pytest.raises(
        DamagedFileError, match=rf"^{path} is no .npz or .safetensors file of arrays \(it is [a-z ]+\)\.$"
    ):
        read_arrays(path)


def test_a_header_that_promises_less_than_there_is_is_no_array(tmp_path: Path) -> None:
    # NumPy would read the beginning, and never come to the checksum.
    path = tmp_path / "a.npz"
    write_arrays({"a": np.arange(1000)}, path)
    with zipfile.ZipFile(path) as archive:
        content = archive.read("a.npy").replace(b"(1000,)", b"(10,)  ")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(DamagedFileError, match="damaged or cut off"):
        read_arrays(path)


def test_one_array_without_a_name_is_no_file_of_arrays(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DamagedFileError, match=r"it holds one array without a name: write it with np\.savez"):
        read_arrays(tmp_path / "a.npz")


def member(shape: tuple[int, ...], data: bytes = b"", kind: str = "<f4") -> bytes:
    """Return an .npy file whose header tells a shape, whatever data it has."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue() + data


def say_size(path: Path, size: int) -> None:
    """Write another unpacked size into a zip file's list of members."""
    data = bytearray(path.read_bytes())
    data[(place := data.rfind(b"PK\x01\x02") + 24) : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("content", "says", "why"),
    [
        (member((10**9,), bytes(2**20)), 4 * 10**9, r"it would unpack to 3\.7 GiB, but may to 1\.0"),
        (member((2**28,), bytes(2**28)), 4096, "it is damaged or cut off"),
        (member((10**9, 10**9)), None, "it is damaged or cut off"),
        (member((10**30,)), None, "it is damaged or cut off"),
        (member((2**40,), kind="|V0"), None, ""),  # of nothing, which takes no memory
    ],
    ids=[
        "says that it is large",
        "says that it is small",
        "a header too large",
        "a header beyond all",
        "no bytes each",
    ],
)
def test_a_file_that_asks_for_all_memory_is_refused_before_it_takes_any(
    content: bytes, says: int | None, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    if says is not None:
        say_size(path, says)
    tracemalloc.start()
    try:
        with contextlib.ExitStack() as stack:
            if why:
                stack.enter_context(pytest.raises(DamagedFileError, match=why))
            read_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_zeros_that_are_packed_well_are_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, x=np.zeros((1000, 1000), np.float32))
    assert path.stat().st_size < 10_000 and read_arrays(path)["x"].shape == (1000, 1000)


def test_what_is_packed_as_numpy_never_does_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", member((2,), bytes(8)))
    with pytest.raises(DamagedFileError, match=r"it is packed in another way than np\.savez does"):
        read_arrays(path)


def no_space(*args: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "stage"

    def write(unfinished: Path) -> None:
        unfinished.write_text("half")
        no_space()

    with pytest.raises(OSError, match=rf"^{path}: the disk is full: make room, and run the same again\.$") as caught:
        write_whole(path, write)
    assert caught.value.errno == errno.ENOSPC
    assert list((tmp_path / "new").iterdir()) == []
    monkeypatch.setattr(files.os, "fsync", no_space)  # where some systems tell it only then
    with pytest.raises(OSError, match="the disk is full"):
        write_whole(path, lambda unfinished: unfinished.write_text("all"))
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="There is no device that is always full.")
def test_a_row_for_which_there_is_no_room_is_not_written(tmp_path: Path) -> None:
    (tmp_path / RESULTS).symlink_to("/dev/full")
    with pytest.raises(OSError, match=f"{RESULTS}: the disk is full"):
        append_row({"key": "a"}, directory=tmp_path)


class HalfWritten:
    """A file on a disk that has room for five more bytes."""

    def __init__(self, file: object) -> None:
        self.file = file

    def __enter__(self) -> "HalfWritten":
        return self

    def __exit__(self, *args: object) -> None:
        self.file.close()

    def write(self, line: bytes) -> int:
        return self.file.write(line[:5])

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def test_half_a_row_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_row({"key": "a"}, directory=tmp_path)
    path = tmp_path / RESULTS
    before, opened = path.read_bytes(), Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, *args, **options: HalfWritten(opened(self, *args, **options)))
        with pytest.raises(OSError, match="the disk is full"):
            append_row({"key": "b"}, directory=tmp_path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "code", "sentence"),
    [
        (OSError, errno.EROFS, "the disk is read-only: choose another place"),
        (PermissionError, errno.EACCES, "permission is denied: choose another place, or change the permissions"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_said_before_any_work(
    kind: type[OSError], code: int, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    with pytest.raises(kind, match=rf"^{tmp_path}: {sentence}\.$"):
        check_writable(tmp_path / "not" / "there")
    assert list(tmp_path.iterdir()) == []


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


# A known answer


def test_what_is_written_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, path = [], tmp_path / "stage"
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda place: calls.append("to the disk") or fsync(place))
    monkeypatch.setattr(files.os, "replace", lambda *names: calls.append("renamed") or replace(*names))
    write_whole(path, lambda unfinished: unfinished.write_text("all"))
    assert calls == ["to the disk", "renamed", "to the disk"]
    append_row({"key": "a"}, directory=tmp_path)
    assert calls[3:] == ["to the disk"]


def test_a_vae_of_an_older_version_has_no_checksum_and_is_read(vae: VAE, tmp_path: Path) -> None:
    about = {name: str(size) for name, size in vae.sizes.items() if name != "architecture"}
    save_file(vae.state_dict(), tmp_path / "old", metadata=about)
    assert torch.equal(VAE.load(tmp_path / "old").encoder[0].weight, vae.encoder[0].weight)


def test_a_row_of_an_older_version_has_no_checksum_and_is_read(tmp_path: Path) -> None:
    (tmp_path / RESULTS).write_text('\n{"key": "a", "value": 1}\n')
    append_row({"key": "b"}, directory=tmp_path)
    assert read_rows(tmp_path) == {"a": {"key": "a", "value": 1}, "b": {"key": "b"}}


@pytest.mark.parametrize(
    "line", ["5", '{"a": 1}', '{"key": 7}', "[]", "null", '"key"', '{"key": "c"', "\xff", 4000 * "["]
)
def test_a_line_that_is_no_row_is_named_and_left_out(line: str, tmp_path: Path) -> None:
    append_row({"key": "a"}, directory=tmp_path)
    path = tmp_path / RESULTS
    path.write_bytes(path.read_bytes() + line.encode("latin-1"))
    append_row({"key": "b"}, directory=tmp_path)
    with pytest.warns(UserWarning, match=f"{path}, line 3, is no row of a run"):
        assert list(read_rows(tmp_path)) == ["a", "b"]


def test_a_number_that_was_changed_in_a_row_is_noticed(tmp_path: Path) -> None:
    append_row({"key": "a", "auc": 0.731}, directory=tmp_path)
    path = tmp_path / RESULTS
    path.write_text(path.read_text().replace("0.731", "0.791"))
    with pytest.warns(UserWarning, match="is no row of a run"):
        assert read_rows(tmp_path) == {}


# Properties


@damages
def test_each_damaged_file_of_a_run_is_computed_again(damage: str, config: Config, tmp_path: Path) -> None:
    clean = run(config, directory=tmp_path)
    kept = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert {path.suffix for path in kept} == {".npz", ".safetensors"}
    before = {path: path.read_bytes() for path in kept}
    for path in kept:
        harm(path, damage)
    with pytest.warns(UserWarning, match=r"So it is set aside as .*\.damaged, and computed again") as said:
        again = run(config, directory=tmp_path)
    assert {**again, "seconds": 0} == {**clean, "seconds": 0}
    told = " ".join(str(warning.message) for warning in said)
    for path in kept:
        assert str(path) in told
        # (Which text comes first in a safetensors file is chance.)
        assert path.suffix == ".safetensors" or path.read_bytes() == before[path]
        assert path.with_name(f"{path.name}.damaged").exists()


def test_a_file_of_another_pool_is_computed_again(config: Config, tmp_path: Path) -> None:
    clean = run(config, directory=tmp_path)
    for path in tmp_path.rglob("*.npz"):
        write_arrays({"log_posteriors": np.zeros((3, 2))}, path)
    with pytest.warns(UserWarning, match="is not what belongs there"):
        again = run(config, directory=tmp_path)
    assert {**again, "seconds": 0} == {**clean, "seconds": 0}


@pytest.mark.parametrize("sizes", [{"features": 10, "latent_dim": 2, "hidden": 8}, {"latent_dim": 5}, {"hidden": 9}])
def test_a_vae_of_another_pool_is_computed_again(sizes: dict[str, int], config: Config, tmp_path: Path) -> None:
    pool = Pool.of(config, tmp_path)
    clean = pool.vae(0)
    path = tmp_path / "vaes" / f"{pool.vae_name(0)}.safetensors"
    VAE(**{**clean.sizes, **sizes}, generator=seeded()).save(path)
    with pytest.warns(UserWarning, match=rf"{path} is not what belongs there \(a VAE with .*\)\. So it is set aside"):
        again = Pool.of(config, tmp_path).vae(0)
    assert again.sizes == clean.sizes
    assert all(torch.equal(a, b) for a, b in zip(clean.parameters(), again.parameters(), strict=True))
    assert path.with_name(f"{path.name}.damaged").exists()


@damages
def test_a_damaged_prediction_of_shadow_models_is_computed_again(damage: str, digits: Dataset, tmp_path: Path) -> None:
    x, y = digits.x[:60], digits.y[:60]
    options = {"is_member": draw_balanced_memberships(y, n_shadows=2, generator=seeded()), "directory": tmp_path}
    options["recipe"] = ClassifierRecipe(10, 0, ClassifierSettings(hidden=8, epochs=1))
    clean = train_shadows(x, y, **options)
    harm(next(tmp_path.glob("*.npz")), damage)
    with pytest.warns(UserWarning, match="So it is set aside"):
        again = train_shadows(x, y, **options)
    assert torch.equal(clean.log_posteriors, again.log_posteriors)


@pytest.mark.parametrize("damage", ["empty", "cut off", "a bit flipped"])
def test_a_damaged_checkpoint_is_set_aside_and_the_training_begins_anew(
    damage: str, digits: Dataset, tmp_path: Path
) -> None:
    path, settings = tmp_path / "vae.ckpt", VAESettings(latent_dim=2, hidden=8, epochs=2)
    clean, _ = fit_vae(digits.x[:60], settings, generator=seeded(), checkpoint=path)
    harm(path, damage)
    with pytest.warns(UserWarning, match=r"vae.ckpt is no checkpoint .* set aside as vae.ckpt.damaged"):
        again, _ = fit_vae(digits.x[:60], settings, generator=seeded(), checkpoint=path)
    assert all(torch.equal(a, b) for a, b in zip(clean.parameters(), again.parameters(), strict=True))


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
