"""Ranks say what the scores tell, and no more."""

import numpy as np
import pytest

from vaeprivacy.course.contest import Contest
from vaeprivacy.course.leaderboard import Entry, as_markdown, resample_rates, standings, surely_above
from vaeprivacy.metrics import tpr_at_fpr

MEMBERS = np.arange(4000) < 2000


def entry(name: str, shift: float, *, seed: int, baseline: bool = False) -> Entry:
    """Return scores of normal law, those of members shifted."""
    rng = np.random.default_rng(seed)
    return Entry(name, rng.normal(size=4000) + shift * MEMBERS, baseline)


def test_who_is_better_is_ranked_higher_and_surely_so():
    table = standings([entry("weak", 0.0, seed=1), entry("good", 1.5, seed=2), entry("fair", 0.8, seed=3)], MEMBERS)
    assert table.name.tolist() == ["good", "fair", "weak"] and table["rank"].tolist() == [1, 2, 3]
    assert table.rank_best.tolist() == table.rank_worst.tolist() == [1, 2, 3]


def test_equal_submissions_share_a_rank_and_likely_equal_ones_a_range():
    twin = entry("a", 0.5, seed=1)
    table = standings([twin, Entry("b", 2 * twin.scores), entry("c", 0.5, seed=4), entry("d", 0.0, seed=5)], MEMBERS)
    ranked = table.set_index("name")
    assert ranked["rank"]["a"] == ranked["rank"]["b"] and ranked["rank"]["d"] == 4
    assert (ranked.rank_best[["a", "b", "c"]] == 1).all() and (ranked.rank_worst[["a", "b", "c"]] == 3).all()


def test_guesses_are_told_apart_in_at_most_one_class_of_twenty():
    told = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        scores = rng.random((6, 4000))
        rates = np.array([tpr_at_fpr(each, MEMBERS, fpr=0.01).value for each in scores])
        resampled = resample_rates(scores, MEMBERS, fpr=0.01, rng=rng, resamples=200)
        told += surely_above(rates, resampled).any()
    assert told <= 4  # 1.5 are expected


def test_resamples_have_the_spread_of_new_candidates():
    fresh = [tpr_at_fpr(entry("", 1.0, seed=seed).scores, MEMBERS, fpr=0.01).value for seed in range(150)]
    one = entry("", 1.0, seed=1000).scores
    resampled = resample_rates(one[None], MEMBERS, fpr=0.01, rng=np.random.default_rng(0))
    assert resampled.shape == (1, 1000)
    assert np.std(resampled) == pytest.approx(np.std(fresh), rel=0.3)


def test_baselines_have_no_rank_and_take_none():
    table = standings(
        [entry("good", 1.5, seed=1), entry("base", 1.0, seed=2, baseline=True), entry("weak", 0.0, seed=3)], MEMBERS
    )
    ranked = table.set_index("name")
    assert ranked["rank"]["weak"] == 2 and ranked["rank"].isna()["base"]
    assert ranked.above["good"] == "base" and ranked.above["weak"] == ""
    page = as_markdown(Contest("spring"), table, {"x.csv": "The file is larger than 4 MiB."})
    assert "| | | *base* |" in page and "20 may be accused" in page and "- x.csv: The file is larger" in page
