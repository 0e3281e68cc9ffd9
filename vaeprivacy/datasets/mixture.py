r"""A mixture of Gaussians: records of which the best possible classifier, and how often it is right, are known.

Each of K = 10 classes is as likely as any other. A record of class k has d = 20 coordinates
:math:`z \sim N(a e_k, I)`, with a = 2.5 and :math:`e_k` the k-th unit vector, so that ten coordinates tell nothing.
Its features are :math:`u_j = \Phi((z_j - a/2) / 2)`, with :math:`\Phi` the distribution function of the standard normal
distribution: values in (0, 1), none of them clipped. The map is one-to-one, so it changes neither the posterior
probabilities of the classes nor the accuracy of the best classifier.
"""

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import norm

from vaeprivacy.checks import check_records
from vaeprivacy.datasets.dataset import Column, Dataset
from vaeprivacy.randomness import seeded_generator

N_RECORDS, N_FEATURES, N_CLASSES = 20_000, 20, 10
DISTANCE = 2.5
# Wide enough that single precision tells the largest features from 1.
SCALE = 2.0


def load_mixture() -> Dataset:
    """Draw 20,000 records of 20 features in 10 classes, the same ones every time."""
    generator = seeded_generator(0, "gaussian mixture")
    y = torch.randint(N_CLASSES, (N_RECORDS,), generator=generator)
    z = torch.randn(N_RECORDS, N_FEATURES, generator=generator, dtype=torch.float64)
    z[torch.arange(N_RECORDS), y] += DISTANCE
    x = torch.special.ndtr((z - DISTANCE / 2) / SCALE).float()
    columns = tuple(Column(f"feature {number}") for number in range(1, N_FEATURES + 1))
    return Dataset("gaussian-mixture", x, y, None, tuple("abcdefghij"), columns)


def mixture_posterior(x: torch.Tensor) -> torch.Tensor:
    r"""Return the probability of each class given a record: what the best possible classifier answers.

    By Bayes' rule it is proportional to :math:`\exp(a z_k)`: of the squared distances to the means, all other terms are
    the same for all classes.

    Parameters
    ----------
    x : torch.Tensor
        Records, shape (records, 20), floating point, values in [0, 1].

    Returns
    -------
    torch.Tensor
        Shape (records, 10), float64; rows sum to one.

    Raises
    ------
    TypeError, ValueError
        If `x` is not such a table.
    """
    check_records(x)
    if x.shape[1] != N_FEATURES or x.min() < 0 or x.max() > 1:
        raise ValueError(
            f"x has {x.shape[1]} features from {x.min():.3g} to {x.max():.3g}; records of the mixture have "
            f"{N_FEATURES}, from 0 to 1."
        )
    # Only a synthetic record can have a feature of exactly 0 or 1, which would stand for an infinite coordinate.
    tiny = torch.finfo(torch.float32).eps / 2
    z = DISTANCE / 2 + SCALE * torch.special.ndtri(x.double().clamp(tiny, 1 - tiny))
    return torch.softmax(DISTANCE * z[:, :N_CLASSES], dim=1)


def mixture_accuracy() -> float:
    r"""Return the probability with which the best possible classifier is right about a new record.

    It is right if the coordinate of the record's class, :math:`a + Z`, is above the nine others:
    :math:`E[\Phi(a + Z)^{K-1}]` with a standard normal Z.
    """
    return quad(lambda z: norm.pdf(z) * norm.cdf(DISTANCE + z) ** (N_CLASSES - 1), -np.inf, np.inf)[0]
