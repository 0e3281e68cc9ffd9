"""Laplace noise of the shape of the codes: for the Mahalanobis distance."""

import torch

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_size
from vaeprivacy.compute.devices import to_double
from vaeprivacy.distances import check_codes
from vaeprivacy.mechanisms.base import AdditiveNoise
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.randomness import RandomSource


class Mahalanobis:
    """The Euclidean distance after whitening: directions in which codes vary more count for less.

    Parameters
    ----------
    covariance : torch.Tensor
        Covariance C of the codes, shape (latent_dim, latent_dim). It becomes part of what is published: it must come
        from public records (or be chosen), or the distance itself tells something about the private ones.

    Raises
    ------
    TypeError, ValueError
        If `covariance` is not a tensor of real numbers, or not a symmetric, positive definite matrix, or so close to
        a singular one that float32 codes cannot be kept in a ball of this distance.
    """

    name = "Mahalanobis distance"

    def __init__(self, covariance: torch.Tensor) -> None:
        if not isinstance(covariance, torch.Tensor) or covariance.is_complex():
            raise TypeError(f"covariance must be a torch.Tensor of real numbers, not {type(covariance).__name__}.")
        square = covariance.ndim == 2 and 0 < covariance.shape[0] == covariance.shape[1]
        relative = covariance / covariance.abs().max() if square else covariance  # small ones are compared alike
        symmetric = square and relative.isfinite().all() and torch.allclose(relative, relative.mT)
        factor, failed = torch.linalg.cholesky_ex(to_double(covariance)) if symmetric else (None, True)
        if failed:
            raise ValueError(
                "covariance must be a symmetric, positive definite matrix, for example torch.cov(public_codes.T), not "
                f"a tensor of shape {tuple(covariance.shape)} that is not one."
            )
        self.factor = factor
        self.rounding = torch.linalg.cond(factor).item()
        if self.rounding > 1e6:
            raise ValueError(
                "covariance is nearly singular: codes vary a million times more in one direction than in another. Add "
                "a small number to its diagonal."
            )

    def whiten(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the solution w of L w = u for each code u, where L L^T = C; shape of the input, float64.

        Raises
        ------
        ValueError
            If codes have another dimension than the covariance.
        """
        if codes.shape[-1] != len(self.factor):
            raise ValueError(f"The covariance is for codes of dimension {len(self.factor)}, not {codes.shape[-1]}.")
        codes = to_double(codes)
        return torch.linalg.solve_triangular(self.factor.to(codes.device), codes.mT, upper=False).mT

    def colour(self, white: torch.Tensor) -> torch.Tensor:
        """Return L w for each row w: the inverse of :meth:`whiten`."""
        return white @ self.factor.to(white.device).mT

    @property
    def log_volume(self) -> float:
        """Logarithm of the factor by which :meth:`colour` stretches a volume, the root of det C."""
        return self.factor.diagonal().log().sum().item()

    def norm(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the Euclidean norm of each whitened code, shape (records,), float64."""
        return self.whiten(codes).norm(dim=1)

    def typical_norm(self, dimension: int) -> float:
        """Return the root of the mean squared norm of a standard normal code, the root of the trace of C^-1."""
        return self.whiten(torch.eye(dimension, dtype=torch.float64, device=self.factor.device)).norm().item()


class WhitenedLaplace(AdditiveNoise):
    """Euclidean Laplace noise on whitened codes, for latents of unequal scale.

    It gives epsilon-metric privacy for the Mahalanobis distance (:prf:ref:`whitened-is-private`).

    Parameters
    ----------
    epsilon : float
        Metric-privacy parameter, per unit of Mahalanobis distance.
    covariance : torch.Tensor
        Covariance by which codes are whitened, from public records; see
        :class:`vaeprivacy.mechanisms.whitened.Mahalanobis`.

    Raises
    ------
    TypeError, ValueError
        If `epsilon` is not a number from 1e-30 to 1e30, or `covariance` not symmetric and positive definite, or if
        noise along its axes would not be of such a size.
    """

    def __init__(self, epsilon: float, covariance: torch.Tensor) -> None:
        self.white = EuclideanLaplace(epsilon)
        self.metric = Mahalanobis(covariance)
        longest = torch.linalg.matrix_norm(self.metric.factor, 2).item()
        check_size(longest, "the root of the covariance's largest eigenvalue")
        check_size(longest * self.scale, "the size of the noise (that root divided by epsilon)")

    @property
    def scale(self) -> float:
        """One over epsilon, in whitened coordinates."""
        return self.white.scale

    @property
    def per_unit(self) -> Indistinguishability:
        """Two codes at Mahalanobis distance one are epsilon-indistinguishable."""
        return self.white.per_unit

    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        """Draw noise (:eq:`whitened-sampling`), shape (n, dimension); see :class:`EuclideanLaplace`."""
        return self.metric.colour(self.white.sample(n, dimension, generator=generator)).to(dtype)

    def covariance(self, dimension: int) -> torch.Tensor:
        """Return the covariance of the noise, that of the whitened noise times C."""
        return self.metric.colour(self.metric.colour(self.white.covariance(dimension)).mT)

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        """Return the log-density of the noise at each row of a table, shape (records,), float64."""
        return self.white.log_density(self.metric.whiten(noise)) - self.metric.log_volume

    def perturb(self, codes: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Whiten codes, add noise on a grid, and undo the whitening; see :meth:`AdditiveNoise.perturb`."""
        codes = check_codes(codes)
        noisy = self.white.perturb(self.metric.whiten(codes), generator=generator)
        return self.metric.colour(noisy).to(codes)
