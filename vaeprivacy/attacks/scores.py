"""What an attack reads off the predictions of a model: one number per record, higher for records that it seems to
know."""

from collections.abc import Callable

import torch

from vaeprivacy.arrays import check_labels


def answers(query_label: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return the labels that a black box tells of records, one each, shape (records,), on the CPU."""
    return check_labels(query_label(x), "query_label(x)", of=x).cpu()


def loss_score(log_posteriors: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return minus the loss, the log-posterior of the label (:eq:`loss-score`; Yeom et al., arXiv 1709.01604).

    Parameters
    ----------
    log_posteriors : torch.Tensor
        Predictions, shape (..., records, classes).
    y : torch.Tensor
        Labels, shape (records,).

    Returns
    -------
    torch.Tensor
        Minus the cross-entropy of each record in nats, shape (..., records).
    """
    return log_posteriors[..., torch.arange(len(y)), check_labels(y, n_classes=log_posteriors.shape[-1])]


def logit_score(log_posteriors: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the logit of the label's posterior, log p - log (1 - p) (:eq:`logit-score`).

    It ranks as the loss does, but its distribution over models is close to normal (Carlini et al., arXiv 2112.03570,
    section IV-D), and it loses no digits: 1 - p is the sum of the other posteriors.

    Parameters are those of :func:`loss_score`; the result is in logits, shape (..., records).
    """
    of_label, others = loss_score(log_posteriors, y), log_posteriors.clone()
    others[..., torch.arange(len(y)), y] = -torch.inf  # not the label itself
    return of_label - others.logsumexp(dim=-1)


def confidence(log_posteriors: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the log-posterior of the most probable class, whatever the label, shape (..., records).

    Salem et al. (arXiv 1806.01246), section V.
    """
    return log_posteriors.max(dim=-1).values


def negative_entropy(log_posteriors: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return minus the entropy of the posteriors in nats, shape (..., records); the label is not used."""
    # 0 log 0 is 0: without the limit, minus infinity would make it NaN. (The exponential is 0 long before it.)
    return (log_posteriors.exp() * log_posteriors.clamp(min=-1e4)).sum(dim=-1)


def negative_modified_entropy(log_posteriors: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return minus Song and Mittal's modified entropy (:eq:`modified-entropy`; arXiv 2003.10595, equation 8).

    Unlike the entropy, it is large when the target is sure of a wrong class.

    Parameters are those of :func:`loss_score`; the result is at most 0, shape (..., records).
    """
    rest = _log_of_the_others(log_posteriors)
    terms = log_posteriors.exp() * rest  # p log (1 - p) of each class
    label = (..., torch.arange(len(y)), y)
    terms[label] = rest[label].exp() * log_posteriors[label]  # (1 - p) log p
    return terms.sum(dim=-1)


def _log_of_the_others(log_posteriors: torch.Tensor) -> torch.Tensor:
    """Return log (1 - p) of each class as the sum of the other posteriors, which loses no digits where p is near 1."""
    n_classes = log_posteriors.shape[-1]
    others = log_posteriors.unsqueeze(-2).expand(*log_posteriors.shape[:-1], n_classes, n_classes)
    itself = torch.eye(n_classes, dtype=torch.bool, device=log_posteriors.device)
    return others.masked_fill(itself, -torch.inf).logsumexp(dim=-1)
