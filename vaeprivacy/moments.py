"""Noisy moments: a generative model from a few sums over the records, all of it covered by Gaussian noise.

Records become features by a map that no record had a part in (:mod:`vaeprivacy.feature_maps`). Mean and covariance of
each class are made of noisy sums over the features, and new rows are drawn from normal distributions with these
moments. That is a VAE without a single step of training: the best encoder and decoder of a *linear* VAE, probabilistic
PCA (Tipping and Bishop, 1999), follow from mean and covariance in closed form, and sums cost less noise than gradients.

What is promised (replace-one; the number of records is public). Features are divided by a clip norm and cut to length
1, and one record (h, y) is replaced by (h', y'). With e the one-hot label, sums released are:

1. *All features*: ``|h - h'| <= 2``.
2. *Features by class, second moment and counts together*: the sum of ``v = (2 h e^T, 2 h h^T, e)``, of squared length
   at most 4 + 4 + 1 = 9. With ``t = h.h'``, two of one label have ``v.v' = 4 t + 4 t^2 + 1 = (1 + 2 t)^2``, and two
   of different labels ``4 t^2``. Neither is negative, so ``|v - v'|^2 <= 9 + 9 = 18``. (One after the other they would
   move by 4, 2 sqrt(2) and sqrt(2), whose squares are 26 together; no pair of records is the worst one for all three.)
3. *Second moments by class* in some directions, which may depend on what was released before. Of one label
   ``|p p^T - p' p'^T|^2 = |p|^4 + |p'|^4 - 2 (p.p')^2 <= 2``, and of two labels ``|p|^4 + |p'|^4 <= 2``.

Norms are Frobenius', and all entries of a matrix have noise of their own; to make it symmetric is post-processing.
Noise of standard deviation sigma on sums that move by at most D is (D / sigma)-GDP; sums that are chosen with what the
earlier ones gave are mu-GDP together, where mu^2 is the sum of squares (Dong, Roth and Su, arXiv 1905.02383, corollary
3.3). So mu^2 of the budget (Balle and Wang's calibration) is split between the three by shares fixed in advance.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)

from vaeprivacy.arrays import check_labels, check_records
from vaeprivacy.checks import check_positive, check_whole, make_plain
from vaeprivacy.distances import clip
from vaeprivacy.feature_maps import FeatureMap
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.randomness import SYSTEM_ENTROPY, RandomSource, normals, uniforms
from vaeprivacy.synthesizer import Release
from vaeprivacy.whole_guarantee import WholeGuarantee

BITS, MOST_RECORDS = 16, 2**20  # products of features are multiples of 2**-32: so many of them add up exactly
LEAST_VARIANCE = 0.1  # of features of length about 1, all directions together
HOW = "The model is made of sums over the records' features, their products and their labels, with Gaussian noise."


@dataclass(frozen=True)
class MomentSettings:
    """Clip norms, and how the budget mu^2 is split: chosen on other records, never on the private ones.

    Attributes
    ----------
    centre_clip, clip : float
        Lengths to which features are cut for the sum of all, and, about its noisy mean, for everything else.
    centre_share, class_share : float
        Shares of mu^2 for the sum of all, and for second moments by class; the rest goes to step 2.
    top : int
        Most directions in which each class has a covariance of its own.
    """

    centre_clip: float = 1.5
    clip: float = 0.7
    centre_share: float = 0.04
    class_share: float = 0.1
    top: int = 40

    def __post_init__(self) -> None:
        make_plain(self)
        for name in ("centre_clip", "clip", "centre_share", "class_share"):
            check_positive(getattr(self, name), name)
        check_whole(self.top, "top", least=1)
        if self.centre_share + self.class_share >= 1:
            raise ValueError("centre_share and class_share must be below 1 together: the rest is for all other sums.")

    def deviations(self, mu: float) -> dict[str, float]:
        """Return the standard deviations of the noise on each sum for mu-GDP (:prf:ref:`moments-are-private`)."""
        rest = math.sqrt(18) / (mu * math.sqrt(1 - self.centre_share - self.class_share))
        return {
            "centre": 2 / (mu * math.sqrt(self.centre_share)),
            "sums": rest / 2,
            "second": rest / 2,
            "counts": rest,
            "second by class": math.sqrt(2) / (mu * math.sqrt(self.class_share)),
        }


def with_noise(sums: torch.Tensor, deviation: float, *, generator: RandomSource) -> torch.Tensor:
    """Return exact sums with Gaussian noise, in float64 and rounded to its grid.

    They are not cut to that grid first, as codes are: 62,500 entries, each by up to a step, would add a fourth of the
    standard deviation. They lie on a finer grid (:func:`contribution`), and move by what is proved to the last digit.
    """
    noise, step = Gaussian(deviation).sample(1, sums.numel(), generator=generator), Gaussian(deviation).grid_step
    return ((sums + noise.reshape(sums.shape)) / step).round() * step


def contribution(features: torch.Tensor, radius: float) -> torch.Tensor:
    """Return what records contribute to sums: cut to length 1, and towards zero to multiples of 2**-16.

    Sums of these and of their products are exact in double precision, in whatever order they are added.
    """
    cut = clip(features.cpu().double(), radius=radius, warn=False) / radius
    return (cut * 2**BITS).trunc() / 2**BITS


@dataclass(frozen=True)
class MomentModel:
    """A normal distribution of features for each class, and the map that made the features: all that is published.

    Attributes
    ----------
    feature_map : FeatureMap
        From records to features.
    means, roots, counts : torch.Tensor
        Of each class the mean, shape (classes, features); a matrix whose product with standard normal numbers has its
        covariance, shape (classes, features, features); and the noisy size, at least 1, shape (classes,). All float64.
    guarantee : WholeGuarantee
        What is promised for all of it, and for whatever is sampled.
    """

    feature_map: FeatureMap
    means: torch.Tensor
    roots: torch.Tensor
    counts: torch.Tensor
    guarantee: WholeGuarantee

    def transform(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features of records, shape (records, features), float32, as those of sampled rows."""
        return self.feature_map.transform(x)

    def sample(self, n: int, *, generator: RandomSource = SYSTEM_ENTROPY) -> Release:
        """Draw `n` labelled records (or rows of features, of which no record can be made) in random order.

        Any number costs the same. Classes are as frequent as the noisy counts say. The numbers drawn here protect
        nobody, so any generator will do.
        """
        places = (uniforms((n,), generator=generator).argsort() + 0.5) / check_whole(n, "n", least=1)
        y = torch.searchsorted((self.counts / self.counts.sum()).cumsum(0)[:-1].contiguous(), places.double())
        rows = normals((n, self.feature_map.basis.shape[1]), generator=generator)
        for label, (mean, root) in enumerate(zip(self.means, self.roots, strict=True)):
            rows[y == label] = mean + rows[y == label] @ root.T
        x = self.feature_map.inverse(rows) if self.feature_map.kind == "records" else rows.float()
        return Release(x, y, self.guarantee)


def fit_moments(
    features: torch.Tensor,
    y: torch.Tensor,
    feature_map: FeatureMap,
    settings: MomentSettings | None = None,
    *,
    epsilon: float,
    delta: float,
    n_classes: int,
    generator: RandomSource = SYSTEM_ENTROPY,
) -> MomentModel:
    """Fit a normal distribution to each class, from noisy sums (:prf:ref:`moments-are-private`).

    Parameters
    ----------
    features : torch.Tensor
        What the map makes of the private records (``feature_map.transform(x)``), shape (records, features).
    y, n_classes : torch.Tensor, int
        Their labels, shape (records,), from 0 to ``n_classes - 1``; the number of classes is public.
    feature_map, settings : FeatureMap, MomentSettings
        Both fixed without a look at the private records: nothing here can check that.
    epsilon, delta : float
        The budget for everything, for replacing one record; above 0, and delta below 1.
    generator : SystemEntropy or torch.Generator
        Source of the noise: by default the operating system. A seeded one is for experiments; the guarantee says so.

    Raises
    ------
    TypeError, ValueError
        If features or labels are not such, they are of more than 2**20 records, or the budget is out of range.
    """
    settings, size = settings or MomentSettings(), feature_map.basis.shape[1]
    features = check_records(features, "features", features=size).cpu().double()
    y = check_labels(y, of=features, n_classes=n_classes)
    check_whole(len(features), "the number of records", most=MOST_RECORDS)
    measure = GaussianIndistinguishability.for_epsilon(epsilon, delta=delta)
    sigma = settings.deviations(measure.mu)

    def noisy(name: str, sums: torch.Tensor) -> torch.Tensor:
        return with_noise(sums, sigma[name], generator=generator)

    moments = noisy_moments(features, F.one_hot(y, n_classes).double(), settings, sigma, noisy)
    guarantee = WholeGuarantee(measure, delta, HOW, seeded=isinstance(generator, torch.Generator))
    return MomentModel(feature_map, *moments, guarantee)


def noisy_moments(
    features: torch.Tensor,
    one_hot: torch.Tensor,
    settings: MomentSettings,
    sigma: Mapping[str, float],
    noisy: Callable[[str, torch.Tensor], torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return means, roots of covariances, counts (:eq:`moment-sums`): nothing gets out but through `noisy`.

    It adds noise to the sum of a name, of the standard deviation in `sigma`. Features and one-hot labels are float64.
    """
    n, length = len(features), settings.clip
    centre = noisy("centre", contribution(features, settings.centre_clip).sum(0)) * settings.centre_clip / n
    h = contribution(features - centre, length)
    counts = noisy("counts", one_hot.sum(0)).clamp(min=1)
    raw_means = noisy("sums", one_hot.T @ h) / counts[:, None]
    second = noisy("second", h.T @ h) / n
    shares, noise = counts / counts.sum(), (sigma["sums"] / counts)[:, None] ** 2
    within = second - (raw_means.T * shares) @ raw_means + (shares @ noise) * torch.eye(len(second))
    values, axes, k = principal_axes(within, deviation=sigma["second"] / n, most=settings.top)
    means = shrunken(raw_means, shares, noise)
    p, top = contribution(h @ axes[:, :k], 1.0), means @ axes[:, :k]
    squares = noisy("second by class", torch.stack([(p.T * of_class) @ p for of_class in one_hot.T]))
    own = squares / counts[:, None, None] - top[:, :, None] * top[:, None, :]
    roots = class_roots(own, values, axes, shares, noise=(sigma["second by class"] / counts) ** 2)
    return centre + length * means, length * roots, counts


def shrunken(means: torch.Tensor, shares: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return noisy class means, drawn towards their average where classes differ by little more than the noise does.

    The part that is kept is signal / (signal + noise), with the variance of the noise, shape (classes, 1), and that of
    the class means in each direction, estimated from themselves (empirical Bayes).
    """
    overall = shares @ means
    signal = (shares @ ((means - overall) ** 2 - noise)).clamp(min=0)
    return overall + (means - overall) * signal / (signal + noise)


def principal_axes(covariance: torch.Tensor, *, deviation: float, most: int) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Return variances (largest first) and axes of a noisy covariance, and in how many classes may have their own.

    Eigenvalues of the noise alone reach from -2 t to 2 t (Wigner's semicircle). Those beyond are larger than the true
    ones by t^2 / true, which is undone; the variance that is left is divided evenly between all others, and positive.
    """
    d = len(covariance)
    t = deviation * math.sqrt(d / 2)
    values, axes = torch.linalg.eigh((covariance + covariance.T) / 2)
    values, axes = values.flip(0), axes.flip(1)
    kept = int((values > 2 * t).sum())
    values = (values + (values**2 - 4 * t**2).clamp(min=0).sqrt()) / 2
    rest = (covariance.trace() - values[:kept].sum()) / max(d - kept, 1)
    values[kept:] = rest.clamp(min=LEAST_VARIANCE / d)
    return values, axes, max(1, min(most, kept))


def class_roots(
    own: torch.Tensor, values: torch.Tensor, axes: torch.Tensor, shares: torch.Tensor, *, noise: torch.Tensor
) -> torch.Tensor:
    """Return a root of each class's covariance: its own in the first directions, the shared one in all others.

    Its own is a mixture of the noisy one, shape (classes, k, k), and the shared one, with the weight of
    :func:`shrunken`; variances below those of all other directions are raised to these.
    """
    k = own.shape[1]
    difference = (own + own.mT) / 2 - values[:k].diag()
    noise = noise * k * (k + 1) / 2
    signal = (shares @ (difference.square().sum(dim=(1, 2)) - noise)).clamp(min=0)
    mixed = values[:k].diag() + (signal / (signal + noise))[:, None, None] * difference
    variances, turns = torch.linalg.eigh(mixed)
    first = axes[:, :k] @ turns * variances.clamp(min=values[-1].item()).sqrt()[:, None]
    return torch.cat([first, (axes[:, k:] * values[k:].sqrt()).expand(len(own), -1, -1)], dim=2)
