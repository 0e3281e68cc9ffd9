"""What defences promise, in one form for all."""

import math
from dataclasses import replace

import pytest

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.defences import DPSGD, Framework, NoDefence, PriorSampling, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.trainers import PlainTrainer, PublicTrainer
from vaeprivacy.vae import VAESettings

N = 2500  # private records


def test_promises_are_brought_to_one_form() -> None:
    assert Framework(8.0).promised_epsilon(N) == 2 * math.sqrt(16) * 8
    of_the_vae = DPSGDTrainer(3.0).coverage(N, VAESettings()).replace_one.epsilon
    assert Framework(8.0, radius=2.0, trainer=DPSGDTrainer(3.0)).promised_epsilon(N) == 2 * 2 * 8 + of_the_vae
    assert RecordNoise(64.0).promised_epsilon(N) == 64
    assert PriorSampling(PublicTrainer()).promised_epsilon(N) == 0
    for nothing in (NoDefence(), Framework(), PriorSampling(), Regularised(epochs=5)):
        assert nothing.promised_epsilon(N) == math.inf
    with pytest.raises(ValueError, match="Manhattan"):
        Framework(8.0, mechanism="coordinate-laplace").promised_epsilon(N)


@pytest.mark.parametrize("scattering", [False, True])
def test_replacing_a_record_costs_dp_sgd_more_than_removing_it_and_less_than_twice(scattering: bool) -> None:
    two_steps = Indistinguishability(4.0, 1e-6).group(2)
    for defence in (DPSGD(4.0, delta=1e-6, scattering=scattering), PriorSampling(DPSGDTrainer(4.0, delta=1e-6))):
        assert 4 < defence.promised_epsilon(N) == defence.total_guarantee(N).epsilon
        assert defence.total_guarantee(N).delta == 1e-6
        assert defence.total_guarantee(N, delta=two_steps.delta).epsilon < two_steps.epsilon


def test_what_is_asked_for_replacing_a_record_is_what_is_promised() -> None:
    for defence in (
        DPSGD(4.0, delta=1e-6, adjacency="replace"),
        PriorSampling(DPSGDTrainer(4.0, delta=1e-6, adjacency="replace")),
    ):
        assert 3.96 < defence.total_guarantee(N).epsilon <= 4.0
    assert DPSGD(4.0).seed_name != DPSGD(4.0, adjacency="replace").seed_name
    assert DPSGDTrainer(4.0).seed_name != DPSGDTrainer(4.0, adjacency="replace").seed_name


def test_the_promise_for_everything_is_the_sum_of_its_parts() -> None:
    labels = RandomisedResponse(3.0, 10)
    covered = Framework(2.0, radius=2.0, trainer=PublicTrainer(), labels=labels)
    assert covered.total_guarantee(N) == Indistinguishability(8 + 3.0)
    assert replace(covered, mechanism="von-mises-fisher").total_guarantee(N) == Indistinguishability(8 + 3.0)
    trainer = DPSGDTrainer(1.0, delta=1e-8)
    of_the_vae = trainer.coverage(N, covered.vae).replace_one
    assert of_the_vae.delta == 1e-8
    whole = replace(covered, trainer=trainer).total_guarantee(N)
    assert whole == Indistinguishability(8 + 3 + of_the_vae.epsilon, 1e-8)
    assert PriorSampling(PublicTrainer()).total_guarantee(N) == Indistinguishability(0.0)


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
        assert lacking.total_guarantee(N) is None
