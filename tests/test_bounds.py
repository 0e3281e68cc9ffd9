"""The bounds on attacks: tables, other implementations, high precision, and what follows from the definitions."""

import math

import dp_accounting
import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vaeprivacy.bounds import GaussianIndistinguishability, Indistinguishability, Measure

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


# A known answer: the Gaussian measure

GAUSSIAN = [
    # epsilon, delta, sensitivity, sigma, mu, highest AUC, highest balanced accuracy
    (0.1, 1e-5, 1, 30.749566, 0.032521, 0.509173, 0.506487),
    (0.5, 1e-5, 1, 7.031827, 0.142211, 0.540049, 0.528343),
    (1, 1e-5, 1, 3.730632, 0.268051, 0.575165, 0.553309),
    (1, 1e-6, 1, 4.224679, 0.236704, 0.566463, 0.547106),
    (1, 1e-3, 1, 2.574657, 0.388401, 0.608204, 0.576991),
    (2, 1e-5, 1, 1.993812, 0.501552, 0.638574, 0.599006),
    (3, 1e-5, 1, 1.390593, 0.719117, 0.694446, 0.640411),
    (5, 1e-5, 1, 0.891868, 1.121242, 0.786064, 0.712472),
    (8, 1e-5, 1, 0.600229, 1.666031, 0.880614, 0.797582),
    (10, 1e-5, 1, 0.499889, 2.000446, 0.921397, 0.841399),
    (1, 1e-5, 6, 22.383790, 0.268051, 0.575165, 0.553309),
    (20, 1e-5, 6, 1.740249, 3.447783, 0.992615, 0.957636),
]


@pytest.mark.parametrize(("epsilon", "delta", "sensitivity", "sigma", "mu", "auc", "accuracy"), GAUSSIAN)
def test_the_analytic_calibration_and_its_bounds_are_known(
    epsilon: float, delta: float, sensitivity: float, sigma: float, mu: float, auc: float, accuracy: float
) -> None:
    measure = GaussianIndistinguishability.for_epsilon(epsilon, delta=delta)
    assert sensitivity / measure.mu == pytest.approx(sigma, abs=5.5e-7)
    assert measure.mu == pytest.approx(mu, abs=5.5e-7)
    assert measure.max_auc() == pytest.approx(auc, abs=5.5e-7)
    assert measure.max_balanced_accuracy() == pytest.approx(accuracy, abs=5.5e-7)


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1, 3, 10, 20])
@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-8])
def test_the_calibration_agrees_with_dp_accounting(epsilon: float, delta: float) -> None:
    measure = GaussianIndistinguishability.for_epsilon(epsilon, delta=delta)
    assert 1 / measure.mu == pytest.approx(dp_accounting.get_sigma_gaussian(epsilon, delta), rel=1e-8)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-8])
def test_the_epsilon_agrees_with_dp_accounting(sigma: float, delta: float) -> None:
    epsilon = GaussianIndistinguishability(1 / sigma).epsilon(delta)
    assert epsilon == pytest.approx(dp_accounting.get_epsilon_gaussian(sigma, delta), rel=1e-6, abs=1e-9)


def exact_delta(mu: float, epsilon: float) -> mpmath.mpf:
    """Return the delta of the Gaussian measure, computed with 60 digits."""
    with mpmath.workdps(60):
        a, b = mpmath.mpf(epsilon) / mpmath.mpf(mu), mpmath.mpf(mu) / 2
        return mpmath.ncdf(b - a) - mpmath.exp(mpmath.mpf(epsilon)) * mpmath.ncdf(-b - a)


@pytest.mark.parametrize("mu", [1e-3, 0.03, 0.5, 1.0, 2.0, 3.4, 6.0, 10.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.01, 0.5, 1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0])
def test_delta_is_right_to_nine_digits(mu: float, epsilon: float) -> None:
    # It is the difference of two numbers, nearly equal at a large epsilon: written as such, it would lose digits.
    exact = exact_delta(mu, epsilon)
    if exact < 1e-250:
        assert GaussianIndistinguishability(mu).delta(epsilon) < 1e-240
    else:
        assert GaussianIndistinguishability(mu).delta(epsilon) == pytest.approx(float(exact), rel=1e-9)


@pytest.mark.parametrize("epsilon", [0.01, 1, 5, 10, 15, 20, 25, 30, 100])
@pytest.mark.parametrize("delta", [1e-2, 1e-5, 1e-12])
def test_the_calibration_keeps_its_promise_in_exact_arithmetic(epsilon: float, delta: float) -> None:
    mu = GaussianIndistinguishability.for_epsilon(epsilon, delta=delta).mu
    assert float(exact_delta(mu, epsilon)) == pytest.approx(delta, rel=1e-9)


def test_the_classical_formula_promises_too_much_at_a_large_epsilon() -> None:
    # It was proved for epsilon below 1; beyond 8.4 its noise is too small.
    def classical_sigma(epsilon: float) -> float:
        return math.sqrt(2 * math.log(1.25 / 1e-5)) / epsilon

    assert classical_sigma(10) < 1 / GaussianIndistinguishability.for_epsilon(10, delta=1e-5).mu
    assert classical_sigma(8) > 1 / GaussianIndistinguishability.for_epsilon(8, delta=1e-5).mu
    true_delta = GaussianIndistinguishability(1 / classical_sigma(10)).delta(10)
    assert true_delta == pytest.approx(2.265e-5, abs=5e-9)
    assert true_delta == pytest.approx(float(exact_delta(1 / classical_sigma(10), 10)), rel=1e-9)


@pytest.mark.filterwarnings("error")
def test_extreme_budgets_have_an_answer() -> None:
    assert GaussianIndistinguishability.for_epsilon(1e-12, delta=1e-12).delta(1e-12) == pytest.approx(1e-12, rel=1e-6)
    assert GaussianIndistinguishability.for_epsilon(1e-3, delta=0.999).delta(1e-3) == pytest.approx(0.999)
    assert GaussianIndistinguishability.for_epsilon(1.0, delta=1e-200).delta(1.0) == pytest.approx(1e-200, rel=1e-6)
    # The privacy loss is about N(mu^2 / 2, mu^2), whose mean alone is then epsilon.
    assert GaussianIndistinguishability.for_epsilon(1e6, delta=0.5).mu == pytest.approx(math.sqrt(2e6), rel=1e-2)


def test_a_gaussian_that_is_no_further_apart_than_delta_needs_no_epsilon() -> None:
    assert GaussianIndistinguishability(1e-6).epsilon(1e-5) == 0
    assert GaussianIndistinguishability(0.0).epsilon(1e-5) == 0
    assert GaussianIndistinguishability(0.0).delta(0.0) == 0


@pytest.mark.parametrize("mu", [100.0, 1e4])
def test_gaussians_that_are_far_apart_do_not_overflow(mu: float) -> None:
    measure = GaussianIndistinguishability(mu)
    assert measure.delta(1.0) == measure.max_auc() == measure.max_advantage() == measure.max_tpr(0.001) == 1
    epsilon = measure.epsilon(1e-5)
    assert mu**2 / 2 < epsilon < mu**2 / 2 + 5 * mu


def test_the_curve_of_the_gaussian_is_known() -> None:
    # Phi(Phi^-1(0.1) + 1) = Phi(-0.2816).
    assert GaussianIndistinguishability(1.0).max_tpr(0.1) == pytest.approx(0.389145, abs=5e-6)
    assert GaussianIndistinguishability(1.0).max_tpr(0) == 0
    assert GaussianIndistinguishability(1.0).max_tpr(1) == 1


def test_the_gaussian_measure_is_linear_in_the_distance_and_grows_with_the_root_of_the_number_of_outputs() -> None:
    assert GaussianIndistinguishability(0.5).times(6) == GaussianIndistinguishability(3.0)
    assert GaussianIndistinguishability(0.5).repeated(4) == GaussianIndistinguishability(1.0)
    assert GaussianIndistinguishability(0.5).rho == 0.125


def test_the_gaussian_measure_becomes_an_approximate_one() -> None:
    approximate = GaussianIndistinguishability(0.268051).approximate(1e-5)
    assert (approximate.epsilon, approximate.delta) == (pytest.approx(1, abs=5e-6), 1e-5)


# Properties

epsilons = st.floats(0, 2000)
deltas = st.floats(0, 1)
rates = st.floats(0, 1)
inner_rates = st.floats(1e-6, 1 - 1e-6)
mus = st.floats(0, 20)
measures = st.builds(Indistinguishability, epsilons, st.just(0) | deltas) | st.builds(GaussianIndistinguishability, mus)


@given(fpr=rates, measure=measures)
def test_the_highest_tpr_lies_between_the_fpr_and_one(fpr: float, measure: Measure) -> None:
    # Up to rounding: 1 - (1 - FPR) may be a little less than FPR.
    assert fpr - 1e-14 <= measure.max_tpr(fpr) <= 1


@given(fpr=rates, epsilon=epsilons, more=st.floats(0, 10), delta=deltas, more_delta=deltas)
def test_the_bounds_grow_with_epsilon_and_delta(
    fpr: float, epsilon: float, more: float, delta: float, more_delta: float
) -> None:
    weak = Indistinguishability(epsilon + more, min(1.0, delta + more_delta))
    strong = Indistinguishability(epsilon, delta)
    assert strong.max_tpr(fpr) <= weak.max_tpr(fpr) + 1e-15
    assert strong.max_auc() <= weak.max_auc() + 1e-15
    assert strong.max_advantage() <= weak.max_advantage() + 1e-15


@given(fpr=rates, mu=mus, more=st.floats(0, 10))
def test_the_bounds_grow_with_mu(fpr: float, mu: float, more: float) -> None:
    strong, weak = GaussianIndistinguishability(mu), GaussianIndistinguishability(mu + more)
    assert strong.max_tpr(fpr) <= weak.max_tpr(fpr) + 1e-15
    assert strong.max_auc() <= weak.max_auc()
    assert strong.max_advantage() <= weak.max_advantage()


@given(fpr=rates, more=rates, measure=measures)
def test_the_highest_tpr_grows_with_the_fpr(fpr: float, more: float, measure: Measure) -> None:
    assert measure.max_tpr(fpr) <= measure.max_tpr(min(1.0, fpr + more)) + 1e-15


tame = st.builds(Indistinguishability, st.floats(0, 5), st.floats(0, 1)) | st.builds(
    GaussianIndistinguishability, st.floats(0, 3)
)


@given(fpr=st.floats(0.01, 0.99), measure=tame)
def test_the_bound_is_the_same_if_the_two_distributions_change_places(fpr: float, measure: Measure) -> None:
    # An attack with rates (FPR, TPR) becomes one with (1 - TPR, 1 - FPR), which the bound must not exclude.
    assert measure.max_tpr(1 - measure.max_tpr(fpr)) >= 1 - fpr - 1e-6


CURVES = [
    *(Indistinguishability(epsilon, delta) for epsilon in (0, 0.1, 0.5, 1, 2, 5) for delta in (0, 1e-3, 0.1, 0.6, 1)),
    *(GaussianIndistinguishability(mu) for mu in (0, 0.1, 0.5, 1, 2, 5)),
]


@pytest.mark.parametrize("measure", CURVES, ids=repr)
def test_area_and_advantage_are_those_of_the_curve(measure: Measure) -> None:
    n = 20_000
    fpr = np.linspace(0, 1, n + 1)
    tpr = np.array([measure.max_tpr(float(rate)) for rate in fpr])
    assert measure.max_auc() == pytest.approx(np.trapezoid(tpr, fpr), abs=5e-5)
    assert measure.max_advantage() == pytest.approx((tpr - fpr).max(), abs=1e-3)
    assert measure.max_advantage() >= (tpr - fpr).max() - 1e-12
    assert measure.max_balanced_accuracy() == pytest.approx(((1 + tpr - fpr) / 2).max(), abs=1e-3)


@given(tpr=inner_rates, fpr=inner_rates)
def test_the_epsilon_for_a_true_positive_rate_allows_just_that_rate(tpr: float, fpr: float) -> None:
    assume(fpr <= tpr)
    assert Indistinguishability.for_tpr(tpr, fpr=fpr).max_tpr(fpr) == pytest.approx(tpr, rel=1e-9)
    assert GaussianIndistinguishability.for_tpr(tpr, fpr=fpr).max_tpr(fpr) == pytest.approx(tpr, rel=1e-9)


@given(epsilon=st.floats(0, 8), fpr=st.floats(1e-3, 0.999))
def test_the_true_positive_rate_for_an_epsilon_gives_it_back(epsilon: float, fpr: float) -> None:
    tpr = Indistinguishability(epsilon).max_tpr(fpr)
    assume(fpr <= tpr)  # they may differ by a rounding error at epsilon 0
    assert Indistinguishability.for_tpr(tpr, fpr=fpr).epsilon == pytest.approx(epsilon, abs=1e-9)


@given(mu=st.floats(0.01, 15), delta=st.floats(1e-12, 0.5))
def test_the_epsilon_of_a_gaussian_has_the_delta_that_it_was_asked_for(mu: float, delta: float) -> None:
    measure = GaussianIndistinguishability(mu)
    epsilon = measure.epsilon(delta)
    assert measure.delta(epsilon) <= delta * (1 + 1e-6)
    if epsilon > 0:
        assert measure.delta(epsilon) == pytest.approx(delta, rel=1e-6)


@given(epsilon=st.floats(1e-3, 100), delta=st.floats(1e-12, 0.5))
def test_the_calibrated_gaussian_has_the_epsilon_that_it_was_calibrated_to(epsilon: float, delta: float) -> None:
    measure = GaussianIndistinguishability.for_epsilon(epsilon, delta=delta)
    assert measure.epsilon(delta) == pytest.approx(epsilon, rel=1e-6)


@given(mu=st.floats(0.01, 10), delta=st.floats(1e-9, 0.5), fpr=rates)
def test_no_approximation_of_a_gaussian_excludes_what_the_gaussian_allows(mu: float, delta: float, fpr: float) -> None:
    exact = GaussianIndistinguishability(mu)
    assert exact.max_tpr(fpr) <= exact.approximate(delta).max_tpr(fpr) + 1e-9


@given(mu=st.floats(0, 10), epsilon=st.floats(0, 30), more=st.floats(0, 5))
def test_delta_falls_with_epsilon_and_grows_with_mu(mu: float, epsilon: float, more: float) -> None:
    measure = GaussianIndistinguishability(mu)
    assert 0 <= measure.delta(epsilon + more) <= measure.delta(epsilon) * (1 + 1e-9) <= 1 + 1e-9
    assert measure.delta(epsilon) <= GaussianIndistinguishability(mu + more).delta(epsilon) * (1 + 1e-9)


@given(epsilon=st.floats(0, 5), delta=st.floats(0, 1e-3), n=st.integers(1, 6))
def test_a_group_is_one_step_after_the_other(epsilon: float, delta: float, n: int) -> None:
    # From the definition: P(S) <= e^eps P'(S) + delta, n times in a row.
    factor, exempt = 1.0, 0.0
    for _ in range(n):
        factor, exempt = factor * math.exp(epsilon), exempt * math.exp(epsilon) + delta
    group = Indistinguishability(epsilon, delta).group(n)
    assert math.exp(group.epsilon) == pytest.approx(factor)
    assert group.delta == pytest.approx(min(1.0, exempt))


@given(epsilon=st.floats(0, 100), delta=st.floats(0, 0.1), n=st.integers(1, 10))
def test_repeating_is_being_together_with_itself(epsilon: float, delta: float, n: int) -> None:
    one = Indistinguishability(epsilon, delta)
    together = Indistinguishability(0.0)
    for _ in range(n):
        together = together.together_with(one)
    assert one.repeated(n).epsilon == pytest.approx(together.epsilon)
    assert one.repeated(n).delta == pytest.approx(together.delta)
