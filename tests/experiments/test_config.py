"""What a run depends on: its fields, its records, its key."""

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import DEFENCES, DPSGD, Framework, NoDefence, PriorSampling, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.cache import run_key
from vaeprivacy.experiments.config import Config
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import PlainTrainer, PublicTrainer
from vaeprivacy.vae import VAESettings

# Impossible input


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("defence", "framework", TypeError),
        ("defence", Framework, TypeError),
        ("attacks", "some", ValueError),
        ("seed", 0.5, TypeError),
        ("n_members", 0, ValueError),
        ("n_members", 9, ValueError),
        ("n_models", 2, ValueError),
        ("n_models", 5, ValueError),
        ("n_population", 9, ValueError),
        ("n_population", 0, ValueError),
        ("n_targets", 0, ValueError),
        ("n_targets", 7, ValueError),
    ],
)
def test_an_impossible_field_is_refused_by_its_name(field: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{field} must"):
        Config(**{field: value})


@pytest.mark.parametrize("value", [2.5, True, "100", math.nan])
@pytest.mark.parametrize("field", ["seed", "n_members", "n_models", "n_population", "n_targets"])
def test_a_number_of_things_is_a_whole_number(field: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{field} must be a whole number"):
        Config(**{field: value})


@pytest.mark.parametrize(
    ("defence", "field", "value", "error"),
    [
        (Framework, "epsilon", 0, ValueError),
        (Framework, "epsilon", -1.0, ValueError),
        (Framework, "epsilon", math.inf, ValueError),
        (Framework, "epsilon", "8", TypeError),
        (Framework, "radius", 0.0, ValueError),
        (Framework, "mechanism", "hope", ValueError),
        (Framework, "denoiser", "hope", ValueError),
        (Framework, "training", "disjoint", TypeError),
        (Framework, "training", PublicTrainer, TypeError),
        (PriorSampling, "training", None, TypeError),
        (RecordNoise, "local_epsilon", -1, ValueError),
        (DPSGD, "epsilon", 0, ValueError),
        (DPSGD, "delta", 1.0, ValueError),
        (DPSGD, "scattering", 1, TypeError),
        (Regularised, "epochs", 2.5, TypeError),
        (Regularised, "epochs", 0, ValueError),
        (VAESettings, "held_out", 1.0, ValueError),
    ],
)
def test_an_impossible_field_of_a_defence_is_refused(
    defence: type, field: str, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=field):
        defence(**{field: value})


def test_noise_on_the_sphere_is_not_denoised() -> None:
    with pytest.raises(ValueError, match="denoiser must be None for noise on the sphere"):
        Framework(1.0, "von-mises-fisher", denoiser="shrink")


@pytest.mark.parametrize("options", [{"noise_aware": True}, {"denoiser": "shrink"}])
def test_without_noise_there_is_nothing_to_be_aware_of(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Without noise \(epsilon None\)"):
        Framework(**options)


def test_a_regularisation_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="changes nothing"):
        Regularised()


@pytest.mark.parametrize(("training", "most"), [(PlainTrainer(), 449), (PublicTrainer(), 359)])
def test_too_few_records_are_refused_with_how_many_members_there_may_be(
    config: Config, digits: Dataset, training: PlainTrainer, most: int
) -> None:
    defence = replace(config.defence, training=training)
    assert len(replace(config, defence=defence, n_members=most).parts(digits.y).candidates) == 2 * most
    with pytest.raises(ValueError, match=f"n_members may be at most {most}"):
        replace(config, defence=defence, n_members=most + 1).parts(digits.y)


def test_a_population_of_its_own_size_leaves_room_for_more_members(config: Config, digits: Dataset) -> None:
    large = replace(config, n_members=800, n_population=190)
    assert [len(part) for part in large.parts(digits.y)] == [1600, 190, 0]
    with pytest.raises(ValueError, match="n_members may be at most 803 with n_population = 190"):
        replace(large, n_members=804).parts(digits.y)
    replace(large, n_members=803).parts(digits.y)


# The records of a run


def test_parts_are_disjoint_and_of_the_sizes_promised(config: Config, digits: Dataset) -> None:
    disjoint = replace(config, defence=replace(config.defence, training=PublicTrainer()))
    for each, n_public in ((config, 0), (disjoint, 100)):
        parts = each.parts(digits.y)
        assert [len(part) for part in parts] == [200, 200, n_public]
        assert len(torch.cat(list(parts)).unique()) == 400 + n_public
        assert torch.equal(parts.asked, torch.cat([parts.candidates, parts.population]))


def test_public_records_leave_the_other_parts_as_they_are(config: Config, digits: Dataset) -> None:
    disjoint = replace(config, defence=replace(config.defence, training=PublicTrainer())).parts(digits.y)
    for each in (config, config.raw):
        assert torch.equal(each.parts(digits.y).asked, disjoint.asked)


def test_models_come_in_pairs_of_complementary_halves(config: Config, digits: Dataset) -> None:
    is_member = replace(config, n_models=8).memberships(digits.y)
    assert is_member.shape == (8, 200)
    assert (is_member[0::2] ^ is_member[1::2]).all()
    assert (is_member.sum(dim=0) == 4).all()  # each candidate is in half of the models,
    assert (is_member.sum(dim=1) == 100).all()  # and each model has half of the candidates
    assert len(is_member.unique(dim=0)) == 8


def test_halves_hold_as_many_records_of_each_class(config: Config, digits: Dataset) -> None:
    y = digits.y[config.parts(digits.y).candidates]
    for half in config.memberships(digits.y):
        assert (torch.bincount(y[half]) - torch.bincount(y[~half])).abs().max() <= 1


def test_what_a_model_is_trained_on_does_not_depend_on_the_size_of_its_pool(config: Config, digits: Dataset) -> None:
    large = replace(config, n_models=12)
    assert torch.equal(large.memberships(digits.y)[:4], config.memberships(digits.y))
    assert torch.equal(large.memberships(digits.y, n_models=7), large.memberships(digits.y)[:7])


# Keys


# What else a field may be that is None.
OF_FIELDS = {
    "denoiser": ["shrink", "project"],
    "labels": [RandomisedResponse(1.0, 10), RandomisedResponse(2.0, 10)],
    "n_population": [100, 200],
    "n_targets": [1, 2],
}

OTHER_ARCHITECTURES = {VAESettings: ["convolutional"], ClassifierSettings: ["resnet9"]}


def others(value: Any) -> list[Any]:
    """Return values other than the one given, for a field of any part."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value * 2 or (0.5 if isinstance(value, float) else 1)]
    named = {"digits": "fashion-mnist", "few": "all", "euclidean-laplace": "gaussian", None: 3.0, "float32": "bfloat16"}
    if value in named:
        return [named[value]]
    if isinstance(value, PlainTrainer):
        dp = [DPSGDTrainer(8.0), DPSGDTrainer(4.0), DPSGDTrainer(8.0, 1e-9), DPSGDTrainer(8.0, 1e-8, 2.0)]
        return [PublicTrainer(), PublicTrainer(0.5), PublicTrainer(first_classes=5), *dp]
    return list(changes(value))


def changes(part: Any) -> Iterator[Any]:
    """Yield objects that differ from one in one field each, those of its parts included."""
    for field in fields(part):
        if field.init:
            wanted = OTHER_ARCHITECTURES if field.name == "architecture" else OF_FIELDS
            key = type(part) if field.name == "architecture" else field.name
            for value in wanted.get(key) or others(getattr(part, field.name)):
                yield replace(part, **{field.name: value})


def test_the_key_changes_with_every_field_of_every_part(config: Config) -> None:
    defences = [NoDefence(), Framework(2.0), PriorSampling(), RecordNoise(), DPSGD(), Regularised(epochs=5)]
    assert {type(defence) for defence in defences} == set(DEFENCES.values())  # a new defence must be added here
    # Regularised is changed by hand: other values than that of epochs are the classifier's business.
    found = [replace(config, defence=each) for each in defences]
    found += [replace(config, defence=Regularised(epochs=6))]
    found += [replace(config, defence=each) for one in defences[:-1] for each in changes(one)]
    found += [each for each in changes(config) if each.defence == config.defence]
    assert len(set(found)) == len(found) > 40
    assert len({run_key(each) for each in found}) == len(found)


def test_equal_configurations_have_equal_keys(config: Config) -> None:
    pairs = [
        (Framework(8), Framework(8.0)),
        (RecordNoise(64), RecordNoise(64.0)),
        (DPSGD(8), DPSGD(8.0)),
        (Framework(training=DPSGDTrainer(8)), Framework(training=DPSGDTrainer(8.0, max_grad_norm=1))),
        (Framework(vae=VAESettings(learning_rate=1)), Framework(vae=VAESettings(learning_rate=1.0))),
    ]
    for whole, point in pairs:
        assert whole == point
        assert run_key(Config(defence=whole)) == run_key(Config(defence=point))
    settings = [ClassifierSettings(learning_rate=rate) for rate in (1, 1.0)]
    assert len({run_key(replace(config, classifier=each)) for each in settings}) == 1


def test_keys_tell_stages_apart(config: Config) -> None:
    keys = {run_key(config, stage) for stage in ("run", "public", "model 0", "model 1")}
    assert len(keys) == 4
    assert all(np.char.isalnum(key) for key in keys)


def test_pools_without_defence_and_vaes_are_shared_by_runs_that_need_not_differ(config: Config) -> None:
    same = [replace(config, attacks="all"), replace(config, defence=replace(config.defence, epsilon=2.0))]
    other = [replace(config, defence=replace(config.defence, training=DPSGDTrainer(8.0)))]
    assert {run_key(each.raw) for each in (*same, *other)} == {run_key(config.raw)}
    assert {run_key(each.model) for each in same} == {run_key(config.model)}
    assert run_key(other[0].model) != run_key(config.model)
    assert run_key(replace(config, n_models=8).trained) == run_key(config.trained)


def test_the_adversary_trains_vaes_as_the_defender_does_but_on_its_own_records(config: Config) -> None:
    for training, reference in (
        (PlainTrainer(), PlainTrainer()),
        (PublicTrainer(), PlainTrainer()),
        (DPSGDTrainer(8.0), DPSGDTrainer(8.0)),
    ):
        each = replace(config, defence=replace(config.defence, training=training))
        assert each.reference_model.defence.training == reference
