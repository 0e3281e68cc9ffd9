"""The store: what is there is not computed again, in memory or in files; and the names of what is kept."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from seeding import seeded

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.compute.array_files import read_arrays
from vaeprivacy.defences import DPSGD, Framework
from vaeprivacy.experiments import store as store_module
from vaeprivacy.experiments.store import Arrays, Store, key_of
from vaeprivacy.vae import VAE


class Counted:
    """Makes arrays and counts how often; each time with other values."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Arrays:
        self.times += 1
        return {"a": np.full(3, self.times), "b": np.eye(2)}

    def several(self) -> list[Arrays]:
        """Make three tables at once."""
        self.times += 1
        return [{"a": np.array([self.times, number])} for number in range(3)]


def small_vae(seed: int) -> VAE:
    return VAE(6, latent_dim=2, hidden=4, generator=seeded(seed))


def in_store(where: str, folder: Path) -> Store:
    return Store(folder if where == "files" else None)


def values(found: list[Arrays]) -> list[list[int]]:
    return [arrays["a"].tolist() for arrays in found]


# Computed once


@pytest.mark.parametrize("where", ["memory", "files"])
def test_arrays_are_computed_once_under_each_name_and_folder(where: str, tmp_path: Path) -> None:
    store, make = in_store(where, tmp_path), Counted()
    first = store.arrays("some", "one", make)
    assert first["a"].tolist() == [1, 1, 1] and np.array_equal(first["b"], np.eye(2))
    assert store.arrays("some", "one", make)["a"].tolist() == [1, 1, 1]
    assert make.times == 1
    assert store.arrays("some", "two", make)["a"].tolist() == [2, 2, 2]
    assert store.arrays("other", "one", make)["a"].tolist() == [3, 3, 3]


@pytest.mark.parametrize("where", ["memory", "files"])
def test_a_vae_is_trained_once(where: str, tmp_path: Path) -> None:
    store, trained = in_store(where, tmp_path), []

    def train() -> VAE:
        trained.append(small_vae(len(trained)))
        return trained[-1]

    for _ in range(2):
        found = store.vae("mine", train)
        assert all(map(torch.equal, found.parameters(), small_vae(0).parameters()))
    assert len(trained) == 1


def test_in_memory_two_stores_share_nothing_and_leave_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make = Counted()
    assert Store().arrays("some", "one", make)["a"][0] == 1
    assert Store(None).arrays("some", "one", make)["a"][0] == 2
    Store().arrays_together("some", ["x", "y", "z"], make.several)
    assert list(tmp_path.iterdir()) == []


def test_in_files_another_store_finds_what_is_there_and_the_files_are_whole(tmp_path: Path) -> None:
    make = Counted()
    Store(tmp_path).arrays("some", "one", make)
    Store(tmp_path).arrays_together("some/more", ["x", "y", "z"], make.several)
    Store(tmp_path).vae("mine", lambda: small_vae(0))
    files = sorted(str(path.relative_to(tmp_path).as_posix()) for path in tmp_path.rglob("*") if path.is_file())
    expected = [*(f"some/more/{name}.npz" for name in "xyz"), "some/one.npz", "vaes/mine.safetensors"]
    assert files == expected  # and nothing unfinished
    assert Store(tmp_path).arrays("some", "one", make)["a"].tolist() == [1, 1, 1]
    assert read_arrays(tmp_path / "some" / "one.npz")["a"].tolist() == [1, 1, 1]
    assert make.times == 2


@pytest.mark.parametrize("where", ["memory", "files"])
def test_what_fails_leaves_nothing_and_is_tried_again(where: str, tmp_path: Path) -> None:
    def failing() -> Arrays:
        raise MemoryError("too large")

    store = in_store(where, tmp_path)
    for keep in (store.arrays, lambda folder, name, make: store.arrays_together(folder, [name], make)):
        with pytest.raises(MemoryError):
            keep("some", "one", failing)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert store.arrays("some", "one", Counted())["a"].tolist() == [1, 1, 1]


# Several at once


@pytest.mark.parametrize("where", ["memory", "files"])
def test_what_is_made_together_is_made_once_and_keeps_its_order(where: str, tmp_path: Path) -> None:
    store, make = in_store(where, tmp_path), Counted()
    for _ in range(2):
        assert values(store.arrays_together("some", ["x", "y", "z"], make.several)) == [[1, 0], [1, 1], [1, 2]]
    assert make.times == 1


def test_if_one_is_missing_all_are_made_and_those_that_are_there_are_kept(tmp_path: Path) -> None:
    store, make, names = Store(tmp_path), Counted(), ["x", "y", "z"]
    store.arrays_together("some", names, make.several)
    (tmp_path / "some" / "y.npz").unlink()
    assert values(store.arrays_together("some", names, make.several)) == [[1, 0], [2, 1], [1, 2]]
    assert make.times == 2
    # Each has a file of its own: another process may ask for others of them together.
    assert values(store.arrays_together("some", names[1:], make.several)) == [[2, 1], [1, 2]]
    assert make.times == 2


def test_as_many_must_be_made_as_there_are_names(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        Store(tmp_path).arrays_together("some", ["x", "y"], Counted().several)


# Names


def test_a_key_changes_with_all_settings_at_any_depth() -> None:
    framework = Framework(8.0)
    parts = [
        ("a",), ("b",), ("a", 1), ("a", 2), (1, "a"), ("a", None), ("a", True), ("a", 1.5),
        (framework,), (replace(framework, epsilon=4.0),), (DPSGD(8.0),),
        (replace(framework, vae=replace(framework.vae, epochs=1)),), (framework, ClassifierSettings()),
        (framework, ClassifierSettings(hidden=3)),
    ]  # fmt: skip
    keys = {key_of(*each) for each in parts}
    assert len(keys) == len(parts)
    assert all(len(key) == 20 and key.isalnum() for key in keys)
    assert keys == {key_of(*each) for each in parts}


def test_a_whole_number_and_the_same_as_a_float_have_one_key() -> None:
    @dataclass(frozen=True)
    class Settings:
        """What is nested."""

        rate: float

    assert key_of("a", 1) == key_of("a", 1.0)
    assert key_of(Settings(1)) == key_of(Settings(1.0)) == key_of({"rate": 1.0})
    assert key_of(Settings(1.5)) != key_of(Settings(1))


def test_code_and_versions_are_part_of_each_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of("a")
    monkeypatch.setattr(store_module, "code_hash", lambda: "other code")
    assert key_of("a") != before
