"""Metrics of attacks, against scikit-learn, SciPy and cases that can be done by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from vaeprivacy.metrics import (
    METRICS,
    advantage,
    attack_accuracy,
    auc,
    evaluate,
    mean_interval,
    rate_interval,
    roc,
    tpr_at_fpr,
)

HALF = np.array([True, False])


@pytest.mark.parametrize("metric", [roc, auc, lambda s, m: tpr_at_fpr(s, m, fpr=0.1)])
@pytest.mark.parametrize(
    ("scores", "is_member", "message"),
    [
        ([1.0, 2.0], [True, True], "must include members and non-members"),
        ([1.0, 2.0], [False, False], "must include members and non-members"),
        ([1.0, 2.0, 3.0], [True, False], "^is_member must have shape \\(3,\\), one value a record, not \\(2,\\)"),
        ([1.0, np.nan], [True, False], "1 of 2 scores are NaN"),
    ],
)
def test_scores_that_cannot_be_judged_are_refused(metric, scores, is_member, message) -> None:
    with pytest.raises(ValueError, match=message):
        metric(scores, is_member)


def test_no_measurements_have_no_mean() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([])


def test_perfect_scores_have_auc_one_and_equal_scores_one_half() -> None:
    is_member = np.repeat(HALF, 50)
    assert auc(is_member, is_member).value == 1
    assert auc(np.zeros(100), is_member).value == 0.5


def test_infinite_scores_keep_their_place() -> None:
    assert auc([np.inf, 1.0, 0.0, -np.inf], [True, True, False, False]).value == 1


def test_the_interval_of_the_auc_is_that_of_normal_theory() -> None:
    # For two normal groups, the variance of the AUC follows from two probabilities (Hanley and McNeil, 1982), which
    # numerical integration gives.
    generator, n = np.random.default_rng(0), 2000
    scores = np.concatenate([generator.normal(1, 1, n), generator.normal(0, 1, n)])
    estimate = auc(scores, np.repeat(HALF, n))
    area = stats.norm.cdf(1 / np.sqrt(2))
    both = stats.multivariate_normal(cov=[[2, 1], [1, 2]]).cdf([1, 1])  # one member beats two others, or the reverse
    deviation = np.sqrt((area * (1 - area) + 2 * (n - 1) * (both - area**2)) / n**2)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * deviation, rel=0.05)
    assert estimate.low < area < estimate.high


def test_the_interval_of_the_auc_covers_it_as_often_as_it_says() -> None:
    generator, truth, n = np.random.default_rng(1), stats.norm.cdf(0.5 / np.sqrt(2)), 100
    hits = 0
    for _ in range(400):
        scores = np.concatenate([generator.normal(0.5, 1, n), generator.normal(0, 1, n)])
        estimate = auc(scores, np.repeat(HALF, n))
        hits += estimate.low <= truth <= estimate.high
    assert stats.binomtest(hits, 400, 0.95).pvalue > 1e-3


def test_with_fifty_non_members_one_percent_allows_no_false_positive() -> None:
    is_member = np.repeat(HALF, 50)
    scores = np.where(is_member, np.arange(100), 20.5)
    scores[99] = 45.5  # one non-member above most members
    assert tpr_at_fpr(scores, is_member, fpr=0.01).value == pytest.approx(4 / 50)
    assert tpr_at_fpr(scores, is_member, fpr=0.02).value == pytest.approx(29 / 50)


def test_far_from_the_others_the_interval_of_the_rate_is_clopper_and_pearsons() -> None:
    # Ten of a hundred others may be accused, which is enough to know where the threshold is.
    scores, is_member = np.arange(110.0), np.arange(110) >= 100
    scores[100:105] = -1  # five of ten members above all others
    estimate = tpr_at_fpr(scores, is_member, fpr=0.1)
    expected = stats.binomtest(5, 10).proportion_ci(0.95)
    assert tuple(estimate) == pytest.approx((0.5, expected.low, expected.high))


def test_the_interval_of_the_rate_covers_it_as_often_as_it_says() -> None:
    # Five of 500 non-members set the threshold: with the threshold taken as given, too few of the intervals would hold.
    generator, n, hits, naive = np.random.default_rng(1), 500, 0, 0
    truth = stats.norm.cdf(stats.norm.ppf(0.01) + 1.5)
    for _ in range(300):
        scores = np.concatenate([generator.normal(1.5, 1, n), generator.normal(0, 1, n)])
        estimate = tpr_at_fpr(scores, np.repeat(HALF, n), fpr=0.01)
        exact = stats.binomtest(round(estimate.value * n), n).proportion_ci(0.95)
        hits += estimate.low <= truth <= estimate.high
        naive += exact.low <= truth <= exact.high
    assert hits > 0.92 * 300
    assert naive < 0.75 * 300


def test_the_rate_is_the_height_of_the_roc_curve() -> None:
    generator = np.random.default_rng(2)
    scores, is_member = generator.integers(0, 12, 300), generator.random(300) < 0.4
    curve = roc(scores, is_member)
    for fpr in (0, 0.001, 0.05, 0.1, 0.5, 1):
        assert tpr_at_fpr(scores, is_member, fpr=fpr).value == pytest.approx(curve.tpr[curve.fpr <= fpr].max())


def test_the_accuracy_weighs_members_and_others_the_same() -> None:
    scores, is_member = [2.0, 2.0, 0.0, 0.0, 0.0, 2.0], [True, True, True, True, False, False]
    assert attack_accuracy(scores, is_member, threshold=1).value == (0.5 + 0.5) / 2
    assert evaluate(scores, is_member, threshold=1)["advantage"] == 0


def test_the_advantage_has_newcombes_interval() -> None:
    # The worked example of the paper (Newcombe, 1998, table II, method 10): 56 of 70 against 48 of 80.
    scores = np.repeat([1.0, 0.0, 1.0, 0.0], [56, 14, 48, 32])
    estimate = advantage(scores, np.arange(150) < 70, threshold=0.5)
    assert tuple(estimate) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    accuracy = attack_accuracy(scores, np.arange(150) < 70, threshold=0.5)
    assert tuple(accuracy) == pytest.approx(tuple((1 + value) / 2 for value in estimate))


def test_each_metric_of_a_row_has_its_interval() -> None:
    generator, is_member = np.random.default_rng(3), np.repeat(HALF, 100)
    row = evaluate(generator.normal(size=200) + is_member, is_member, threshold=0.5)
    for name in METRICS:
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    assert len(row) == 3 * len(METRICS)


def test_minus_infinity_is_not_above_minus_infinity() -> None:
    # The nearest-record attack gives it to labels that were not released, and takes the median as its threshold.
    scores = [1, 2, -np.inf, -np.inf]
    assert attack_accuracy(scores, [True, True, False, False], threshold=-np.inf).value == 1


def test_the_mean_has_students_interval() -> None:
    values = [0.5, 0.6, 0.55]
    expected = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert tuple(mean_interval(values)) == pytest.approx((np.mean(values), *expected))
    assert tuple(mean_interval([0.5])) == (0.5, -np.inf, np.inf)
    assert str(mean_interval([0.5, 0.5])) == "0.500 (0.500 to 0.500)"


def test_the_interval_of_a_rate_stays_where_rates_can_be() -> None:
    assert mean_interval([0.0, 0.001, 0.01]).low < 0
    assert tuple(rate_interval([0.0, 0.001, 0.01]))[:2] == (pytest.approx(11 / 3000), 0.0)
    assert rate_interval([1.0, 0.99, 0.9]).high == 1.0
    assert rate_interval([0.5, 0.6]).low < rate_interval([0.5, 0.6]).value
    assert tuple(rate_interval([0.5])) == (0.5, 0.0, 1.0)
    inside = [0.4, 0.5, 0.6]
    assert rate_interval(inside) == mean_interval(inside)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=4, max_size=40))
def test_monotone_maps_change_nothing_and_the_auc_is_scikit_learns(pairs: list[tuple[int, bool]]) -> None:
    scores, is_member = np.array([p[0] for p in pairs] + [0, 0]), np.array([p[1] for p in pairs] + [True, False])
    mapped = np.exp(scores / 3) - 7
    assert auc(scores, is_member).value == pytest.approx(roc_auc_score(is_member, scores))
    assert tuple(auc(mapped, is_member)) == pytest.approx(tuple(auc(scores, is_member)))
    assert tpr_at_fpr(mapped, is_member, fpr=0.2) == tpr_at_fpr(scores, is_member, fpr=0.2)


@given(st.lists(st.tuples(st.floats(-9, 9), st.booleans()), min_size=2, max_size=40))
def test_the_roc_curve_climbs_from_corner_to_corner(pairs: list[tuple[float, bool]]) -> None:
    curve = roc([p[0] for p in pairs] + [0, 0], [p[1] for p in pairs] + [True, False])
    assert curve.fpr.is_monotonic_increasing and curve.tpr.is_monotonic_increasing
    assert tuple(curve.iloc[0]) == (0, 0) and tuple(curve.iloc[-1]) == (1, 1)


def test_the_interval_of_the_auc_is_delongs_with_ties_and_groups_of_unequal_size() -> None:
    members, others = np.repeat([9, 7, 7, 3], 60), np.repeat([7, 4, 3, 3, 2, 1], 50)
    # By the definition: how much the share of pairs won varies over members and over non-members.
    wins = (members[:, None] > others) + 0.5 * (members[:, None] == others)
    variance = wins.mean(axis=1).var(ddof=1) / 240 + wins.mean(axis=0).var(ddof=1) / 300
    estimate = auc([*members, *others], [True] * 240 + [False] * 300)
    assert estimate.value == pytest.approx(wins.mean())
    assert estimate.low == pytest.approx(wins.mean() - 1.959964 * math.sqrt(variance))


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    assert attack_accuracy([1, 2, 1, 0], [True, True, False, False], threshold=1).value == 0.75
