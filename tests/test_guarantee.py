"""What a release promises, and the bounds on attacks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaeprivacy.guarantee import Guarantee, local_epsilon, max_auc, max_tpr

# Impossible input


@pytest.mark.parametrize("name", ["epsilon", "radius"])
@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (-1.0, ValueError), (math.nan, ValueError), ("1", TypeError)]
)
def test_a_guarantee_without_positive_numbers_is_refused(name: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{name} must be"):
        Guarantee(**{"epsilon": 1.0, "radius": 1.0, name: value})


# A known answer


@pytest.mark.parametrize(("epsilon", "auc"), [(0.1, 0.524979), (0.5, 0.622459), (1, 0.731059), (2, 0.880797)])
def test_the_highest_auc_is_known(epsilon: float, auc: float) -> None:
    assert max_auc(epsilon) == pytest.approx(auc, abs=5e-7)


@pytest.mark.parametrize(
    ("epsilon", "at_a_thousandth", "at_a_hundredth"),
    [(0.1, 0.001105, 0.011052), (0.5, 0.001649, 0.016487), (1, 0.002718, 0.027183), (2, 0.007389, 0.073891)],
)
def test_the_highest_tpr_is_known(epsilon: float, at_a_thousandth: float, at_a_hundredth: float) -> None:
    assert max_tpr(0.001, epsilon) == pytest.approx(at_a_thousandth, abs=5e-7)
    assert max_tpr(0.01, epsilon) == pytest.approx(at_a_hundredth, abs=5e-7)


def test_at_high_false_positive_rates_the_other_side_of_the_bound_holds() -> None:
    # Those who are called non-members: 1 - TPR is at least e^-1 (1 - FPR).
    assert max_tpr(0.9, 1) == pytest.approx(1 - 0.1 / math.e)


def test_the_local_parameter_is_epsilon_times_the_diameter() -> None:
    assert local_epsilon(1, 3) == 6
    assert Guarantee(epsilon=0.5, radius=3).local_epsilon == 3


def test_without_any_leak_attacks_can_only_guess() -> None:
    assert max_auc(0) == 0.5
    assert [max_tpr(fpr, 0) for fpr in (0, 0.25, 1)] == [0, 0.25, 1]


@pytest.mark.parametrize("epsilon", [50, 701, 1e6, 1e300])
def test_huge_parameters_exclude_nothing(epsilon: float) -> None:
    assert max_auc(epsilon) == 1
    assert max_tpr(0.001, epsilon) == 1


@pytest.mark.parametrize("epsilon", [0.1, 10, 100, 700, 701, 1e6])
def test_an_attack_without_false_positives_has_no_true_ones(epsilon: float) -> None:
    # What has probability zero for a non-member has probability zero for a member, whatever the factor.
    assert max_tpr(0, epsilon) == 0


def test_the_guarantee_says_what_it_covers_and_what_not() -> None:
    text = str(Guarantee(epsilon=0.5, radius=3))
    assert "metric privacy with epsilon 0.5 per unit" in text
    assert "exp(0.5 x their distance)" in text
    assert "ball of radius 3" in text
    assert "at most exp(3) for any two records" in text
    covered, not_covered = text.split("Not covered: ")
    assert "features" in covered
    assert "the labels" in not_covered
    assert "encoder and decoder" in not_covered
    assert "seed" in not_covered


# Properties

epsilons = st.floats(0, 2000)
rates = st.floats(0, 1)


@given(epsilon=st.floats(1e-3, 1e3), radius=st.floats(1e-3, 1e3))
def test_a_guarantee_never_claims_differential_privacy(epsilon: float, radius: float) -> None:
    text = str(Guarantee(epsilon=epsilon, radius=radius)).lower()
    assert "metric privacy" in text
    assert "differential" not in text


@given(fpr=rates, epsilon=epsilons)
def test_the_highest_tpr_lies_between_the_fpr_and_one(fpr: float, epsilon: float) -> None:
    # Up to rounding: 1 - (1 - FPR) may be a little less than FPR.
    assert fpr - 1e-15 <= max_tpr(fpr, epsilon) <= 1


@given(fpr=rates, epsilon=epsilons, more=st.floats(0, 10))
def test_the_bounds_grow_with_epsilon(fpr: float, epsilon: float, more: float) -> None:
    assert max_tpr(fpr, epsilon) <= max_tpr(fpr, epsilon + more) + 1e-15
    assert max_auc(epsilon) <= max_auc(epsilon + more)


@given(fpr=rates, more=rates, epsilon=st.floats(0, 600))
def test_the_highest_tpr_grows_with_the_fpr(fpr: float, more: float, epsilon: float) -> None:
    assert max_tpr(fpr, epsilon) <= max_tpr(min(1.0, fpr + more), epsilon) + 1e-15


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1, 2, 5])
def test_the_highest_auc_is_the_area_under_the_highest_tpr(epsilon: float) -> None:
    n = 100_000
    area = sum(max_tpr((i + 0.5) / n, epsilon) for i in range(n)) / n
    assert max_auc(epsilon) == pytest.approx(area, abs=1e-6)
