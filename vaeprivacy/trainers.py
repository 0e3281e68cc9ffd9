"""Ways to train encoder and decoder, and what each lets a guarantee say about them."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch

from vaeprivacy.checks import check_positive, make_plain
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.guarantee import NOT_COVERED, ModelCoverage
from vaeprivacy.randomness import RandomSource, SeedNamed, torch_generator
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae


@runtime_checkable
class Trainer(Protocol):
    """Trains encoder and decoder, and knows what that lets a guarantee say.

    Attributes
    ----------
    name : str
        Its name in configurations and results.
    vae_label : str
        What figures call a VAE that it trained; empty for the default.
    """

    name: str
    vae_label: str

    def coverage(self, n: int, settings: VAESettings, *, delta: float | None = None) -> ModelCoverage:
        """Return what it promises to each of `n` records, at its own delta (or `delta`) if it has one."""

    def fit(
        self, x: torch.Tensor, settings: VAESettings, *, generator: RandomSource, **options: Any
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on records; for the options see :func:`vaeprivacy.vae_training.fit_vae`."""


@dataclass(frozen=True)
class PlainTrainer(SeedNamed):
    """Train on the private records, without protection: the default of the literature, and not covered."""

    seed_text: ClassVar[str] = "OnPrivateRecords(name='private records')"
    name: str = field(default="private", init=False)
    vae_label: ClassVar[str] = ""

    def __str__(self) -> str:
        return "private records"

    def coverage(self, n: int, settings: VAESettings, *, delta: float | None = None) -> ModelCoverage:
        """Return that nothing is promised."""
        return NOT_COVERED

    def fit(
        self, x: torch.Tensor, settings: VAESettings, *, generator: RandomSource, **options: Any
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x`; for the options see :func:`vaeprivacy.vae_training.fit_vae`."""
        vae, _ = fit_vae(x, settings, generator=torch_generator(generator), **options)
        return vae, NOT_COVERED


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
    name: str = field(default="public", init=False)

    def __post_init__(self) -> None:
        make_plain(self)
        object.__setattr__(self, "share", check_positive(self.share, "share"))
        if self.share > 1:
            raise ValueError(f"share must be above 0 and at most 1, not {self.share!r}.")
        if self.first_classes is not None:
            check_positive(self.first_classes, "first_classes")

    def __str__(self) -> str:
        return f"disjoint records{self._which}"

    @property
    def vae_label(self) -> str:
        """What figures call a VAE that it trained."""
        return f"public VAE{self._which}"

    @property
    def _which(self) -> str:
        share = "" if self.share == 1 else f", {self.share:g} of them"
        return share + ("" if self.first_classes is None else f", first {self.first_classes} classes")

    def coverage(self, n: int, settings: VAESettings, *, delta: float | None = None) -> ModelCoverage:
        """Return that there is nothing to cover."""
        return ModelCoverage("disjoint records")

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
        return vae, self.coverage(len(x), settings)


#: Trainers by their names in files of configurations.
TRAINERS: dict[str, type[Trainer]] = {"private": PlainTrainer, "public": PublicTrainer, "dp-sgd": DPSGDTrainer}


def check_trainer(trainer: Trainer) -> Trainer:
    """Return `trainer` if it can train encoder and decoder.

    Raises
    ------
    TypeError
        If it cannot.
    """
    if isinstance(trainer, type) or not isinstance(trainer, Trainer):
        raise TypeError(
            "trainer must be PlainTrainer(), PublicTrainer() or DPSGDTrainer(epsilon), with the parentheses, not "
            f"{trainer!r}."
        )
    return trainer
