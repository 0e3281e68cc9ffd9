"""Fixtures of the tests of pools: what is trained in each of them, and on what."""

import pytest
import torch

from vaeprivacy import trainers
from vaeprivacy.defences import base
from vaeprivacy.experiments.pool import trained_classifiers


@pytest.fixture
def forgetful() -> None:
    """Train classifiers anew in each test: a process keeps the last ones in memory."""
    trained_classifiers.cache_clear()


@pytest.fixture
def fitted_on(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[torch.Tensor]]:
    """The records that each VAE and each classifier is fitted on, in order."""
    seen: dict[str, list[torch.Tensor]] = {"vae": [], "classifier": []}
    fit_vae, fit_classifiers = trainers.fit_vae, base.fit_classifiers

    def spy_on_vae(x: torch.Tensor, *args: object, **options: object) -> object:
        seen["vae"].append(x)
        return fit_vae(x, *args, **options)

    def spy_on_classifiers(x: torch.Tensor, *args: object, subsets: list[torch.Tensor], **options: object) -> object:
        seen["classifier"] += [x[subset] for subset in subsets]
        return fit_classifiers(x, *args, subsets=subsets, **options)

    monkeypatch.setattr(trainers, "fit_vae", spy_on_vae)
    monkeypatch.setattr(base, "fit_classifiers", spy_on_classifiers)
    return seen
