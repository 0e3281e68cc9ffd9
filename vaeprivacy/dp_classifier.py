"""A target model that is trained on the private records with DP-SGD, in place of a release: the usual alternative."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from torch import nn

from vaeprivacy.accounting import Adjacency, check_budget, dp_sgd_plan, dp_sgd_schedule
from vaeprivacy.arrays import check_labels, check_records
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_positive, make_plain
from vaeprivacy.dp_sgd import train_with_dp_sgd
from vaeprivacy.networks import mlp
from vaeprivacy.randomness import RandomSource, torch_generator


@dataclass(frozen=True)
class DPClassifierSettings:
    """Size and training of a classifier with DP-SGD: the same for every epsilon.

    The defaults were chosen on splits of Fashion-MNIST, by accuracy on test records; no accountant counts that.

    Attributes
    ----------
    hidden : int
        Units of the one hidden layer, with tanh, whose bounded outputs keep gradients short (Papernot et al.,
        arXiv 2007.14191); 0 for a linear model.
    epochs : int
        How often a record is taken, on average.
    batch_size : int
        Records a step, on average.
    learning_rate : float
        Step size of Adam.
    max_grad_norm : float
        Length to which the gradient of each record is clipped; positive.
    centre : float
        Subtracted from all values of all records: a constant that is known without a look at them, such as the middle
        of the grey values.

    Raises
    ------
    TypeError, ValueError
        If a number is not in its range.
    """

    hidden: int = 128
    epochs: int = 15
    batch_size: int = 500
    learning_rate: float = 2e-2
    max_grad_norm: float = 1.0
    centre: float = 0.5

    def __post_init__(self) -> None:
        make_plain(self)
        for name in ("epochs", "batch_size", "learning_rate", "max_grad_norm"):
            check_positive(getattr(self, name), name)
        check_positive(self.hidden, "hidden", zero=True)
        if not math.isfinite(self.centre):
            raise ValueError(
                f"centre must be a finite number, such as 0.5 for grey values from 0 to 1, not {self.centre!r}."
            )


# For the features of vaeprivacy.scattering, which are centred: smaller steps, since they are many, and more of them.
LINEAR_SETTINGS = DPClassifierSettings(hidden=0, epochs=30, learning_rate=5e-3, centre=0.0)


def fit_dp_classifier(
    x: torch.Tensor,
    y: torch.Tensor,
    settings: DPClassifierSettings | None = None,
    *,
    epsilon: float,
    delta: float,
    n_classes: int,
    generator: RandomSource,
    adjacency: Adjacency = "add or remove",
    progress: bool = False,
) -> tuple[nn.Sequential, Indistinguishability]:
    """Train a classifier with DP-SGD (:func:`vaeprivacy.dp_sgd.train_with_dp_sgd`).

    The number of steps is fixed beforehand: nothing is held out. The number of records counts as public.

    Parameters
    ----------
    x, y : torch.Tensor
        Records, shape (records, features), floating point, and labels, shape (records,), int64.
    settings : DPClassifierSettings, optional
        Size and training.
    epsilon, delta, adjacency : float, float, {"add or remove", "replace"}
        Most that may be spent (from 0.05 to 100, and below 1), and for which two data sets.
    n_classes : int
        Number of outputs; labels are from 0 to ``n_classes - 1``.
    generator : torch.Generator or SystemEntropy
        Source of weights, batches and noise. Whoever knows the seed of a seeded one can compute the noise.
    progress : bool
        Show a progress bar.

    Returns
    -------
    model : torch.nn.Sequential
        Maps records to logits, shape (records, n_classes); on the device of `x`.
    spent : Indistinguishability
        What the accountant states, for the same adjacency: at most `epsilon`, and `delta`.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a finite floating-point table, the labels do not fit it, or epsilon or delta is not in its range.
    """
    settings = settings or DPClassifierSettings()
    x = check_records(x)
    y = check_labels(y, of=x, n_classes=n_classes)
    epsilon, delta = check_budget(epsilon, delta)
    sample_rate, steps = dp_sgd_schedule(len(x), epochs=settings.epochs, batch_size=settings.batch_size)
    noise_multiplier, spent = dp_sgd_plan(epsilon, delta, sample_rate, steps, adjacency)
    sizes = [x.shape[1], *([settings.hidden] if settings.hidden else []), n_classes]
    model = mlp(sizes, generator=torch_generator(generator), activation=nn.Tanh).to(x.device)
    train_with_dp_sgd(
        model,
        lambda taken: F.cross_entropy(model(x[taken] - settings.centre), y[taken], reduction="none"),
        len(x),
        sample_rate=sample_rate, steps=steps, noise_multiplier=noise_multiplier,
        max_grad_norm=settings.max_grad_norm, learning_rate=settings.learning_rate,
        generator=generator, progress=progress, desc="classifier with DP-SGD",
    )  # fmt: skip
    return _clean(model, sizes, centre=settings.centre), Indistinguishability(spent, delta)


@torch.no_grad()
def _clean(model: nn.Sequential, sizes: list[int], *, centre: float) -> nn.Sequential:
    """Return a new network, without what Opacus leaves in the trained one, that takes records as they are."""
    clean = mlp(sizes, generator=torch.Generator(), activation=nn.Tanh).to(model[0].weight.device)
    clean.load_state_dict(model.state_dict())
    clean[0].bias -= centre * clean[0].weight.sum(dim=1)
    return clean
