"""An adversary that holds released moments: is a candidate likelier under them than under those of other records?"""

import torch

from vaeprivacy.moments import MomentModel


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


def density_score(density: torch.Tensor, references: torch.Tensor) -> torch.Tensor:
    """Score candidates by how much likelier they are under the released moments than under those of other records.

    Some records are likely whoever the members are. Subtracting the mean over references leaves what is due to
    membership. (LiRA on the same signal has to estimate two means and a variance; ``benchmarks/density.py`` compares.)

    Parameters
    ----------
    density : torch.Tensor
        Log-density of each candidate under the released moments, shape (records,), of :func:`class_log_density`.
    references : torch.Tensor
        The same under moments that the adversary made of random halves of the candidates, shape (references, records).

    Returns
    -------
    torch.Tensor
        In nats, shape (records,); higher means more likely a member.

    Raises
    ------
    ValueError
        If there is no reference.
    """
    if len(references) == 0:
        raise ValueError("The attack compares with moments of other records: pass at least one reference.")
    return density - references.mean(dim=0)
