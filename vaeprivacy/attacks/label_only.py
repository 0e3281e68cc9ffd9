"""Attacks that see predicted labels only: is the target right about small changes of the record, too?"""

from abc import abstractmethod
from collections.abc import Iterator

import torch

from vaeprivacy.attacks.base import Attack, Candidates, Knowledge
from vaeprivacy.attacks.scores import answers


class Robustness(Attack):
    """The score is the share of changed copies of a record whose label the target still predicts.

    Choquette-Choo et al. (arXiv 2007.14321).
    """

    needs = ("query_label",)

    def _fit(self, knowledge: Knowledge) -> None:
        self._query_label = knowledge.query_label

    @abstractmethod
    def _copies(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield changed copies of all records, one change at a time."""

    def _score(self, candidates: Candidates) -> torch.Tensor:
        right = [answers(self._query_label, copy) == candidates.y for copy in self._copies(candidates.x)]
        return torch.stack(right).double().mean(dim=0)


class NoiseRobustness(Robustness):
    """Copies with Gaussian noise, clipped to [0, 1] (:eq:`robustness`): how far is the decision boundary?

    Parameters
    ----------
    generator : torch.Generator
        Source of the noise.
    sigma : float
        Standard deviation of the noise on each feature (our choice).
    n_copies : int
        Number of queries a record.
    """

    def __init__(self, *, generator: torch.Generator, sigma: float = 0.2, n_copies: int = 25) -> None:
        self.generator, self.sigma, self.n_copies = generator, sigma, n_copies

    def _copies(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        for _ in range(self.n_copies):
            noise = torch.randn(x.shape, generator=self.generator, dtype=x.dtype, device=self.generator.device)
            yield (x + self.sigma * noise.to(x.device)).clamp(0, 1)


class ShiftRobustness(Robustness):
    """Copies shifted by up to some pixels in each direction (:eq:`robustness`); the gap is closed by zeros.

    Parameters
    ----------
    image_shape : tuple of int
        Height and width of a record's image; in colour, channels first.
    pixels : int
        Longest shift along each axis.

    Raises
    ------
    ValueError
        If records are no images (`image_shape` is None).
    """

    def __init__(self, *, image_shape: tuple[int, ...] | None, pixels: int = 1) -> None:
        if image_shape is None:
            raise ValueError("Only images can be shifted, and these records are rows of a table; leave the attack out.")
        self.image_shape, self.pixels = image_shape, pixels

    def _copies(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        steps = range(-self.pixels, self.pixels + 1)
        for down in steps:
            for right in steps:
                yield shift(x, self.image_shape, down=down, right=right)


def shift(x: torch.Tensor, image_shape: tuple[int, ...], *, down: int, right: int) -> torch.Tensor:
    """Return images shifted by whole pixels, shape (records, features); what leaves the frame is lost."""
    images = x.reshape(-1, *image_shape)
    height, width = image_shape[-2:]
    result = torch.zeros_like(images)
    result[..., max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = images[
        ..., max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return result.reshape(x.shape)
