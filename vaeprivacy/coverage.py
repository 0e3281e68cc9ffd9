"""Three ways to train encoder and decoder, and what each lets a guarantee say about them."""

import warnings
from dataclasses import dataclass, field
from functools import cache

import torch
from opacus import GradSampleModule
from opacus.accountants import PRVAccountant
from opacus.accountants.utils import get_noise_multiplier
from opacus.optimizers import DPOptimizer

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.guarantee import NOT_COVERED, ModelCoverage
from vaeprivacy.randomness import RandomSource, normals, torch_generator, uniforms
from vaeprivacy.training import checked_positive, progress_bar
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
        for name in ("epsilon", "delta", "max_grad_norm"):
            # As a float, so that epsilon 8 and 8.0 are the same run. A frozen dataclass sets its fields this way.
            object.__setattr__(self, name, checked_positive(getattr(self, name), name))
        if self.delta >= 1:
            raise ValueError(f"delta must be below 1, not {self.delta!r}.")
        if not 0.05 <= self.epsilon <= 100:
            raise ValueError(f"epsilon must be from 0.05 to 100, where the accountant works, not {self.epsilon!r}.")

    def fit(
        self, x: torch.Tensor, settings: VAESettings, *, generator: RandomSource, progress: bool = False
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x` for ``settings.epochs`` epochs of expected batches of ``batch_size``.

        Noise and batches come from `generator`, also when it is the system's entropy; initial weights and the VAE's
        own samples are no secret.
        """
        checked_images(x)
        public = torch_generator(generator)
        sample_rate = min(1.0, settings.batch_size / len(x))
        steps = max(1, round(settings.epochs / sample_rate))
        noise_multiplier, spent = dp_sgd_plan(self.epsilon, self.delta, sample_rate, steps)

        vae = VAE(x.shape[1], latent_dim=settings.latent_dim, hidden=settings.hidden, generator=public).to(x.device)
        GradSampleModule(vae, loss_reduction="sum")  # from now on, each weight has the gradient of each record
        adam = torch.optim.Adam(vae.parameters(), lr=settings.learning_rate)
        # Opacus clips and sums the gradients. The noise is added here, from our source.
        optimizer = DPOptimizer(
            adam,
            noise_multiplier=0.0,
            max_grad_norm=self.max_grad_norm,
            expected_batch_size=settings.batch_size,
            loss_reduction="sum",
        )
        for _ in progress_bar(range(steps), show=progress, desc="VAE with DP-SGD", unit="step"):
            batch = x[uniforms((len(x),), generator=generator).to(x.device) < sample_rate]
            optimizer.zero_grad()
            with warnings.catch_warnings():  # of Opacus' hooks: records need no gradient
                warnings.filterwarnings("ignore", "Full backward hook is firing")
                (-vae.elbo(batch, generator=public).value * len(batch)).backward()
            optimizer.pre_step()
            for weight in vae.parameters():
                noise = normals(weight.shape, generator=generator).to(weight)
                weight.grad += noise_multiplier * self.max_grad_norm * noise
            adam.step()
        # Opacus leaves the last sum of gradients, without its noise, in the weights' attributes: a new VAE has none.
        clean = VAE(**vae.sizes, generator=torch.Generator()).to(x.device)
        clean.load_state_dict(vae.state_dict())
        coverage = ModelCoverage(
            "DP-SGD", Indistinguishability(spent, self.delta), seeded=isinstance(generator, torch.Generator)
        )
        return clean, coverage


@cache
def dp_sgd_plan(epsilon: float, delta: float, sample_rate: float, steps: int) -> tuple[float, float]:
    """Return the noise multiplier that DP-SGD needs, and the epsilon that Opacus' PRV accountant then states.

    Parameters
    ----------
    epsilon, delta : float
        Most that may be spent, for adding or removing one record.
    sample_rate : float
        Probability with which a step takes a record.
    steps : int
        Number of steps.

    Returns
    -------
    noise_multiplier : float
        Standard deviation of the noise on the sum of gradients, in units of the length to which each is clipped.
    spent : float
        At most `epsilon`, and less by at most 0.01.

    Raises
    ------
    ValueError
        If `epsilon` (well below 0.05) or `delta` is too small for the accountant.
    """
    accountant = PRVAccountant()
    with warnings.catch_warnings():  # of the bound from which the accountant starts, which need not be tight
        warnings.filterwarnings("ignore", "Optimal order is the")
        warnings.filterwarnings("ignore", "divide by zero")  # if every step takes all records
        noise_multiplier = get_noise_multiplier(
            target_epsilon=epsilon, target_delta=delta, sample_rate=sample_rate, steps=steps, accountant="prv"
        )
        accountant.history = [(noise_multiplier, sample_rate, steps)]
        return noise_multiplier, float(accountant.get_epsilon(delta=delta))


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
