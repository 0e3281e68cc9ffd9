"""The target model: a multilayer perceptron that overfits, as in the literature on membership inference."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from torch import nn

from vaeprivacy.training import checked_records, minibatches, mlp, progress_bar


@dataclass(frozen=True)
class ClassifierSettings:
    """Size and training of a classifier (our choice: the paper's are unknown to us).

    Attributes
    ----------
    hidden : int
        Units of the one hidden layer.
    epochs : int
        Passes over the training records; enough for a training accuracy near 1 on 2,500 records.
    batch_size : int
        Records a gradient step.
    learning_rate : float
        Step size of Adam.
    """

    hidden: int = 128
    epochs: int = 60
    batch_size: int = 100
    learning_rate: float = 1e-3


def fit_classifier(
    x: torch.Tensor,
    y: torch.Tensor,
    settings: ClassifierSettings | None = None,
    *,
    n_classes: int,
    generator: torch.Generator,
    progress: bool = False,
) -> nn.Sequential:
    """Train a classifier by minimising the cross-entropy with Adam.

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

    Returns
    -------
    torch.nn.Sequential
        Maps records to logits, shape (records, n_classes); on the device of `x`.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a finite floating-point table, or the labels do not fit it.
    """
    settings = settings or ClassifierSettings()
    checked_records(x)
    if y.is_floating_point():
        raise TypeError(f"y must hold integer labels, not {y.dtype}; convert it with .long().")
    if y.shape != (len(x),) or y.min() < 0 or y.max() >= n_classes:
        raise ValueError(
            f"y must hold one label from 0 to {n_classes - 1} for each of the {len(x)} records, but has shape "
            f"{tuple(y.shape)} and values {sorted(set(y.flatten().tolist()))[:20]}."
        )
    model = mlp([x.shape[1], settings.hidden, n_classes], generator=generator).to(x.device)
    # fused: the same steps as plain Adam, in one kernel.
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    for _ in progress_bar(range(settings.epochs), show=progress, desc="classifier", unit="epoch"):
        for batch in minibatches(len(x), batch_size=settings.batch_size, generator=generator):
            batch = batch.to(x.device)
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    return model


@torch.no_grad()
def predict(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return a classifier's posteriors as logarithms, shape (records, classes)."""
    return F.log_softmax(model(x), dim=1)


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of records whose most probable class is their label."""
    return (predict(model, x).argmax(dim=1) == y).double().mean().item()
