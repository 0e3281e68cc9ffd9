"""The bounds on attacks: tables, other implementations, high precision, and what follows from the definitions."""

import math

import pytest

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability, Measure

# Impossible input

BAD_NUMBERS = [(-1.0, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError), (True, TypeError)]


@pytest.mark.parametrize(("value", "error"), BAD_NUMBERS)
def test_an_epsilon_that_is_negative_or_no_number_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^epsilon must be"):
        Indistinguishability(value)


@pytest.mark.parametrize(("value", "error"), [*BAD_NUMBERS, (1.1, ValueError)])
def test_a_delta_that_is_no_probability_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^delta must be"):
        Indistinguishability(1.0, value)


@pytest.mark.parametrize(("value", "error"), BAD_NUMBERS)
def test_a_mu_that_is_negative_or_no_number_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^mu must be"):
        GaussianIndistinguishability(value)


@pytest.mark.parametrize("measure", [Indistinguishability(1.0), GaussianIndistinguishability(1.0)], ids=repr)
@pytest.mark.parametrize(("value", "error"), [*BAD_NUMBERS, (1.1, ValueError)])
def test_a_false_positive_rate_that_is_no_probability_is_refused(
    value: object, error: type[Exception], measure: Measure
) -> None:
    with pytest.raises(error, match=r"^fpr must be"):
        measure.max_tpr(value)


@pytest.mark.parametrize("kind", [Indistinguishability, GaussianIndistinguishability])
@pytest.mark.parametrize(("tpr", "fpr"), [(0.1, 0.2), (0.5, 0), (1, 0.5), (0, 0), (1, 1)])
def test_rates_that_no_bound_can_be_asked_for_are_refused(tpr: float, fpr: float, kind: type[Measure]) -> None:
    with pytest.raises(ValueError, match=rf"0 < fpr <= tpr < 1, not fpr {fpr:g} and tpr {tpr:g}"):
        kind.for_tpr(tpr, fpr=fpr)


@pytest.mark.parametrize("kind", [Indistinguishability, GaussianIndistinguishability])
@pytest.mark.parametrize("name", ["tpr", "fpr"])
@pytest.mark.parametrize(("value", "error"), [*BAD_NUMBERS, (1.1, ValueError)])
def test_rates_that_are_no_probabilities_are_refused(
    value: object, error: type[Exception], name: str, kind: type[Measure]
) -> None:
    with pytest.raises(error, match=rf"^{name} must be"):
        kind.for_tpr(**{"tpr": 0.5, "fpr": 0.1, name: value})


@pytest.mark.parametrize(("epsilon", "error"), [(0, ValueError), *BAD_NUMBERS])
def test_gaussian_noise_is_calibrated_to_no_impossible_epsilon(epsilon: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^epsilon must be"):
        GaussianIndistinguishability.for_epsilon(epsilon, delta=1e-5)


@pytest.mark.parametrize(("delta", "error"), [(0, ValueError), (1, ValueError), (1.1, ValueError), *BAD_NUMBERS])
def test_gaussian_noise_has_no_guarantee_at_an_impossible_delta(delta: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^delta must be"):
        GaussianIndistinguishability.for_epsilon(1.0, delta=delta)
    with pytest.raises(error, match=r"^delta must be"):
        GaussianIndistinguishability(1.0).epsilon(delta)
    with pytest.raises(error, match=r"^delta must be"):
        GaussianIndistinguishability(1.0).approximate(delta)


def test_that_gaussian_noise_has_no_pure_guarantee_is_said() -> None:
    with pytest.raises(ValueError, match=r"not 0: Gaussian noise has no pure guarantee"):
        GaussianIndistinguishability(1.0).epsilon(0)


@pytest.mark.parametrize(("epsilon", "error"), BAD_NUMBERS)
def test_there_is_no_delta_for_an_impossible_epsilon(epsilon: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^epsilon must be"):
        GaussianIndistinguishability(1.0).delta(epsilon)


def test_a_measure_with_a_delta_does_not_grow_with_a_distance() -> None:
    with pytest.raises(ValueError, match=r"Only a measure with delta 0 grows in proportion .* not delta 1e-05"):
        Indistinguishability(1.0, 1e-5).times(2)


@pytest.mark.parametrize("measure", [Indistinguishability(1.0), GaussianIndistinguishability(1.0)], ids=repr)
def test_no_distance_is_negative(measure: Measure) -> None:
    with pytest.raises(ValueError, match="must be non-negative"):
        measure.times(-1)


# A known answer: the pure measure

PURE = [
    # epsilon, highest AUC and balanced accuracy, highest TPR at FPR 0.1% and 1%
    (0.1, 0.524979, 0.001105, 0.011052),
    (0.5, 0.622459, 0.001649, 0.016487),
    (1, 0.731059, 0.002718, 0.027183),
    (2, 0.880797, 0.007389, 0.073891),
    (3, 0.952574, 0.020086, 0.200855),
    (5, 0.993307, 0.148413, 0.993329),
    (8, 0.999665, 0.999665, 0.999668),
]


@pytest.mark.parametrize(("epsilon", "auc", "at_a_thousandth", "at_a_hundredth"), PURE)
def test_the_bounds_of_the_pure_measure_are_known(
    epsilon: float, auc: float, at_a_thousandth: float, at_a_hundredth: float
) -> None:
    measure = Indistinguishability(epsilon)
    assert measure.max_auc() == pytest.approx(auc, abs=5e-7)
    assert measure.max_balanced_accuracy() == pytest.approx(auc, abs=5e-7)
    assert measure.max_advantage() == pytest.approx(math.tanh(epsilon / 2))
    assert measure.max_tpr(0.001) == pytest.approx(at_a_thousandth, abs=5e-7)
    assert measure.max_tpr(0.01) == pytest.approx(at_a_hundredth, abs=5e-7)


def test_at_high_false_positive_rates_the_other_side_of_the_bound_holds() -> None:
    # Those who are called non-members: 1 - TPR is at least e^-1 (1 - FPR).
    assert Indistinguishability(1.0).max_tpr(0.9) == pytest.approx(1 - 0.1 / math.e)
    assert Indistinguishability(1.0, 0.05).max_tpr(0.9) == pytest.approx(1 - 0.05 / math.e)


def test_a_delta_is_true_positives_without_false_ones() -> None:
    assert Indistinguishability(1.0, 0.05).max_tpr(0) == 0.05
    assert Indistinguishability(0.0, 0.3).max_advantage() == pytest.approx(0.3)
    # The curve is FPR + 0.3, up to 1.
    assert Indistinguishability(0.0, 0.3).max_auc() == pytest.approx(1 - 0.7**2 / 2)


def test_with_a_delta_of_one_nothing_is_excluded() -> None:
    measure = Indistinguishability(0.0, 1.0)
    assert [measure.max_tpr(fpr) for fpr in (0, 0.5, 1)] == [1, 1, 1]
    assert measure.max_auc() == measure.max_advantage() == measure.max_balanced_accuracy() == 1


@pytest.mark.parametrize("measure", [Indistinguishability(0.0), GaussianIndistinguishability(0.0)], ids=repr)
def test_without_any_leak_attacks_can_only_guess(measure: Measure) -> None:
    assert measure.max_auc() == measure.max_balanced_accuracy() == 0.5
    assert measure.max_advantage() == 0
    assert [measure.max_tpr(fpr) for fpr in (0, 0.25, 1)] == pytest.approx([0, 0.25, 1])


@pytest.mark.parametrize("epsilon", [50, 700, 701, 1e6, 1e300])
def test_huge_parameters_exclude_nothing(epsilon: float) -> None:
    for measure in (Indistinguishability(epsilon), Indistinguishability(epsilon, 0.5)):
        assert measure.max_auc() == measure.max_advantage() == measure.max_balanced_accuracy() == 1
        assert measure.max_tpr(0.001) == 1


@pytest.mark.parametrize("epsilon", [0.1, 10, 100, 700, 701, 1e6])
def test_an_attack_without_false_positives_has_no_true_ones(epsilon: float) -> None:
    # What has probability zero for a non-member has probability zero for a member, whatever the factor.
    assert Indistinguishability(epsilon).max_tpr(0) == 0


def test_replacing_a_record_is_two_steps() -> None:
    two = Indistinguishability(0.7, 1e-5).group(2)
    assert two.epsilon == pytest.approx(1.4)
    assert two.delta == pytest.approx((1 + math.exp(0.7)) * 1e-5)


def test_a_group_of_one_is_the_record_itself() -> None:
    assert Indistinguishability(0.7, 1e-5).group(1) == Indistinguishability(0.7, 1e-5)


def test_a_group_has_a_delta_of_at_most_one() -> None:
    assert Indistinguishability(20.0, 1e-6).group(2) == Indistinguishability(40.0, 1.0)
    assert Indistinguishability(1e6, 1e-6).group(3) == Indistinguishability(3e6, 1.0)
    assert Indistinguishability(1e6).group(3) == Indistinguishability(3e6, 0.0)


def test_repeated_outputs_add_up() -> None:
    assert Indistinguishability(0.5, 0.125).repeated(3) == Indistinguishability(1.5, 0.375)
    assert Indistinguishability(0.5, 0.4).repeated(3) == Indistinguishability(1.5, 1.0)
    assert Indistinguishability(0.5, 0.4).repeated(1) == Indistinguishability(0.5, 0.4)


def test_outputs_of_two_kinds_add_up() -> None:
    assert Indistinguishability(0.5, 0.25).together_with(Indistinguishability(1.0, 0.5)) == Indistinguishability(
        1.5, 0.75
    )
    assert Indistinguishability(0.5, 0.7).together_with(Indistinguishability(1.0, 0.7)) == Indistinguishability(1.5, 1)


def test_a_pure_measure_is_linear_in_the_distance() -> None:
    assert Indistinguishability(0.5).times(6) == Indistinguishability(3.0)
    assert Indistinguishability(0.5).times(0) == Indistinguishability(0.0)


def test_a_pure_measure_needs_no_delta() -> None:
    assert Indistinguishability(0.5).approximate(1e-5) == Indistinguishability(0.5)


@pytest.mark.parametrize(("tpr", "fpr", "epsilon"), [(0.01, 0.001, math.log(10)), (0.99, 0.9, math.log(10))])
def test_the_epsilon_for_a_true_positive_rate_is_known(tpr: float, fpr: float, epsilon: float) -> None:
    # One part of the bound at each.
    measure = Indistinguishability.for_tpr(tpr, fpr=fpr)
    assert (measure.epsilon, measure.delta) == (pytest.approx(epsilon), 0)
