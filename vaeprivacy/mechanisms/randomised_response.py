"""Randomised response: noise for labels."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from vaeprivacy.arrays import check_labels
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_positive, check_whole, make_plain
from vaeprivacy.randomness import RandomSource, SeedNamed, uniforms

MOST_CLASSES = 2**31  # from more, 53 random bits would not choose evenly


@dataclass(frozen=True)
class RandomisedResponse(SeedNamed):
    """Keep a label with a certain probability, else report one of the others, each as likely (Warner, 1965).

    Any two labels are epsilon-indistinguishable (:prf:ref:`response-is-private`).

    Attributes
    ----------
    epsilon : float
        Local-DP parameter of the label.
    n_classes : int
        Number of labels, from 2 to :data:`MOST_CLASSES`.

    Raises
    ------
    TypeError, ValueError
        If `epsilon` is not a positive, finite number, or there are fewer than two classes, or too many.
    """

    seed_text: ClassVar[str] = "RandomisedResponse(epsilon={epsilon}, n_classes={n_classes})"
    epsilon: float
    n_classes: int

    def __post_init__(self) -> None:
        make_plain(self)
        check_positive(self.epsilon, "epsilon")
        check_whole(self.n_classes, "n_classes", least=2, most=MOST_CLASSES)

    @property
    def keep_probability(self) -> float:
        """Probability that a label is reported as it is (:eq:`randomised-response`)."""
        return 1 / (1 + (self.n_classes - 1) * math.exp(-self.epsilon))

    @property
    def measure(self) -> Indistinguishability:
        """How well any two labels can be told apart."""
        return Indistinguishability(self.epsilon)

    def perturb(self, labels: torch.Tensor, *, generator: RandomSource) -> torch.Tensor:
        """Report a label for each label, shape (records,), int64.

        Parameters
        ----------
        labels : torch.Tensor
            True labels, shape (records,), whole numbers from 0 to ``n_classes - 1``.
        generator : torch.Generator or SystemEntropy
            Source of the noise. Whoever knows the seed of a :class:`torch.Generator` can undo it.

        Raises
        ------
        TypeError, ValueError
            If the labels are not such a vector.
        """
        labels = check_labels(labels, "labels", n_classes=self.n_classes)
        keep, other = uniforms((2, len(labels)), generator=generator)
        kept, shift = keep < self.keep_probability, 1 + (other * (self.n_classes - 1)).long()
        shifted = (labels + shift.to(labels.device)) % self.n_classes
        return torch.where(kept.to(labels.device), labels, shifted)
