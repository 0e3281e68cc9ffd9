"""Three ways to train encoder and decoder, and what each lets a guarantee say about them."""

from dataclasses import dataclass, field

import torch

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.dp_sgd import checked_budget, dp_sgd_plan, dp_sgd_schedule, train_with_dp_sgd
from vaeprivacy.guarantee import NOT_COVERED, ModelCoverage
from vaeprivacy.randomness import RandomSource, torch_generator
from vaeprivacy.training import checked_positive
from vaeprivacy.vae import VAE, VAESettings, checked_images, fit_vae


@dataclass(frozen=True)
class OnPrivateRecords:
    """Train on the private records, without protection: the default of the literature, and not covered."""

    name: str = field(default="private records", init=False)

    def __str__(self) -> str:
        return self.name

    def fit(
        self, x: torch.Tensor, settings: VAESettings, *, generator: RandomSource, progress: bool = False
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x`; see :func:`vaeprivacy.vae.fit_vae`."""
        vae, _ = fit_vae(x, settings, generator=torch_generator(generator), progress=progress)
        return vae, NOT_COVERED


@dataclass(frozen=True)
class OnDisjointRecords:
    """Train on public records, or on private ones that are not released: nothing to cover in those of the release.

    The records that it is trained on get nothing from the mechanism.
    """

    name: str = field(default="disjoint records", init=False)

    def __str__(self) -> str:
        return self.name

    def fit(
        self, x: torch.Tensor, settings: VAESettings, *, generator: RandomSource, progress: bool = False
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x`, which must not be released with it; see :func:`vaeprivacy.vae.fit_vae`."""
        vae, _ = fit_vae(x, settings, generator=torch_generator(generator), progress=progress)
        return vae, ModelCoverage("disjoint records")


@dataclass(frozen=True)
class WithDPSGD:
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

    epsilon: float
    delta: float = 1e-8
    max_grad_norm: float = 1.0
    name: str = field(default="DP-SGD", init=False)

    def __str__(self) -> str:
        return f"{self.name}, epsilon {self.epsilon:g}"

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
        self, x: torch.Tensor, settings: VAESettings, *, generator: RandomSource, progress: bool = False
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x` for ``settings.epochs`` epochs of expected batches of ``batch_size``.

        Noise and batches come from `generator`, also when it is the system's entropy; initial weights and the VAE's
        own samples are no secret.
        """
        checked_images(x)
        public = torch_generator(generator)
        sample_rate, steps = dp_sgd_schedule(len(x), epochs=settings.epochs, batch_size=settings.batch_size)
        noise_multiplier, spent = dp_sgd_plan(self.epsilon, self.delta, sample_rate, steps)

        vae = VAE(x.shape[1], latent_dim=settings.latent_dim, hidden=settings.hidden, generator=public).to(x.device)
        train_with_dp_sgd(
            vae,
            lambda taken: -vae.elbos(x[taken], generator=public).value,
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
