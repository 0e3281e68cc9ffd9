"""The bounds on attacks: what follows from the definitions."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability, Measure

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
