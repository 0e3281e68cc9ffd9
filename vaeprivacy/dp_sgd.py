"""DP-SGD (Abadi et al., arXiv 1607.00133): the steps that the VAE's and the classifier's training share."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from vaeprivacy.accounting import (
    check_adjacency,
    check_budget,
    dp_sgd_plan,
    dp_sgd_schedule,
    promise_for_replacing,
    replacing_epsilon,
)
from vaeprivacy.arrays import check_unit_records
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_positive, make_plain
from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.progress import progress_bar
from vaeprivacy.guarantee import ModelCoverage
from vaeprivacy.randomness import RandomSource, SeedNamed, normals, torch_generator, uniforms
from vaeprivacy.vae import REPARAMETERISATION, VAE, LatentNoise, VAESettings
from vaeprivacy.vae_training import condition_labels, new_vae


def train_with_dp_sgd(
    model: nn.Module,
    losses: Callable[[torch.Tensor], torch.Tensor],
    n: int,
    *,
    sample_rate: float,
    steps: int,
    noise_multiplier: float,
    max_grad_norm: float,
    learning_rate: float,
    generator: RandomSource,
    progress: bool = False,
    desc: str = "DP-SGD",
) -> None:
    """Train a model in place. Each step takes every record with the same probability, clips the gradient of each, adds
    Gaussian noise to their sum, and hands that to Adam.

    The gradients of single records are never stored, which would take most of the time and memory. In a linear layer
    such a gradient is the product of what goes in and what comes back, and so is its length ("ghost clipping": Li et
    al., arXiv 2110.05679; Opacus computes it). A first backward pass gives the lengths; a second one, of the losses
    weighted by how much each gradient must shrink, gives the sum of clipped gradients.

    Afterwards the model still has Opacus' hooks, and lengths of gradients of single records in its weights' attributes:
    copy the weights into a new model, and publish nothing but that.

    Parameters
    ----------
    model : torch.nn.Module
        What is trained; a record's output may not depend on other records (so no batch normalisation), and each layer
        is used once.
    losses : callable
        Maps the records that a step takes, a mask of shape (n,), to the loss of each under `model`.
    n : int
        Number of records.
    sample_rate, steps : float, int
        Probability with which a step takes a record, and number of steps.
    noise_multiplier : float
        See :func:`~vaeprivacy.accounting.dp_sgd_plan`.
    max_grad_norm : float
        Length to which the gradient of each record is clipped.
    learning_rate : float
        Step size of Adam.
    generator : torch.Generator or SystemEntropy
        Source of batches and noise.
    progress : bool
        Show a progress bar, with the name `desc`.
    """
    with extra("dp", work="DP-SGD"):
        from opacus.grad_sample import GradSampleModuleFastGradientClipping
    weights = list(model.parameters())
    device = weights[0].device
    options = {"loss_reduction": "sum", "max_grad_norm": max_grad_norm}
    hooked = GradSampleModuleFastGradientClipping(model, **options)  # from now on, lengths are found on the way back
    adam = torch.optim.Adam(weights, lr=learning_rate)
    for _ in progress_bar(range(steps), show=progress, desc=desc, unit="step"):
        taken = (uniforms((n,), generator=generator) < sample_rate).to(device)
        _sum_clipped_gradients(hooked, losses(taken))
        for weight in weights:
            weight.grad += noise_multiplier * max_grad_norm * normals(weight.shape, generator=generator).to(weight)
        adam.step()


def _sum_clipped_gradients(hooked: nn.Module, losses: torch.Tensor) -> None:
    """Leave in each weight the sum of the clipped gradients of the losses of records, shape (records,)."""
    with warnings.catch_warnings():  # of Opacus' hooks: records need no gradient
        warnings.filterwarnings("ignore", "Full backward hook is firing")
        losses.sum().backward(retain_graph=True)
        for weight in hooked.parameters():
            weight.grad = None  # these were wanted for their lengths only
        hooked.disable_hooks()
        (hooked.get_clipping_coef() * losses).sum().backward()
        hooked.enable_hooks()


@dataclass(frozen=True)
class DPSGDTrainer(SeedNamed):
    """Train on the private records with DP-SGD (Abadi et al., arXiv 1607.00133), by way of Opacus.

    Each step takes every record with the same probability, clips the gradient of each, and adds Gaussian noise to their
    sum. There are no held-out records and no early stopping, which would both look at the private records again: the
    number of steps is fixed beforehand. Smaller networks and larger steps than without noise do better, see
    ``DP_SETTINGS``.

    Attributes
    ----------
    epsilon, delta : float
        For adding or removing one record, or for replacing one: as `adjacency` says. From 0.05 to 100, and below 1.
    max_grad_norm : float
        Length to which the gradient of each record is clipped.
    adjacency : {"add or remove", "replace"}
        What epsilon and delta are for. The guarantee always states what holds for replacing a record.

    Raises
    ------
    TypeError, ValueError
        If one of them is not in its range.
    """

    epsilon: float
    delta: float = 1e-8
    max_grad_norm: float = 1.0
    adjacency: str = "add or remove"
    name: str = field(default="dp-sgd", init=False)

    @property
    def seed_text(self) -> str:
        """The text that noise is seeded by, see :class:`~vaeprivacy.randomness.SeedNamed`."""
        special = "" if self.adjacency == "add or remove" else ", adjacency={adjacency}"
        return (
            "WithDPSGD(epsilon={epsilon}, delta={delta}, max_grad_norm={max_grad_norm}" + special + ", name='DP-SGD')"
        )

    def __str__(self) -> str:
        return f"DP-SGD, epsilon {self.epsilon:g}{' for replacing' if self.adjacency == 'replace' else ''}"

    @property
    def vae_label(self) -> str:
        """What figures call a VAE that it trained."""
        return f"DP-SGD VAE {self.epsilon:g}"

    def coverage(self, n: int, settings: VAESettings, *, delta: float | None = None) -> ModelCoverage:
        """Return what it promises to each of `n` records, at its own delta or another one."""
        schedule = {"epochs": settings.epochs, "batch_size": settings.batch_size}
        budget = self.epsilon, self.delta, self.adjacency
        promise = promise_for_replacing(*budget, n=n, stated_delta=delta, **schedule)
        return ModelCoverage("DP-SGD", promise)

    def __post_init__(self) -> None:
        make_plain(self)
        check_adjacency(self.adjacency)
        checked = *check_budget(self.epsilon, self.delta), check_positive(self.max_grad_norm, "max_grad_norm")
        # As floats, so that epsilon 8 and 8.0 are the same run. A frozen dataclass sets its fields this way.
        for name, value in zip(("epsilon", "delta", "max_grad_norm"), checked, strict=True):
            object.__setattr__(self, name, value)

    def fit(
        self,
        x: torch.Tensor,
        settings: VAESettings,
        *,
        y: torch.Tensor | None = None,
        latent_noise: LatentNoise = REPARAMETERISATION,
        generator: RandomSource,
        progress: bool = False,
    ) -> tuple[VAE, ModelCoverage]:
        """Train a VAE on the records `x` for ``settings.epochs`` epochs of expected batches of ``batch_size``.

        For `y` and `latent_noise` see :func:`vaeprivacy.vae_training.fit_vae`. Noise and batches come from `generator`,
        also when it is the system's entropy; initial weights and the VAE's own samples are no secret.

        Raises
        ------
        TypeError, ValueError
            As for :func:`vaeprivacy.vae_training.fit_vae`, or if the networks are convolutional, or of half precision.
        """
        x = check_unit_records(x)
        if (settings.architecture, settings.precision) != ("mlp", "float32"):
            raise ValueError(
                f'DP-SGD needs architecture="mlp" and precision="float32", not {settings.architecture!r} and '
                f"{settings.precision!r}: the lengths of single gradients are computed for linear layers, and exactly."
            )
        y = condition_labels(y, settings, like=x)
        public = torch_generator(generator)
        sample_rate, steps = dp_sgd_schedule(len(x), epochs=settings.epochs, batch_size=settings.batch_size)
        noise_multiplier, _ = dp_sgd_plan(self.epsilon, self.delta, sample_rate, steps, self.adjacency)

        vae = new_vae(x.shape[1], settings, generator=public).to(x.device)
        train_with_dp_sgd(
            vae,
            lambda taken: -vae.elbos(x[taken], y[taken], latent_noise=latent_noise, generator=public).value,
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
        options = {"noise_multiplier": noise_multiplier, "sample_rate": sample_rate, "steps": steps}
        promise = Indistinguishability(replacing_epsilon(self.delta, **options), self.delta)
        return clean, ModelCoverage("DP-SGD", promise, seeded=isinstance(generator, torch.Generator))


# Larger steps and a smaller network than without noise: the noise on the gradients grows with the number of weights.
DP_SETTINGS = VAESettings(hidden=64, epochs=10, batch_size=250, learning_rate=1e-2)
