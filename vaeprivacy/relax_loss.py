"""RelaxLoss: training that keeps the average loss of members near a level that non-members reach too."""

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)


def relax_loss(logits: torch.Tensor, y: torch.Tensor, *, alpha: float, epoch: int) -> torch.Tensor:
    """Return what RelaxLoss minimises in a step, for each of several models.

    With L the average cross-entropy of a model's batch, it is

    - L itself, while L is above `alpha`: ordinary training;
    - below it, in even epochs, ``alpha - L``: the loss is raised again (together, ``abs(L - alpha)``);
    - below it, in odd epochs, the average cross-entropy to labels that keep the probability of the right class and
      spread the rest evenly over the others (:func:`flattened_posteriors`). That leaves L about as it is, but no wrong
      class stands out, so raising the loss changes fewer predictions.

    Source: Chen, Yu and Fritz (ICLR 2022, arXiv 2207.05801), with the new labels taken as constants. The authors' code
    (github.com/DingfanChen/RelaxLoss) also caps the probability that is kept; for tables it lets gradients flow through
    the new labels, and for images it flattens wrong predictions only and raises the loss in odd epochs too.

    Parameters
    ----------
    logits : torch.Tensor
        Shape (models, batch, classes), with at least two classes.
    y : torch.Tensor
        Labels, shape (models, batch), int64.
    alpha : float
        Level at which the average loss is kept, in nats; positive.
    epoch : int
        Number of passes over the training records before this one.

    Returns
    -------
    torch.Tensor
        Shape (models,).
    """
    by_class = logits.movedim(-1, 1)  # where PyTorch's cross-entropy expects the classes
    loss = F.cross_entropy(by_class, y, reduction="none").mean(dim=1)
    if epoch % 2 == 0:
        return (loss - alpha).abs()
    flattening = F.cross_entropy(by_class, flatten_posteriors(logits, y).movedim(-1, 1), reduction="none").mean(dim=1)
    return torch.where(loss > alpha, loss, flattening)


@torch.no_grad()
def flatten_posteriors(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return posteriors that keep the probability of the right class and spread the rest evenly over the others.

    Parameters
    ----------
    logits : torch.Tensor
        Shape (..., classes), with at least two classes.
    y : torch.Tensor
        Labels, shape (...), int64.

    Returns
    -------
    torch.Tensor
        Shape (..., classes), sums to 1 over the last dimension; a constant, through which no gradient flows.
    """
    right = logits.softmax(dim=-1).gather(-1, y[..., None])
    others = (1 - right) / (logits.shape[-1] - 1)
    return others.expand_as(logits).scatter(-1, y[..., None], right)
