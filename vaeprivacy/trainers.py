"""Ways to train encoder and decoder, and what each lets a guarantee say about them."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from vaeprivacy.checks import check_positive
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.guarantee import NOT_COVERED, ModelCoverage
from vaeprivacy.randomness import RandomSource, SeedNamed, torch_generator
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae


@dataclass(frozen=True)
class PlainTrainer(SeedNamed):
    """Train on the private records, without protection: the default of the literature, and not covered."""

    seed_text: ClassVar[str] = "OnPrivateRecords(name='private records')"
    name: str = field(default="private records", init=False)
    coverage: ClassVar[ModelCoverage] = NOT_COVERED

    def __str__(self) -> str:
        return self.name

    def fit(
        self, x: torch.Tensor, settings: VAESettings, *, generator: RandomSource, **options: Any
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x`; for the options see :func:`vaeprivacy.vae_training.fit_vae`."""
        vae, _ = fit_vae(x, settings, generator=torch_generator(generator), **options)
        return vae, self.coverage


@dataclass(frozen=True)
class PublicTrainer(SeedNamed):
    """Train on public records, or on private ones that are not released: nothing to cover in those of the release.

    The records that it is trained on get nothing from the mechanism.

    Attributes
    ----------
    share : float
        Use only this share of the records, above 0 and at most 1: to see what few are worth.
    first_classes : int or None
        Use only records of so many classes, those with the lowest numbers: to see what a source of another kind is
        worth. None: of all.

    Raises
    ------
    TypeError, ValueError
        If one of them is not in its range.
    """

    seed_text: ClassVar[str] = (
        "OnDisjointRecords(share={share}, first_classes={first_classes}, name='disjoint records')"
    )
    share: float = 1.0
    first_classes: int | None = None
    name: str = field(default="disjoint records", init=False)
    coverage: ClassVar[ModelCoverage] = ModelCoverage("disjoint records")

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", check_positive(self.share, "share"))
        if self.share > 1:
            raise ValueError(f"share must be above 0 and at most 1, not {self.share!r}.")
        if self.first_classes is not None:
            check_positive(self.first_classes, "first_classes")

    def __str__(self) -> str:
        share = "" if self.share == 1 else f", {self.share:g} of them"
        return self.name + share + ("" if self.first_classes is None else f", first {self.first_classes} classes")

    def kept(self, n: int, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return which of `n` records are used, shape (n,), bool.

        Parameters
        ----------
        n : int
            Number of records.
        y : torch.Tensor, optional
            Their labels, shape (n,); needed to choose classes.

        Raises
        ------
        ValueError
            If classes are to be chosen, and there are no labels.
        """
        kept = torch.arange(n) < round(self.share * n)
        if self.first_classes is None:
            return kept
        if y is None:
            raise ValueError(f"first_classes={self.first_classes} needs labels: give y, one a record.")
        return kept & (y.cpu() < self.first_classes)

    def fit(
        self,
        x: torch.Tensor,
        settings: VAESettings,
        *,
        y: torch.Tensor | None = None,
        generator: RandomSource,
        **options: Any,
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x`, which must not be released with it; for the options see
        :func:`vaeprivacy.vae_training.fit_vae`."""
        kept = self.kept(len(x), y).to(x.device)
        y = None if y is None else y[kept]
        vae, _ = fit_vae(x[kept], settings, y=y, generator=torch_generator(generator), **options)
        return vae, self.coverage


Trainer = PlainTrainer | PublicTrainer | DPSGDTrainer


def check_trainer(training: Trainer) -> Trainer:
    """Return `training` if it is one of the three ways to train.

    Raises
    ------
    TypeError
        If it is not.
    """
    if not isinstance(training, Trainer):
        raise TypeError(
            "training must be PlainTrainer(), PublicTrainer() or DPSGDTrainer(epsilon), with the parentheses, not "
            f"{training!r}."
        )
    return training
