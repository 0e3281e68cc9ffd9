"""A release with a planted leak fails at epsilon 1 and 2,000 rows, and one without passes: the owner's verdict."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted import bounds_from_the_data, copies_a_few_rows, copies_rows, leaks_the_label, measured, people

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.estimators import copula, measures, worst_case
from vaeprivacy.estimators.fidelity import train_synthetic_test_real
from vaeprivacy.estimators.measurement import NOTHING, excess, holm, of_scores
from vaeprivacy.estimators.membership import attack_release
from vaeprivacy.estimators.subject import Subject
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.moments import with_noise
from vaeprivacy.reporting.card_texts import verdict

PROMISED = GaussianIndistinguishability.for_epsilon(1.0, delta=1e-6)
Leak = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


@pytest.fixture(autouse=True)
def no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train no models on the releases: the verdict is about leaks alone."""
    monkeypatch.setattr(measures, "train_synthetic_test_real", lambda subject, generator: pd.DataFrame())


def test_without_a_promise_nothing_is_beyond_it() -> None:
    assert excess((100, 0), (100, 100), NOTHING) == 1.0


@pytest.mark.parametrize("promised", [PROMISED, Indistinguishability(1.0)])
def test_equal_rates_are_allowed_and_far_higher_ones_on_members_are_not(promised: Indistinguishability) -> None:
    assert excess((250, 250), (500, 500), promised) > 0.5
    assert excess((480, 100), (500, 500), promised) < 1e-9
    assert excess((50, 0), (500, 500), promised) < 1e-3  # a leak of a few records


def test_holm_multiplies_the_smallest_by_all_the_next_by_one_less_and_keeps_their_order() -> None:
    assert holm([0.04, 0.01, 0.5]) == pytest.approx([0.08, 0.03, 0.5])


@pytest.mark.filterwarnings("error")
def test_infinite_scores_are_ranked_and_not_added_up() -> None:
    members, others = np.full(100, np.inf), np.where(np.arange(100) < 60, np.inf, -np.inf)
    assert of_scores("membership", "infinite", "", members, others, PROMISED).auc.value == pytest.approx(0.7)


def test_a_release_that_keeps_its_promise_passes() -> None:
    found = measured(0)
    assert found.exceeding == []
    assert verdict(found, PROMISED)["kind"] == "pass"
    assert {"membership", "singling out", "linkability", "inference", "schema"} <= {each.group for each in found.leaks}


@pytest.mark.parametrize(
    ("leak", "finder"),
    [
        (copies_rows, "nearest synthetic row"),
        (copies_a_few_rows, "nearest synthetic row"),
        (leaks_the_label, "ill, from income alone"),
    ],
)
def test_rows_or_labels_that_are_copied_fail(leak: Leak, finder: str) -> None:
    found = measured(1, leak=leak)
    assert finder in [each.name for each in found.exceeding]
    assert verdict(found, PROMISED)["kind"] == "fail"


def test_a_file_that_is_sorted_raises_no_alarm() -> None:
    frame = people(0).assign(income=lambda table: table.age * 3)
    parts = [frame[start::3].sort_values("age").reset_index(drop=True) for start in range(3)]
    found = {each.name: each for each in attack_release(Subject(*parts, None, PROMISED))}
    assert found["density of the release"].auc.value == pytest.approx(0.5, abs=0.1)


def test_a_label_that_is_a_number_is_no_list_of_classes() -> None:
    frame = people(0)[["age", "weight", "sugar"]]
    subject = Subject(frame[:800], frame[800:1000], frame[1000:1800], "sugar", PROMISED)
    assert subject.class_label is None and replace(subject, label="age", members=frame.round(-1)).class_label == "age"
    found = train_synthetic_test_real(subject, generator=np.random.default_rng(0))
    assert set(found.measure) == {"AUC of being above the median"} and found.value.min() > 0.6
    far = [each for each in attack_release(subject) if each.name == "nearest synthetic row"]
    assert far[0].auc.value == pytest.approx(0.5, abs=0.1)


def test_bounds_from_the_data_that_are_called_public_fail() -> None:
    assert [each.name for each in measured(2, schema=bounds_from_the_data(2)).exceeding] == [
        "bounds that are one record's"
    ]


def test_noise_that_is_ten_times_too_small_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_small(sums, deviation, *, generator):
        return with_noise(sums, deviation / 10, generator=generator)

    monkeypatch.setattr(copula, "with_noise", too_small)
    monkeypatch.setattr(worst_case, "MOST_PAIRS", 90)
    monkeypatch.setattr(measures, "SHADOWS", 4)
    found = measured(3, seconds=300.0)
    assert [each.name for each in found.exceeding] == ["one strange record"]
