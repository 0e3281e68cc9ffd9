"""Encoder and decoder on public records that are few, or of some classes only."""

import pytest
import torch
from seeding import seeded

from vaeprivacy import trainers
from vaeprivacy.datasets import Dataset
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAESettings

SETTINGS = VAESettings(latent_dim=3, hidden=16, epochs=3, batch_size=20)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"share": 0.0}, "share must be positive"),
        ({"share": 1.1}, "share must be above 0 and at most 1"),
        ({"first_classes": 0}, "first_classes must be positive"),
    ],
)
def test_impossible_public_records_are_refused(options: dict[str, float], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        PublicTrainer(**options)


def test_classes_without_labels_are_refused(digits: Dataset) -> None:
    with pytest.raises(ValueError, match="first_classes=5 needs labels: give y"):
        PublicTrainer(first_classes=5).fit(digits.x[:40], SETTINGS, generator=seeded())


def test_fewer_public_records_and_those_of_some_classes(digits: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def stand_in(x: torch.Tensor, settings: VAESettings, **options: torch.Tensor) -> tuple[None, None]:
        seen.append((x, options["y"]))
        return None, None

    monkeypatch.setattr(trainers, "fit_vae", stand_in)
    x, y = digits.x[:200], digits.y[:200]
    for training in (PublicTrainer(), PublicTrainer(0.25), PublicTrainer(0.5, first_classes=5)):
        training.fit(x, VAESettings(), y=y, generator=seeded())
    low = y[:100] < 5
    for (found_x, found_y), (expected_x, expected_y) in zip(
        seen, [(x, y), (x[:50], y[:50]), (x[:100][low], y[:100][low])], strict=True
    ):
        assert torch.equal(found_x, expected_x)
        assert torch.equal(found_y, expected_y)


def test_public_records_are_named_by_what_they_lack() -> None:
    assert str(PublicTrainer()) == "disjoint records"
    assert str(PublicTrainer(0.25, 5)) == "disjoint records, 0.25 of them, first 5 classes"
