"""Samples of the VAE: codes drawn from its prior, decoded."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.defences.base import Defence
from vaeprivacy.synthesizer import Release
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer, check_trainer
from vaeprivacy.vae import VAE, VAESettings


@dataclass(frozen=True)
class PriorSampling(Defence):
    """Train the classifier on samples of a VAE: codes drawn from its prior, decoded.

    No synthetic record comes from a private one; what leaks, leaks through the decoder. The label is a part of the
    record: the VAE is trained on records with their one-hot label appended, and the label of a sample is the likeliest.
    A conditional VAE (``vae.n_classes``) is given labels instead: all of them, equally often.

    Attributes
    ----------
    trainer : PlainTrainer, PublicTrainer or DPSGDTrainer
        How the VAE is trained. With DP-SGD, its guarantee covers all that is sampled.
    vae : VAESettings
        Its size and training.
    """

    seed_text: ClassVar[str] = "PriorSampling(name='prior', training={trainer}, vae={vae})"
    trainer: Trainer = field(default_factory=PlainTrainer)
    vae: VAESettings = field(default_factory=VAESettings)
    name: str = field(default="prior", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier", "release", "vae")

    def __post_init__(self) -> None:
        check_trainer(self.trainer)

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        conditional = ["conditional"] if self.vae.n_classes else []
        trained = [] if isinstance(self.trainer, PlainTrainer) else [f"VAE on {self.trainer}"]
        return ", ".join(["samples of the prior", *conditional, *trained])

    @property
    def short_label(self) -> str:
        """What is not as in the plainest form."""
        return ", ".join(filter(None, ["conditional" if self.vae.n_classes else "", self.trainer.vae_label]))

    @property
    def how_trained(self) -> str:
        """How the VAE is trained, in words."""
        return str(self.trainer)

    def promised_epsilon(self, n: int) -> float:
        """Return what training promises, as nothing else sees private records; see :meth:`Defence.promised_epsilon`."""
        promised = self.total_guarantee(n)
        return math.inf if promised is None else promised.epsilon

    def total_guarantee(self, n: int, *, delta: float | None = None) -> Indistinguishability | None:
        """Return the promise of the VAE's training, labels included; see :meth:`Defence.total_guarantee`."""
        coverage = self.trainer.coverage(n, self.vae, delta=delta)
        return coverage.replace_one if coverage.covered else None

    @property
    def vae_stage(self) -> "PriorSampling":
        """Itself: there are no other settings than those of the VAE."""
        return self

    @property
    def on_public_records(self) -> bool:
        """Whether the VAE is trained on public records."""
        return isinstance(self.trainer, PublicTrainer)

    def vae_records(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int) -> torch.Tensor:
        """Return records with their one-hot labels, shape (records, features + n_classes), or as they are for a
        conditional VAE."""
        if self.vae.n_classes:
            return x
        return torch.cat([x, F.one_hot(y, n_classes).to(x)], dim=1)

    def fit_vae(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int, generator: torch.Generator) -> VAE:
        """Train the VAE on records with their labels."""
        seen = self.vae_records(x, y, n_classes=n_classes)
        return self.trainer.fit(seen, self.vae, y=y, generator=generator)[0]

    @torch.no_grad()
    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, vae: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return as many samples as there are private records; see :meth:`Defence.release`."""
        codes = torch.randn(len(x), self.vae.latent_dim, generator=generator).to(x)
        if self.vae.n_classes:
            labels = torch.arange(len(x), device=x.device) % n_classes
            return Release(vae.decode(codes, labels), labels, None)
        decoded = vae.decode(codes)
        return Release(decoded[:, :-n_classes], decoded[:, -n_classes:].argmax(dim=1), None)
