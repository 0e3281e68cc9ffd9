"""A generative model of tables from noisy counts: histograms by class, and a normal distribution that joins them.

Each column is divided into bins. Of each class, the model has the histogram of each column and one correlation matrix
of the columns' *normal scores*: the places in the histogram, put through the quantile function of N(0, 1). A row is
drawn as a label, a vector of correlated normal numbers, and in each column the bin in whose part of the histogram the
number's probability lies: a Gaussian copula (Sklar's theorem) with the class's own histograms as marginals.

What is promised (replace-one; the number of records is public). One record of d columns, w of them wide ranges, is
replaced by another. What is released:

1. *Halves*: of each wide column the counts of both halves of its range, of the four quarters, and so on, L times over.
   A record is in one part each time, so each of the w L histograms moves by at most 1 in two cells: sqrt(2 w L).
   Bins of wide columns follow from these noisy counts.
2. *Histograms*: of each column the counts by bin and class. A record is in one cell of each table: sqrt(2 d).
3. *Second moments*: h is the vector of a record's scores, which follow from the record and from steps 1 and 2, cut to
   length 1. Of all records the sum of h h^T moves by at most sqrt(2), and so does the sum by class
   (:mod:`vaeprivacy.moments`, step 3, has the proof).

All noise is Gaussian, and steps that are chosen with what the earlier ones gave are mu-GDP together, where mu^2 is the
sum of squares (Dong, Roth and Su, arXiv 1905.02383, corollary 3.3). Shares of mu^2 are fixed in advance.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # which loads its parts when they are first used
import torch

from vaeprivacy.checks import check_positive, check_whole, make_plain
from vaeprivacy.estimators.histograms import DEPTH, class_sizes, counts, halved, halves, shares_by_class
from vaeprivacy.moments import with_noise
from vaeprivacy.randomness import RandomSource, normals, uniforms

WIDE = 32  # columns with more cells are wide
GRID = 2**12  # scores are multiples of its inverse: so many products of them add up exactly
ROWS = 100_000  # records whose scores are in memory at once
MOST_CORRELATION = 0.99
#: Adds noise to the sums of a name: nothing gets out of the records but through it.
Noisy = Callable[[str, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class CopulaSettings:
    """How the budget mu^2 is split, and how fine the model is: fixed on other records, never on the private ones.

    Attributes
    ----------
    halves_share, pooled_share, class_share : float
        Shares of mu^2 for halves, and for the second moments of all records and by class; histograms get the rest, and
        the share of what a table has no use for.
    clip : float
        Length to which scores are cut, in units of the root of the number of columns, which is their typical length.
    most_bins : int
        Into how many bins a wide column is divided, at most about.
    """

    halves_share: float = 0.1
    pooled_share: float = 0.15
    class_share: float = 0.1
    clip: float = 1.2
    most_bins: int = 32

    def __post_init__(self) -> None:
        make_plain(self)
        for name in ("halves_share", "pooled_share", "class_share", "clip"):
            check_positive(getattr(self, name), name)
        check_whole(self.most_bins, "most_bins", least=2)
        if self.halves_share + self.pooled_share + self.class_share >= 1:
            raise ValueError("All shares must be below 1 together: the rest is for histograms.")

    def deviations(self, mu: float, *, columns: int, wide: int, classes: int) -> dict[str, float]:
        """Return the standard deviations of the noise on each sum for mu-GDP, as the module's text proves."""
        shares = {"halves": self.halves_share if wide else 0.0}
        shares["pooled"] = self.pooled_share if columns > 1 else 0.0
        shares["by class"] = self.class_share if columns > 1 and classes > 1 else 0.0
        shares["histograms"] = 1 - sum(shares.values())
        moves = {"halves": 2 * wide * DEPTH, "pooled": 2, "by class": 2, "histograms": 2 * columns}
        return {name: math.sqrt(moves[name] / share) / mu for name, share in shares.items() if share}


@dataclass(frozen=True)
class CopulaModel:
    """Histograms by class and correlations by class: all that is kept of the records.

    Attributes
    ----------
    starts : tuple of numpy.ndarray
        Of each column the first cell of each bin, in ascending order, and last the number of cells.
    orders : tuple of numpy.ndarray
        Of each column its bins in the order of the scores: ascending for numbers, for levels without an order by class.
    classes : numpy.ndarray
        The share of each class, shape (classes,).
    histograms : tuple of numpy.ndarray
        Of each column the shares of its bins in each class, shape (classes, bins).
    correlations : numpy.ndarray
        Of the scores in each class, shape (classes, columns, columns).
    """

    starts: tuple[np.ndarray, ...]
    orders: tuple[np.ndarray, ...]
    classes: np.ndarray
    histograms: tuple[np.ndarray, ...]
    correlations: np.ndarray

    def sample(self, n: int, *, generator: RandomSource) -> tuple[np.ndarray, np.ndarray]:
        """Draw `n` rows in random order: cells, shape (n, columns), uint16, and labels, shape (n,), int64.

        Any number costs the same. The numbers drawn here protect nobody, so any generator will do.
        """
        n, d = check_whole(n, "n", least=1), len(self.starts)
        places = (uniforms((n,), generator=generator).numpy().argsort() + 0.5) / n
        y = np.searchsorted(self.classes.cumsum()[:-1], places)
        cells = np.empty((n, d), dtype=np.uint16)
        for label, correlation in enumerate(self.correlations):
            mine = np.flatnonzero(y == label)
            z = normals((len(mine), d), generator=generator).numpy() @ root(correlation).T
            within = uniforms((len(mine), d), generator=generator).numpy()
            for j in range(d):
                cells[mine, j] = self._cells(j, label, scipy.special.ndtr(z[:, j]), within[:, j])
        return cells, y

    def _cells(self, j: int, label: int, probabilities: np.ndarray, within: np.ndarray) -> np.ndarray:
        """Return cells of a column: in the bins that probabilities lie in, at places from 0 to 1 within these."""
        ends = self.histograms[j][label][self.orders[j]].cumsum()
        bins = self.orders[j][np.searchsorted(ends[:-1], probabilities, side="right")]
        first, last = self.starts[j][bins], self.starts[j][bins + 1]
        return first + np.floor(within * (last - first)).astype(np.int64)


def fit_copula(
    cells: np.ndarray,
    y: np.ndarray,
    *,
    sizes: Sequence[int],
    ordered: Sequence[bool],
    n_classes: int,
    mu: float,
    generator: RandomSource,
    settings: CopulaSettings | None = None,
) -> CopulaModel:
    """Fit histograms and correlations to each class, from noisy counts and sums, mu-GDP for replacing one record.

    Parameters
    ----------
    cells : numpy.ndarray
        The cell of each value, shape (records, columns), whole numbers.
    y : numpy.ndarray
        The class of each record, shape (records,), from 0; all 0 if there are no labels.
    sizes, ordered : sequence of int, sequence of bool
        Of each column the number of cells, and whether neighbouring ones are alike; public.
    n_classes : int
        Number of classes; public.
    mu : float
        The budget for everything.
    generator : SystemEntropy or torch.Generator
        Source of the noise.
    settings : CopulaSettings, optional
        Fixed without a look at the private records.
    """
    settings = settings or CopulaSettings()
    n, d = cells.shape
    wide = [j for j in range(d) if ordered[j] and sizes[j] > WIDE]
    sigma = settings.deviations(mu, columns=d, wide=len(wide), classes=n_classes)

    def noisy(name: str, sums: np.ndarray) -> np.ndarray:
        found = with_noise(torch.from_numpy(np.asarray(sums, dtype=np.float64)), sigma[name], generator=generator)
        return found.numpy()

    least = max(n / settings.most_bins, 4 * sigma["histograms"])
    starts = [
        halved(noisy("halves", halves(cells[:, j], sizes[j])), sizes[j], least=max(least, 3 * sigma["halves"]))
        if j in wide
        else np.arange(sizes[j] + 1)
        for j in range(d)
    ]
    bins = np.empty_like(cells, dtype=np.uint16)
    for j in range(d):
        bins[:, j] = np.searchsorted(starts[j], cells[:, j], side="right") - 1
    tables = [noisy("histograms", counts(bins[:, j], y, len(starts[j]) - 1, n_classes)) for j in range(d)]
    classes = class_sizes(tables, n)
    histograms = [shares_by_class(table, classes, sigma["histograms"]) for table in tables]
    orders = [order(histograms[j], classes, is_ordered=ordered[j]) for j in range(d)]
    correlations = (
        _fit_correlations(bins, y, histograms, orders, classes, settings, sigma, noisy)
        if d > 1
        else np.ones((n_classes, 1, 1))
    )
    return CopulaModel(tuple(starts), tuple(orders), classes / classes.sum(), tuple(histograms), correlations)


def order(histogram: np.ndarray, classes: np.ndarray, *, is_ordered: bool) -> np.ndarray:
    """Return bins in the order of their scores: as they are, or those of like mixtures of classes beside each other.

    Levels without an order get that of the first axis of correspondence analysis of levels and classes.
    """
    if is_ordered or len(histogram) == 1:
        return np.arange(histogram.shape[1])
    weights = classes / classes.sum()
    overall = (weights @ histogram).clip(1e-9)
    standard = np.sqrt(weights)[:, None] * (histogram / overall - 1) * np.sqrt(overall)
    axis = np.linalg.svd(standard, full_matrices=False)[2][0] / np.sqrt(overall)
    return np.argsort(axis, kind="stable")


def scores(histogram: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of each bin, the mean of N(0, 1) in its part, and the mean of score times number.

    The product of two such means is the factor by which scores have a smaller covariance than the normal numbers have
    a correlation, to first order (Hermite's polynomials).
    """
    ends = np.concatenate([[0], histogram[order].cumsum()]).clip(0, 1)
    density = np.exp(-(scipy.special.ndtri(ends) ** 2) / 2) / math.sqrt(2 * math.pi)
    share = np.diff(ends)
    in_order = -np.diff(density) / share.clip(1e-12)
    of_bins = np.empty(len(order))
    of_bins[order] = np.where(
        share > 1e-9, in_order, scipy.special.ndtri(((ends[1:] + ends[:-1]) / 2).clip(1e-6, 1 - 1e-6))
    )
    return of_bins, float((share * in_order**2).sum())


def _fit_correlations(
    bins: np.ndarray,
    y: np.ndarray,
    histograms: Sequence[np.ndarray],
    orders: Sequence[np.ndarray],
    classes: np.ndarray,
    settings: CopulaSettings,
    sigma: dict[str, float],
    noisy: Noisy,
) -> np.ndarray:
    """Return the correlations of normal numbers in each class, shape (classes, columns, columns)."""
    n_classes, d, n = len(classes), len(orders), len(bins)
    found = [[scores(histograms[j][label], orders[j]) for j in range(d)] for label in range(n_classes)]
    factors = np.array([[max(factor, 0.05) for _, factor in of_class] for of_class in found])
    length = settings.clip * math.sqrt(d)
    sums = np.zeros((n_classes, d, d))
    for start in range(0, n, ROWS):
        for label in range(n_classes):
            mine = bins[start : start + ROWS][y[start : start + ROWS] == label]
            h = np.stack([found[label][j][0][mine[:, j]] for j in range(d)], axis=1)
            h = cut(h / length)
            sums[label] += h.T @ h
    pooled = _off_diagonal(noisy("pooled", sums.sum(axis=0))) * length**2 / n
    mean_factor = (classes / classes.sum()) @ (factors[:, :, None] * factors[:, None, :]).reshape(n_classes, -1)
    pooled = shrunk(pooled, deviation=sigma["pooled"] * length**2 / n / math.sqrt(2)) / mean_factor.reshape(d, d)
    if n_classes == 1:
        return correlation(pooled)[None]
    own = _off_diagonal(noisy("by class", sums)) * length**2 / classes[:, None, None]
    result = []
    for label in range(n_classes):
        scale = factors[label][:, None] * factors[label]
        deviation = sigma["by class"] * length**2 / classes[label] / math.sqrt(2)
        result.append(correlation(pooled + shrunk(own[label] - pooled * scale, deviation=deviation) / scale))
    return np.stack(result)


def cut(h: np.ndarray) -> np.ndarray:
    """Return vectors of length 1 at most, cut towards zero to the grid on which their products add up exactly."""
    h = h / np.linalg.norm(h, axis=1, keepdims=True).clip(1)
    return np.trunc(h * GRID) / GRID


def _off_diagonal(matrices: np.ndarray) -> np.ndarray:
    """Return matrices made symmetric, with zeros on the diagonal."""
    return (matrices + np.swapaxes(matrices, -1, -2)) / 2 * (1 - np.eye(matrices.shape[-1]))


def shrunk(values: np.ndarray, *, deviation: float) -> np.ndarray:
    """Return noisy entries beside a diagonal, drawn towards 0: the part kept is signal / (signal + noise)."""
    d = len(values)
    signal = max(0.0, (values**2).sum() / (d * (d - 1)) - deviation**2)
    return values * signal / (signal + deviation**2)


def correlation(values: np.ndarray) -> np.ndarray:
    """Return the correlation matrix that entries beside the diagonal are near to: no variance of it is negative."""
    whole = values.clip(-MOST_CORRELATION, MOST_CORRELATION) + np.eye(len(values))
    variances, axes = np.linalg.eigh(whole)
    whole = (axes * variances.clip(1e-4)) @ axes.T
    scale = np.sqrt(np.diag(whole))
    return whole / (scale[:, None] * scale)


def root(correlation: np.ndarray) -> np.ndarray:
    """Return a matrix whose product with independent normal numbers has these correlations."""
    return np.linalg.cholesky(correlation)
