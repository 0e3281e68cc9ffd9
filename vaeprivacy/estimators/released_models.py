"""Fitted synthesizers as measurements see them: rows of tables in, densities and released numbers out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtri

from vaeprivacy.attacks.density import class_log_density
from vaeprivacy.estimators.copula import CopulaModel
from vaeprivacy.estimators.image_synthesizers import ImageSynthesizer
from vaeprivacy.estimators.measurement import NOTHING
from vaeprivacy.estimators.subject import Fitted, Subject
from vaeprivacy.estimators.synthesizers import TabularSynthesizer, others
from vaeprivacy.gaussian_bounds import Measure
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.whole_guarantee import WholeGuarantee

LEAST_SHARE = 1e-6


def _bins_of(model: CopulaModel, cells: np.ndarray) -> np.ndarray:
    """Return the bins that cells lie in, shape (rows, columns)."""
    found = [np.searchsorted(starts, own, side="right") - 1 for starts, own in zip(model.starts, cells.T, strict=True)]
    return np.stack(found, axis=1)


def _copula_log_density(model: CopulaModel, cells: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the log-density of rows under a Gaussian copula of its class, with histograms as marginals.

    Parameters
    ----------
    model : CopulaModel
        A released model.
    cells, y : numpy.ndarray
        Cells of rows, shape (rows, columns), and their classes, shape (rows,).

    Returns
    -------
    numpy.ndarray
        In nats, per cell, shape (rows,). Of a bin, the middle of its part of the histogram is taken.
    """
    bins, found = _bins_of(model, cells), np.empty(len(y))
    for label, correlation in enumerate(model.correlations):
        mine = bins[y == label]
        z, log_density = np.empty(mine.shape), np.full(len(mine), np.log(max(model.classes[label], LEAST_SHARE)))
        for j, (starts, order, histogram) in enumerate(zip(model.starts, model.orders, model.histograms, strict=True)):
            share = histogram[label].clip(LEAST_SHARE)
            middle = np.empty(len(share))
            middle[order] = share[order].cumsum() - share[order] / 2
            z[:, j] = ndtri(middle[mine[:, j]].clip(LEAST_SHARE, 1 - LEAST_SHARE))
            log_density += np.log(share / np.diff(starts).clip(1))[mine[:, j]]
        both = np.linalg.solve(correlation, z.T).T - z
        found[y == label] = log_density - (z * both).sum(axis=1) / 2 - np.linalg.slogdet(correlation)[1] / 2
    return found


@dataclass(frozen=True)
class _KnownTable:
    """A fitted :class:`~vaeprivacy.estimators.synthesizers.TabularSynthesizer`, as measurements see it."""

    synthesizer: TabularSynthesizer

    def sample(self, n: int) -> pd.DataFrame:
        """Return synthetic rows."""
        return self.synthesizer.sample(n)

    def _encoded(self, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        cells, place = self.synthesizer.codec_.encode(rows), self.synthesizer.label_place_
        features = cells[:, others(cells.shape[1], place)]
        if place is None:
            return features, np.zeros(len(rows), dtype=np.int64)
        return features, np.searchsorted(self.synthesizer.class_starts_, cells[:, place], side="right") - 1

    def log_density(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the log-density of rows, see ``_copula_log_density``."""
        return _copula_log_density(self.synthesizer.model_, *self._encoded(rows))

    def statistics(self, rows: pd.DataFrame, known: pd.DataFrame) -> np.ndarray:
        """Return released counts of the bins that rows lie in, less those of known records, shape (rows, columns)."""
        model, (cells, y), (of_known, y_known) = self.synthesizer.model_, self._encoded(rows), self._encoded(known)
        bins, known_bins = _bins_of(model, cells), _bins_of(model, of_known)
        there = [(known_bins[y_known == label] == own).sum(axis=0) for own, label in zip(bins, y, strict=True)]
        tables = zip(model.histograms, bins.T, strict=True)
        released = [model.classes[y] * table[y, own] * (len(known) + 1) for table, own in tables]
        return np.stack(released, axis=1) - np.stack(there)


@dataclass(frozen=True)
class _KnownImages:
    """A fitted synthesizer of images, with images as rows of pixels and a label."""

    synthesizer: ImageSynthesizer
    label: str

    def sample(self, n: int) -> pd.DataFrame:
        """Return synthetic images, one a row."""
        return pixels(*self.synthesizer.sample(n), label=self.label)

    def _features(self, rows: pd.DataFrame) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.tensor(rows.drop(columns=self.label).to_numpy(np.float32))
        classes = pd.Index([str(name) for name in self.synthesizer.classes_])
        return self.synthesizer.model_.transform(x), torch.from_numpy(classes.get_indexer(rows[self.label])).long()

    def log_density(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the log-density of the features of images under the moments of their class."""
        return class_log_density(self.synthesizer.model_, *self._features(rows)).numpy()

    def statistics(self, rows: pd.DataFrame, known: pd.DataFrame) -> np.ndarray:
        """Return the size of the class of each image, and the class sum in the image's direction, shape (rows, 2)."""
        features, y = self._features(rows)
        direction = torch.nn.functional.normalize(features.double(), dim=1)
        model = self.synthesizer.model_
        size = model.counts[y]
        return torch.stack([size, size * (model.means[y] * direction).sum(dim=1)], dim=1).numpy()


@dataclass(frozen=True)
class _KnownRows:
    """A release of which measurements see rows alone.

    Attributes
    ----------
    draw : callable
        Returns so many rows; those of one for each record, however many are asked for.
    """

    draw: Callable[[int], pd.DataFrame]

    def sample(self, n: int) -> pd.DataFrame:
        """Return synthetic rows."""
        return self.draw(n)

    def log_density(self, rows: pd.DataFrame) -> None:
        """Return None: there is no density."""

    def statistics(self, rows: pd.DataFrame, known: pd.DataFrame) -> None:
        """Return None: nothing is read from a model."""


def pixels(images: np.ndarray, labels: np.ndarray, *, label: str) -> pd.DataFrame:
    """Return images as a table: one column a pixel, from 0 to 1, and a column of labels as text.

    Parameters
    ----------
    images : numpy.ndarray
        uint8, shape (n, height, width), or in colour (n, height, width, 3).
    labels : numpy.ndarray
        Shape (n,).
    label : str
        What the column of labels is called.
    """
    values = np.moveaxis(images, -1, 1) if images.ndim == 4 else images
    table = pd.DataFrame(values.reshape(len(values), -1).astype(np.float32) / 255)
    table.columns = [f"pixel {i}" for i in range(table.shape[1])]
    return table.assign(**{label: [str(each) for each in labels]})


def as_known(synthesizer: TabularSynthesizer | ImageSynthesizer, label: str | None) -> Fitted:
    """Return a fitted synthesizer as measurements see it."""
    if isinstance(synthesizer, ImageSynthesizer):
        of_images = _KnownImages(synthesizer, label or "label")
        return of_images if synthesizer.form == "moments" else _KnownRows(of_images.sample)
    return _KnownTable(synthesizer) if synthesizer.form == "moments" else _KnownRows(synthesizer.sample)


def _refitted(synthesizer: TabularSynthesizer | ImageSynthesizer, rows: pd.DataFrame, *, label: str | None) -> Fitted:
    """Fit a new synthesizer with the same settings to other rows; it is not published, so nothing counts it."""
    fresh = type(synthesizer)(**synthesizer.get_params(deep=False))
    if isinstance(fresh, ImageSynthesizer):
        shape = synthesizer.image_shape_
        images = (rows.drop(columns=label).to_numpy(np.float32) * 255).round().astype(np.uint8).reshape(-1, *shape)
        fresh.set_params(classes=list(synthesizer.classes_))
        return as_known(fresh.fit(images, rows[label].to_numpy()), label)
    fresh.set_params(schema=synthesizer.schema_, unit=None, drop=())
    if fresh.form == "framework":
        made = fresh.fit(rows).release(rows)
        return _KnownRows(lambda n: made)
    return as_known(fresh.fit(rows), label)


def promised_measure(guarantee: WholeGuarantee | Guarantee) -> Measure:
    """Return what a guarantee allows for replacing one record; nothing is forbidden where the whole is not covered."""
    if isinstance(guarantee, WholeGuarantee):
        return guarantee.measure
    try:
        return guarantee.whole_release()
    except ValueError:
        return NOTHING


def subject_of(
    synthesizer: TabularSynthesizer | ImageSynthesizer,
    synthetic: pd.DataFrame,
    *,
    members: pd.DataFrame,
    held_out: pd.DataFrame,
    label: str | None = None,
) -> Subject:
    """Return a release as what is measured.

    Parameters
    ----------
    synthesizer : TabularSynthesizer or ImageSynthesizer
        Fitted to the members.
    synthetic, members, held_out : pandas.DataFrame
        What it made, the records that it was fitted to, and others; images as rows of :func:`pixels`.
    label : str, optional
        The column to be predicted; by default the synthesizer's.
    """
    images = isinstance(synthesizer, ImageSynthesizer)
    label = label or (None if images else synthesizer.label)
    known = _KnownRows(lambda n: synthetic) if synthesizer.form == "framework" else as_known(synthesizer, label)
    return Subject(
        members, held_out, synthetic, label, promised_measure(synthesizer.guarantee), known,
        partial(_refitted, synthesizer, label=label), images=images,
    )  # fmt: skip


def public_bounds(synthesizer: TabularSynthesizer | ImageSynthesizer) -> dict[str, tuple[float, float]]:
    """Return the bounds that a schema calls public, by column."""
    if isinstance(synthesizer, ImageSynthesizer):
        return {}
    numbers = [column for column in synthesizer.schema_.columns if column.kind in ("number", "integer")]
    return {column.name: column.bounds for column in numbers if not column.from_data}
