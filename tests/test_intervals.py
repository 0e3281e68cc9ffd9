"""Do intervals hold as often as they say, in small samples too? Counted exactly where outcomes can be listed, else by
simulation with fixed seeds. (tests/test_metrics.py has the known answers.)"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy import stats

from vaeprivacy.audit.lower_bounds import epsilon_lower_bound, one_run_lower_bound
from vaeprivacy.intervals import Estimate, score_interval, share
from vaeprivacy.metrics import advantage, auc, delong, tpr_at_fpr

LEAST = 0.93  # how often 95% intervals must hold
AREAS = [0.5, 0.7, 0.9, 0.99]
SIZES = [2, 5, 20]

each_area = pytest.mark.parametrize("area", AREAS)
each_size = pytest.mark.parametrize("n", SIZES)


def shift_of(area: float) -> float:
    """Return how far apart two normal groups are that have this AUC."""
    return float(np.sqrt(2) * stats.norm.ppf(area))


def draw(n: int, area: float, samples: int, *, spread: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return scores of normal members (with another spread) and others, shape (samples, 2 n), and who is a member."""
    generator, shift = np.random.default_rng(seed), stats.norm.ppf(area) * np.hypot(1, spread)
    scores = generator.normal(size=(samples, 2 * n))
    scores[:, :n] = scores[:, :n] * spread + shift
    return scores, np.arange(2 * n) < n


def estimates(metric: Callable[[np.ndarray, np.ndarray], Estimate], scores: np.ndarray, is_member: np.ndarray):
    """Return a metric of each sample, shape (samples, 3); it depends on the order only, so each order is asked once."""
    known = cache(lambda order: tuple(metric(np.arange(len(is_member)), np.frombuffer(order, dtype=bool))))
    return np.array([known(is_member[order].tobytes()) for order in scores.argsort(axis=1)])


def coverage(found: np.ndarray, truth: float) -> float:
    return float(((found[:, 1] <= truth) & (truth <= found[:, 2])).mean())


# The AUC


def test_where_groups_do_not_overlap_the_interval_of_the_auc_has_a_length() -> None:
    found = auc([4, 3, 2, 1], [True, True, False, False])
    assert (found.value, found.high) == (1, 1) and found.low < 0.5  # guessing gets there one time in six
    backwards = auc([1, 2, 3, 4], [True, True, False, False])
    assert (backwards.value, backwards.low) == (0, 0) and backwards.high == pytest.approx(1 - found.low)
    assert 0.88 < auc(np.arange(40), np.arange(40) >= 20).low < 0.91
    assert 0.999 < auc(np.arange(5000), np.arange(5000) >= 2500).low < 0.9995
    # A single overlapping pair changes next to nothing.
    pair = np.where(np.arange(5000) == 2500, 2498.5, np.arange(5000))
    assert auc(pair, np.arange(5000) >= 2500).low == pytest.approx(0.9992, abs=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("n_members", "n_others"), [(1, 1), (1, 3), (3, 1), (1, 500)])
def test_one_record_has_an_interval(n_members: int, n_others: int) -> None:
    n = n_members + n_others
    for found in (auc(np.arange(n), np.arange(n) < n_members), auc(np.arange(n), np.arange(n) >= n_others)):
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.high - found.low > 0.5


def test_equal_scores_have_an_interval_with_a_length() -> None:
    low, high = auc(np.zeros(1000), np.arange(1000) < 500)[1:]
    assert low < 0.48 and high > 0.52


@each_area
@each_size
@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_the_interval_of_the_auc_holds_in_small_samples(n: int, area: float, spread: float) -> None:
    scores, is_member = draw(n, area, 200 if n == 20 else 4000, spread=spread)
    assert coverage(estimates(auc, scores, is_member), area) >= LEAST


@each_area
def test_with_twenty_a_side_it_is_little_longer_than_newcombes(area: float) -> None:
    scores, is_member = draw(20, area, 100)
    found = estimates(auc, scores, is_member)
    newcombe = np.array([newcombes(value, 20) for value in found[:, 0]])
    assert (found[:, 2] - found[:, 1]).mean() <= 1.3 * (newcombe[:, 1] - newcombe[:, 0]).mean()


def newcombes(value: float, n: int) -> tuple[float, float]:
    """Return the ends of Newcombe's interval (his method 5) as it is printed, on a fine grid, with n a side."""
    t = np.linspace(0, 1, 20_001)
    variance = t * (1 - t) * (1 + (n - 1) * (1 - t) / (2 - t) + (n - 1) * t / (1 + t)) / n**2
    fits = t[np.abs(value - t) <= stats.norm.ppf(0.975) * np.sqrt(variance) + 1e-12]
    return float(fits[0]), float(fits[-1])


@pytest.mark.parametrize(("value", "n"), [(0.5, 3), (0.7, 20), (0.95, 20), (1.0, 20), (0.2, 60)])
def test_the_score_interval_is_newcombes_for_a_value_half_a_step_further_off(value: float, n: int) -> None:
    step = 1 / (2 * n**2)
    low, high = score_interval(value, n_members=n, n_others=n)
    assert low == pytest.approx(newcombes(value - step, n)[0], abs=1e-4)
    assert high == pytest.approx(newcombes(min(1, value + step), n)[1], abs=1e-4)


@each_area
@pytest.mark.parametrize("n", [200, 1000])
def test_from_two_hundred_a_side_on_it_is_delongs(n: int, area: float) -> None:
    for scores in draw(n, area, 10)[0]:
        is_member = np.arange(2 * n) < n
        assert auc(scores, is_member) == delong(scores, is_member)


def test_delongs_alone_would_not_hold() -> None:
    scores, is_member = draw(20, 0.99, 100)
    assert coverage(estimates(delong, scores, is_member), 0.99) < 0.7


# Rates


def outcomes(n: int, rate: float) -> np.ndarray:
    """Return the probability of each number of hits."""
    return stats.binom.pmf(np.arange(n + 1), n, rate)


@pytest.mark.parametrize("rate", [*AREAS, 0.999, 0.01, 0.1])
@pytest.mark.parametrize("n", [*SIZES, 50])
def test_the_interval_of_a_share_holds(n: int, rate: float) -> None:
    found = np.array([share(hits, of=n) for hits in range(n + 1)])
    holds = (found[:, 1] <= rate) & (rate <= found[:, 2])
    assert outcomes(n, rate) @ holds >= LEAST


def test_a_share_of_all_has_an_interval_with_a_length_and_a_large_one_is_wilsons() -> None:
    assert share(20, of=20).low == pytest.approx(0.025 ** (1 / 20))  # the rate at which all hit one time in forty
    assert share(0, of=20).high == pytest.approx(1 - 0.025 ** (1 / 20))
    wilson = stats.binomtest(56, 70).proportion_ci(0.95, method="wilson")
    assert tuple(share(56, of=70))[1:] == (wilson.low, wilson.high)


@cache
def advantages(n: int) -> np.ndarray:
    """Return the advantage for each number of accused members and of accused others, shape (n + 1, n + 1, 3)."""
    is_member = np.arange(2 * n) < n
    return np.array(
        [
            [advantage(np.repeat([1, 0, 1, 0], [i, n - i, j, n - j]), is_member, threshold=0.5) for j in range(n + 1)]
            for i in range(n + 1)
        ]
    )


@each_area
@each_size
@pytest.mark.parametrize("place", ["between the groups", "at 1% of the others", "among the others"])
def test_the_interval_of_the_advantage_holds_and_so_does_that_of_the_accuracy(n: int, area: float, place: str) -> None:
    # The accuracy is (1 + advantage) / 2, its interval as well: test_metrics.py.
    shift = shift_of(area)
    threshold = {"between the groups": shift / 2, "at 1% of the others": stats.norm.isf(0.01), "among the others": 0}
    tpr, fpr = stats.norm.sf(threshold[place] - shift), stats.norm.sf(threshold[place])
    found = advantages(n)
    holds = (found[..., 1] <= tpr - fpr) & (tpr - fpr <= found[..., 2])
    assert outcomes(n, tpr) @ holds @ outcomes(n, fpr) >= LEAST


@each_area
def test_with_twenty_a_side_the_interval_of_the_advantage_is_little_longer_than_newcombes(area: float) -> None:
    # Newcombe's method 10 is made of Wilson's intervals.
    wilson = [stats.binomtest(hits, 20).proportion_ci(0.95, method="wilson") for hits in range(21)]
    below, above = np.abs(np.array(wilson).T - np.arange(21) / 20)
    newcombe = np.hypot(below[:, None], above) + np.hypot(above[:, None], below)
    right = stats.norm.cdf(shift_of(area) / 2)
    of_members, of_others = outcomes(20, right), outcomes(20, 1 - right)
    ours = advantages(20)[..., 2] - advantages(20)[..., 1]
    assert of_members @ ours @ of_others <= 1.3 * (of_members @ newcombe @ of_others)


# TPR at FPR


@pytest.mark.parametrize("fpr", [-0.1, 1.1, np.nan, np.inf])
def test_a_false_positive_rate_that_cannot_be_is_refused(fpr: float) -> None:
    with pytest.raises(ValueError, match=r"^fpr must be"):
        tpr_at_fpr([1, 0], [True, False], fpr=fpr)


@each_area
@pytest.mark.parametrize(("n", "fpr"), [(2, 0.01), (5, 0.01), (20, 0.01), (20, 0.1), (200, 0.01)])
def test_the_interval_of_the_rate_holds_in_small_samples(n: int, fpr: float, area: float) -> None:
    truth = stats.norm.sf(stats.norm.isf(fpr) - shift_of(area))
    scores, is_member = draw(n, area, 200 if n >= 20 else 2000, seed=1)
    found = estimates(lambda scores, is_member: tpr_at_fpr(scores, is_member, fpr=fpr), scores, is_member)
    assert coverage(found, truth) >= LEAST


@each_area
def test_with_twenty_a_side_the_interval_of_the_rate_is_no_longer_than_the_exact_one(area: float) -> None:
    # Of 20 non-members none may be accused, so the exact one goes from zero to Clopper and Pearson's upper end.
    scores, is_member = draw(20, area, 100, seed=2)
    found = estimates(lambda scores, is_member: tpr_at_fpr(scores, is_member, fpr=0.01), scores, is_member)
    exact = [stats.binomtest(round(20 * value), 20).proportion_ci(0.95).high for value in found[:, 0]]
    assert (found[:, 2] - found[:, 1]).mean() <= 1.3 * np.mean(exact)


def test_a_rate_that_too_few_non_members_tell_of_may_be_zero() -> None:
    separated = np.arange(100), np.arange(100) >= 50
    assert tuple(tpr_at_fpr(*separated, fpr=0.01)) == (1, 0, 1)
    assert tpr_at_fpr(*separated, fpr=0.2).low > 0.9


# Bounds on epsilon


@pytest.mark.parametrize("n", [*SIZES, 100])
@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0, 5.0])
def test_lower_bounds_on_epsilon_hold_in_small_samples(n: int, epsilon: float) -> None:
    # Randomised response of one bit leaks just so much, and each audit is to be wrong one time in twenty at most.
    hit = 1 / (1 + np.exp(-epsilon))
    hits = np.arange(n + 1)
    bounds = epsilon_lower_bound(hits[:, None], hits, n)
    assert np.isfinite(bounds).all()
    assert outcomes(n, hit) @ (bounds <= epsilon + 1e-9) @ outcomes(n, 1 - hit) >= 0.95
    in_one_run = np.array([one_run_lower_bound(each, n) for each in hits])
    assert outcomes(n, hit) @ (in_one_run <= epsilon + 1e-9) >= 0.95
