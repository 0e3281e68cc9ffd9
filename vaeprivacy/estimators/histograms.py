"""Histograms from noisy counts: bins of wide ranges, sizes of classes, and the shares of bins in each class."""

from collections.abc import Sequence

import numpy as np

DEPTH = 10  # times that a wide range is halved: 2^10 is schema.MOST_CELLS


def halves(cells: np.ndarray, size: int) -> np.ndarray:
    """Return the counts of cells in all halves, quarters, and so on, of a range, from coarse to fine, in one vector."""
    at = np.bincount(np.arange(size) * 2**DEPTH // size, weights=np.bincount(cells, minlength=size), minlength=2**DEPTH)
    return np.concatenate([at.reshape(2**level, -1).sum(axis=1) for level in range(1, DEPTH + 1)])


def halved(noisy: np.ndarray, size: int, *, least: float) -> np.ndarray:
    """Return the first cells of bins, and the number of cells: parts are halved while halves hold `least` records."""
    levels = np.split(noisy, np.cumsum(2 ** np.arange(1, DEPTH)))
    starts, waiting = [], [(0, 0), (0, 1)]
    while waiting:
        level, place = waiting.pop()
        if level + 1 < DEPTH and levels[level][place] > 2 * least:
            waiting += [(level + 1, 2 * place), (level + 1, 2 * place + 1)]
        else:
            starts.append(place * 2 ** (DEPTH - 1 - level))
    first = -(-np.sort(starts) * size // 2**DEPTH)
    return np.append(np.unique(first), size)


def counts(bins: np.ndarray, y: np.ndarray, n_bins: int, n_classes: int) -> np.ndarray:
    """Return how many records of each class are in each bin, shape (classes, bins)."""
    return np.bincount(y * n_bins + bins, minlength=n_classes * n_bins).reshape(n_classes, n_bins)


def class_sizes(tables: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Return the size of each class, at least 1: all tables tell it, those of few bins with the least noise."""
    weights = np.array([1 / table.shape[1] for table in tables])
    sizes = np.stack([table.sum(axis=1) for table in tables], axis=1) @ weights / weights.sum()
    return simplex(sizes / n).clip(1 / n) * n


def simplex(values: np.ndarray) -> np.ndarray:
    """Return the shares, none negative and 1 together along the last axis, that are nearest to noisy ones."""
    descending = -np.sort(-values, axis=-1)
    excess = (descending.cumsum(axis=-1) - 1) / np.arange(1, values.shape[-1] + 1)
    last = (descending > excess).sum(axis=-1, keepdims=True) - 1
    return (values - np.take_along_axis(excess, last, axis=-1)).clip(0)


def shares_by_class(table: np.ndarray, classes: np.ndarray, deviation: float) -> np.ndarray:
    """Return the histogram of each class, drawn towards that of all where the two differ by little more than noise.

    The part that is kept is signal / (signal + noise), both estimated from the table itself (empirical Bayes).
    """
    n_classes = len(table)
    overall = simplex(table.sum(axis=0) / table.sum())
    own = table / classes[:, None]
    weights = classes / classes.sum()
    noise = (deviation / classes) ** 2 * (1 - weights)
    difference = own - overall
    signal = max(0.0, float(weights @ ((difference**2).mean(axis=1) - noise)))
    kept = signal / (signal + noise) if signal else np.zeros(n_classes)
    return simplex(overall + kept[:, None] * difference)
