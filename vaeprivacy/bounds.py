"""How well two distributions can be told apart: the bounds on any attack, and conversions between them.

Two measures of it are enough for this book: this one, and that of Gaussian noise (:mod:`vaeprivacy.gaussian_bounds`).
Both bound the whole ROC curve of whoever sees one output and has to say which of the two distributions it came from.
"""

import math
from dataclasses import dataclass

from vaeprivacy.checks import check_positive, check_probability, make_plain


@dataclass(frozen=True)
class Indistinguishability:
    """No set of outputs is more probable under one distribution than e^epsilon times the other's, plus delta.

    This is :eq:`indistinguishable`. With delta = 0 it is what metric privacy promises for two inputs, with epsilon
    times their distance (Dwork and Roth, 2014, definition 2.4, for the two distributions of a pair of neighbours).

    Attributes
    ----------
    epsilon : float
        Logarithm of the largest factor between the probabilities of any set of outputs; 0 or more.
    delta : float
        Probability that is exempt from the factor, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If one of them is not a number in its range.
    """

    epsilon: float
    delta: float = 0.0

    def __post_init__(self) -> None:
        make_plain(self)
        check_positive(self.epsilon, "epsilon", zero=True)
        check_probability(self.delta, "delta")

    @classmethod
    def for_tpr(cls, tpr: float, *, fpr: float) -> "Indistinguishability":
        """Return the largest epsilon (with delta = 0) that keeps any attack's true-positive rate at most `tpr`.

        The inverse of :meth:`max_tpr`, whose two parts both have to be exceeded (:eq:`epsilon-for-tpr`).

        Parameters
        ----------
        tpr : float
            Highest true-positive rate that is acceptable, at least `fpr` and below 1.
        fpr : float
            False-positive rate, above 0.

        Raises
        ------
        ValueError
            If they are not so: below `fpr`, guessing alone would do better.
        """
        check_rates(tpr, fpr)
        return cls(max(math.log(tpr / fpr), math.log((1 - fpr) / (1 - tpr))))

    def max_tpr(self, fpr: float) -> float:
        """Return the highest true-positive rate of any attack (:eq:`tpr-bound` of the metric-privacy chapter).

        Parameters
        ----------
        fpr : float
            False-positive rate of the attack, from 0 to 1.
        """
        check_probability(fpr, "fpr")
        factor = self._factor
        return max(0.0, min(factor * fpr + self.delta, 1 - (1 - self.delta - fpr) / factor, 1.0))

    def max_advantage(self) -> float:
        """Return the highest difference of true-positive and false-positive rate (:eq:`advantage-bound`)."""
        # (e^epsilon - 1 + 2 delta) / (e^epsilon + 1), written so that it does not overflow.
        inverse = 1 / self._factor
        return (1 - inverse + 2 * self.delta * inverse) / (1 + inverse)

    def max_balanced_accuracy(self) -> float:
        """Return the highest share of right answers when both distributions are equally probable."""
        return (1 + self.max_advantage()) / 2

    def max_auc(self) -> float:
        """Return the highest area under the ROC curve of any attack (:eq:`auc-bound`).

        The bounding curve runs straight from (0, delta) to a corner at the false-positive rate
        (1 - delta) / (1 + e^epsilon), from there to (1 - delta, 1), and on to (1, 1). The corner lies on the falling
        diagonal. At delta = 0, the area is the height of the corner.
        """
        corner = (1 - self.delta) / (1 + self._factor)
        height = 1 - corner
        before = corner * (self.delta + height) / 2
        after = (1 - self.delta - corner) * (height + 1) / 2
        return before + after + self.delta

    def times(self, factor: float) -> "Indistinguishability":
        """Return the measure at `factor` times the distance: metric privacy is linear in it.

        Raises
        ------
        ValueError
            If delta is not 0: then this is not metric privacy.
        """
        if self.delta:
            raise ValueError(
                f"Only a measure with delta 0 grows in proportion to a distance, not delta {self.delta:g}."
            )
        return Indistinguishability(self.epsilon * factor)

    def repeated(self, n: int) -> "Indistinguishability":
        """Return what is left after `n` independent outputs (basic composition, :prf:ref:`composition`)."""
        return Indistinguishability(n * self.epsilon, min(1.0, n * self.delta))

    def together_with(self, other: "Indistinguishability") -> "Indistinguishability":
        """Return what is left when both outputs are seen (basic composition, also if one depends on the other)."""
        return Indistinguishability(self.epsilon + other.epsilon, min(1.0, self.delta + other.delta))

    def group(self, n: int) -> "Indistinguishability":
        """Return the measure for inputs that are `n` steps apart, if this one holds for one step (group privacy).

        Replacing a record is two steps: removing one, then adding another, which gives
        (2 epsilon, (1 + e^epsilon) delta) (:eq:`replace-one` of the guarantee chapter).
        """
        return Indistinguishability(
            n * self.epsilon, min(1.0, sum(math.exp(min(i * self.epsilon, 700.0)) for i in range(n)) * self.delta)
        )

    def approximate(self, delta: float) -> "Indistinguishability":
        """Return itself: it needs no more delta than it has."""
        return self

    @property
    def _factor(self) -> float:
        return math.exp(min(self.epsilon, 700.0))  # beyond, exp would overflow, and nothing is excluded any more


def check_rates(tpr: float, fpr: float) -> None:
    """Refuse rates of an attack that guessing would beat, or that are 0 or 1."""
    check_probability(tpr, "tpr")
    check_probability(fpr, "fpr")
    if not 0 < fpr <= tpr < 1:
        raise ValueError(
            f"Rates must satisfy 0 < fpr <= tpr < 1, not fpr {fpr:g} and tpr {tpr:g}: guessing gives tpr = fpr."
        )
