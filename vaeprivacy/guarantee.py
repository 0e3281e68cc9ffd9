"""What a release promises, to whom, and what it leaves out."""

from dataclasses import dataclass
from typing import Literal, get_args

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_positive, check_size, check_whole, make_plain
from vaeprivacy.distances import EUCLIDEAN, Metric
from vaeprivacy.gaussian_bounds import Measure

How = Literal["private records", "disjoint records", "DP-SGD"]


@dataclass(frozen=True)
class ModelCoverage:
    """Whether encoder and decoder, too, keep what they learned from the records.

    Attributes
    ----------
    how : {"private records", "disjoint records", "DP-SGD"}
        What they were trained on: the private records without protection (nothing is covered), records disjoint from
        those of the release (nothing to cover), or the private records with DP-SGD.
    dp : Indistinguishability or None
        With DP-SGD, what its accountant states for replacing one record.
    seeded : bool
        Whether the noise of DP-SGD came from a seeded generator.

    Raises
    ------
    ValueError
        If `how` is none of the three, or `dp` is given without DP-SGD, or missing with it.
    """

    how: How = "private records"
    dp: Indistinguishability | None = None
    seeded: bool = False

    def __post_init__(self) -> None:
        if self.how not in get_args(How):
            raise ValueError(f"how must be one of {', '.join(map(repr, get_args(How)))}, not {self.how!r}.")
        if (self.how == "DP-SGD") != (self.dp is not None):
            raise ValueError(f"dp states what DP-SGD gave, so it goes with DP-SGD and only with it, not {self.how!r}.")

    @property
    def covered(self) -> bool:
        """Whether there is a promise that includes encoder and decoder."""
        return self.how != "private records"

    @property
    def replace_one(self) -> Indistinguishability:
        """What encoder and decoder add to the promise for replacing one record (:prf:ref:`replacing-directly`).

        Raises
        ------
        ValueError
            If they are not covered.
        """
        if self.how == "disjoint records":
            return Indistinguishability(0.0)
        if self.dp is None:
            raise ValueError(
                "Encoder and decoder were trained on the private records without protection: no number holds."
            )
        return self.dp


NOT_COVERED = ModelCoverage()


@dataclass
class ReleaseCount:
    """How many noisy releases were made; a copy is the same object, so that no copy of a synthesizer forgets one."""

    made: int = 0

    def __deepcopy__(self, memo: dict) -> "ReleaseCount":
        return self


@dataclass(frozen=True)
class Guarantee:
    """The promise of a release: metric privacy of each record's features, and what else is covered.

    Two releases are compared that were made from as many records, all the same but one (replace-one); the number of
    records, the radius and all settings are taken to be public. Distances are those of the codes once they are cut to
    the noise's grid, of which a step is at most a thousandth of its scale (see ``Mechanism.perturb``).

    Attributes
    ----------
    per_unit : Indistinguishability or GaussianIndistinguishability
        Measure for two codes at distance one; it grows in proportion to the distance.
    radius : float
        Radius R of the ball onto which the codes were projected before the noise, in the same distance.
    metric : Metric
        The distance between latent codes.
    labels : Indistinguishability or None
        What randomised response gives for a label; None if labels are released as they are.
    model : ModelCoverage
        Whether encoder and decoder are covered.
    releases : int
        How many releases were made, counted as if all were of the same records and with the same noise.
    seeded : bool
        Whether the noise came from a seeded generator, with which anybody can subtract it.

    Raises
    ------
    TypeError, ValueError
        If a number is out of its range, or `per_unit` is no measure, or one with a delta.
    """

    per_unit: Measure
    radius: float
    metric: Metric = EUCLIDEAN
    labels: Indistinguishability | None = None
    model: ModelCoverage = NOT_COVERED
    releases: int = 1
    seeded: bool = False

    def __post_init__(self) -> None:
        make_plain(self)
        check_size(self.radius, "radius")
        if not isinstance(self.per_unit, Measure):
            raise TypeError(f"per_unit must be a measure, such as Indistinguishability(1.0), not {self.per_unit!r}.")
        self.per_unit.times(2)  # refuses a delta, which metric privacy has not
        check_whole(self.releases, "releases", least=1)

    def at_distance(self, distance: float) -> Measure:
        """Return how well two records can be told apart whose codes are `distance` apart, given encoder and decoder.

        All releases are seen. The two records have the same label. No two codes are more than 2 R apart, so a larger
        distance counts as 2 R (:eq:`pair-of-records` of the guarantee chapter).
        """
        distance = min(check_positive(distance, "distance", zero=True), 2 * self.radius)
        return self.per_unit.times(distance).repeated(self.releases)

    @property
    def any_two_records(self) -> Measure:
        """How well any two records of the same label can be told apart: local DP (:eq:`local-dp`), given the model."""
        return self.at_distance(2 * self.radius)

    def whole_release(self, *, delta: float = 0.0) -> Indistinguishability:
        """Return the (epsilon, delta) of replacing one record, label included, encoder and decoder included.

        This is differential privacy of everything that is published (:eq:`whole-release` of the guarantee chapter).

        Parameters
        ----------
        delta : float
            What may be spent on converting Gaussian noise, which has no guarantee without it; else leave it 0.

        Raises
        ------
        ValueError
            If labels, or encoder and decoder, are not covered: then nothing is promised for the whole.
        """
        if self.labels is None:
            raise ValueError("The labels are released as they are: there is no promise for the whole release.")
        features = self.any_two_records.approximate(delta)
        return features.together_with(self.labels.repeated(self.releases)).together_with(self.model.replace_one)

    def __str__(self) -> str:
        sentences = [
            self._promise(),
            self._ball(),
            self._repetition(),
            self._labels(),
            self._model(),
            self._whole(),
            self._seed(),
        ]
        return " ".join(sentence for sentence in sentences if sentence)

    def _promise(self) -> str:
        given = "" if self.model.how == "disjoint records" else "Given the encoder and decoder, "
        subject = "the features of each record have "
        unit = f" per unit of {self.metric.name} between latent codes: "
        if isinstance(self.per_unit, Indistinguishability):
            rate = f"{self.per_unit.epsilon:g}"
            promise = (
                f"metric privacy with epsilon {rate}{unit}replacing one record by another of the same label changes "
                f"the probability of any release by a factor of at most exp({rate} x their distance)."
            )
        else:
            rate = f"{self.per_unit.mu:g}"
            promise = (
                f"Gaussian metric privacy with mu {rate}{unit}telling which of two records of the same label was there "
                f"is at least as hard as telling one draw of N(0, 1) from one of N({rate} x their distance, 1)."
            )
        sentence = given + subject + promise
        return sentence[0].upper() + sentence[1:]

    def _ball(self) -> str:
        furthest = self.per_unit.times(2 * self.radius)
        worst = (
            f"the factor is at most exp({furthest.epsilon:g})"
            if isinstance(furthest, Indistinguishability)
            else f"mu is at most {furthest.mu:g}"
        )
        return (
            f"Codes lie in a ball of radius {self.radius:g}, so {worst} for any two records of the same label. The "
            "number of records is public."
        )

    def _repetition(self) -> str:
        if self.releases == 1:
            return ""
        total = self.any_two_records
        pure = isinstance(total, Indistinguishability)
        worst = f"factor of at most exp({total.epsilon:g})" if pure else f"mu of at most {total.mu:g}"
        return (
            f"That was one release; {self.releases} were made. All together, if of the same records and with the same "
            f"noise, give a {worst} for any two records of the same label."
        )

    def _labels(self) -> str:
        if self.labels is None:
            return "Not covered: the labels, which are released as they are."
        of_all = self.labels.repeated(self.releases).epsilon
        several = f", that of all {self.releases} together by at most exp({of_all:g})" if self.releases > 1 else ""
        return (
            "Labels went through randomised response: another label changes the probability of any released label by "
            f"a factor of at most exp({self.labels.epsilon:g}){several}."
        )

    def _model(self) -> str:
        if self.model.how == "disjoint records":
            return (
                "Encoder and decoder were trained on other records. They tell nothing about those of the release if no "
                "person is in both; nothing is promised to the records they were trained on."
            )
        if self.model.dp is None:
            return "Not covered: what encoder and decoder learned from the private records, on which they were trained."
        return (
            f"Encoder and decoder were trained on the private records with DP-SGD, ({self.model.dp.epsilon:.4g}, "
            f"{self.model.dp.delta:.3g})-differentially private for replacing one record, up to the last digits of its "
            "single-precision noise, which nobody has accounted for."
        )

    def _whole(self) -> str:
        if self.labels is None or not self.model.covered or not isinstance(self.per_unit, Indistinguishability):
            return ""
        total = self.whole_release()
        if total.delta >= 1:
            return "In all, nothing is promised for everything that is published: the delta reaches 1."
        return (
            "In all, label, encoder and decoder included, everything published is "
            f"({total.epsilon:g}, {total.delta:.3g})-differentially private for replacing one record of the release."
        )

    def _seed(self) -> str:
        if self.seeded or self.model.seeded:
            return (
                "For experiments only: a seeded generator was used, and whoever knows or guesses the seed can subtract "
                "the noise, so that nothing of this holds against them."
            )
        return "The noise came from the operating system's entropy, and no seed was kept."
