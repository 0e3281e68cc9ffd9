"""Randomised response: noise for labels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from seeding import seeded

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.randomness import SYSTEM_ENTROPY, RandomSource, SystemEntropy

N = 100_000
LEVEL = 1e-6  # of each test of a law: the system's entropy is new at every run, and a false alarm should stay rare


@pytest.fixture(params=["seeded", "system"])
def source(request: pytest.FixtureRequest) -> RandomSource:
    """A seeded generator, or the system's entropy."""
    return seeded(1) if request.param == "seeded" else SYSTEM_ENTROPY


# Impossible input


@pytest.mark.parametrize(
    ("epsilon", "error"),
    [
        *((value, ValueError) for value in (0, -1.0, math.nan, math.inf)),
        *((value, TypeError) for value in ("1", True, None)),
    ],
)
def test_an_epsilon_that_is_not_positive_is_refused(epsilon: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^epsilon must be"):
        RandomisedResponse(epsilon, 10)


@pytest.mark.parametrize("n_classes", [1, 0, -3, 2.0, True, "2", None, math.nan])
def test_fewer_than_two_classes_are_refused(n_classes: object) -> None:
    with pytest.raises(ValueError, match=f"^n_classes must be a whole number of at least 2, not {n_classes!r}"):
        RandomisedResponse(1.0, n_classes)


@pytest.mark.parametrize(
    ("labels", "naming"),
    [
        (torch.zeros(3, dtype=torch.complex64), "complex numbers"),
        (["cat", "dog"], "text"),
        (None, "NoneType"),
    ],
)
def test_labels_that_are_no_whole_numbers_are_refused(labels: object, naming: str) -> None:
    with pytest.raises(TypeError, match=rf"^labels must hold real numbers, not {naming}.*np.unique\(labels"):
        RandomisedResponse(1.0, 10).perturb(labels, generator=seeded())


@pytest.mark.parametrize("shape", [(), (0,), (1, 3)])
def test_labels_that_are_no_vector_are_refused(shape: tuple[int, ...]) -> None:
    labels = torch.zeros(shape, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"^labels must hold one (number|label)"):
        RandomisedResponse(1.0, 10).perturb(labels, generator=seeded())


@pytest.mark.parametrize("labels", [[0, 10], [-1, 3], [11]])
def test_labels_that_are_out_of_range_are_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"labels must hold one label from 0 to 9"):
        RandomisedResponse(1.0, 10).perturb(torch.tensor(labels), generator=seeded())


# A known answer


@pytest.mark.parametrize(
    ("epsilon", "n_classes", "keep"),
    [
        (math.log(3), 2, 0.75),
        (math.log(9), 10, 0.5),
        (1, 10, math.e / (math.e + 9)),
        (1000, 10, 1),
        (1e-300, 4, 0.25),
    ],
)
def test_the_probability_of_the_true_label_is_known(epsilon: float, n_classes: int, keep: float) -> None:
    assert RandomisedResponse(epsilon, n_classes).keep_probability == pytest.approx(keep, rel=1e-14)


def test_its_measure_is_its_epsilon() -> None:
    assert RandomisedResponse(1.5, 10).measure == Indistinguishability(1.5)


def test_at_a_huge_epsilon_labels_stay_as_they_are(source: RandomSource) -> None:
    labels = torch.arange(1000) % 7
    assert torch.equal(RandomisedResponse(100.0, 7).perturb(labels, generator=source), labels)


def test_uniforms_decide_whether_a_label_is_kept_and_which_other_one_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One half is kept at epsilon log 3, of four labels; the other half is divided into three.
    keep, other = [0.0, 0.4999, 0.5, 0.5, 0.5, 1 - 2**-53, 0.5], [0.9, 0.9, 0.0, 0.34, 0.99, 1 - 2**-53, 0.0]
    monkeypatch.setattr(
        "vaeprivacy.mechanisms.randomised_response.uniforms",
        lambda *_, **__: torch.tensor([keep, other], dtype=torch.float64),
    )
    labels = torch.tensor([2, 2, 2, 2, 2, 2, 3])
    reported = RandomisedResponse(math.log(3), 4).perturb(labels, generator=seeded())
    assert reported.tolist() == [2, 2, 3, 0, 1, 1, 0]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_labels_of_every_whole_type_are_reported_as_int64(dtype: torch.dtype, source: RandomSource) -> None:
    reported = RandomisedResponse(0.5, 100).perturb(torch.arange(100).to(dtype), generator=source)
    assert (reported.dtype, reported.shape) == (torch.int64, (100,))
    assert 0 <= reported.min() <= reported.max() < 100


# Properties


@given(epsilon=st.floats(1e-3, 30), n_classes=st.integers(2, 1000))
def test_the_most_probable_label_is_just_e_to_the_epsilon_times_as_probable_as_each_other(
    epsilon: float, n_classes: int
) -> None:
    # This is local differential privacy, and it could not be stated any stronger.
    keep = RandomisedResponse(epsilon, n_classes).keep_probability
    other = (1 - keep) / (n_classes - 1)
    # 1 - keep has lost digits where keep is nearly one.
    assert math.log(keep / other) == pytest.approx(epsilon, rel=1e-9, abs=1e-15 / (1 - keep))


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("epsilon", [0.5, 3.0])
def test_labels_are_reported_with_the_probabilities_that_they_should_have(
    source: RandomSource, epsilon: float, n_classes: int
) -> None:
    response = RandomisedResponse(epsilon, n_classes)
    for label in (0, n_classes - 1):
        reported = response.perturb(torch.full((N,), label), generator=source)
        counts = torch.bincount(reported, minlength=n_classes).numpy()
        expected = np.full(n_classes, N * (1 - response.keep_probability) / (n_classes - 1))
        expected[label] = N * response.keep_probability
        assert stats.chisquare(counts, expected).pvalue > LEVEL


def test_what_is_reported_for_one_record_tells_nothing_about_the_next(source: RandomSource) -> None:
    reported = RandomisedResponse(0.5, 4).perturb(torch.zeros(N, dtype=torch.int64), generator=source)
    pairs = torch.bincount(4 * reported[0::2] + reported[1::2], minlength=16).reshape(4, 4).numpy()
    assert stats.chi2_contingency(pairs).pvalue > LEVEL


def test_two_releases_differ(source: RandomSource) -> None:
    labels = torch.arange(1000) % 10
    first, second = (RandomisedResponse(0.5, 10).perturb(labels, generator=source) for _ in range(2))
    assert not torch.equal(first, second)


def test_the_same_seed_reports_the_same_labels() -> None:
    labels = torch.arange(1000) % 10
    first, second = (RandomisedResponse(0.5, 10).perturb(labels, generator=seeded(3)) for _ in range(2))
    assert torch.equal(first, second)


def test_the_labels_themselves_are_left_alone(source: RandomSource) -> None:
    labels = torch.arange(1000) % 10
    RandomisedResponse(0.5, 10).perturb(labels, generator=source)
    assert torch.equal(labels, torch.arange(1000) % 10)


def test_the_systems_entropy_is_what_the_noise_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    # Words of zeros: each label is kept, whatever its noise.
    monkeypatch.setattr(SystemEntropy, "words", lambda _, n: np.zeros(n, dtype=np.uint64))
    labels = torch.arange(1000) % 10
    assert torch.equal(RandomisedResponse(0.01, 10).perturb(labels, generator=SYSTEM_ENTROPY), labels)


@given(labels=st.lists(st.integers(0, 4), min_size=1), epsilon=st.floats(1e-3, 10), seed=st.integers(0, 100))
def test_each_record_gets_one_of_the_labels(labels: list[int], epsilon: float, seed: int) -> None:
    reported = RandomisedResponse(epsilon, 5).perturb(torch.tensor(labels), generator=seeded(seed))
    assert len(reported) == len(labels)
    assert set(reported.tolist()) <= set(range(5))
