"""Synthetic images from people's own: arrays in, arrays out, and a promise for everything in between."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted
from torch.nn.functional import one_hot

from vaeprivacy.arrays import Array
from vaeprivacy.datasets import from_arrays
from vaeprivacy.estimators import framework, model_files
from vaeprivacy.estimators.base import LEAST_RECORDS, OwnSynthesizer
from vaeprivacy.estimators.image_maps import image_map
from vaeprivacy.estimators.promise import OwnGuarantee, fingerprint
from vaeprivacy.moments import HOW, fit_moments


class ImageSynthesizer(OwnSynthesizer):
    """Synthetic images with an (epsilon, delta) for everything that is published.

    By default they are drawn from noisy moments of low frequencies. With ``form="vae"`` they are samples of a VAE that
    is trained with DP-SGD on images with their labels, and covered as a whole, too.

    Parameters
    ----------
    epsilon, delta : float
        For replacing one image and its label by any other.
    classes : sequence of str or int, optional
        All labels that there may be: public. Without them those that occur are taken, and the guarantee says so.
    waves : int
        Cosine waves down and across, for ``form="moments"``: more show more detail and need more images.
    form : {"moments", "vae"}
        How synthetic images are made.
    generator : torch.Generator, optional
        A seeded one, for experiments. By default all noise is from the operating system's entropy.

    Attributes
    ----------
    model_ : MomentModel or VAE
        All that was kept of the records.
    classes_ : numpy.ndarray
        The labels of the classes, shape (classes,).
    image_shape_ : tuple of int
        Height and width, or 3, height and width.
    """

    forms = ("moments", "vae")

    def __init__(
        self,
        *,
        epsilon: float,
        delta: float = 1e-6,
        classes: Sequence[str | int] | None = None,
        waves: int = 14,
        form: str = "moments",
        generator: torch.Generator | None = None,
    ) -> None:
        self.epsilon, self.delta, self.classes = epsilon, delta, classes
        self.waves, self.form, self.generator = waves, form, generator

    @property
    def guarantee(self) -> OwnGuarantee:
        """What is promised; before a fit, what it will promise."""
        self._check_settings()
        return self._whole_guarantee(HOW, not_covered=self._leaks, what="image")

    @property
    def _leaks(self) -> tuple[str, ...]:
        """What was, or would be, read from the records: classes that are not given."""
        unlabelled = self.is_fitted and not self.labelled_
        return () if self.classes is not None or unlabelled else ("label",)

    def fit(self, X: Array, y: Array | Sequence | None = None, *, new_records: bool = False) -> Self:  # noqa: N803
        """Fit the model to images; one fit is one release, and all that is drawn from it is free.

        Parameters
        ----------
        X : numpy.ndarray or torch.Tensor
            Images, shape (n, height, width), (n, 3, height, width) or (n, height, width, 3): grey values as uint8, or
            floating point in [0, 1].
        y : array-like, optional
            Labels, shape (n,), whole numbers or strings; without them all images are one class.
        new_records : bool
            Count from 1, see :meth:`TabularSynthesizer.fit`.

        Raises
        ------
        TypeError, ValueError
            If settings are impossible, or images or labels are not such. Then nothing is counted.
        """
        self._check_settings()
        x, shape, last = as_images(X)
        numbers, classes = self._labels(y, len(x))
        mark = fingerprint(pd.DataFrame(x.numpy()).assign(label=numbers.numpy()))
        self._state.check(mark, self._kind, new_records=new_records)
        self._check_number(len(x))
        self._warn_if_loaded()
        if self.form == "vae":  # of whole records: pixels and label
            whole = torch.cat([x, one_hot(numbers, len(classes)).to(x)], dim=1)
            self.model_ = framework.fit_vae(whole, epsilon=self.epsilon, delta=self.delta, generator=self.source)
        else:
            of_map = image_map(shape, waves=self.waves)
            budget = {"epsilon": self.epsilon, "delta": self.delta, "n_classes": len(classes)}
            self.model_ = fit_moments(of_map.transform(x), numbers, of_map, generator=self.source, **budget)
        self._note(mark, new_records=new_records)
        self.classes_, self.image_shape_, self.channels_last_, self.labelled_ = classes, shape, last, y is not None
        self.seeded_, self.n_features_in_ = self.generator is not None, x.shape[1]
        return self

    def _labels(self, y: Array | Sequence | None, n: int) -> tuple[torch.Tensor, np.ndarray]:
        """Return labels from 0, and the labels of the classes."""
        if y is None:
            return torch.zeros(n, dtype=torch.long), np.array([0])
        labels = pd.Series(np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y).reshape(-1))
        if len(labels) != n or labels.isna().any():
            raise ValueError(f"y must hold one label for each of {n:,} images, none missing, not {len(labels):,}.")
        classes = np.unique(labels) if self.classes is None else np.array(list(self.classes))
        numbers = pd.Index(classes).get_indexer(labels)
        if (numbers < 0).any():
            raise ValueError(
                f"y holds {labels[numbers < 0].iloc[0]!r}; expected one of the classes {classes.tolist()}."
            )
        return torch.from_numpy(numbers).long(), classes

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return `n` synthetic images as uint8, in the shape of those of the fit, and their labels, shape (n,).

        This is the release: any number costs the same, and it may be repeated.
        """
        check_is_fitted(self, "model_")
        source = self.source if generator is None else generator
        if self.form == "vae":
            x, of_label = framework.sampled(self.model_, n, generator=source).tensor_split(
                (self.n_features_in_,), dim=1
            )
            y = of_label.argmax(dim=1)
        else:
            made = self.model_.sample(n, generator=source)
            x, y = made.x, made.y
        images = (x * 255).round().to(torch.uint8).reshape(n, *self.image_shape_).numpy()
        return np.moveaxis(images, 1, -1) if self.channels_last_ else images, self.classes_[y.numpy()]

    _write, _read = model_files.save_images, classmethod(model_files.load_images)


def as_images(x: Array) -> tuple[torch.Tensor, tuple[int, ...], bool]:
    """Return flat images in [0, 1], shape (n, values), the shape of one, and whether channels came last.

    Raises
    ------
    TypeError, ValueError
        If they are none.
    """
    values = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else x
    if not isinstance(values, np.ndarray) or values.ndim not in (3, 4):
        shape = getattr(values, "shape", type(x).__name__)
        raise ValueError(f"X is {shape}; expected images of shape (n, height, width), or with 3 channels of colour.")
    if len(values) < 2:
        raise ValueError(f"X holds {len(values)} images; expected at least {LEAST_RECORDS}.")
    if values.ndim == 4 and not {values.shape[1], values.shape[-1]} & {1, 3}:
        raise ValueError(f"X has shape {values.shape}; expected 1 channel or 3: put transparent parts on one colour.")
    last = values.ndim == 4 and values.shape[-1] in (1, 3) and values.shape[1] not in (1, 3)
    values = np.moveaxis(values, -1, 1) if last else values
    data = from_arrays(values, np.arange(len(values)) % 2, name="images")  # which checks values, and no labels here
    return data.x, tuple(data.image_shape), last
