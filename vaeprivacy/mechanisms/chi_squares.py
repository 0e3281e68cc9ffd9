"""Draws from the chi-square distribution, which decide how long noise is."""

import math

import torch

from vaeprivacy.randomness import RandomSource, normals, uniforms


def chi_squares(n: int, *, degrees: int, generator: RandomSource, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Draw from the chi-square distribution, that of a sum of `degrees` squared standard normals.

    By rejection, for all draws at once: Marsaglia and Tsang (ACM Transactions on Mathematical Software 26, 2000)
    transform a normal number and accept it with a probability that makes the distribution exact. About 1 in 20 is drawn
    again, or fewer. (PyTorch's own sampler takes them one by one: see benchmarks/noise.py.)

    Parameters
    ----------
    n : int
        Number of draws.
    degrees : int
        Degrees of freedom, at least 2.
    generator : torch.Generator or SystemEntropy
        Source of the numbers.
    dtype : torch.dtype
        Type of the result.

    Returns
    -------
    torch.Tensor
        Shape (n, 1), on the generator's device.

    Raises
    ------
    ValueError
        If there are fewer than two degrees of freedom.
    """
    if degrees < 2:
        raise ValueError(f"degrees must be at least 2, not {degrees}; the square of a normal number has one.")
    result, accepted = _proposed_chi_squares(n, degrees=degrees, generator=generator, dtype=dtype)
    rejected = (~accepted).nonzero().flatten()
    while len(rejected):
        again, accepted = _proposed_chi_squares(len(rejected), degrees=degrees, generator=generator, dtype=dtype)
        result[rejected] = again
        rejected = rejected[~accepted]
    return result[:, None]


def _proposed_chi_squares(
    n: int, *, degrees: int, generator: RandomSource, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `n` proposals and whether each is accepted. With shape k = degrees / 2 and c = k - 1/3, a proposal is
    2 c v with v = (1 + x / sqrt(9 c))^3, accepted if v > 0 and log u < x^2 / 2 + c (1 - v + log v)."""
    c = degrees / 2 - 1 / 3
    x = normals((n,), generator=generator, dtype=dtype)
    log_u = uniforms((n,), generator=generator, dtype=dtype).log_()
    v = (x / math.sqrt(9 * c)).add_(1).pow_(3)
    # The logarithm of a negative number is NaN, and no comparison with it is true.
    threshold = v.log().sub_(v).add_(1).mul_(c).add_(x.square_(), alpha=0.5)
    return v.mul_(2 * c), log_u < threshold
