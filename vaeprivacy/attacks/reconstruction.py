"""An adversary that holds encoder and decoder: does this VAE know the candidate better than others do?"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)

from vaeprivacy.vae import VAE


@torch.no_grad()
def reconstruction_score(vae: VAE, x: torch.Tensor) -> torch.Tensor:
    """Score candidates by how well the VAE reconstructs them: those that it was trained on tend to come out better.

    Parameters
    ----------
    vae : VAE
        Encoder and decoder under attack.
    x : torch.Tensor
        Candidates, shape (records, features), values in [0, 1].

    Returns
    -------
    torch.Tensor
        Log-likelihood of each record given its mean code, in nats, shape (records,).
    """
    mean, _ = vae.encode(x)
    return -F.binary_cross_entropy_with_logits(vae.decoder(mean), x, reduction="none").sum(dim=1)


def calibrated_reconstruction_score(vae: VAE, references: Sequence[VAE], x: torch.Tensor) -> torch.Tensor:
    """Score candidates by how much better the VAE reconstructs them than VAEs do that have not seen them.

    Some records are easy for any VAE. Subtracting the average score of reference VAEs, which the adversary trains on
    its own records, leaves what is due to training on the candidate (:eq:`vae-score`; Watson et al., arXiv
    2111.08440, for classifiers).

    Parameters
    ----------
    vae : VAE
        Encoder and decoder under attack.
    references : sequence of VAE
        VAEs of the adversary, at least one.
    x : torch.Tensor
        Candidates, shape (records, features), values in [0, 1].

    Returns
    -------
    torch.Tensor
        Difference of log-likelihoods in nats, shape (records,).

    Raises
    ------
    ValueError
        If there are no references.
    """
    if not references:
        raise ValueError("The attack needs at least one reference VAE; without any, take reconstruction_score.")
    others = torch.stack([reconstruction_score(other, x) for other in references])
    return reconstruction_score(vae, x) - others.mean(dim=0)
