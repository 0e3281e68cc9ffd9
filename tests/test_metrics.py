"""What an attack's scores amount to."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from vaeprivacy.metrics import Estimate, attack_accuracy, auc, evaluate, mean_interval, roc, tpr_at_fpr

MEASURES = [
    roc,
    auc,
    lambda scores, is_member: tpr_at_fpr(scores, is_member, fpr=0.01),
    lambda scores, is_member: attack_accuracy(scores, is_member, threshold=0.5),
    lambda scores, is_member: evaluate(scores, is_member, threshold=0.5),
]

# Impossible input


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("scores", "is_member", "naming"),
    [
        ([0.1, math.nan, math.nan], [True, False, True], "2 of 3 scores are NaN"),
        ([0.1, 0.2], [True, True], "must include members and non-members"),
        ([0.1, 0.2], [False, False], "must include members and non-members"),
        ([], [], "must include members and non-members"),
        ([0.1, 0.2, 0.3], [True, False], r"not \(3,\) and \(2,\)"),
        ([[0.1, 0.2]], [[True, False]], r"not \(1, 2\) and \(1, 2\)"),
    ],
)
def test_scores_that_measure_nothing_are_refused(measure: Callable, scores: list, is_member: list, naming: str) -> None:
    with pytest.raises(ValueError, match=naming):
        measure(scores, is_member)


def test_the_mean_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([])


# A known answer

# Ten candidates: of the 25 pairs, the members win 19 and tie in 1.
SCORES = [9, 8, 6, 5, 3, 7, 4, 3, 2, 1]
IS_MEMBER = [True] * 5 + [False] * 5


def test_an_estimate_is_written_with_its_interval() -> None:
    assert str(Estimate(0.5, 0.39961, 0.6)) == "0.500 (0.400 to 0.600)"


def test_the_auc_is_the_share_of_pairs_that_the_member_wins() -> None:
    assert auc(SCORES, IS_MEMBER).value == pytest.approx(19.5 / 25)


def test_the_interval_of_the_auc_is_delongs() -> None:
    # By the definition: how much the share of pairs won varies over members and over non-members.
    members, others = np.array(SCORES[:5])[:, None], np.array(SCORES[5:])[None, :]
    wins = (members > others) + 0.5 * (members == others)
    variance = wins.mean(axis=1).var(ddof=1) / 5 + wins.mean(axis=0).var(ddof=1) / 5
    estimate = auc(SCORES, IS_MEMBER)
    assert estimate.low == pytest.approx(0.78 - 1.959964 * math.sqrt(variance))
    assert estimate.high == 1  # it would be 1.06
    assert 0.78 + 1.959964 * math.sqrt(variance) > 1


def test_a_perfect_attack_has_an_auc_of_one_and_its_opposite_of_zero() -> None:
    assert auc([3, 4, 1, 2], [True, True, False, False]).value == 1
    assert auc([1, 2, 3, 4], [True, True, False, False]).value == 0


def test_an_attack_that_says_the_same_of_all_has_an_auc_of_a_half() -> None:
    assert auc([7.0] * 10, IS_MEMBER).value == 0.5


def test_the_roc_curve_has_a_corner_at_each_threshold() -> None:
    curve = roc([3, 2, 2, 1], [True, False, True, False])
    assert list(curve) == ["fpr", "tpr"]
    assert curve.to_numpy().tolist() == [[0, 0], [0, 0.5], [0.5, 1], [1, 1]]


@pytest.mark.parametrize(("fpr", "tpr"), [(0, 0.4), (0.1, 0.4), (0.2, 0.8), (0.39, 0.8), (0.6, 1), (1, 1)])
def test_the_tpr_is_the_highest_at_any_threshold_that_is_allowed(fpr: float, tpr: float) -> None:
    assert tpr_at_fpr(SCORES, IS_MEMBER, fpr=fpr).value == pytest.approx(tpr)


def test_at_one_percent_of_fifty_non_members_no_false_positive_is_allowed() -> None:
    scores = [10, 9, 7, 7] + [8] + [1] * 49
    assert tpr_at_fpr(scores, [True] * 4 + [False] * 50, fpr=0.01).value == 0.5
    # One of a hundred is allowed, though.
    scores = [10, 9, 7, 7] + [8] + [1] * 99
    assert tpr_at_fpr(scores, [True] * 4 + [False] * 100, fpr=0.01).value == 1


def test_a_member_that_ties_with_a_non_member_does_not_count() -> None:
    assert tpr_at_fpr([2, 1, 1, 0], [True, True, False, False], fpr=0.01).value == 0.5


def test_the_interval_of_the_tpr_is_clopper_and_pearsons() -> None:
    estimate = tpr_at_fpr(SCORES, IS_MEMBER, fpr=0.2)
    # Four of five members; the limits are quantiles of Beta distributions.
    assert estimate.low == pytest.approx(stats.beta(4, 2).ppf(0.025))
    assert estimate.high == pytest.approx(stats.beta(5, 1).ppf(0.975))


@pytest.mark.parametrize(("threshold", "accuracy"), [(0, 0.5), (4.5, 0.8), (6, 0.6), (5.5, 0.7), (9, 0.5)])
def test_the_accuracy_is_that_of_saying_member_above_the_threshold(threshold: float, accuracy: float) -> None:
    assert attack_accuracy(SCORES, IS_MEMBER, threshold=threshold) == pytest.approx(accuracy)


def test_members_and_non_members_weigh_the_same_in_the_accuracy() -> None:
    # Half of the members and all of the non-members are told right; unbalanced it would be 7 of 8.
    scores = [1, 0] + [0] * 6
    assert attack_accuracy(scores, [True, True] + [False] * 6, threshold=0.5) == 0.75


def test_minus_infinity_is_not_above_minus_infinity() -> None:
    # The nearest-record attack scores labels that were not released with it, and takes the median as its threshold.
    scores = [1, 2, -math.inf, -math.inf]
    assert attack_accuracy(scores, [True, True, False, False], threshold=-math.inf) == 1


def test_all_metrics_of_an_attack_are_named() -> None:
    metrics = evaluate(SCORES, IS_MEMBER, threshold=4.5)
    area, tpr = auc(SCORES, IS_MEMBER), tpr_at_fpr(SCORES, IS_MEMBER, fpr=0.01)
    assert metrics == {
        "auc": area.value,
        "auc_low": area.low,
        "auc_high": area.high,
        "tpr_at_1_fpr": tpr.value,
        "tpr_low": tpr.low,
        "tpr_high": tpr.high,
        "attack_accuracy": pytest.approx(0.8),
        "advantage": pytest.approx(0.6),
    }


def test_the_interval_of_a_mean_is_students() -> None:
    # Mean 3, standard deviation sqrt(2.5) of five values; 2.776445 is the 97.5% quantile of t with 4 degrees of freedom.
    half_width = 2.776445 * math.sqrt(2.5 / 5)
    assert mean_interval([1, 2, 3, 4, 5]) == pytest.approx((3, 3 - half_width, 3 + half_width))


def test_the_interval_of_a_single_value_is_infinite() -> None:
    assert mean_interval([0.7]) == (0.7, -math.inf, math.inf)


# Properties


def normal_scores(n: int, shift: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of n members and n non-members, normal with means that differ by `shift`."""
    is_member = np.arange(2 * n) < n
    return rng.normal(size=2 * n) + shift * is_member, is_member


@given(
    scores=st.lists(st.integers(-5, 5), min_size=4, max_size=40),
    n_members=st.integers(1, 3),
)
def test_the_auc_is_scikit_learns(scores: list[int], n_members: int) -> None:
    is_member = np.arange(len(scores)) < n_members
    assert auc(scores, is_member).value == pytest.approx(roc_auc_score(is_member, scores))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@given(scores=st.lists(st.floats(allow_nan=False), min_size=3, max_size=30), n_members=st.integers(1, 2))
def test_estimates_are_shares_inside_their_intervals(scores: list[float], n_members: int) -> None:
    is_member = np.arange(len(scores)) < n_members
    for estimate in (auc(scores, is_member), tpr_at_fpr(scores, is_member, fpr=0.1)):
        assert 0 <= estimate.low <= estimate.value + 1e-12
        assert estimate.value - 1e-12 <= estimate.high <= 1


MAPS = {
    "cube": lambda s: s**3,
    "exponential": lambda s: np.exp(s / 10),
    "arctangent": np.arctan,
    "halves": lambda s: s / 2 - 7,
    "huge": lambda s: s * 1e300,
    "infinite ends": lambda s: np.where(s == s.max(), np.inf, np.where(s == s.min(), -np.inf, s)),
}


@pytest.mark.parametrize("name", MAPS)
@given(scores=st.lists(st.integers(-50, 50), min_size=6, max_size=60), n_members=st.integers(2, 4))
def test_only_the_order_of_scores_counts(name: str, scores: list[int], n_members: int) -> None:
    scores = np.array([*scores, 51, -51], dtype=float)
    is_member = np.arange(len(scores)) < n_members
    mapped = MAPS[name](scores)
    assert auc(mapped, is_member) == auc(scores, is_member)
    for fpr in (0.01, 0.3):
        assert tpr_at_fpr(mapped, is_member, fpr=fpr) == tpr_at_fpr(scores, is_member, fpr=fpr)


def test_the_interval_of_the_auc_is_as_wide_as_resampling_candidates_makes_it() -> None:
    rng = np.random.default_rng(0)
    scores, is_member = normal_scores(150, 1.0, rng)
    members, others = scores[is_member], scores[~is_member]
    resampled = [roc_auc_score(is_member, np.concatenate([rng.choice(g, 150) for g in (members, others)]))
                 for _ in range(600)]  # fmt: skip
    estimate = auc(scores, is_member)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * np.std(resampled), rel=0.15)


def test_the_interval_of_the_auc_covers_the_true_one_about_19_times_of_20() -> None:
    rng = np.random.default_rng(0)
    true = stats.norm.cdf(1 / math.sqrt(2))
    estimates = [auc(*normal_scores(60, 1.0, rng)) for _ in range(600)]
    covered = sum(e.low <= true <= e.high for e in estimates) / 600
    # The interval is an approximation; three standard errors of the simulation are 0.027.
    assert 0.92 < covered < 0.98


def test_the_interval_of_the_mean_covers_the_true_one_19_times_of_20() -> None:
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(2, 3, size=5)) for _ in range(4000)]
    covered = sum(i.low <= 2 <= i.high for i in intervals) / 4000
    # Three standard errors. An interval with the normal distribution's 1.96 would cover 0.88.
    assert abs(covered - 0.95) < 0.0104
