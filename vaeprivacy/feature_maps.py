"""Feature maps that are fixed before any record is seen, so that they cost no privacy: linear, or linear in the end."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import scipy  # which loads its parts when they are first used
import torch
from sklearn.utils.extmath import randomized_svd

from vaeprivacy.arrays import check_records
from vaeprivacy.checks import check_choice, check_size, check_whole
from vaeprivacy.procedural import dead_leaves, silhouettes
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.scattering import scattering

SILHOUETTES, DEAD_LEAVES = 2000, 1000  # procedural images that a map is fixed on


@dataclass(frozen=True)
class FeatureMap:
    """Features of a record: (values - centre) times basis, in a unit in which an ordinary record is about 1 long.

    Attributes
    ----------
    kind : {"records", "scattering"}
        What the values are: those of the record itself, or its scattering coefficients, of which it cannot be made.
    centre, basis : torch.Tensor
        Shape (values,), and one direction a column, shape (values, features), float64.
    unit, image_shape : float, and tuple of int or None
        Length that counts as 1; height and width of an image, or None for rows of a table.
    """

    kind: str
    centre: torch.Tensor
    basis: torch.Tensor
    unit: float
    image_shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_choice(self.kind, "kind", ("records", "scattering"))
        check_size(self.unit, "unit")
        finite = self.centre.isfinite().all() and self.basis.isfinite().all()
        if self.basis.ndim != 2 or self.centre.shape != self.basis.shape[:1] or not finite:
            raise ValueError("centre and basis must be finite, of shapes (values,) and (values, features).")

    def transform(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features of records, shape (records, features), float32, on the CPU.

        Raises
        ------
        TypeError, ValueError
            If they are not records of this kind, shape (records, values of a record), floating point.
        """
        size = len(self.centre) if self.image_shape is None else math.prod(self.image_shape)
        parts = check_records(x, features=size).split(5000)
        return torch.cat([((self._values(part) - self.centre) @ self.basis / self.unit).float() for part in parts])

    def _values(self, x: torch.Tensor) -> torch.Tensor:
        return (x if self.kind == "records" else scattering(x, image_shape=self.image_shape)).cpu().double()

    def inverse(self, features: torch.Tensor) -> torch.Tensor:
        """Return the records nearest to the centre that have these features, float32, cut to [0, 1].

        Raises
        ------
        ValueError
            If records cannot be made of features.
        """
        if self.kind != "records":
            raise ValueError("Of scattering features no record can be made: train on the features themselves.")
        return (self.centre + self.unit * features.double() @ torch.linalg.pinv(self.basis)).clamp(0, 1).float()


@functools.cache
def cosine_map(image_shape: tuple[int, int], *, waves: int = 14) -> FeatureMap:
    """Return the low frequencies of images, so many cosine waves down and across: the DCT, with centre and unit of
    procedural images (*one object on black*)."""
    waves = min(check_whole(waves, "waves", least=1), *image_shape)
    down, across = (scipy.fft.dct(np.eye(n), norm="ortho", axis=0)[:waves].T for n in image_shape)
    basis = torch.from_numpy(np.einsum("iu,jv->ijuv", down, across).reshape(math.prod(image_shape), -1).copy())
    return _in_units("records", _procedural(image_shape).double(), basis, image_shape)


@functools.cache
def scattering_map(image_shape: tuple[int, int], *, directions: int = 250) -> FeatureMap:
    """Return the principal directions of procedural images' scattering coefficients.

    Each is scaled by the root of its standard deviation: as they are, the first few would use up the budget; whitened,
    the last ones, which are mostly noise, would. What it knows of the domain: *one object on black*.
    """
    values = scattering(_procedural(image_shape), image_shape=image_shape)
    kept = min(check_whole(directions, "directions", least=1), values.shape[1])
    centred = (values - values.mean(dim=0)).numpy() / math.sqrt(len(values))
    _, deviations, axes = randomized_svd(centred, kept, n_iter=4, random_state=0)
    basis = torch.from_numpy(axes.T / np.sqrt(deviations)).double()
    return _in_units("scattering", values.double(), basis, image_shape)


def table_map(low: torch.Tensor, high: torch.Tensor) -> FeatureMap:
    """Return the columns of a table, each with its public bounds, shape (columns,), brought to -1 and 1.

    Categories are one-hot columns with bounds 0 and 1. Bounds must be known without a look at the records.
    """
    low, high = (torch.as_tensor(bound).double() for bound in (low, high))
    if low.shape != high.shape or low.ndim != 1 or not (low < high).all():
        raise ValueError("low and high must hold one bound a column, each low one below the high one.")
    # The unit is the length of numbers that are spread evenly between their bounds: their squares are 1/3 on average.
    return FeatureMap("records", (low + high) / 2, (2 / (high - low)).diag(), math.sqrt(len(low) / 3))


@functools.cache
def _procedural(image_shape: tuple[int, int]) -> torch.Tensor:
    """Return the procedural images that maps are fixed on: always the same, for they are no secret."""
    options = {"image_shape": image_shape, "generator": seeded_generator(0, "procedural images")}
    return torch.cat([silhouettes(SILHOUETTES, **options), dead_leaves(DEAD_LEAVES, **options)])


def _in_units(kind: str, values: torch.Tensor, basis: torch.Tensor, image_shape: tuple[int, int]) -> FeatureMap:
    """Return the map whose centre is the mean of procedural images, and its unit the median length of features."""
    centre = values.mean(dim=0)
    unit = ((values - centre) @ basis).norm(dim=1).median().item()
    return FeatureMap(kind, centre, basis, unit, image_shape)
