"""Shadow models: the adversary trains models like the target, on records whose membership it knows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from vaeprivacy.classifiers import predict
from vaeprivacy.data import stratified_parts

# Turns (records, labels, number of the shadow) into a trained classifier, as the adversary believes the defender does
# it.
Recipe = Callable[[torch.Tensor, torch.Tensor, int], nn.Module]


@dataclass(frozen=True)
class Shadows:
    """What shadow models say about the adversary's own records.

    Attributes
    ----------
    log_posteriors : torch.Tensor
        Answer of each model for each record, shape (shadows, records, classes).
    y : torch.Tensor
        Labels, shape (records,).
    is_member : torch.Tensor
        Whether each model was trained on each record, shape (shadows, records), bool.
    """

    log_posteriors: torch.Tensor
    y: torch.Tensor
    is_member: torch.Tensor


def draw_memberships(y: torch.Tensor, *, n_shadows: int, generator: torch.Generator) -> torch.Tensor:
    """Draw a stratified random half of the records for each shadow model.

    Parameters
    ----------
    y : torch.Tensor
        Labels of the adversary's records, shape (records,).
    n_shadows : int
        Number of shadow models.
    generator : torch.Generator
        Source of the halves.

    Returns
    -------
    torch.Tensor
        Shape (n_shadows, records), bool.
    """
    is_member = torch.zeros(n_shadows, len(y), dtype=torch.bool)
    for row in is_member:
        row[stratified_parts(y, [len(y) // 2], generator=generator)[0]] = True
    return is_member


def train_shadows(x: torch.Tensor, y: torch.Tensor, *, is_member: torch.Tensor, recipe: Recipe) -> Shadows:
    """Train one shadow model on each half and ask it about all the records.

    Parameters
    ----------
    x : torch.Tensor
        The adversary's records, shape (records, features).
    y : torch.Tensor
        Their labels, shape (records,).
    is_member : torch.Tensor
        Which records each shadow is trained on, shape (shadows, records), bool.
    recipe : callable
        ``recipe(x, y, number)`` returns the classifier of one shadow. It decides what the adversary copies: only the
        classifier, or the whole framework before it.
    """
    log_posteriors = [predict(recipe(x[mine], y[mine], i), x) for i, mine in enumerate(is_member)]
    return Shadows(torch.stack(log_posteriors), y, is_member)
