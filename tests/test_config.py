"""What a run depends on: its fields, its split, its key."""

import math
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaeprivacy import config as config_module
from vaeprivacy.config import Config, run_key
from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, WithDPSGD
from vaeprivacy.data import Dataset
from vaeprivacy.vae import VAESettings


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("defence", "hope", ValueError),
        ("attacks", "some", ValueError),
        ("epsilon", 0, ValueError),
        ("epsilon", -1.0, ValueError),
        ("epsilon", float("inf"), ValueError),
        ("epsilon", "8", TypeError),
        ("n_members", 0, ValueError),
        ("n_shadows", 0, ValueError),
        ("training", "disjoint", TypeError),
        ("training", OnDisjointRecords, TypeError),
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


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "fashion-mnist"},
        {"defence": "none", "epsilon": None},
        {"epsilon": 2.0},
        {"seed": 1},
        {"n_members": 99},
        {"n_shadows": 3},
        {"online": True},
        {"attacks": "all"},
        {"vae": VAESettings(epochs=4)},
        {"training": OnDisjointRecords()},
        {"training": WithDPSGD(8.0)},
    ],
)
def test_the_key_changes_with_every_field(config: Config, change: dict[str, object]) -> None:
    assert run_key(replace(config, **change)) != run_key(config) == run_key(replace(config))


def test_keys_tell_stages_apart(config: Config) -> None:
    keys = {run_key(config, stage) for stage in ("run", "target", "shadow 0", "shadow 1")}
    assert len(keys) == 4
    assert all(np.char.isalnum(key) for key in keys)


def test_public_records_leave_the_other_parts_as_they_are(config: Config, digits: Dataset) -> None:
    private, disjoint = (replace(config, training=t()).split(digits.y) for t in (OnPrivateRecords, OnDisjointRecords))
    for part in ("members", "non_members", "reference", "test"):
        assert torch.equal(getattr(private, part), getattr(disjoint, part))
    others = torch.cat([disjoint.candidates, disjoint.reference, disjoint.test])
    assert not set(disjoint.public.tolist()) & set(others.tolist())


def test_vaes_with_dp_sgd_are_compared_with_vaes_with_dp_sgd(config: Config) -> None:
    private = replace(config, training=WithDPSGD(8.0))
    assert private.reference_model.training == WithDPSGD(8.0)
    assert replace(config, training=OnDisjointRecords()).reference_model.training == OnPrivateRecords()


def test_runs_that_differ_in_the_vae_only_share_their_raw_shadow_models(config: Config) -> None:
    others = [replace(config, training=WithDPSGD(8.0)), replace(config, vae=VAESettings(latent_dim=2))]
    assert {run_key(other.raw) for other in others} == {run_key(config.raw)}
    assert len({run_key(other.model) for other in [config, *others]}) == 3


def changes(config: Config) -> list[Config]:
    """Return configurations that differ from one in one field each, those of VAE and classifier included."""
    changed = {
        "dataset": "fashion-mnist",
        "defence": "none",
        "epsilon": 2.0,
        "seed": 1,
        "n_members": 99,
        "n_shadows": 3,
        "online": True,
        "attacks": "all",
    }
    nested = ("vae", "classifier")
    trainings = [OnDisjointRecords(), WithDPSGD(8.0), WithDPSGD(4.0), WithDPSGD(8.0, 1e-9), WithDPSGD(8.0, 1e-8, 2.0)]
    assert {*changed, *nested, "training"} == {field.name for field in fields(Config)}  # a new field must be added here
    found = [replace(config, epsilon=None, defence="none")]
    found += [replace(config, **{name: value}) for name, value in changed.items() if name != "defence"]
    found += [replace(config, training=training) for training in trainings]
    for name in nested:
        part = getattr(config, name)
        for field in fields(part):
            other = (getattr(part, field.name) or 0.25) * 2  # regularisation is off unless asked for
            longer = replace(part, **{field.name: other})
            found.append(replace(config, **{name: longer}))
    return found


def test_the_key_changes_with_every_field_of_every_part(config: Config) -> None:
    others = changes(config)
    assert len({run_key(config), *map(run_key, others)}) == 1 + len(others)


def test_equal_configurations_have_equal_keys() -> None:
    assert Config(epsilon=8) == Config(epsilon=8.0)
    assert run_key(Config(epsilon=8)) == run_key(Config(epsilon=8.0))
    whole, point = (Config(training=WithDPSGD(epsilon, max_grad_norm=1)) for epsilon in (8, 8.0))
    assert whole == point
    assert run_key(whole) == run_key(point) == run_key(Config(training=WithDPSGD(8.0, max_grad_norm=1.0)))


@pytest.mark.parametrize("value", [2.5, True, "100", math.nan])
@pytest.mark.parametrize("field", ["n_members", "n_shadows"])
def test_a_number_of_things_is_an_integer(field: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{field} must"):
        Config(**{field: value})


@pytest.mark.parametrize(
    ("file", "matters"),
    [
        ("mechanisms.py", True),
        ("attacks/shokri.py", True),
        ("coverage.py", True),
        ("figures.py", False),
        ("cli.py", False),
        ("audit.py", False),
        ("planted/noise.py", False),
    ],
)
def test_the_key_changes_with_the_code_that_computes_results(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, matters: bool
) -> None:
    copy = shutil.copytree(
        Path(config_module.__file__).parent, tmp_path / "copy", ignore=shutil.ignore_patterns("__py*")
    )
    monkeypatch.setattr(config_module, "__file__", str(copy / "config.py"))
    before = config_module.code_hash.__wrapped__()
    (copy / file).write_text("changed")
    after = config_module.code_hash.__wrapped__()
    assert (before != after) is matters
    keys = []
    for code in (before, after):
        monkeypatch.setattr(config_module, "code_hash", lambda code=code: code)
        keys.append(run_key(Config()))
    assert (keys[0] != keys[1]) is matters


def test_the_key_changes_with_the_version_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_key(Config())
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert run_key(Config()) != before


def test_online_shadow_models_are_trained_on_balanced_halves_of_the_candidates(config: Config, digits: Dataset) -> None:
    online = replace(config, online=True)
    parts = online.split(digits.y)
    is_member = online.shadow_memberships(digits.y, parts)
    assert not is_member[:, : len(parts.reference)].any()
    assert (is_member[:, len(parts.reference) :].sum(dim=0) == 1).all()  # two complementary halves
