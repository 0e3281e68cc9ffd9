"""One run: its configuration, its key, its row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaeprivacy.experiment import Config, run, run_key, run_scores, training_records
from vaeprivacy.vae import VAESettings


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("defence", "hope", ValueError),
        ("epsilon", 0, ValueError),
        ("epsilon", -1.0, ValueError),
        ("epsilon", float("inf"), ValueError),
        ("epsilon", "8", TypeError),
        ("n_members", 0, ValueError),
        ("n_shadows", 0, ValueError),
    ],
)
def test_an_impossible_field_is_refused_by_its_name(field: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=field):
        Config(**{field: value})


def test_raw_data_have_no_epsilon() -> None:
    with pytest.raises(ValueError, match="leave epsilon out"):
        Config(defence="none", epsilon=1.0)


def test_runs_are_called_what_tables_call_them() -> None:
    assert Config(defence="none").label == "raw data"
    assert Config().label == "no noise"
    assert Config(epsilon=8).label == Config(epsilon=8.0).label == "8"


def test_a_run_leaves_scores_and_a_row(config: Config, tmp_path: Path) -> None:
    row = run(config, directory=tmp_path)
    arrays = run_scores(config, directory=tmp_path)
    assert row["key"] == run_key(config)
    assert set(row["attacks"]) == {"loss", "shadow", "adaptive", "nearest"}
    assert arrays["is_member"].sum() == config.n_members
    assert all(arrays[attack].shape == arrays["is_member"].shape for attack in row["attacks"])
    right = arrays["log_posteriors"].argmax(axis=1) == arrays["y"]
    assert row["train_accuracy"] == pytest.approx(right[arrays["is_member"]].mean())


def test_the_same_configuration_gives_the_same_row(config: Config, tmp_path: Path) -> None:
    assert run(config, directory=tmp_path / "a") == run(config, directory=tmp_path / "b")


def test_runs_with_other_noise_share_the_vae(config: Config, tmp_path: Path, digits) -> None:
    x, y = digits.x[:100], digits.y[:100]
    releases = []
    for epsilon in (1.0, 2.0):
        synthesizer, release = training_records(replace(config, epsilon=epsilon), tmp_path, x, y, "target")
        releases.append((synthesizer.encode(x), release.x))
    assert len(list((tmp_path / "vaes").iterdir())) == 1
    assert torch.equal(releases[0][0], releases[1][0])
    assert not torch.equal(releases[0][1], releases[1][1])


def test_the_targets_records_and_the_adversarys_are_disjoint(config: Config, digits) -> None:
    parts = config.split(digits.y)
    assert not set(parts.reference.tolist()) & set(torch.cat([parts.candidates, parts.test]).tolist())
    halves = config.shadow_memberships(digits.y[parts.reference])
    assert halves.shape == (config.n_shadows, 2 * config.n_members)
    assert (halves.sum(dim=1) == config.n_members).all()
    assert not torch.equal(halves[0], halves[1])


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "fashion-mnist"},
        {"defence": "none", "epsilon": None},
        {"epsilon": 2.0},
        {"seed": 1},
        {"n_members": 99},
        {"n_shadows": 3},
        {"vae": VAESettings(epochs=4)},
    ],
)
def test_the_key_changes_with_every_field(config: Config, change: dict[str, object]) -> None:
    assert run_key(replace(config, **change)) != run_key(config) == run_key(replace(config))


def test_keys_tell_stages_apart(config: Config) -> None:
    keys = {run_key(config, stage) for stage in ("run", "target", "shadow 0", "shadow 1")}
    assert len(keys) == 4
    assert all(np.char.isalnum(key) for key in keys)
