"""Classifiers trained on samples of noisy moments, and on a transfer set: releases that one guarantee covers whole."""

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_positive, check_whole, make_plain
from vaeprivacy.defences.base import Defence
from vaeprivacy.defences.dp_sgd import DPSGD
from vaeprivacy.dp_classifier import fit_dp_classifier
from vaeprivacy.feature_maps import FeatureMap, cosine_map, scattering_map, table_map
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.moments import fit_moments
from vaeprivacy.synthesizer import Release
from vaeprivacy.transfer import transfer_set
from vaeprivacy.vae import VAE
from vaeprivacy.whole_guarantee import WholeGuarantee


def check_images(name: str, image_shape: tuple[int, ...] | None) -> None:
    """Refuse records that are no grey images, or not square ones: a release must know their shape by their size.

    Raises
    ------
    ValueError
        If they are none.
    """
    if image_shape is None or len(set(image_shape)) != 1 or len(image_shape) != 2:
        given = "rows of a table: take moments-table" if image_shape is None else f"of shape {image_shape}"
        raise ValueError(f"{name} needs square grey images; these records are {given}.")


@dataclass(frozen=True)
class Moments(Defence):
    """Train the classifier on samples of class-wise normal distributions with noisy moments.

    Attributes
    ----------
    epsilon, delta : float
        For everything that is published, for replacing one record.
    rows : int or None
        How many samples the classifier is trained on: any number costs the same. None: as many as there are members.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    epsilon: float = 10.0
    delta: float = 1e-6
    rows: int | None = None
    publishes: ClassVar[tuple[str, ...]] = ("classifier", "release")
    what: ClassVar[str]

    def __post_init__(self) -> None:
        make_plain(self)
        object.__setattr__(self, "epsilon", check_positive(self.epsilon, "epsilon"))
        GaussianIndistinguishability.for_epsilon(self.epsilon, delta=self.delta)  # refuses what cannot be computed
        if self.rows is not None:
            check_whole(self.rows, "rows", least=1)

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        return f"moments of {self.what}, {self.short_label}"

    @property
    def short_label(self) -> str:
        """Epsilon, and the number of samples if it is not that of the members."""
        return f"{self.epsilon:g}{'' if self.rows is None else f', {self.rows:,} rows'}"

    def promised_epsilon(self, n: int) -> float:
        """Return epsilon for replacing one record; see :meth:`Defence.promised_epsilon`."""
        return self.epsilon

    def total_guarantee(self, n: int, *, delta: float | None = None) -> Indistinguishability:
        """Return the promise for everything that is published; see :meth:`Defence.total_guarantee`."""
        return Indistinguishability(self.epsilon, self.delta)

    @abstractmethod
    def feature_map(self, features: int) -> FeatureMap:
        """Return the features whose moments are taken, for records of so many values."""

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, vae: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return samples; see :meth:`Defence.release`."""
        of_map, budget = self.feature_map(x.shape[1]), {"epsilon": self.epsilon, "delta": self.delta}
        model = fit_moments(of_map.transform(x), y, of_map, n_classes=n_classes, generator=generator, **budget)
        return model.sample(self.rows or len(x), generator=generator).to(x.device)


@dataclass(frozen=True)
class MomentsDCT(Moments):
    """Moments of images' low frequencies: images come out."""

    seed_text: ClassVar[str] = "MomentsDCT(epsilon={epsilon}, delta={delta}, rows={rows})"
    name: str = field(default="moments-dct", init=False)
    what: ClassVar[str] = "waves"

    def feature_map(self, features: int) -> FeatureMap:
        """Return the cosine waves of square images."""
        return cosine_map((math.isqrt(features), math.isqrt(features)))

    def features(self, x: torch.Tensor, *, image_shape: tuple[int, ...] | None) -> torch.Tensor:
        """Return the images, if they are square grey ones; else raise a ValueError."""
        check_images(self.name, image_shape)
        return x


@dataclass(frozen=True)
class MomentsTable(Moments):
    """Moments of the columns of a table, whose values have the public bounds 0 and 1: rows of a table come out."""

    seed_text: ClassVar[str] = "MomentsTable(epsilon={epsilon}, delta={delta}, rows={rows})"
    name: str = field(default="moments-table", init=False)
    what: ClassVar[str] = "columns"

    def feature_map(self, features: int) -> FeatureMap:
        """Return the columns."""
        return table_map(torch.zeros(features), torch.ones(features))


@dataclass(frozen=True)
class MomentsScattering(Moments):
    """Moments of images' scattering features: rows of features come out, on which the classifier works."""

    seed_text: ClassVar[str] = "MomentsScattering(epsilon={epsilon}, delta={delta}, rows={rows})"
    name: str = field(default="moments-scattering", init=False)
    what: ClassVar[str] = "scattering"

    def feature_map(self, features: int) -> FeatureMap:
        """Return the principal directions of scattering, fixed on procedural images."""
        return scattering_map((math.isqrt(features), math.isqrt(features)))

    def features(self, x: torch.Tensor, *, image_shape: tuple[int, ...] | None) -> torch.Tensor:
        """Return the features of images, on which the classifier works.

        Raises
        ------
        ValueError
            If they are no square grey images.
        """
        check_images(self.name, image_shape)
        return self.feature_map(x.shape[1]).transform(x).to(x.device)

    @property
    def keeps_features(self) -> bool:
        """True: they take longer than the training."""
        return True

    @property
    def releases_features(self) -> bool:
        """True: no image can be made of them."""
        return True


@dataclass(frozen=True)
class Transfer(Defence):
    """Train the classifier on procedural images, labelled by a teacher that was trained with DP-SGD.

    Attributes
    ----------
    epsilon, delta : float
        Of the teacher, and so of everything, for replacing one record.
    rows : int
        Number of images: any number costs the same.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    seed_text: ClassVar[str] = "Transfer(epsilon={epsilon}, delta={delta}, rows={rows})"
    epsilon: float = 10.0
    delta: float = 1e-6
    rows: int = 10_000
    name: str = field(default="transfer", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier", "release")

    def __post_init__(self) -> None:
        make_plain(self)
        for name in ("epsilon", "delta"):
            object.__setattr__(self, name, getattr(self.teacher, name))
        check_whole(self.rows, "rows", least=1)

    @property
    def teacher(self) -> DPSGD:
        """The classifier that labels the images, as a defence: it says what is promised."""
        return DPSGD(self.epsilon, self.delta, adjacency="replace")

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        return f"transfer set, {self.short_label}"

    @property
    def short_label(self) -> str:
        """Epsilon, and the number of images."""
        return f"{self.epsilon:g}, {self.rows:,} images"

    def promised_epsilon(self, n: int) -> float:
        """Return that of the teacher; see :meth:`Defence.promised_epsilon`."""
        return self.teacher.promised_epsilon(n)

    def total_guarantee(self, n: int, *, delta: float | None = None) -> Indistinguishability:
        """Return the promise of the teacher, which is all that depends on the records."""
        return self.teacher.total_guarantee(n, delta=delta)

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, vae: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return labelled images; see :meth:`Defence.release`."""
        side, budget = math.isqrt(x.shape[1]), {"epsilon": self.epsilon, "delta": self.delta, "adjacency": "replace"}
        teacher, total = fit_dp_classifier(x, y, n_classes=n_classes, generator=generator, **budget)
        how = "A classifier was trained on the records with DP-SGD, whose noise is in single precision."
        guarantee = WholeGuarantee(total, total.delta, how, seeded=isinstance(generator, torch.Generator))
        options = {"image_shape": (side, side), "guarantee": guarantee, "generator": generator}
        return transfer_set(teacher, self.rows, **options)

    def features(self, x: torch.Tensor, *, image_shape: tuple[int, ...] | None) -> torch.Tensor:
        """Return the images, if they are square grey ones; else raise a ValueError."""
        check_images(self.name, image_shape)
        return x
