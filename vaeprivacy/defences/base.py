"""What every defence has in common: what it trains on private records, and what it publishes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.classifiers import ClassifierSettings, fit_classifiers
from vaeprivacy.randomness import SeedNamed
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE


@dataclass(frozen=True)
class Defence(SeedNamed):
    """A way to train a classifier that should not give its training records away.

    Records pass through up to three stages: a VAE is fitted (:meth:`fit_vae`); it makes the records that
    the classifier sees (:meth:`release`); the classifier is trained (:meth:`fit_classifiers`). Each defence changes
    some of them.

    Attributes
    ----------
    name : str
        Its name in configurations and results.
    publishes : tuple of str
        What an adversary can lay hands on: of "classifier", "release" and "vae" (encoder and decoder).
    """

    name: str = field(default="", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier",)

    @property
    def label(self) -> str:
        """What tells this setting from others of the same defence, in tables and figures."""
        return self.name

    @property
    def short_label(self) -> str:
        """The same in few words, for a figure whose legend names the defence."""
        return self.label

    @property
    def full_label(self) -> str:
        """The same where other defences stand beside it."""
        return self.label

    @property
    def how_trained(self) -> str:
        """How its VAE was trained, in words; empty if it has none."""
        return ""

    def promised_epsilon(self, n: int) -> float:
        """Return epsilon of what is promised for replacing one record by another of the same label; infinite: nothing.

        All defences are brought to this form, so that they can be compared. The delta of DP-SGD, and of Gaussian noise,
        is left out. A VAE that was trained on private records without protection is not covered, whatever the number.

        Parameters
        ----------
        n : int
            Number of private records, which the accountant of DP-SGD needs.

        Raises
        ------
        ValueError
            If the noise is for a distance in which there is no such number.
        """
        return math.inf

    def total_guarantee(self, n: int, *, delta: float | None = None) -> Indistinguishability | None:
        """Return what is promised for all that is published: for replacing one record, label and models included.

        None if something is not covered, or the noise has no epsilon.

        Parameters
        ----------
        n : int
            Number of private records, which the accountant of DP-SGD needs.
        delta : float, optional
            What DP-SGD may spend; by default its own delta.
        """
        return None

    @property
    def vae_stage(self) -> "Defence | None":
        """The defence that stands for all with the same VAE; None if it has none."""
        return None

    @property
    def on_public_records(self) -> bool:
        """Whether its VAE is trained on public records, and so is the same for all."""
        return False

    def vae_records(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int) -> torch.Tensor:
        """Return records as the VAE sees them, shape (records, features)."""
        return x

    def fit_vae(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int, generator: torch.Generator) -> VAE:
        """Train the VAE on private (or public) records.

        Raises
        ------
        NotImplementedError
            If the defence has none.
        """
        raise NotImplementedError(f"The defence {self.name!r} has no VAE.")

    def synthesizer(self, vae: VAE | None, *, n_features: int) -> Synthesizer | None:
        """Return what turns a record of so many features into a synthetic one; None if none comes from a private one.

        Parameters
        ----------
        vae : VAE or None
            The fitted VAE.
        n_features : int
            Number of values in a record.
        """
        return None

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, vae: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return the records that the classifier is trained on: here, those themselves.

        Parameters
        ----------
        x, y : torch.Tensor
            Private records, shape (records, features), and their labels, shape (records,).
        vae : VAE or None
            The fitted VAE.
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

    @property
    def releases_features(self) -> bool:
        """Whether a release holds features in place of records: what the classifier looks at, and an adversary too."""
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

    @property
    def short_label(self) -> str:
        """Nothing: there is one setting."""
        return ""
