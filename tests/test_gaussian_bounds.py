"""The Gaussian measure: tables, other implementations, high precision."""

import math

import dp_accounting
import mpmath
import pytest

from vaeprivacy.gaussian_bounds import GaussianIndistinguishability

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
