"""What a release promises: the numbers, and the sentences that state them."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.distances import EUCLIDEAN, MANHATTAN
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability, Measure
from vaeprivacy.guarantee import NOT_COVERED, Guarantee, ModelCoverage

LAPLACE = Indistinguishability(0.5)
GAUSSIAN = GaussianIndistinguishability(0.25)
LABELS = Indistinguishability(2.0)
DISJOINT = ModelCoverage("disjoint records")
DP_SGD = ModelCoverage("DP-SGD", Indistinguishability(1.5, 1e-8))

# Impossible input


@pytest.mark.parametrize(
    ("radius", "error"),
    [(0, ValueError), (-1.0, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError)],
)
def test_a_guarantee_without_a_positive_radius_is_refused(radius: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^radius must be"):
        Guarantee(LAPLACE, radius)


@pytest.mark.parametrize("per_unit", [0.5, "0.5", None])
def test_a_guarantee_without_a_measure_is_refused(per_unit: object) -> None:
    with pytest.raises(TypeError, match=r"^per_unit must be a measure, such as Indistinguishability\(1.0\)"):
        Guarantee(per_unit, 3.0)


def test_metric_privacy_with_a_delta_is_refused() -> None:
    with pytest.raises(ValueError, match="delta 0 grows in proportion to a distance"):
        Guarantee(Indistinguishability(0.5, 1e-5), 3.0)


@pytest.mark.parametrize("releases", [0, -1, 1.0, True, "1", None])
def test_a_number_of_releases_that_cannot_be_is_refused(releases: object) -> None:
    with pytest.raises(ValueError, match=f"^releases must be a whole number of at least 1, not {releases!r}"):
        Guarantee(LAPLACE, 3.0, releases=releases)


@pytest.mark.parametrize(
    ("distance", "error"),
    [(-1.0, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError)],
)
def test_an_impossible_distance_is_refused(distance: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^distance must be"):
        Guarantee(LAPLACE, 3.0).at_distance(distance)


@pytest.mark.parametrize("how", ["disjoint", "private", "dp-sgd", "", None])
def test_a_coverage_of_an_unknown_kind_is_refused(how: object) -> None:
    # Or a misspelt one would count as covered.
    with pytest.raises(ValueError, match=r"^how must be one of 'private records', 'disjoint records', 'DP-SGD', not"):
        ModelCoverage(how)


def test_dp_sgd_without_its_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dp states what DP-SGD gave, .* not 'DP-SGD'"):
        ModelCoverage("DP-SGD")


@pytest.mark.parametrize("how", ["private records", "disjoint records"])
def test_numbers_of_dp_sgd_without_it_are_refused(how: str) -> None:
    with pytest.raises(ValueError, match=f"goes with DP-SGD and only with it, not '{how}'"):
        ModelCoverage(how, Indistinguishability(1.0, 1e-8))


def test_no_number_holds_for_a_model_that_is_not_covered() -> None:
    with pytest.raises(ValueError, match="trained on the private records without protection: no number holds"):
        NOT_COVERED.replace_one  # noqa: B018


def test_nothing_is_promised_for_the_whole_if_labels_are_kept() -> None:
    with pytest.raises(ValueError, match="labels are released as they are: there is no promise for the whole"):
        Guarantee(LAPLACE, 3.0, model=DISJOINT).whole_release()


def test_nothing_is_promised_for_the_whole_if_the_model_is_not_covered() -> None:
    with pytest.raises(ValueError, match="trained on the private records without protection: no number holds"):
        Guarantee(LAPLACE, 3.0, labels=LABELS).whole_release()


@pytest.mark.parametrize("delta", [0, 1, -0.5, math.nan])
def test_gaussian_noise_promises_nothing_for_the_whole_at_an_impossible_delta(delta: float) -> None:
    guarantee = Guarantee(GAUSSIAN, 3.0, labels=LABELS, model=DISJOINT)
    with pytest.raises(ValueError, match=r"^delta must be"):
        guarantee.whole_release(delta=delta)


# A known answer: numbers


def test_by_default_nothing_but_the_features_is_covered() -> None:
    guarantee = Guarantee(LAPLACE, 3.0)
    assert guarantee.metric is EUCLIDEAN
    assert (guarantee.labels, guarantee.model, guarantee.releases) == (None, NOT_COVERED, 1)
    assert not guarantee.seeded
    assert not NOT_COVERED.covered


def test_epsilon_is_multiplied_by_the_distance_up_to_the_diameter() -> None:
    guarantee = Guarantee(LAPLACE, 3.0)
    values = [guarantee.at_distance(distance).epsilon for distance in (0, 1, 4, 6, 6.1, 1e9)]
    assert values == [0, 0.5, 2, 3, 3, 3]
    assert guarantee.any_two_records == Indistinguishability(3.0)


def test_mu_is_multiplied_by_the_distance_up_to_the_diameter() -> None:
    guarantee = Guarantee(GAUSSIAN, 3.0)
    assert [guarantee.at_distance(distance).mu for distance in (0, 2, 6, 7)] == [0, 0.5, 1.5, 1.5]
    assert guarantee.any_two_records == GaussianIndistinguishability(1.5)


def test_pure_epsilon_grows_with_the_number_of_releases_and_mu_with_its_root() -> None:
    assert Guarantee(LAPLACE, 3.0, releases=4).any_two_records == Indistinguishability(12.0)
    assert Guarantee(LAPLACE, 3.0, releases=4).at_distance(1) == Indistinguishability(2.0)
    assert Guarantee(GAUSSIAN, 3.0, releases=4).any_two_records == GaussianIndistinguishability(3.0)
    assert Guarantee(GAUSSIAN, 3.0, releases=4).at_distance(2) == GaussianIndistinguishability(1.0)


def test_a_model_of_other_records_adds_nothing() -> None:
    assert DISJOINT.covered
    assert DISJOINT.replace_one == Indistinguishability(0.0)


def test_what_dp_sgd_promises_is_for_replacing_a_record() -> None:
    assert DP_SGD.covered
    assert DP_SGD.replace_one == DP_SGD.dp == Indistinguishability(1.5, 1e-8)


def test_the_whole_release_adds_labels_to_features() -> None:
    assert Guarantee(LAPLACE, 3.0, labels=LABELS, model=DISJOINT).whole_release() == Indistinguishability(5.0)


def test_the_whole_release_adds_encoder_and_decoder_once() -> None:
    total = Guarantee(LAPLACE, 3.0, labels=LABELS, model=DP_SGD).whole_release()
    assert total == Indistinguishability(3 + 2 + 1.5, 1e-8)
    twice = Guarantee(LAPLACE, 3.0, labels=LABELS, model=DP_SGD, releases=2).whole_release()
    assert twice == Indistinguishability(2 * (3 + 2) + 1.5, 1e-8)
    assert twice.delta == total.delta


def test_the_whole_release_spends_the_delta_on_gaussian_noise_only() -> None:
    total = Guarantee(GAUSSIAN, 3.0, labels=LABELS, model=DP_SGD).whole_release(delta=1e-5)
    assert total.epsilon == pytest.approx(GaussianIndistinguishability(1.5).epsilon(1e-5) + 2 + 1.5)
    assert total.delta == pytest.approx(1e-5 + 1e-8)
    pure = Guarantee(LAPLACE, 3.0, labels=LABELS, model=DISJOINT).whole_release(delta=1e-5)
    assert pure == Indistinguishability(5.0)


# A known answer: sentences


def test_the_least_that_a_guarantee_says() -> None:
    assert str(Guarantee(LAPLACE, 3.0)) == (
        "Given the encoder and decoder, the features of each record have metric privacy with epsilon 0.5 per unit of "
        "Euclidean distance between latent codes: replacing one record by another of the same label changes the "
        "probability of any release by a factor of at most exp(0.5 x their distance). Codes lie in a ball of radius 3, "
        "so the factor is at most exp(3) for any two records of the same label. The number of records is public. Not "
        "covered: the labels, which are released as they are. Not covered: what encoder and decoder learned from the "
        "private records, on which they were trained. The noise came from the operating system's entropy, and no seed "
        "was kept."
    )


def test_the_most_that_a_guarantee_says() -> None:
    assert str(Guarantee(LAPLACE, 3.0, MANHATTAN, LABELS, DP_SGD, releases=2, seeded=True)) == (
        "Given the encoder and decoder, the features of each record have metric privacy with epsilon 0.5 per unit of "
        "Manhattan distance between latent codes: replacing one record by another of the same label changes the "
        "probability of any release by a factor of at most exp(0.5 x their distance). Codes lie in a ball of radius 3, "
        "so the factor is at most exp(3) for any two records of the same label. The number of records is public. That "
        "was one release; 2 were made. All together, if of the same records and with the same noise, give a factor of "
        "at most exp(6) for any two records of the same label. Labels went through randomised response: another label "
        "changes the probability of any released label by a factor of at most exp(2), that of all 2 together by at "
        "most exp(4). "
        "Encoder and decoder were trained on the private records with DP-SGD, (1.5, 1e-08)-differentially private for "
        "replacing one record, up to the last digits of its single-precision noise, which nobody has accounted for. In "
        "all, label, encoder and decoder included, everything published is (11.5, 1e-08)-differentially private for "
        "replacing one record of the release. "
        "For experiments only: a seeded generator was used, and whoever knows or guesses the seed can "
        "subtract the noise, so that nothing of this holds against them."
    )


def test_gaussian_noise_is_told_by_its_mu() -> None:
    text = str(Guarantee(GAUSSIAN, 3.0, releases=4))
    assert "Gaussian metric privacy with mu 0.25 per unit of Euclidean distance between latent codes" in text
    assert "as telling one draw of N(0, 1) from one of N(0.25 x their distance, 1)" in text
    assert "so mu is at most 1.5 for any two records of the same label" in text
    assert "4 were made. All together, if of the same records and with the same noise, give a mu of at most 3" in text
    assert "epsilon" not in text


def test_a_model_of_other_records_is_not_a_condition() -> None:
    text = str(Guarantee(LAPLACE, 3.0, model=DISJOINT))
    assert text.startswith("The features of each record have metric privacy")
    assert "trained on other records. They tell nothing about those of the release if no person is in both" in text
    assert "nothing is promised to the records they were trained on" in text


def test_a_delta_of_one_is_called_no_promise() -> None:
    model = ModelCoverage("DP-SGD", Indistinguishability(20.0, 1.0))
    text = str(Guarantee(LAPLACE, 3.0, labels=LABELS, model=model))
    assert "In all, nothing is promised for everything that is published: the delta reaches 1." in text


# Properties

positive = st.floats(1e-3, 1e3)
per_units = st.builds(Indistinguishability, positive) | st.builds(GaussianIndistinguishability, positive)
models = st.builds(ModelCoverage, st.sampled_from(["private records", "disjoint records"])) | st.builds(
    lambda epsilon, seeded: ModelCoverage("DP-SGD", Indistinguishability(epsilon, 1e-9), seeded),
    st.floats(0.1, 5),
    st.booleans(),
)
guarantees = st.builds(
    Guarantee,
    per_unit=per_units,
    radius=positive,
    metric=st.sampled_from([EUCLIDEAN, MANHATTAN]),
    labels=st.none() | st.builds(Indistinguishability, st.floats(0.1, 10)),
    model=models,
    releases=st.integers(1, 5),
    seeded=st.booleans(),
)


def size(measure: Measure) -> float:
    """Return epsilon or mu."""
    return measure.epsilon if isinstance(measure, Indistinguishability) else measure.mu


@given(guarantee=guarantees)
def test_the_metric_and_the_parameter_are_always_named(guarantee: Guarantee) -> None:
    text = str(guarantee)
    assert "metric privacy" in text
    assert f"per unit of {guarantee.metric.name} between latent codes" in text
    name = "epsilon" if isinstance(guarantee.per_unit, Indistinguishability) else "mu"
    assert f"with {name} {size(guarantee.per_unit):g} per unit" in text
    assert f"ball of radius {guarantee.radius:g}" in text
    assert "another of the same label" in text or "two records of the same label" in text
    assert "number of records is public" in text


@given(guarantee=guarantees)
def test_differential_privacy_is_only_claimed_of_what_has_it(guarantee: Guarantee) -> None:
    text = str(guarantee).lower()
    everything = guarantee.labels is not None and guarantee.model.covered
    pure = isinstance(guarantee.per_unit, Indistinguishability)
    of_everything = "everything published is" in text and "differentially private" in text
    assert of_everything == (everything and pure)
    # DP-SGD's own statement is of encoder and decoder, and says so.
    assert text.count("differential") == of_everything + (guarantee.model.how == "DP-SGD")
    assert ("with dp-sgd, (" in text) == (guarantee.model.how == "DP-SGD")


@given(guarantee=guarantees)
def test_what_is_not_covered_is_always_said(guarantee: Guarantee) -> None:
    text = str(guarantee)
    assert ("Not covered: the labels" in text) == (guarantee.labels is None)
    assert ("Labels went through randomised response" in text) == (guarantee.labels is not None)
    assert ("Not covered: what encoder and decoder learned" in text) == (not guarantee.model.covered)
    assert text.startswith("Given the encoder and decoder, ") == (guarantee.model.how != "disjoint records")
    assert ("nothing is promised to the records they were trained on" in text) == (
        guarantee.model.how == "disjoint records"
    )


@given(guarantee=guarantees)
def test_a_seed_is_always_said_to_undo_the_promise(guarantee: Guarantee) -> None:
    text = str(guarantee)
    seeded = guarantee.seeded or guarantee.model.seeded
    assert ("whoever knows or guesses the seed can subtract the noise" in text) == seeded
    assert ("operating system's entropy, and no seed was kept" in text) == (not seeded)


@given(guarantee=guarantees)
def test_several_releases_are_always_counted(guarantee: Guarantee) -> None:
    text = str(guarantee)
    several = guarantee.releases > 1
    assert (f"{guarantee.releases} were made" in text) == several
    worst = f"{size(guarantee.any_two_records):g}"
    stated = [f"at most exp({worst})", f"a mu of at most {worst} ", f"mu is at most {worst} "]
    assert any(statement in text for statement in stated)
    if guarantee.labels is not None:
        of_all = f"{guarantee.releases * guarantee.labels.epsilon:g}"
        assert (f"that of all {guarantee.releases} together by at most exp({of_all})" in text) == several


@given(guarantee=guarantees)
def test_the_text_is_made_of_whole_sentences(guarantee: Guarantee) -> None:
    text = str(guarantee)
    assert text == " ".join(text.split())
    assert text[0].isupper()
    assert text[-1] == "."
    assert not re.search(r"\.\.|None|nan|inf\b|\{|Indistinguishability", text)
    assert all(sentence[0].isupper() for sentence in re.split(r"\. (?=[^\d])", text))


@given(guarantee=guarantees, first=st.floats(0, 3e3), more=st.floats(0, 3e3))
def test_the_promise_weakens_with_the_distance_and_is_weakest_for_any_two_records(
    guarantee: Guarantee, first: float, more: float
) -> None:
    near, far, worst = guarantee.at_distance(first), guarantee.at_distance(first + more), guarantee.any_two_records
    assert size(near) <= size(far) <= size(worst)
    assert near.max_auc() <= far.max_auc() <= worst.max_auc()


@given(guarantee=guarantees)
def test_the_whole_release_promises_no_more_than_each_of_its_parts(guarantee: Guarantee) -> None:
    if guarantee.labels is None or not guarantee.model.covered:
        with pytest.raises(ValueError):
            guarantee.whole_release(delta=1e-5)
        return
    total = guarantee.whole_release(delta=1e-5)
    features = guarantee.any_two_records.approximate(1e-5)
    parts = [features.epsilon, guarantee.releases * guarantee.labels.epsilon, guarantee.model.replace_one.epsilon]
    assert total.epsilon == pytest.approx(sum(parts))
    assert total.delta == pytest.approx(min(1.0, features.delta + guarantee.model.replace_one.delta))
