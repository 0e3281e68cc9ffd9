"""What a release promises, and the bounds on any attack that follow from it."""

import math
from dataclasses import dataclass

from vaeprivacy.training import checked_positive


def local_epsilon(epsilon: float, radius: float) -> float:
    """Return the local-DP parameter of metric privacy on a ball (:eq:`local-dp` of the metric-privacy chapter).

    Two codes in a ball of the given radius are at most a diameter apart, so the factor between the probabilities of
    any output is at most :math:`e^{2 R \\varepsilon}`.

    Parameters
    ----------
    epsilon : float
        Metric-privacy parameter, per unit of latent distance.
    radius : float
        Radius R of the ball.
    """
    return 2 * radius * epsilon


def max_tpr(fpr: float, epsilon: float) -> float:
    """Return the highest true-positive rate of any attack on an epsilon-indistinguishable pair (:eq:`tpr-bound`).

    Parameters
    ----------
    fpr : float
        False-positive rate of the attack, from 0 to 1.
    epsilon : float
        Logarithm of the largest factor between the probabilities of any output: the local-DP parameter for the worst
        pair, or the metric-privacy parameter times the distance for a given pair.
    """
    factor = math.exp(min(epsilon, 700.0))  # beyond, exp would overflow, and nothing is excluded any more
    return min(factor * fpr, 1 - (1 - fpr) / factor)


def max_auc(epsilon: float) -> float:
    """Return the highest area under the ROC curve of any attack on an epsilon-indistinguishable pair.

    The bounding ROC curve has one corner, and the area under it is the height of that corner (:eq:`auc-bound`).
    """
    return 1 / (1 + math.exp(-epsilon))


@dataclass(frozen=True)
class Guarantee:
    """Metric privacy of a release, given the encoder and decoder that made it.

    Attributes
    ----------
    epsilon : float
        Metric-privacy parameter, per unit of Euclidean distance between latent codes.
    radius : float
        Radius of the ball onto which the codes were projected before the noise.

    Raises
    ------
    TypeError, ValueError
        If one of them is not a positive, finite number.
    """

    epsilon: float
    radius: float

    def __post_init__(self) -> None:
        checked_positive(self.epsilon, "epsilon")
        checked_positive(self.radius, "radius")

    @property
    def local_epsilon(self) -> float:
        """Local-DP parameter of the features of one record, given the encoder and decoder."""
        return local_epsilon(self.epsilon, self.radius)

    def __str__(self) -> str:
        return (
            "Given the encoder and decoder, the features of each record have metric privacy with epsilon "
            f"{self.epsilon:g} per unit of Euclidean distance between latent codes: replacing one record by another "
            "changes the probability of any release by a factor of at most "
            f"exp({self.epsilon:g} x their distance). Codes lie in a ball of radius {self.radius:g}, so the factor is "
            f"at most exp({self.local_epsilon:g}) for any two records. Not covered: the labels, which are released as "
            "they are; and what encoder and decoder learned from the records they were trained on. Whoever knows the "
            "seed of the noise can subtract it."
        )
