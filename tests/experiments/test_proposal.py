"""The choice of a setting and its cost: what is refused, and known answers on a table made by hand."""

import math

import pandas as pd
import pytest

from vaeprivacy.experiments.proposal import SearchCost, propose


@pytest.fixture
def tried() -> pd.DataFrame:
    """Three settings, of which more epsilon means more utility and more leakage, on two seeds and with two attacks."""
    rows = []
    for epsilon, accuracy, auc in ((1.0, 0.4, 0.50), (8.0, 0.7, 0.60), (32.0, 0.9, 0.80)):
        for seed in (0, 1):
            about = {"dataset": "own records", "defence": "framework", "setting": f"{epsilon:g}", "seed": seed}
            about |= {"trainer": "private records", "epsilon": epsilon, "latent_dim": 4, "radius": 2.0}
            about |= {"promised": 4 * epsilon, "n_members": 100, "n_models": 4, "on_public_records": False}
            about |= {"validation_accuracy": accuracy, "test_accuracy": accuracy - 0.05, "weak": False}
            for attack, looks_at, more in (("adaptive_lira", "classifier", 0.0), ("nearest", "release", 0.1)):
                rows.append(about | {"attack": attack, "looks_at": looks_at, "auc": auc + more + 0.001 * seed})
    return pd.DataFrame(rows)


def test_the_most_useful_of_the_acceptable_settings_is_proposed(tried: pd.DataFrame) -> None:
    proposal = propose(tried, max_auc=0.65)
    assert (proposal.epsilon, proposal.latent_dim, proposal.radius, proposal.promised) == (8.0, 4, 2.0, 32.0)
    assert proposal.attack == "adaptive_lira"
    assert proposal.leakage.value == pytest.approx(0.6005)


def test_utility_is_reported_on_records_that_chose_nothing(tried: pd.DataFrame) -> None:
    assert propose(tried, max_auc=0.65).utility.value == pytest.approx(0.65)


def test_the_whole_interval_must_be_acceptable(tried: pd.DataFrame) -> None:
    # The mean at epsilon 8 is 0.6005, but with two seeds its interval reaches 0.6005 + 12.7 * 0.0005.
    assert propose(tried, max_auc=0.607).epsilon == 8.0
    assert propose(tried, max_auc=0.606).epsilon == 1.0


def test_what_gets_out_decides_what_is_acceptable(tried: pd.DataFrame) -> None:
    assert propose(tried, max_auc=0.65, looks_at="release").epsilon == 1.0
    assert propose(tried, max_auc=0.65, looks_at="all that is published").epsilon == 1.0


def test_if_nothing_is_acceptable_the_closest_is_named(tried: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="The closest is epsilon 1 with 4 latent dimensions and radius 2"):
        propose(tried, max_auc=0.505)


@pytest.mark.parametrize("max_auc", [0.5, 0.2, 1.01, math.nan])
def test_an_impossible_limit_is_refused(tried: pd.DataFrame, max_auc: float) -> None:
    with pytest.raises(ValueError, match="max_auc must be above"):
        propose(tried, max_auc=max_auc)


def test_an_unknown_measure_is_refused(tried: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="measure must be 'accuracy' or 'auc'"):
        propose(tried, max_auc=0.6, measure="f1")


def test_the_cost_counts_what_each_record_was_in(tried: pd.DataFrame) -> None:
    # Three settings, two seeds, four models, of which a record is in two: 2 * 2 * (4 + 32 + 128).
    cost = SearchCost.of(tried)
    assert cost == SearchCost(3, 24, 12, 656.0, on_public_records=False)
    assert "656" in str(cost) and "no epsilon covers it" in str(cost)
    # Three settings, or none of them.
    assert "one of 4 outcomes" in str(cost) and "at most 2.0 bits" in str(cost)
    assert SearchCost.of(tried, n_proposals=2).n_outcomes == 16


def test_a_search_on_public_records_costs_nothing(tried: pd.DataFrame) -> None:
    assert "costs the private records nothing" in str(SearchCost.of(tried.assign(on_public_records=True)))


def test_the_proposal_is_a_sentence(tried: pd.DataFrame) -> None:
    text = str(propose(tried, max_auc=0.65))
    assert text.startswith("Take epsilon 8 per unit of latent distance, 4 latent dimensions and radius 2")
    assert "LiRA online, adaptive" in text and "private records" in text
