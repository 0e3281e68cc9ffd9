"""What may be done to a noisy code before it is decoded: post-processing, which costs no privacy."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy  # which loads its parts when they are first used
import torch

from vaeprivacy.compute.devices import to_double
from vaeprivacy.distances import EUCLIDEAN, clip
from vaeprivacy.mechanisms.base import AdditiveNoise
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.randomness import RandomSource, normals, torch_generator

NODES = 200  # of a quadrature, in length and in angle
CHUNK = 100  # noisy codes at a time: each has NODES times NODES weights
GRID = 500  # lengths of noisy codes for which the posterior mean is computed; between them, straight lines
TINY = 1e-300


class Denoiser(Protocol):
    """A map of noisy codes that looks at nothing else, so that its promise is theirs (:prf:ref:`post-processing`)."""

    def denoise(
        self, noisy: torch.Tensor, *, mechanism: AdditiveNoise, radius: float, generator: RandomSource
    ) -> torch.Tensor:
        """Return what is decoded in place of noisy codes.

        Parameters
        ----------
        noisy : torch.Tensor
            Noisy codes, shape (records, latent_dim).
        mechanism : Mechanism
            The noise in them.
        radius : float
            Radius of the ball in which the codes were before.
        generator : torch.Generator or SystemEntropy
            Source of random numbers, if any are needed.
        """

    def undo(self, codes: torch.Tensor, *, mechanism: AdditiveNoise, radius: float) -> torch.Tensor:
        """Return the noisy codes, as an adversary would; if they cannot be known, what was decoded."""


@dataclass(frozen=True)
class Projection:
    """Project noisy codes back onto the ball, where all codes were."""

    def denoise(
        self, noisy: torch.Tensor, *, mechanism: AdditiveNoise, radius: float, generator: RandomSource
    ) -> torch.Tensor:
        """Return codes inside the ball; see :meth:`Denoiser.denoise`."""
        return clip(noisy, radius=radius, metric=mechanism.metric, warn=False)

    def undo(self, codes: torch.Tensor, *, mechanism: AdditiveNoise, radius: float) -> torch.Tensor:
        """Return the codes themselves: the length of those that were outside is lost."""
        return codes


@dataclass(frozen=True)
class Shrinkage:
    """Multiply noisy codes so that they become as long as codes are (:eq:`shrinkage`).

    If codes come from the prior N(0, I) and noise is normal with covariance S, then (I + S)^-1 times a noisy code is
    its posterior mean. For other noise it is the best linear guess. The prior depends on no record.

    Attributes
    ----------
    power : float
        1 for the posterior mean. With 1/2, shrunk codes have the prior's covariance: codes and noise are mixed so that
        the variance is preserved (latent noise injection; Shen and Tian, arXiv 2506.16636).
    """

    power: float = 1.0

    def denoise(
        self, noisy: torch.Tensor, *, mechanism: AdditiveNoise, radius: float, generator: RandomSource
    ) -> torch.Tensor:
        """Return shrunk codes; see :meth:`Denoiser.denoise`."""
        return self._scaled(noisy, mechanism, -self.power)

    def undo(self, codes: torch.Tensor, *, mechanism: AdditiveNoise, radius: float) -> torch.Tensor:
        """Return the noisy codes."""
        return self._scaled(codes, mechanism, self.power)

    def _scaled(self, codes: torch.Tensor, mechanism: AdditiveNoise, power: float) -> torch.Tensor:
        """Return codes times (I + S) to a power."""
        sizes, directions = torch.linalg.eigh(mechanism.covariance(codes.shape[1]))
        exact = to_double(codes)
        return (exact @ ((1 + sizes) ** power * directions @ directions.mT).to(exact.device)).to(codes)


@dataclass(frozen=True)
class PosteriorMean:
    """Replace a noisy code by the mean of the codes that it may come from (:eq:`posterior-mean`).

    Codes are taken to come from N(0, I), projected onto the ball. Prior and noise look the same from all sides, so that
    the mean lies in the direction of the noisy code; its length is found by quadrature.

    Raises
    ------
    ValueError
        When it is used with noise that does not look the same from all sides.
    """

    def denoise(
        self, noisy: torch.Tensor, *, mechanism: AdditiveNoise, radius: float, generator: RandomSource
    ) -> torch.Tensor:
        """Return posterior means; see :meth:`Denoiser.denoise`."""
        grid, means, _ = self._lengths(noisy, mechanism, radius)
        lengths = EUCLIDEAN.norm(noisy).cpu()
        return _with_lengths(noisy, torch.from_numpy(np.interp(lengths, grid, means)))

    def undo(self, codes: torch.Tensor, *, mechanism: AdditiveNoise, radius: float) -> torch.Tensor:
        """Return noisy codes that have these means: of several, the most probable ones.

        Where noise has long tails, a very long noisy code says less about the length of a code than a shorter one, and
        its mean is not as long. So there may be two lengths of noisy codes with the same length of the mean.
        """
        grid, means, log_density = self._lengths(codes, mechanism, radius)
        lengths, steps = EUCLIDEAN.norm(codes).cpu()[:, None], means.diff()
        low, high = torch.minimum(means[:-1], means[1:]), torch.maximum(means[:-1], means[1:])
        crossed = (low <= lengths) & (lengths <= high)
        # The density of the mean's length where it passes a value is that of the noisy code's, divided by the slope.
        score = torch.where(crossed, log_density[:-1] - steps.abs().clamp(min=TINY).log(), -torch.inf)
        found = torch.where(crossed.any(dim=1), score.argmax(dim=1), means.argmax().clamp(max=len(steps) - 1))
        share = ((lengths[:, 0] - means[found]) / steps[found]).nan_to_num(0.0).clamp(0, 1)
        return _with_lengths(codes, grid[found] + share * (grid[found + 1] - grid[found]))

    def _lengths(
        self, codes: torch.Tensor, mechanism: AdditiveNoise, radius: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return lengths of noisy codes, up to one that is hardly ever met, those of their means, and log-densities."""
        dimension = codes.shape[1]
        longest = radius + 5 * mechanism.covariance(dimension).trace().sqrt().item()
        grid = torch.linspace(0, longest, GRID, dtype=torch.float64)
        r, t, _ = nodes = prior_nodes(dimension, radius=radius)
        parts = [log_joint(part, nodes, mechanism=mechanism) for part in grid.split(CHUNK)]
        means = torch.cat([part.softmax(dim=1) @ (r * t) for part in parts])
        log_density = torch.cat([part.logsumexp(dim=1) for part in parts]) + (dimension - 1) * grid.log()
        return grid, means, log_density


@dataclass(frozen=True)
class PosteriorSample:
    """Replace a noisy code by one of the codes that it may come from, drawn as they are probable.

    Means are all alike where there is much noise; samples are as varied as codes. For the distribution, and its errors,
    see :class:`PosteriorMean`. Length and angle of a sample are those of a node of the quadrature.
    """

    def denoise(
        self, noisy: torch.Tensor, *, mechanism: AdditiveNoise, radius: float, generator: RandomSource
    ) -> torch.Tensor:
        """Return samples; see :meth:`Denoiser.denoise`."""
        generator = torch_generator(generator)  # what comes after the noise need not be secret
        r, t, _ = nodes = prior_nodes(noisy.shape[1], radius=radius)
        exact = to_double(noisy).cpu()
        lengths = exact.norm(dim=1)
        weights = (log_joint(part, nodes, mechanism=mechanism).softmax(dim=1) for part in lengths.split(CHUNK))
        there = generator.device
        drawn = torch.cat([torch.multinomial(each.to(there), 1, generator=generator).cpu() for each in weights])
        r, t = r[drawn], t[drawn]
        along = exact / lengths[:, None].clamp(min=TINY)
        across = normals(noisy.shape, generator=generator).cpu()
        across -= (across * along).sum(dim=1, keepdim=True) * along
        across /= across.norm(dim=1, keepdim=True).clamp(min=TINY)
        return (r * (t * along + (1 - t.square()).sqrt() * across)).to(noisy)

    def undo(self, codes: torch.Tensor, *, mechanism: AdditiveNoise, radius: float) -> torch.Tensor:
        """Return the samples themselves: which noisy codes they stand for is not known."""
        return codes


def prior_nodes(dimension: int, *, radius: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return nodes and weights for averages over codes from N(0, I), projected onto a ball.

    Parameters
    ----------
    dimension : int
        Dimension d of the code, at least 2.
    radius : float
        Radius of the ball.

    Returns
    -------
    r, t, log_weight : torch.Tensor
        Length of a code, cosine of its angle to a given direction, and the logarithm of the probability that stands at
        this node, each of shape (nodes,), float64. Lengths follow a chi distribution, cut off at the radius with what
        is beyond put there; cosines have a density proportional to (1 - t^2)^((d - 3) / 2).

    Raises
    ------
    ValueError
        If there is only one dimension.
    """
    if dimension < 2:
        raise ValueError("Posterior means need at least 2 latent dimensions; with one, take Shrinkage().")
    x, of_length = np.polynomial.legendre.leggauss(NODES)
    length = radius * (x + 1) / 2
    chi = scipy.stats.chi(dimension)
    of_length = np.append(of_length * radius / 2 * chi.pdf(length), chi.sf(radius))
    length = np.append(length, radius)
    t, of_cosine = scipy.special.roots_jacobi(NODES, (dimension - 3) / 2, (dimension - 3) / 2)
    with np.errstate(divide="ignore"):  # what has no probability at all gets the weight 0
        log_weight = np.log(of_length)[:, None] + np.log(of_cosine / of_cosine.sum())
    both = np.broadcast_arrays(length[:, None], t, log_weight)
    return tuple(torch.from_numpy(each.ravel().copy()) for each in both)


def log_joint(
    lengths: torch.Tensor, nodes: tuple[torch.Tensor, torch.Tensor, torch.Tensor], *, mechanism: AdditiveNoise
) -> torch.Tensor:
    """Return the log-probability of each node together with a noisy code of a given length, shape (lengths, nodes).

    A softmax over the nodes makes it their posterior.

    Parameters
    ----------
    lengths : torch.Tensor
        Shape (records,), float64.
    nodes : tuple of torch.Tensor
        As from :func:`prior_nodes`.
    mechanism : Mechanism
        The noise.

    Raises
    ------
    ValueError
        If the noise does not look the same from all sides.
    """
    if not isinstance(mechanism, EuclideanLaplace | Gaussian):
        raise ValueError(
            f"The posterior of {type(mechanism).__name__} noise is not known here: take Shrinkage(), or "
            "EuclideanLaplace or Gaussian noise."
        )
    r, t, log_weight = nodes
    s = lengths[:, None]
    distance = (s.square() + r.square() - 2 * s * r * t).clamp(min=0).sqrt()
    # The density depends on the distance only: so that of noise with one coordinate will do, up to a constant factor.
    log_density = mechanism.log_density(distance.reshape(-1, 1)).reshape(distance.shape)
    return log_weight + log_density


def _with_lengths(codes: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Return codes of given lengths in the same directions."""
    exact = to_double(codes)
    factor = lengths.to(exact.device) / exact.norm(dim=1).clamp(min=TINY)
    return (exact * factor[:, None]).to(codes)


#: Denoisers by their names in configurations.
DENOISERS: dict[str, Denoiser] = {
    "project": Projection(),
    "shrink": Shrinkage(),
    "preserve-variance": Shrinkage(power=0.5),
    "posterior-mean": PosteriorMean(),
    "posterior-sample": PosteriorSample(),
}
