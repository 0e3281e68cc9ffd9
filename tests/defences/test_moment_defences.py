"""Moments and transfer sets as defences."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from seeding import seeded
from torch import nn

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import DEFENCES, Moments, MomentsDCT, MomentsScattering, MomentsTable, Transfer
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.game import attack_target
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import run
from vaeprivacy.procedural import silhouettes
from vaeprivacy.transfer import transfer_set
from vaeprivacy.whole_guarantee import WholeGuarantee

ALL = (MomentsDCT, MomentsTable, MomentsScattering, Transfer)


# Impossible input


@pytest.mark.parametrize("kind", [MomentsDCT, MomentsScattering, Transfer])
@pytest.mark.parametrize("image_shape", [None, (4, 16), (1, 8, 8)])
def test_records_that_are_no_square_grey_images_are_refused(
    kind: type[Moments], image_shape: tuple[int, ...] | None
) -> None:
    with pytest.raises(ValueError, match=r"needs square grey images; these records are "):
        kind().features(torch.rand(2, 64), image_shape=image_shape)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("field", [{"epsilon": 0.0}, {"delta": 1.0}, {"rows": 0}])
def test_impossible_fields_are_refused(kind: type[Moments], field: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(field))}"):
        kind(**field)


# Known answers


def test_they_have_their_names_and_seed_names_that_stay() -> None:
    assert {name: kind for name, kind in DEFENCES.items() if kind in ALL} == {kind().name: kind for kind in ALL}
    assert [kind().seed_name for kind in ALL] == [
        "MomentsDCT(epsilon=10.0, delta=1e-06, rows=None)",
        "MomentsTable(epsilon=10.0, delta=1e-06, rows=None)",
        "MomentsScattering(epsilon=10.0, delta=1e-06, rows=None)",
        "Transfer(epsilon=10.0, delta=1e-06, rows=10000)",
    ]


def test_they_promise_their_budget_for_everything() -> None:
    for kind in (MomentsDCT, MomentsTable, MomentsScattering):
        assert kind(4).total_guarantee(200) == Indistinguishability(4.0, 1e-6)
        assert kind(4).promised_epsilon(200) == 4
        assert kind(4) == kind(4.0)
    assert Transfer(2.0).total_guarantee(200) == Transfer(2.0).teacher.total_guarantee(200)
    assert 1.98 < Transfer(2.0).promised_epsilon(200) <= 2


def test_a_teacher_labels_procedural_images_and_its_promise_is_that_of_the_release() -> None:
    teacher = nn.Sequential(nn.Linear(64, 2))
    promise = WholeGuarantee(Indistinguishability(3.0, 1e-6), 1e-6, "A teacher was trained.", seeded=True)
    release = transfer_set(teacher, 50, image_shape=(8, 8), guarantee=promise, generator=seeded())
    assert torch.equal(release.x, silhouettes(50, image_shape=(8, 8), generator=seeded()))
    assert torch.equal(release.y, teacher(release.x).argmax(dim=1))
    assert release.guarantee.whole_release() == promise.whole_release()
    assert str(release.guarantee).startswith("A teacher was trained. It labelled images made of random numbers alone")


# Properties


@pytest.mark.parametrize("kind", ALL)
def test_the_release_is_the_only_way_from_the_records_to_the_classifier(kind: type[Moments], digits: Dataset) -> None:
    defence = kind(rows=30)
    x, y = digits.x[:200], digits.y[:200]
    release = defence.release(x, y, vae=None, n_classes=10, generator=seeded())
    assert len(release.x) == len(release.y) == 30
    assert release.guarantee.whole_release().epsilon == pytest.approx(defence.total_guarantee(200).epsilon)
    seen = defence.features(x, image_shape=(8, 8))
    assert release.x.shape[1] == seen.shape[1]
    assert defence.releases_features == (kind is MomentsScattering)


@pytest.mark.parametrize("kind", ALL)
def test_a_run_gives_utility_and_attacks_on_classifier_and_release(
    kind: type[Moments], config: Config, tmp_path: Path
) -> None:
    defence, settings = kind(20.0, rows=2000), ClassifierSettings(hidden=32, epochs=20)
    row = run(replace(config, defence=defence, n_members=400, classifier=settings), directory=tmp_path)
    assert row["test_accuracy"] > (0.3 if kind is Transfer else 0.7)
    assert row["setting"] == defence.label
    assert "nearest_record" in row["attacks"]


def test_features_in_a_release_are_attacked_as_features(config: Config) -> None:
    pool = Pool.of(replace(config, defence=MomentsScattering(20.0)))
    found, _ = attack_target(pool, 0, every=False, n_targets=1, undefended=False)
    scores, _ = found["nearest_record"]
    members = pool.features_of_queries[: len(scores)]
    nearest = torch.cdist(members.double(), pool.release(0).x.double()).amin(dim=1)
    assert torch.corrcoef(torch.stack([scores.double(), -nearest]))[0, 1] > 0.9
