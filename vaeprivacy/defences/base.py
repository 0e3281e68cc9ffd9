"""What every defence has in common: what it trains on private records, and what it publishes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn

from vaeprivacy.classifiers import ClassifierSettings, fit_classifiers
from vaeprivacy.randomness import SeedNamed
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE


@dataclass(frozen=True)
class Defence(SeedNamed):
    """A way to train a classifier that should not give its training records away.

    Records pass through up to three stages: a generative model is fitted (:meth:`fit_model`); it makes the records that
    the classifier sees (:meth:`release`); the classifier is trained (:meth:`fit_classifiers`). Each defence changes
    some of them.

    Attributes
    ----------
    name : str
        Its name in configurations and results.
    publishes : tuple of str
        What an adversary can lay hands on: of "classifier", "release" and "model" (encoder and decoder).
    """

    name: str = field(default="", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier",)

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        return self.name

    @property
    def how_trained(self) -> str:
        """How its generative model was trained, in words; empty if it has none."""
        return ""

    @property
    def model(self) -> "Defence | None":
        """The defence that stands for all with the same generative model; None if it has none."""
        return None

    @property
    def on_public_records(self) -> bool:
        """Whether its generative model is trained on public records, and so is the same for all."""
        return False

    def seen_by_model(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int) -> torch.Tensor:
        """Return records as the generative model sees them, shape (records, features)."""
        return x

    def fit_model(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int, generator: torch.Generator) -> VAE:
        """Train the generative model on private (or public) records.

        Raises
        ------
        NotImplementedError
            If the defence has none.
        """
        raise NotImplementedError(f"The defence {self.name!r} has no generative model.")

    def synthesizer(self, model: VAE | None, *, n_features: int) -> Synthesizer | None:
        """Return what turns a record of so many features into a synthetic one; None if none comes from a private one.

        Parameters
        ----------
        model : VAE or None
            The fitted generative model.
        n_features : int
            Number of values in a record.
        """
        return None

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, model: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return the records that the classifier is trained on: here, those themselves.

        Parameters
        ----------
        x, y : torch.Tensor
            Private records, shape (records, features), and their labels, shape (records,).
        model : VAE or None
            The fitted generative model.
        n_classes : int
            Number of different labels.
        generator : torch.Generator
            Source of noise and samples.
        """
        return Release(x, y, None)

    def features(self, x: torch.Tensor, *, image_shape: tuple[int, ...] | None) -> torch.Tensor:
        """Return what the classifier looks at: here, the records themselves, shape (records, features)."""
        return x

    @property
    def keeps_features(self) -> bool:
        """Whether features take so long that they are computed once for all runs; only if records are not changed."""
        return False

    def settings(self, settings: ClassifierSettings) -> ClassifierSettings:
        """Return the classifier's settings with the changes of this defence: here, none."""
        return settings

    def fit_classifiers(
        self,
        releases: Sequence[Release],
        settings: ClassifierSettings,
        *,
        n_classes: int,
        generators: Sequence[torch.Generator],
    ) -> list[nn.Module]:
        """Train one classifier on each release (whose records are features, see :meth:`features`).

        Parameters
        ----------
        releases : sequence of Release
            What each classifier is trained on.
        settings : ClassifierSettings
            Size and training.
        n_classes : int
            Number of outputs.
        generators : sequence of torch.Generator
            One a classifier.
        """
        return fit_on_releases(releases, self.settings(settings), n_classes=n_classes, generators=generators)


def fit_on_releases(
    releases: Sequence[Release],
    settings: ClassifierSettings,
    *,
    n_classes: int,
    generators: Sequence[torch.Generator],
) -> list[nn.Module]:
    """Train one classifier on each of several releases of one size, all at once.

    Parameters are those of :meth:`Defence.fit_classifiers`.
    """
    x, y = torch.cat([release.x for release in releases]), torch.cat([release.y for release in releases])
    subsets = torch.arange(len(x)).split([len(release.x) for release in releases])
    return fit_classifiers(x, y, settings, subsets=subsets, n_classes=n_classes, generators=generators)


@dataclass(frozen=True)
class NoDefence(Defence):
    """Train the classifier on the private records."""

    seed_text: ClassVar[str] = "NoDefence(name='none')"
    name: str = field(default="none", init=False)

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        return "raw data"
