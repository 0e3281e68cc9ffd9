"""Damaged files of our own are set aside and computed again; what cannot be written is said in one sentence."""

import contextlib
import errno
import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from damages import DAMAGES, harm, no_space
from safetensors.torch import save_file
from seeding import seeded

from vaeprivacy.attacks import draw_balanced_memberships, train_shadows
from vaeprivacy.attacks.shadow import ClassifierRecipe
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.compute import files
from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.compute.files import RESULTS, DamagedFileError, append_row, check_writable, read_rows, write_whole
from vaeprivacy.datasets import Dataset
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import run
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

damages = pytest.mark.parametrize("damage", DAMAGES)


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
