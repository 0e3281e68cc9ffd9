"""Noise on the records themselves: what the VAE is there to improve on."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from vaeprivacy.arrays import check_records
from vaeprivacy.checks import check_size
from vaeprivacy.defences.base import Defence
from vaeprivacy.distances import clip
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE


class RecordSynthesizer(Synthesizer):
    """A synthesizer without encoder and decoder: a record is its own code, projected onto a ball around grey."""

    def encode(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return each record, projected onto the ball around (1/2, ..., 1/2), shape (records, features)."""
        return 0.5 + clip(check_records(x) - 0.5, radius=self.radius, metric=self.metric, warn=False)

    def decode(self, codes: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return the codes: noisy records may leave [0, 1]."""
        return codes


@dataclass(frozen=True)
class RecordNoise(Defence):
    """Train the classifier on the records themselves with noise: what the VAE is there to improve on.

    Attributes
    ----------
    local_epsilon : float
        Local-privacy parameter for any two records, to be compared with 2 R epsilon of the framework.
    radius : float or None
        Records are projected onto a ball of this radius around grey, in units of Euclidean distance between records; by
        default one that holds all of them, half the root of the number of features.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    seed_text: ClassVar[str] = "RecordNoise(name='record noise', local_epsilon={local_epsilon}, radius={radius})"
    local_epsilon: float = 64.0
    radius: float | None = None
    name: str = field(default="record-noise", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier", "release")

    def __post_init__(self) -> None:
        for name in ("local_epsilon", "radius"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check_size(getattr(self, name), name))
        self.synthesizer(None, n_features=1)  # refuses noise that cannot be computed

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        return f"noise on records, {self.short_label}"

    @property
    def short_label(self) -> str:
        """Epsilon, and the radius if it is not the default."""
        return f"{self.local_epsilon:g}{'' if self.radius is None else f', radius {self.radius:g}'}"

    def promised_epsilon(self, n: int) -> float:
        """Return its epsilon for any two records; see :meth:`Defence.promised_epsilon`."""
        return self.local_epsilon

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, vae: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return noisy records, one for each private one; see :meth:`Defence.release`."""
        return self.synthesizer(vae, n_features=x.shape[1]).release(x, y, generator=generator)

    def synthesizer(self, vae: VAE | None, *, n_features: int) -> RecordSynthesizer:
        """Return the noise for records of so many features."""
        radius = self.radius or math.sqrt(n_features) / 2
        return RecordSynthesizer(EuclideanLaplace(self.local_epsilon / (2 * radius)), radius=radius)

    def features(self, x: torch.Tensor, *, image_shape: tuple[int, ...] | None) -> torch.Tensor:
        """Return records limited to [0, 1], where all true ones are: this costs no privacy and helps the classifier."""
        return x.clamp(0, 1)
