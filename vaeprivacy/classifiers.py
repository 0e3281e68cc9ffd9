"""The target model: a classifier that overfits, as in the literature on membership inference."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from torch import nn

from vaeprivacy.arrays import check_labels, check_records, check_table
from vaeprivacy.checks import check_choice, check_positive, check_sizes, make_plain
from vaeprivacy.compute.checkpoints import Checkpoint
from vaeprivacy.compute.devices import memory_of
from vaeprivacy.compute.ensemble import models_that_fit, stack_models
from vaeprivacy.compute.progress import progress_bar
from vaeprivacy.convolutional import resnet9
from vaeprivacy.networks import PRECISIONS, autocast, init_weights, mlp
from vaeprivacy.relax_loss import relax_loss

RECORDS_AT_ONCE = 10_000  # records: what a convolutional network makes of more may not fit into memory
#: On a CPU, more perceptrons gain nothing (benchmarks/attacks.py), and convolutions lose (benchmarks/device.py).
ON_CPU = {"mlp": 4, "resnet9": 1}


@dataclass(frozen=True)
class ClassifierSettings:
    """Size and training of a classifier (our choice: the paper's are unknown to us).

    Attributes
    ----------
    hidden : int
        Units of the one hidden layer (or channels of the first layer of a ResNet-9).
    epochs : int
        Passes over the training records; enough for a training accuracy near 1 on 2,500 records.
    batch_size : int
        Records a gradient step.
    learning_rate : float
        Step size of Adam.
    weight_decay : float
        L2 regularisation: adds half of this, times the sum of all squared weights, to the loss; 0 or more.
    label_smoothing : float
        Share of each label that is spread evenly over all classes; 0 or more, below 1.
    relax_loss : float or None
        Level, in nats, near which :func:`vaeprivacy.relax_loss.relax_loss` keeps the average loss; positive. None for
        ordinary training.
    architecture : {"mlp", "resnet9"}
        A multilayer perceptron, or a residual network for images (:func:`vaeprivacy.convolutional.resnet9`).
    precision : {"float32", "bfloat16"}
        Precision of the products in training. Weights and their updates stay in float32.

    Raises
    ------
    TypeError, ValueError
        If one of the last five is not in its range, or label smoothing comes with RelaxLoss.
    """

    hidden: int = 128
    epochs: int = 60
    batch_size: int = 100
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    relax_loss: float | None = None
    architecture: str = "mlp"
    precision: str = "float32"

    def __post_init__(self) -> None:
        make_plain(self)
        check_choice(self.architecture, "architecture", ("mlp", "resnet9"))
        check_choice(self.precision, "precision", PRECISIONS)
        check_sizes(self, "hidden", "epochs", "batch_size")
        # As floats, so that 1 and 1.0 are the same settings. A frozen dataclass sets its fields this way.
        for name in ("weight_decay", "label_smoothing"):
            object.__setattr__(self, name, check_positive(getattr(self, name), name, zero=True))
        if self.label_smoothing >= 1:
            raise ValueError(
                f"label_smoothing must be below 1, where labels say nothing, not {self.label_smoothing!r}."
            )
        if self.relax_loss is not None:
            object.__setattr__(self, "relax_loss", check_positive(self.relax_loss, "relax_loss"))
            if self.label_smoothing > 0:
                raise ValueError(
                    f"relax_loss makes its own soft labels, so label_smoothing must be 0, not {self.label_smoothing!r}."
                )


def fit_classifier(
    x: torch.Tensor,
    y: torch.Tensor,
    settings: ClassifierSettings | None = None,
    *,
    n_classes: int,
    generator: torch.Generator,
    progress: bool = False,
    checkpoint: Path | None = None,
) -> nn.Sequential:
    """Train a classifier with Adam, by default by minimising the cross-entropy.

    Parameters
    ----------
    x : torch.Tensor
        Records, shape (records, features), floating point.
    y : torch.Tensor
        Labels, shape (records,), int64, from 0 to ``n_classes - 1``.
    settings : ClassifierSettings, optional
        Size and training.
    n_classes : int
        Number of outputs.
    generator : torch.Generator
        Source of weights and batches.
    progress : bool
        Show a progress bar.
    checkpoint : pathlib.Path, optional
        File for the state of the training: if interrupted, the same call goes on, and ends with the same weights.

    Returns
    -------
    torch.nn.Sequential
        Maps records to logits, shape (records, n_classes); on the device of `x`.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a finite floating-point table, the labels do not fit it, or the checkpoint is of another training.
    """
    x, options = check_records(x), {"n_classes": n_classes, "progress": progress, "checkpoint": checkpoint}
    return fit_classifiers(x, y, settings, subsets=[torch.arange(len(x))], generators=[generator], **options)[0]


def fit_classifiers(
    x: torch.Tensor,
    y: torch.Tensor,
    settings: ClassifierSettings | None = None,
    *,
    subsets: Sequence[torch.Tensor],
    n_classes: int,
    generators: Sequence[torch.Generator],
    progress: bool = False,
    checkpoint: Path | None = None,
) -> list[nn.Sequential]:
    """Train several classifiers at once, each on a subset of the same records.

    The weights of all models are stacked, so one step of the loop is a step of every model, in matrix products with one
    more dimension. The models do not touch each other: each has its own loss, its own batches and its own generator,
    and comes out as if trained alone, up to rounding.

    Parameters
    ----------
    x, y, settings, n_classes, progress, checkpoint
        As for :func:`fit_classifier`.
    subsets : sequence of torch.Tensor
        Indices of the records of each model, all of one length.
    generators : sequence of torch.Generator
        One a model: the source of its weights and batches.

    Returns
    -------
    list of torch.nn.Sequential
        One classifier a subset, on the device of `x`.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a finite floating-point table, the labels do not fit it, or the subsets differ in length.
    """
    settings = settings or ClassifierSettings()
    x = check_records(x)
    y = check_labels(y, of=x, n_classes=n_classes)
    _check_subsets(subsets, generators)
    about = (settings, x, y, *subsets, *(generator.get_state() for generator in generators))
    models = [new_classifier(x.shape[1], settings, n_classes=n_classes, generator=g).to(x.device) for g in generators]
    stack, rows = stack_models(models), torch.stack(list(subsets)).to(x.device)
    options = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    optimizer = torch.optim.Adam(stack.weights, **options, fused=True)  # as plain Adam, in one kernel
    file = Checkpoint(checkpoint, about, optimizer, generators)
    done = file.resume() or 0
    bar = {"show": progress, "initial": done, "total": settings.epochs, "desc": "classifier", "unit": "epoch"}
    for epoch in progress_bar(range(done, settings.epochs), **bar):
        orders = [torch.randperm(rows.shape[1], generator=g, device=g.device).to(x.device) for g in generators]
        for batch in rows.gather(1, torch.stack(orders)).split(settings.batch_size, dim=1):
            records = x.index_select(0, batch.flatten()).unflatten(0, batch.shape)  # as x[batch], but faster on a CPU
            with autocast(x.device, settings.precision):
                logits = stack(records)
            optimizer.zero_grad()
            _summed_loss(logits.float(), y[batch], settings, epoch=epoch).backward()
            optimizer.step()
        file.keep(epoch + 1, now=epoch + 1 == settings.epochs)
    stack.unstack(models)
    return models


def _check_subsets(subsets: Sequence[torch.Tensor], generators: Sequence[torch.Generator]) -> None:
    if len(subsets) != len(generators) or len({len(subset) for subset in subsets}) != 1:
        raise ValueError(
            f"fit_classifiers needs subsets of one length and a generator for each, not {len(generators)} generators "
            f"for subsets of {sorted({len(subset) for subset in subsets})} records: train others one by one."
        )


def new_classifier(
    features: int, settings: ClassifierSettings, *, n_classes: int, generator: torch.Generator
) -> nn.Sequential:
    """Return a classifier of the size that the settings ask for, not yet trained.

    Raises
    ------
    ValueError
        If a residual network is asked for, and records of so many features are no images for it.
    """
    if settings.architecture == "mlp":
        return mlp([features, settings.hidden, n_classes], generator=generator)
    return init_weights(lambda: resnet9(features, settings.hidden, n_classes), generator=generator)


def _summed_loss(logits: torch.Tensor, y: torch.Tensor, settings: ClassifierSettings, *, epoch: int) -> torch.Tensor:
    """Return the sum over models of each one's average loss: its gradient is the gradient of each."""
    if settings.relax_loss is not None:
        return relax_loss(logits, y, alpha=settings.relax_loss, epoch=epoch).sum()
    smoothing = settings.label_smoothing
    return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum", label_smoothing=smoothing) / y.shape[1]


@torch.no_grad()
def predict(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return a classifier's posteriors as logarithms, shape (records, classes); records of any precision are taken."""
    x = check_table(x).to(next(model.parameters(), x).dtype)
    return torch.cat([F.log_softmax(model(part), dim=1) for part in x.split(RECORDS_AT_ONCE)])


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of records whose most probable class is their label."""
    predicted = predict(model, x).argmax(dim=1)
    return (predicted == check_labels(y, of=predicted)).sum().item() / len(predicted)


def models_at_once(x: torch.Tensor, settings: ClassifierSettings, *, n_classes: int) -> int:
    """Return how many classifiers to train in one call of :func:`vaeprivacy.classifiers.fit_classifiers`.

    On a GPU, these are as many as half of its memory holds.

    Parameters
    ----------
    x : torch.Tensor
        Records, shape (records, features), on the device to train on.
    settings : ClassifierSettings
        Size and training.
    n_classes : int
        Number of outputs.
    """
    if x.device.type == "cpu":
        return ON_CPU[settings.architecture]
    model = new_classifier(x.shape[1], settings, n_classes=n_classes, generator=torch.Generator())
    memory = memory_of(x.device) // 2
    return models_that_fit(model, x.shape[1], batch_size=settings.batch_size, memory=memory)
