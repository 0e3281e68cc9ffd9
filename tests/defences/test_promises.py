"""What defences promise, in one form for all."""

import math
from dataclasses import replace

import pytest

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.defences import DPSGD, Framework, NoDefence, PriorSampling, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import PlainTrainer, PublicTrainer


def test_promises_are_brought_to_one_form() -> None:
    assert Framework(8.0).local_epsilon == 2 * math.sqrt(16) * 8
    assert Framework(8.0, radius=2.0, trainer=DPSGDTrainer(3.0)).local_epsilon == 2 * 2 * 8 + 6
    assert RecordNoise(64.0).local_epsilon == 64
    assert DPSGD(8.0).local_epsilon == 16
    assert PriorSampling(DPSGDTrainer(8.0)).local_epsilon == 16
    assert DPSGD(16.0, delta=1e-4).local_epsilon == math.inf  # delta of replacing one record would be above 1
    assert PriorSampling(PublicTrainer()).local_epsilon == 0
    for nothing in (NoDefence(), Framework(), PriorSampling(), Regularised(epochs=5)):
        assert nothing.local_epsilon == math.inf
    with pytest.raises(ValueError, match="Manhattan"):
        _ = Framework(8.0, mechanism="coordinate-laplace").local_epsilon


def test_the_promise_for_everything_is_the_sum_of_its_parts() -> None:
    labels = RandomisedResponse(3.0, 10)
    covered = Framework(2.0, radius=2.0, trainer=PublicTrainer(), labels=labels)
    assert covered.total_guarantee == Indistinguishability(8 + 3.0)
    assert replace(covered, mechanism="von-mises-fisher").total_guarantee == Indistinguishability(8 + 3.0)
    with_dp = replace(covered, trainer=DPSGDTrainer(1.0, delta=1e-8)).total_guarantee
    assert with_dp.epsilon == pytest.approx(8 + 3 + 2)
    assert with_dp.delta == pytest.approx((1 + math.e) * 1e-8)
    assert DPSGD(1.0, delta=1e-8).total_guarantee.epsilon == 2
    assert PriorSampling(DPSGDTrainer(4.0)).total_guarantee.epsilon == 8
    assert PriorSampling(PublicTrainer()).total_guarantee == Indistinguishability(0.0)


def test_nothing_is_promised_for_everything_if_a_part_is_not_covered() -> None:
    labels = RandomisedResponse(3.0, 10)
    covered = Framework(2.0, trainer=PublicTrainer(), labels=labels)
    for lacking in (
        replace(covered, labels=None),
        replace(covered, trainer=PlainTrainer()),
        replace(covered, epsilon=None),
        replace(covered, mechanism="gaussian"),
        PriorSampling(),
        RecordNoise(),
        NoDefence(),
        Regularised(epochs=5),
    ):
        assert lacking.total_guarantee is None
