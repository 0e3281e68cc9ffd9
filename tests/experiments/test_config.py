"""What a run depends on: its fields, its records, its key."""

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import (
    DEFENCES,
    DPSGD,
    Framework,
    MomentsDCT,
    MomentsScattering,
    MomentsTable,
    NoDefence,
    PriorSampling,
    RecordNoise,
    Regularised,
    Transfer,
)
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.config import Config, draw_parts
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


def test_the_combined_attack_needs_a_pool_to_learn_on() -> None:
    with pytest.raises(
        ValueError, match='attacks="combined" needs n_models of at least 6, to learn its weights, not 4'
    ):
        Config(attacks="combined", n_models=4)


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
        (Framework, "trainer", "disjoint", TypeError),
        (Framework, "trainer", PublicTrainer, TypeError),
        (PriorSampling, "trainer", None, TypeError),
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
    defence = replace(config.defence, trainer=training)
    assert len(draw_parts(digits.y, replace(config, defence=defence, n_members=most))[0]) == 2 * most
    with pytest.raises(ValueError, match=f"n_members may be at most {most}"):
        draw_parts(digits.y, replace(config, defence=defence, n_members=most + 1))


def test_a_population_of_its_own_size_leaves_room_for_more_members(config: Config, digits: Dataset) -> None:
    large = replace(config, n_members=800, n_population=190)
    assert [len(part) for part in draw_parts(digits.y, large)] == [1600, 190, 0]
    with pytest.raises(ValueError, match="n_members may be at most 803 with n_population = 190"):
        draw_parts(digits.y, replace(large, n_members=804))
    draw_parts(digits.y, replace(large, n_members=803))


# The records of a run


def test_parts_are_disjoint_and_of_the_sizes_promised(config: Config, digits: Dataset) -> None:
    disjoint = replace(config, defence=replace(config.defence, trainer=PublicTrainer()))
    for each, n_public in ((config, 0), (disjoint, 100)):
        parts = draw_parts(digits.y, each)
        assert [len(part) for part in parts] == [200, 200, n_public]
        assert len(torch.cat(parts).unique()) == 400 + n_public


def test_public_records_leave_the_other_parts_as_they_are(config: Config, raw: Config, digits: Dataset) -> None:
    disjoint = replace(config, defence=replace(config.defence, trainer=PublicTrainer()))
    candidates, population, _ = draw_parts(digits.y, disjoint)
    for each in (config, raw):
        found = draw_parts(digits.y, each)
        assert torch.equal(found[0], candidates) and torch.equal(found[1], population)


def test_the_first_models_are_attacked_and_by_default_all(config: Config) -> None:
    assert list(config.targets) == [0, 1, 2, 3]
    assert list(replace(config, n_targets=2).targets) == [0, 1]


# Keys


# What else a field may be that is None.
OF_FIELDS = {
    "rows": [300],
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
    named["add or remove"] = "replace"
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
    moments = [MomentsDCT(), MomentsTable(), MomentsScattering(), Transfer()]
    defences = [NoDefence(), Framework(2.0), PriorSampling(), RecordNoise(), DPSGD(), *moments, Regularised(epochs=5)]
    assert {type(defence) for defence in defences} == set(DEFENCES.values())  # a new defence must be added here
    # Regularised is changed by hand: other values than that of epochs are the classifier's business.
    found = [replace(config, defence=each) for each in defences]
    found += [replace(config, defence=Regularised(epochs=6))]
    found += [replace(config, defence=each) for one in defences[:-1] for each in changes(one)]
    found += [each for each in changes(config) if each.defence == config.defence]
    assert len(set(found)) == len(found) > 40
    assert len({each.key for each in found}) == len(found)


def test_equal_configurations_have_equal_keys(config: Config) -> None:
    pairs = [
        (Framework(8), Framework(8.0)),
        (RecordNoise(64), RecordNoise(64.0)),
        (DPSGD(8), DPSGD(8.0)),
        (Framework(trainer=DPSGDTrainer(8)), Framework(trainer=DPSGDTrainer(8.0, max_grad_norm=1))),
        (Framework(vae=VAESettings(learning_rate=1)), Framework(vae=VAESettings(learning_rate=1.0))),
    ]
    for whole, point in pairs:
        assert whole == point
        assert Config(defence=whole).key == Config(defence=point).key
    settings = [ClassifierSettings(learning_rate=rate) for rate in (1, 1.0)]
    assert len({replace(config, classifier=each).key for each in settings}) == 1
