"""Three ways to train encoder and decoder, and what each lets a guarantee say about them."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.channels import PRIOR_CHANNEL, Channel
from vaeprivacy.dp_sgd import checked_budget, dp_sgd_plan, dp_sgd_schedule, train_with_dp_sgd
from vaeprivacy.guarantee import NOT_COVERED, ModelCoverage
from vaeprivacy.randomness import RandomSource, SeedNamed, torch_generator
from vaeprivacy.training import checked_positive
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import checked_images, fit_vae, labels_to_tell, new_vae


@dataclass(frozen=True)
class OnPrivateRecords(SeedNamed):
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
class OnDisjointRecords(SeedNamed):
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
        object.__setattr__(self, "share", checked_positive(self.share, "share"))
        if self.share > 1:
            raise ValueError(f"share must be above 0 and at most 1, not {self.share!r}.")
        if self.first_classes is not None:
            checked_positive(self.first_classes, "first_classes")

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


@dataclass(frozen=True)
class WithDPSGD(SeedNamed):
    """Train on the private records with DP-SGD (Abadi et al., arXiv 1607.00133), by way of Opacus.

    Each step takes every record with the same probability, clips the gradient of each, and adds Gaussian noise to their
    sum. There are no held-out records and no early stopping, which would both look at the private records again: the
    number of steps is fixed beforehand. Smaller networks and larger steps than without noise do better, see
    ``DP_SETTINGS``.

    Attributes
    ----------
    epsilon, delta : float
        For adding or removing one record; from 0.05 to 100, and below 1. Replacing one costs
        (2 epsilon, (1 + e^epsilon) delta), so delta must be much smaller than the one that is wanted in the end.
    max_grad_norm : float
        Length to which the gradient of each record is clipped.

    Raises
    ------
    TypeError, ValueError
        If one of them is not in its range.
    """

    seed_text: ClassVar[str] = (
        "WithDPSGD(epsilon={epsilon}, delta={delta}, max_grad_norm={max_grad_norm}, name='DP-SGD')"
    )
    epsilon: float
    delta: float = 1e-8
    max_grad_norm: float = 1.0
    name: str = field(default="DP-SGD", init=False)

    def __str__(self) -> str:
        return f"{self.name}, epsilon {self.epsilon:g}"

    @property
    def coverage(self) -> ModelCoverage:
        """What is promised before it is trained; :meth:`fit` returns what was spent, which is not more."""
        return ModelCoverage("DP-SGD", Indistinguishability(self.epsilon, self.delta))

    def __post_init__(self) -> None:
        epsilon, delta = checked_budget(self.epsilon, self.delta)
        checked = {
            "epsilon": epsilon,
            "delta": delta,
            "max_grad_norm": checked_positive(self.max_grad_norm, "max_grad_norm"),
        }
        # As floats, so that epsilon 8 and 8.0 are the same run. A frozen dataclass sets its fields this way.
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def fit(
        self,
        x: torch.Tensor,
        settings: VAESettings,
        *,
        y: torch.Tensor | None = None,
        channel: Channel = PRIOR_CHANNEL,
        generator: RandomSource,
        progress: bool = False,
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x` for ``settings.epochs`` epochs of expected batches of ``batch_size``.

        For `y` and `channel` see :func:`vaeprivacy.vae_training.fit_vae`. Noise and batches come from `generator`, also
        when it is the system's entropy; initial weights and the VAE's own samples are no secret.

        Raises
        ------
        TypeError, ValueError
            As for :func:`vaeprivacy.vae_training.fit_vae`, or if the networks are convolutional, or of half precision.
        """
        checked_images(x)
        if (settings.architecture, settings.precision) != ("mlp", "float32"):
            raise ValueError(
                f'DP-SGD needs architecture="mlp" and precision="float32", not {settings.architecture!r} and '
                f"{settings.precision!r}: the lengths of single gradients are computed for linear layers, and exactly."
            )
        y = labels_to_tell(y, settings, like=x)
        public = torch_generator(generator)
        sample_rate, steps = dp_sgd_schedule(len(x), epochs=settings.epochs, batch_size=settings.batch_size)
        noise_multiplier, spent = dp_sgd_plan(self.epsilon, self.delta, sample_rate, steps)

        vae = new_vae(x.shape[1], settings, generator=public).to(x.device)
        train_with_dp_sgd(
            vae,
            lambda taken: -vae.elbos(x[taken], y[taken], channel=channel, generator=public).value,
            len(x),
            sample_rate=sample_rate,
            steps=steps,
            noise_multiplier=noise_multiplier,
            max_grad_norm=self.max_grad_norm,
            learning_rate=settings.learning_rate,
            generator=generator,
            progress=progress,
            desc="VAE with DP-SGD",
        )
        # Opacus leaves lengths of gradients of single records in the weights' attributes: a new VAE has none.
        clean = VAE(**vae.sizes, generator=torch.Generator()).to(x.device)
        clean.load_state_dict(vae.state_dict())
        coverage = ModelCoverage(
            "DP-SGD", Indistinguishability(spent, self.delta), seeded=isinstance(generator, torch.Generator)
        )
        return clean, coverage


# Larger steps and a smaller network than without noise: the noise on the gradients grows with the number of weights.
DP_SETTINGS = VAESettings(hidden=64, epochs=10, batch_size=250, learning_rate=1e-2)
Training = OnPrivateRecords | OnDisjointRecords | WithDPSGD


def checked_training(training: Training) -> Training:
    """Return `training` if it is one of the three ways to train.

    Raises
    ------
    TypeError
        If it is not.
    """
    if not isinstance(training, Training):
        raise TypeError(
            "training must be OnPrivateRecords(), OnDisjointRecords() or WithDPSGD(epsilon), with the parentheses, not "
            f"{training!r}."
        )
    return training
