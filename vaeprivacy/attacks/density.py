"""An adversary that holds released moments: is a candidate likelier under them than under those of other records?"""

import torch

from vaeprivacy.attacks.lira import online_score
from vaeprivacy.attacks.shadow_fit import check_both_sides
from vaeprivacy.moments import MomentModel

MANY = 32  # references from which on a variance for each record is better than one for all


def class_log_density(model: MomentModel, features: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the log-density of records' features under released moments of their class (:eq:`moment-density`).

    Parameters
    ----------
    model : MomentModel
        Released moments.
    features : torch.Tensor
        Of candidates, from the map of the model, shape (records, features).
    y : torch.Tensor
        Their labels, shape (records,).

    Returns
    -------
    torch.Tensor
        In nats, shape (records,), float64, without the constant that all normal densities share.
    """
    found = torch.empty(len(y), dtype=torch.float64)
    for label, (mean, root) in enumerate(zip(model.means, model.roots, strict=True)):
        white = torch.linalg.solve(root, (features[y == label].double() - mean).T)
        found[y == label] = -0.5 * white.square().sum(dim=0) - torch.linalg.slogdet(root).logabsdet
    return found


def density_score(density: torch.Tensor, references: torch.Tensor, in_references: torch.Tensor) -> torch.Tensor:
    """Score candidates by LiRA on their log-density: members raise it under the moments that they are part of.

    Parameters
    ----------
    density : torch.Tensor
        Log-density of each candidate under the released moments, shape (records,), of :func:`class_log_density`.
    references : torch.Tensor
        The same under moments that the adversary made of other halves of the candidates, shape (references, records).
    in_references : torch.Tensor
        Which of these contain which candidate, shape (references, records), bool.

    Returns
    -------
    torch.Tensor
        Log of the likelihood ratio, member against non-member, shape (records,).

    Raises
    ------
    ValueError
        If a candidate is in all references, or in none.
    """
    check_both_sides(in_references, members_too=True)
    return online_score(density, references, in_references, per_record=len(references) >= MANY)
