"""How well two normal distributions can be told apart: the measure of Gaussian noise, and its conversions."""

import math
from dataclasses import dataclass

import scipy  # which loads its parts when they are first used

from vaeprivacy.bounds import Indistinguishability, check_rates
from vaeprivacy.checks import check_positive, check_probability, make_plain


@dataclass(frozen=True)
class GaussianIndistinguishability:
    """The two distributions are no easier to tell apart than N(0, 1) and N(mu, 1): mu-GDP of one pair.

    Dong, Roth and Su (arXiv 1905.02383), definition 2.6 and corollary 2.13.

    Attributes
    ----------
    mu : float
        Distance between the two normal distributions; 0 or more.

    Raises
    ------
    TypeError, ValueError
        If it is not such a number.
    """

    mu: float

    def __post_init__(self) -> None:
        make_plain(self)
        check_positive(self.mu, "mu", zero=True)

    @classmethod
    def for_epsilon(cls, epsilon: float, *, delta: float) -> "GaussianIndistinguishability":
        """Return the largest mu that is (epsilon, delta)-indistinguishable: the analytic Gaussian calibration.

        Balle and Wang (arXiv 1805.06530), theorem 8: noise of standard deviation sensitivity / mu is then enough, and
        no less is.

        Parameters
        ----------
        epsilon : float
            Above 0.
        delta : float
            Above 0 and below 1.

        Raises
        ------
        TypeError, ValueError
            If they are not, or are so extreme that double precision does not tell one mu from another.
        """
        epsilon = check_positive(epsilon, "epsilon")
        if not 0 < check_probability(delta, "delta") < 1:
            raise ValueError(f"delta must be above 0 and below 1, not {delta!r}: Gaussian noise has no pure guarantee.")
        # delta grows with mu. It is below mu / 2, and at this upper end far above any that can be asked for.
        upper = math.sqrt(2 * epsilon) + 40.0
        try:
            found = cls(
                scipy.optimize.brentq(
                    lambda mu: math.log(cls(mu).delta(epsilon) + 5e-324) - math.log(delta), delta, upper, xtol=1e-323
                )
            )
        except (RuntimeError, ValueError):  # of a search that does not end, or has no ends
            found = None
        if found is None or not math.isclose(found.delta(epsilon), delta, rel_tol=1e-3):
            raise ValueError(
                f"No Gaussian noise can be computed for epsilon {epsilon:g} and delta {delta:g}: take numbers that are "
                "less extreme, such as epsilon 8 and delta 1e-5."
            )
        return found

    @classmethod
    def for_tpr(cls, tpr: float, *, fpr: float) -> "GaussianIndistinguishability":
        """Return the largest mu that keeps any attack's true-positive rate at most `tpr`, see :meth:`max_tpr`."""
        check_rates(tpr, fpr)
        return cls(float(scipy.special.ndtri(tpr) - scipy.special.ndtri(fpr)))

    @property
    def rho(self) -> float:
        """Parameter of zero-concentrated differential privacy, mu^2 / 2 (Bun and Steinke, arXiv 1605.02065)."""
        return self.mu**2 / 2

    def delta(self, epsilon: float) -> float:
        """Return the delta that goes with an epsilon (:eq:`gaussian-delta` of the catalogue)."""
        check_positive(epsilon, "epsilon", zero=True)
        if self.mu == 0:
            return 0.0
        log_ndtr = scipy.special.log_ndtr
        first, second = log_ndtr(-epsilon / self.mu + self.mu / 2), log_ndtr(-epsilon / self.mu - self.mu / 2)
        if math.isinf(first):
            return 0.0
        # Phi(a) - e^epsilon Phi(b) as Phi(a) (1 - e^...): the difference of two nearly equal numbers would lose digits.
        return max(0.0, float(-math.exp(first) * math.expm1(min(0.0, epsilon + second - first))))

    def epsilon(self, delta: float) -> float:
        """Return the smallest epsilon that goes with a delta above 0."""
        if not 0 < check_probability(delta, "delta") < 1:
            raise ValueError(f"delta must be above 0 and below 1, not {delta!r}: Gaussian noise has no pure guarantee.")
        if self.delta(0.0) <= delta:
            return 0.0
        # P(privacy loss > epsilon) is an upper bound of delta, and the loss is N(mu^2 / 2, mu^2).
        upper = self.mu**2 / 2 - self.mu * float(scipy.special.ndtri(delta))
        return float(scipy.optimize.brentq(lambda epsilon: self.delta(epsilon) - delta, 0.0, upper, xtol=1e-12))

    def max_tpr(self, fpr: float) -> float:
        """Return the highest true-positive rate of any attack (:eq:`gaussian-tpr` of the mechanisms chapter)."""
        return float(scipy.special.ndtr(scipy.special.ndtri(check_probability(fpr, "fpr")) + self.mu))

    def max_advantage(self) -> float:
        """Return the highest difference of true-positive and false-positive rate."""
        return 2 * float(scipy.special.ndtr(self.mu / 2)) - 1

    def max_balanced_accuracy(self) -> float:
        """Return the highest share of right answers when both distributions are equally probable."""
        return (1 + self.max_advantage()) / 2

    def max_auc(self) -> float:
        """Return the highest area under the ROC curve of any attack."""
        return float(scipy.special.ndtr(self.mu / math.sqrt(2)))

    def times(self, factor: float) -> "GaussianIndistinguishability":
        """Return the measure at `factor` times the distance."""
        return GaussianIndistinguishability(self.mu * factor)

    def repeated(self, n: int) -> "GaussianIndistinguishability":
        """Return what is left after `n` independent outputs: mu grows with the root (corollary 3.3 of the paper)."""
        return GaussianIndistinguishability(self.mu * math.sqrt(n))

    def approximate(self, delta: float) -> Indistinguishability:
        """Return the (epsilon, delta)-indistinguishability that follows from it, for a delta above 0."""
        return Indistinguishability(self.epsilon(delta), delta)


#: Either measure: both have the same methods.
Measure = Indistinguishability | GaussianIndistinguishability
