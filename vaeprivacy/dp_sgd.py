"""DP-SGD (Abadi et al., arXiv 1607.00133): the steps that the VAE's and the classifier's training share."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

import torch
from torch import nn

from vaeprivacy.arrays import check_unit_records
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_positive, make_plain
from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.progress import progress_bar
from vaeprivacy.guarantee import ModelCoverage
from vaeprivacy.randomness import RandomSource, SeedNamed, normals, torch_generator, uniforms
from vaeprivacy.vae import REPARAMETERISATION, VAE, LatentNoise, VAESettings
from vaeprivacy.vae_training import condition_labels, new_vae


def check_budget(epsilon: float, delta: float) -> tuple[float, float]:
    """Return epsilon and delta, for adding or removing one record, as floats if the accountant works with them.

    Raises
    ------
    TypeError
        If one is not a real number.
    ValueError
        If epsilon is not from 0.05 to 100, or delta not from 1e-10 to 0.9.
    """
    epsilon, delta = check_positive(epsilon, "epsilon"), check_positive(delta, "delta")
    if delta >= 1:
        raise ValueError(f"delta must be below 1, not {delta!r}.")
    if not 0.05 <= epsilon <= 100:
        raise ValueError(f"epsilon must be from 0.05 to 100, where the accountant works, not {epsilon!r}.")
    if not 1e-10 <= delta <= 0.9:
        raise ValueError(f"delta must be from 1e-10 to 0.9, where the accountant works, not {delta!r}.")
    return epsilon, delta


def replace_one_epsilon(epsilon: float, delta: float) -> float:
    """Return epsilon of replacing one record: twice that of adding or removing one.

    Delta becomes (1 + e^epsilon) delta by this; from 1 on, nothing is promised, and epsilon is infinite.
    """
    return 2 * epsilon if (1 + math.exp(epsilon)) * delta < 1 else math.inf


def dp_sgd_schedule(n: int, *, epochs: int, batch_size: int) -> tuple[float, int]:
    """Return the probability with which a step takes a record, and the number of steps.

    Parameters
    ----------
    n : int
        Number of records.
    epochs : int
        How often a record is taken, on average.
    batch_size : int
        Records a step, on average; if there are fewer, each step takes all.

    Returns
    -------
    sample_rate : float
        In (0, 1].
    steps : int
        At least 1.
    """
    sample_rate = min(1.0, batch_size / n)
    return sample_rate, max(1, round(epochs / sample_rate))


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
    with extra("dp", work="DP-SGD"):
        from opacus.accountants import PRVAccountant
        from opacus.accountants.utils import get_noise_multiplier
    accountant = PRVAccountant()
    with warnings.catch_warnings():  # of the bound from which the accountant starts, which need not be tight
        warnings.filterwarnings("ignore", "Optimal order is the")
        warnings.filterwarnings("ignore", "divide by zero")  # if every step takes all records
        noise_multiplier = get_noise_multiplier(
            target_epsilon=epsilon, target_delta=delta, sample_rate=sample_rate, steps=steps, accountant="prv"
        )
        accountant.history = [(noise_multiplier, sample_rate, steps)]
        return noise_multiplier, float(accountant.get_epsilon(delta=delta))


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
        Probability with which a step takes a record, and number of steps; see :func:`dp_sgd_schedule`.
    noise_multiplier : float
        See :func:`dp_sgd_plan`.
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
    name: str = field(default="dp-sgd", init=False)

    def __str__(self) -> str:
        return f"DP-SGD, epsilon {self.epsilon:g}"

    @property
    def coverage(self) -> ModelCoverage:
        """What is promised before it is trained; :meth:`fit` returns what was spent, which is not more."""
        return ModelCoverage("DP-SGD", Indistinguishability(self.epsilon, self.delta))

    @property
    def vae_label(self) -> str:
        """What figures call a VAE that it trained."""
        return f"DP-SGD VAE {self.epsilon:g}"

    @property
    def added_epsilon(self) -> float:
        """What encoder and decoder add to epsilon of replacing a record, see :func:`replace_one_epsilon`."""
        return replace_one_epsilon(self.epsilon, self.delta)

    def __post_init__(self) -> None:
        make_plain(self)
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
        noise_multiplier, spent = dp_sgd_plan(self.epsilon, self.delta, sample_rate, steps)

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
        promised = Indistinguishability(spent, self.delta)
        return clean, ModelCoverage("DP-SGD", promised, seeded=isinstance(generator, torch.Generator))


# Larger steps and a smaller network than without noise: the noise on the gradients grows with the number of weights.
DP_SETTINGS = VAESettings(hidden=64, epochs=10, batch_size=250, learning_rate=1e-2)
