"""A promise for everything that is published at once: the labels, the model, and whatever is made with it."""

from dataclasses import dataclass

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_probability, make_plain
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability, Measure


@dataclass(frozen=True)
class WholeGuarantee:
    """What is promised for replacing one record, features and label, by any other (replace-one).

    The number of records and all settings are taken to be public.

    Attributes
    ----------
    measure : Indistinguishability or GaussianIndistinguishability
        How well two sets of records that differ in one can be told apart by whoever sees everything published.
    delta : float
        The delta at which an epsilon is stated.
    how : str
        What was done to the records, as a sentence begins: "Noise was added to ...".
    seeded : bool
        Whether the noise came from a seeded generator, with which anybody can subtract it.

    Raises
    ------
    TypeError, ValueError
        If `measure` is no measure, or `delta` no probability.
    """

    measure: Measure
    delta: float
    how: str
    seeded: bool = False

    def __post_init__(self) -> None:
        make_plain(self)
        check_probability(self.delta, "delta")
        if not isinstance(self.measure, Measure):
            raise TypeError(f"measure must be a measure, such as Indistinguishability(1.0), not {self.measure!r}.")

    def whole_release(self, *, delta: float = 0.0) -> Indistinguishability:
        """Return the (epsilon, delta) of replacing one record; by default at the delta of the guarantee."""
        return self.measure.approximate(delta or self.delta)

    def __str__(self) -> str:
        total = self.whole_release()
        pair = (
            f" Telling which of two records was there is at least as hard as telling one draw of N(0, 1) from one of "
            f"N({self.measure.mu:.4g}, 1)."
            if isinstance(self.measure, GaussianIndistinguishability)
            else ""
        )
        source = (
            "For experiments only: a seeded generator was used, and whoever knows or guesses the seed can subtract the "
            "noise, so that nothing of this holds against them."
            if self.seeded
            else "The noise came from the operating system's entropy, and no seed was kept."
        )
        return (
            f"{self.how} In all, label and model included, everything published is ({total.epsilon:g}, "
            f"{total.delta:.3g})-differentially private for replacing one record, whatever is made of it.{pair} The "
            f"number of records is public. {source}"
        )
