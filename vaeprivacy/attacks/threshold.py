"""Attacks that need nothing but the target's answers."""

import torch


def loss_score(log_posteriors: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Score candidates by the target's loss: members tend to have the smaller one (:eq:`loss-score`).

    Yeom et al. (arXiv 1709.01604).

    Parameters
    ----------
    log_posteriors : torch.Tensor
        The target's answers, shape (..., records, classes).
    y : torch.Tensor
        Labels, shape (records,).

    Returns
    -------
    torch.Tensor
        Minus the cross-entropy of each record in nats, shape (..., records).
    """
    return log_posteriors[..., torch.arange(len(y)), y]
