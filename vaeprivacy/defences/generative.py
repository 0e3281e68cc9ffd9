"""Other ways to make synthetic records: samples of the VAE's prior, and noise on the records themselves."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)

from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, Training, checked_training
from vaeprivacy.defences.defence import Defence
from vaeprivacy.distances import clip
from vaeprivacy.mechanisms import EuclideanLaplace
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.training import checked_positive, checked_records
from vaeprivacy.vae import VAE, VAESettings


@dataclass(frozen=True)
class PriorSampling(Defence):
    """Train the classifier on samples of a VAE: codes drawn from its prior, decoded.

    No synthetic record comes from a private one; what leaks, leaks through the decoder. The label is a part of the
    record: the VAE is trained on records with their one-hot label appended, and the label of a sample is the likeliest.
    A conditional VAE (``vae.n_classes``) is told labels instead: all of them, equally often.

    Attributes
    ----------
    training : OnPrivateRecords, OnDisjointRecords or WithDPSGD
        How the VAE is trained. With DP-SGD, its guarantee covers all that is sampled.
    vae : VAESettings
        Its size and training.
    """

    seed_text: ClassVar[str] = "PriorSampling(name='prior', training={training}, vae={vae})"
    training: Training = field(default_factory=OnPrivateRecords)
    vae: VAESettings = field(default_factory=VAESettings)
    name: str = field(default="prior", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier", "release", "model")

    def __post_init__(self) -> None:
        checked_training(self.training)

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        private = isinstance(self.training, OnPrivateRecords)
        told = ", conditional" if self.vae.n_classes else ""
        return f"samples of the prior{told}" + ("" if private else f", VAE on {self.training}")

    @property
    def how_trained(self) -> str:
        """How the VAE is trained, in words."""
        return str(self.training)

    @property
    def model(self) -> "PriorSampling":
        """Itself: there are no other settings than those of the VAE."""
        return self

    @property
    def on_public_records(self) -> bool:
        """Whether the VAE is trained on public records."""
        return isinstance(self.training, OnDisjointRecords)

    def seen_by_model(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int) -> torch.Tensor:
        """Return records with their one-hot labels, shape (records, features + n_classes), or as they are if told."""
        if self.vae.n_classes:
            return x
        return torch.cat([x, F.one_hot(y, n_classes).to(x)], dim=1)

    def fit_model(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int, generator: torch.Generator) -> VAE:
        """Train the VAE on records with their labels."""
        seen = self.seen_by_model(x, y, n_classes=n_classes)
        return self.training.fit(seen, self.vae, y=y, generator=generator)[0]

    @torch.no_grad()
    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, model: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return as many samples as there are private records; see :meth:`Defence.release`."""
        codes = torch.randn(len(x), self.vae.latent_dim, generator=generator).to(x)
        if self.vae.n_classes:
            told = torch.arange(len(x), device=x.device) % n_classes
            return Release(model.decode(codes, told), told, None)
        decoded = model.decode(codes)
        return Release(decoded[:, :-n_classes], decoded[:, -n_classes:].argmax(dim=1), None)


class RecordSynthesizer(Synthesizer):
    """A synthesizer without encoder and decoder: a record is its own code, projected onto a ball around grey."""

    def encode(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return each record, projected onto the ball around (1/2, ..., 1/2), shape (records, features)."""
        return 0.5 + clip(checked_records(x) - 0.5, radius=self.radius, metric=self.metric, warn=False)

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
    name: str = field(default="record noise", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier", "release")

    def __post_init__(self) -> None:
        for name in ("local_epsilon", "radius"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, checked_positive(getattr(self, name), name))

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        radius = "" if self.radius is None else f", radius {self.radius:g}"
        return f"noise on records, {self.local_epsilon:g}{radius}"

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, model: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return noisy records, one for each private one; see :meth:`Defence.release`."""
        return self.synthesizer(model, n_features=x.shape[1]).release(x, y, generator=generator)

    def synthesizer(self, model: VAE | None, *, n_features: int) -> RecordSynthesizer:
        """Return the noise for records of so many features."""
        radius = self.radius or math.sqrt(n_features) / 2
        return RecordSynthesizer(EuclideanLaplace(self.local_epsilon / (2 * radius)), radius=radius)

    def features(self, x: torch.Tensor, *, image_shape: tuple[int, ...] | None) -> torch.Tensor:
        """Return records limited to [0, 1], where all true ones are: this costs no privacy and helps the classifier."""
        return x.clamp(0, 1)
