"""Synthetic tables from people's own: a DataFrame in, a DataFrame out, and a promise for everything in between."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import pandas as pd
import torch

from vaeprivacy.arrays import Array
from vaeprivacy.estimators import framework, model_files
from vaeprivacy.estimators.base import OwnSynthesizer
from vaeprivacy.estimators.codec import Codec
from vaeprivacy.estimators.copula import CopulaModel, fit_copula
from vaeprivacy.estimators.drafts import check_frame, draft_schema
from vaeprivacy.estimators.promise import OwnGuarantee, fingerprint
from vaeprivacy.estimators.schema import Schema
from vaeprivacy.estimators.tables import Table, as_parts, class_starts, one_row_each
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.randomness import RandomSource, torch_generator, uniforms
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import Trainer
from vaeprivacy.vae import VAE

HOW = "The model is made of counts of the records and of sums over their normal scores, with Gaussian noise."
DRAFTED = (
    "Bounds and levels were read from the records, so there is no promise for the whole release: give a schema of what "
    "is public (draft_schema, write_schema, read_schema)."
)


class TabularSynthesizer(OwnSynthesizer):
    """Synthetic tables with an (epsilon, delta) for everything that is published.

    By default the model is made of noisy counts and sums (:mod:`vaeprivacy.estimators.copula`), and any number of rows
    may be drawn from it. With ``form="vae"`` it is a VAE that is trained with DP-SGD, and covered as a whole, too.
    With ``form="framework"`` each row is encoded, noised and decoded, one for one.

    Parameters
    ----------
    epsilon, delta : float
        For replacing one record by any other, the label included. With ``form="framework"``, epsilon is for the
        features of any two records of one label, and nothing covers encoder, decoder and labels unless `trainer` does.
    schema : Schema, optional
        What is public of the columns (:func:`~vaeprivacy.estimators.schema.read_schema`). Without one it is drafted
        from the records, and then no promise holds for the whole release.
    label : str, optional
        The column that others are to be predicted from: the model has each class's own histograms.
    bins : int, optional
        Into how many equal parts a label that is a number is divided: then these are the classes.
    unit : str, optional
        The column that says whose a row is. One row of each person is used, drawn at random, and the column left out.
    drop : sequence of str
        Columns to leave out: identifiers, names, free text.
    form : {"moments", "vae", "framework"}
        How synthetic rows are made.
    trainer : PlainTrainer or DPSGDTrainer, optional
        With ``form="framework"``, how encoder and decoder are trained; by default on the records, without protection.
    generator : torch.Generator, optional
        A seeded one, for experiments. By default all noise is from the operating system's entropy.

    Attributes
    ----------
    schema_ : Schema
        What was taken to be known of the columns that come out.
    model_ : CopulaModel, VAE or Synthesizer
        All that was kept of the records.
    feature_names_in_, n_features_in_ : numpy.ndarray, int
        Columns of the table of the fit.

    Examples
    --------
    ::

        synthesizer = TabularSynthesizer(epsilon=4, schema=read_schema("survey.yaml"), label="income")
        print(synthesizer.guarantee)  # before anything is computed
        synthetic = synthesizer.fit(frame).sample(len(frame))
    """

    def __init__(
        self,
        *,
        epsilon: float,
        delta: float = 1e-6,
        schema: Schema | None = None,
        label: str | None = None,
        bins: int | None = None,
        unit: str | None = None,
        drop: Sequence[str] = (),
        form: str = "moments",
        trainer: Trainer | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self.epsilon, self.delta, self.schema, self.label = epsilon, delta, schema, label
        self.bins, self.unit, self.drop, self.form = bins, unit, drop, form
        self.trainer, self.generator = trainer, generator

    @property
    def guarantee(self) -> OwnGuarantee | Guarantee:
        """What is promised; before a fit, what it will promise (with a schema that is drafted, less)."""
        self._check_settings()
        if self.form == "framework":
            synthesizer = self.model_ if self.is_fitted else framework.framework(self.epsilon, self.trainer)
            seeded = self.generator is not None or vars(self).get("seeded_", False)
            return framework.promise(synthesizer, releases=self.releases, seeded=seeded)
        schema = vars(self).get("schema_", self.schema)
        about = {"unit": self.unit or "", "not_covered": ("all columns",) if schema is None else schema.leaks}
        return self._whole_guarantee(HOW, **about)

    def fit(self, X: Table, y: Array | Sequence | None = None, *, new_records: bool = False) -> Self:  # noqa: N803
        """Fit the model to records; one fit is one release, and all that is drawn from it is free.

        Parameters
        ----------
        X : pandas.DataFrame, array, tensor, or iterable of pandas.DataFrame
            The table, one record a row; or its parts, one after the other, so that they need not fit into memory at
            once (with a schema). Of each value, two bytes are kept while this works.
        y : array-like, optional
            Labels, if they are no column of `X`: they become the column `label`, or "label".
        new_records : bool
            Count from 1: none of these persons was in a table that this synthesizer, or a clone, was fitted to. Without
            it, each fit is added to the promise, whatever its records.

        Raises
        ------
        TypeError, ValueError
            If settings are impossible, or the table is not what the schema says. Then nothing is counted.
        """
        self._check_settings()
        if isinstance(self.drop, str):
            raise TypeError(f"drop is the string {self.drop!r}; expected a list of names of columns: [{self.drop!r}].")
        label = self.label or (None if y is None else "label")
        codec, cells, mark = self._encoded(X, y)
        self._state.check(mark, self._kind, new_records=new_records)
        self._check_number(len(cells))
        self._warn_if_loaded()
        column = None if label is None else self._place(codec, label)
        forms = {"moments": self._fit_copula, "framework": self._fit_framework, "vae": self._fit_vae}
        self.model_ = forms[self.form](cells, codec, column)
        self._note(mark, new_records=new_records)
        self.codec_, self.schema_, self.label_place_ = codec, codec.schema, column
        self.feature_names_in_ = np.array(codec.schema.names, dtype=object)
        self.n_features_in_, self.seeded_ = len(self.feature_names_in_), self.generator is not None
        if self.schema is None:
            warnings.warn(DRAFTED, stacklevel=2)
        return self

    def _encoded(self, x: Table, y: Array | Sequence | None) -> tuple[Codec, np.ndarray, tuple[int, int]]:
        """Return the codec of a table, its cells, and its fingerprint; one part is in memory at a time."""
        codec, cells, mark = None, [], (0, 0)
        for part in self._parts(x, y):
            if codec is None:
                codec = Codec.of(part, self._schema_of(part, whole=not isinstance(x, Iterator)))
            cells.append(codec.encode(part))
            mark = fingerprint(part, mark)
        if codec is None:
            raise ValueError("the table has no records; expected one record a row.")
        return codec, np.concatenate(cells), mark

    def _parts(self, x: Table, y: Array | Sequence | None) -> Iterator[pd.DataFrame]:
        """Yield the parts of a table, checked, without the columns that are left out."""
        parts = as_parts(x, y, label=self.label)
        if self.unit:
            parts = [one_row_each(pd.concat(list(parts)), self.unit, generator=self.source)]
        for part in parts:
            yield check_frame(part, drop=[*self.drop, *([self.unit] if self.unit else [])])

    def _schema_of(self, part: pd.DataFrame, *, whole: bool) -> Schema:
        if self.schema is not None:
            return self.schema.without([name for name in self.schema.names if name in (*self.drop, self.unit)])
        if not whole:
            raise ValueError("a table in parts needs a schema: pass schema=read_schema(...).")
        return draft_schema(part)

    def _place(self, codec: Codec, label: str) -> int:
        """Return which column is the label."""
        if label not in codec.schema.names:
            raise ValueError(f"label is {label!r}; expected one of the columns {', '.join(codec.schema.names[:20])}.")
        return codec.schema.names.index(label)

    def _classes(self, codec: Codec, cells: np.ndarray, column: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the class of each record, and the first cells of classes; a table without a label is one class."""
        if column is None:
            return np.zeros(len(cells), dtype=np.int64), np.array([0, 1])
        starts = class_starts(codec.schema.columns[column], self.bins)
        if len(starts) < 3:
            raise ValueError(f"the label {self.label!r} has one class; expected two, or no label.")
        return np.searchsorted(starts, cells[:, column], side="right") - 1, starts

    def _fit_copula(self, cells: np.ndarray, codec: Codec, column: int | None) -> CopulaModel:
        y, self.class_starts_ = self._classes(codec, cells, column)
        features = others(len(codec.sizes), column)
        return fit_copula(
            cells[:, features],
            y,
            sizes=[codec.sizes[j] for j in features],
            ordered=[codec.schema.columns[j].is_ordered for j in features],
            n_classes=len(self.class_starts_) - 1,
            mu=self.measure.mu,
            generator=self.source,
        )

    def _fit_framework(self, cells: np.ndarray, codec: Codec, column: int | None) -> Synthesizer:
        y, self.class_starts_ = self._classes(codec, cells, column)
        x = codec.part(others(len(codec.sizes), column)).to_unit(cells[:, others(len(codec.sizes), column)])
        synthesizer = replace(framework.framework(self.epsilon, self.trainer), releases=self._state.count)
        return synthesizer.fit(x, torch.from_numpy(y), generator=torch_generator(self.source))

    def _fit_vae(self, cells: np.ndarray, codec: Codec, column: int | None) -> VAE:
        if self.trainer is not None:
            raise ValueError("form='vae' is trained with DP-SGD, by epsilon and delta: give no trainer.")
        self.class_starts_ = np.array([0, 1])  # the label is a column like others
        x = codec.to_unit(cells)
        return framework.fit_vae(x, epsilon=self.epsilon, delta=self.delta, generator=self.source)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> pd.DataFrame:
        """Return `n` synthetic rows, with the columns, types, categories and order of the table of the fit.

        This is the release: any number costs the same, and it may be repeated.

        Raises
        ------
        ValueError
            If the form has no model to draw from, see :meth:`release`.
        """
        self._check_form("moments", "vae", instead="call release(X) for one row for each record.")
        source = self.source if generator is None else generator
        if self.form == "vae":
            made = framework.sampled(self.model_, n, generator=source)
            return self.codec_.decode(self.codec_.from_unit(made), generator=source)
        features, y = self.model_.sample(n, generator=source)
        return self._table(features, y, source)

    def release(
        self,
        X: Table,  # noqa: N803
        y: Array | Sequence | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> pd.DataFrame:
        """Return one synthetic row for each record, in random order, with ``form="framework"``.

        Each call is a release of its own, and ``guarantee`` counts it. A seeded generator is for experiments.
        """
        self._check_form("framework", instead="call sample(n), which may be repeated.")
        self._warn_if_loaded()
        source = self.source if generator is None else generator
        codec, cells, _ = self._encoded(X, y)
        column, features = self.label_place_, others(len(codec.sizes), self.label_place_)
        labels, _ = self._classes(self.codec_, cells, column)
        x = self.codec_.part(features).to_unit(cells[:, features])
        made = self.model_.release(x, torch.from_numpy(labels), generator=source)
        self.seeded_ = self.seeded_ or isinstance(source, torch.Generator)
        return self._table(self.codec_.part(features).from_unit(made.x), made.y.cpu().numpy(), source)

    def _table(self, features: np.ndarray, y: np.ndarray, source: RandomSource) -> pd.DataFrame:
        """Return the table of cells of all columns but the label, and of classes."""
        cells = np.empty((len(features), len(self.codec_.sizes)), dtype=np.uint16)
        cells[:, others(cells.shape[1], self.label_place_)] = features
        if self.label_place_ is not None:
            first, last = self.class_starts_[y], self.class_starts_[y + 1]
            within = uniforms((len(y),), generator=source).numpy()
            cells[:, self.label_place_] = first + np.floor(within * (last - first))
        return self.codec_.decode(cells, generator=source)

    _write, _read = model_files.save_table, classmethod(model_files.load_table)


def others(columns: int, label: int | None) -> list[int]:
    """Return the places of all columns but the label."""
    return [place for place in range(columns) if place != label]
