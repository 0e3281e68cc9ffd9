"""The comparison of defences, on tables whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest

from vaeprivacy.experiments.compare import better_at, pareto_front, strongest, summarise

ABOUT = {"dataset": "digits", "trainer": "", "latent_dim": math.nan, "looks_at": "classifier", "weak": False}


def table(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame([ABOUT | row for row in rows])


def runs(
    defence: str, setting: str, accuracies: list[float], aucs: list[float], attack: str = "loss", **more
) -> list[dict]:
    return [
        {"defence": defence, "setting": setting, "seed": seed, "attack": attack, "test_accuracy": accuracy, "auc": auc}
        | more
        for seed, (accuracy, auc) in enumerate(zip(accuracies, aucs, strict=True))
    ]


@pytest.fixture
def results() -> pd.DataFrame:
    """Two settings of each of two defences, without spread: theirs is better below 0.6, ours above."""
    return table(
        *runs("framework", "1", [0.4, 0.4], [0.5, 0.5], trainer="private records"),
        *runs("framework", "8", [0.9, 0.9], [0.7, 0.7], trainer="private records"),
        *runs("dp-sgd", "DP-SGD, 1", [0.6, 0.6], [0.5, 0.5]),
        *runs("dp-sgd", "DP-SGD, 8", [0.7, 0.7], [0.7, 0.7]),
    )


def test_the_strongest_attack_is_chosen_by_its_mean_and_not_run_by_run() -> None:
    results = table(
        *runs("none", "raw data", [0.8, 0.8], [0.50, 0.60], attack="loss"),
        *runs("none", "raw data", [0.8, 0.8], [0.54, 0.54], attack="lira"),
    )
    chosen = strongest(results)
    assert chosen.attack.tolist() == ["loss", "loss"]
    assert chosen.auc.tolist() == [0.50, 0.60]


def test_the_attack_of_a_seed_may_be_chosen_on_the_others() -> None:
    results = table(
        *runs("none", "raw data", [0.8, 0.8], [0.50, 0.60], attack="loss"),
        *runs("none", "raw data", [0.8, 0.8], [0.54, 0.54], attack="lira"),
        *runs("none", "with one seed", [0.8], [0.9]),
    )
    chosen = strongest(results, on_other_seeds=True)
    assert chosen[["seed", "attack", "auc"]].values.tolist() == [[0, "loss", 0.50], [1, "lira", 0.54]]


def test_a_weak_attack_counts_only_where_there_is_no_other() -> None:
    weak = runs("framework", "8", [0.8], [0.9], attack="lira", weak=True)
    other = runs("framework", "8", [0.8], [0.6], attack="adaptive_lira")
    assert strongest(table(*weak, *other)).attack.tolist() == ["adaptive_lira"]
    assert strongest(table(*weak)).attack.tolist() == ["lira"]
    assert strongest(table(*weak, *other), weak=True).attack.tolist() == ["lira"]


def test_an_attack_that_lacks_a_seed_is_not_chosen() -> None:
    whole, part = runs("none", "raw data", [0.8] * 2, [0.6] * 2), runs("none", "raw data", [0.8], [0.9], attack="lira")
    assert strongest(table(*whole, *part)).attack.tolist() == ["loss"] * 2


def test_attacks_are_considered_by_what_they_look_at() -> None:
    on_release = runs("framework", "8", [0.8], [0.9], attack="nearest", looks_at="release")
    results = table(*runs("framework", "8", [0.8], [0.6]), *on_release)
    assert strongest(results).auc.tolist() == [0.6]
    assert strongest(results, looks_at="release").auc.tolist() == [0.9]
    assert strongest(results, looks_at="all that is published").auc.tolist() == [0.9]
    with pytest.raises(ValueError, match="encoder and decoder"):
        strongest(results, looks_at="encoder and decoder")
    with pytest.raises(ValueError, match="looks_at must be one of"):
        strongest(results, looks_at="model")


def test_failed_runs_are_left_out() -> None:
    failed = {"defence": "dp-sgd", "setting": "DP-SGD, 8", "seed": 0, "attack": None, "error": "It failed."}
    assert len(strongest(table(*runs("none", "raw data", [0.8], [0.9]), failed))) == 1


def test_each_setting_has_a_row_with_intervals_over_seeds() -> None:
    row = summarise(table(*runs("none", "raw data", [0.7, 0.8, 0.9], [0.6, 0.6, 0.6]))).iloc[0]
    assert (row.utility, row.leakage, row.n_seeds) == (pytest.approx(0.8), pytest.approx(0.6), 3)
    # Student's factor for two degrees of freedom, and a standard error of 0.1 / sqrt(3).
    assert row.utility_high == pytest.approx(0.8 + 4.3027 * 0.1 / math.sqrt(3), abs=1e-4)
    assert row.leakage_low == row.leakage_high == pytest.approx(0.6)


def test_a_single_seed_has_an_infinite_interval() -> None:
    row = summarise(table(*runs("none", "raw data", [0.7], [0.6]))).iloc[0]
    assert (row.utility_low, row.utility_high) == (-math.inf, math.inf)


def test_the_training_of_the_vae_and_its_size_make_another_setting() -> None:
    one = runs("framework", "8", [0.8], [0.6], trainer="private records", latent_dim=16)
    two = runs("framework", "8", [0.7], [0.5], trainer="DP-SGD, epsilon 8", latent_dim=16)
    three = runs("framework", "8", [0.6], [0.5], trainer="private records", latent_dim=8)
    assert summarise(table(*one, *two, *three)).utility.tolist() == [0.8, 0.7, 0.6]


def test_a_setting_has_its_labels_and_if_there_are_none_what_it_is_called() -> None:
    labels = {"short_label": "8, public VAE", "full_label": "framework, epsilon 8"}
    one = runs("framework", "8", [0.8], [0.6], trainer="disjoint records", **labels)
    row = summarise(table(*one)).iloc[0]
    assert (row.label, row.full_label) == ("8, public VAE", "framework, epsilon 8")
    row = summarise(table(*runs("none", "raw data", [0.8], [0.6]))).iloc[0]
    assert (row.label, row.full_label) == ("raw data", "raw data")


def test_the_front_has_the_settings_that_no_other_dominates() -> None:
    points = pd.DataFrame(
        {"utility": [0.5, 0.9, 0.7, 0.5, np.nan], "leakage": [0.5, 0.8, 0.8, 0.6, 0.4]}, index=list("abcde")
    )
    assert pareto_front(points).to_dict() == {"a": True, "b": True, "c": False, "d": False, "e": False}


def test_two_settings_that_are_equal_are_both_on_the_front() -> None:
    assert pareto_front(pd.DataFrame({"utility": [0.5, 0.5], "leakage": [0.5, 0.5]})).all()


def test_one_defence_is_better_above_and_worse_below_the_leakage_where_their_lines_cross(results: pd.DataFrame) -> None:
    found = better_at(results, leakages=[0.45, 0.5, 0.55, 0.65, 0.7, 0.75]).set_index("leakage")
    assert found.verdict.tolist() == ["not measured", "worse", "worse", "better", "better", "not measured"]
    assert found.framework[0.55] == pytest.approx(0.525)
    assert found["dp-sgd"][0.55] == pytest.approx(0.625)
    assert found.difference[0.65] == pytest.approx(0.775 - 0.675)
    assert found.loc[[0.45, 0.75], ["framework", "dp-sgd", "difference", "low", "high"]].isna().all(axis=None)


def test_a_dominated_setting_does_not_lower_the_line(results: pd.DataFrame) -> None:
    worse = table(*runs("framework", "4", [0.3, 0.3], [0.6, 0.6], trainer="private records"))
    found = better_at(pd.concat([results, worse]), leakages=[0.6])
    assert found.framework[0] == pytest.approx(0.65)


def test_beyond_the_best_setting_utility_stays_as_it_is(results: pd.DataFrame) -> None:
    worse = table(*runs("dp-sgd", "DP-SGD, 100", [0.6, 0.6], [0.8, 0.8]))
    more = table(*runs("framework", "16", [1.0, 1.0], [0.9, 0.9], trainer="private records"))
    found = better_at(pd.concat([results, worse, more]), leakages=[0.8])
    assert found["dp-sgd"][0] == pytest.approx(0.7)


def test_what_is_acceptable_at_most_may_be_more_than_was_measured(results: pd.DataFrame) -> None:
    found = better_at(results, leakages=[0.45, 0.75], at_most=True)
    assert found.verdict.tolist() == ["not measured", "better"]
    assert found.framework[1] == pytest.approx(0.9)


def test_a_difference_that_changes_its_sign_between_seeds_is_open() -> None:
    results = table(
        *runs("framework", "1", [0.4, 0.4], [0.5, 0.5]), *runs("framework", "8", [0.8, 0.6], [0.7, 0.7]),
        *runs("dp-sgd", "1", [0.4, 0.4], [0.5, 0.5]), *runs("dp-sgd", "8", [0.6, 0.7], [0.7, 0.7]),
    )  # fmt: skip
    assert better_at(results, leakages=[0.6]).verdict.tolist() == ["open"]


def test_spread_of_leakage_widens_the_interval_but_does_not_move_the_value(results: pd.DataFrame) -> None:
    spread = results.copy()
    spread.loc[(spread.setting == "8"), "auc"] = [0.68, 0.72]
    calm, wide = (better_at(each, leakages=[0.6]).iloc[0] for each in (results, spread))
    assert wide.difference == pytest.approx(calm.difference)
    assert wide.high - wide.low > calm.high - calm.low + 0.01


def test_a_defence_without_runs_is_refused(results: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="no runs of 'prior'"):
        better_at(results, leakages=[0.6], theirs="prior")
