"""What a release promises: seeds, counted releases, noise of labels, and how the VAE was trained."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from seeding import seeded

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.guarantee import ModelCoverage
from vaeprivacy.mechanisms.denoisers import DENOISERS
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAE, VAESettings

SETTINGS = VAESettings(latent_dim=3, hidden=16, epochs=2)


# Seeds, and releases that add up


def test_a_release_takes_the_systems_entropy_unless_told_otherwise(
    fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    first, second = fitted.release(x, y, shuffle=False), fitted.release(x, y, shuffle=False)
    assert (first.x != second.x).any(dim=1).all()
    assert not first.guarantee.seeded
    assert "no seed was kept" in str(first.guarantee)


def test_a_seeded_release_says_so(fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor) -> None:
    promised = fitted.release(x, y, generator=seeded()).guarantee
    assert promised.seeded
    assert "For experiments only" in str(promised)


def test_a_release_leaves_the_global_generator_alone(fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor) -> None:
    before = torch.get_rng_state()
    fitted.release(x, y)
    fitted.release(x, y, generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_each_release_is_counted_and_adds_up(fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor) -> None:
    # Forgetting this is how an epsilon is spent many times over.
    first = fitted.release(x, y, generator=seeded()).guarantee
    for count in (2, 3, 4):
        promised = fitted.release(x, y, generator=seeded(count)).guarantee
        assert promised.releases == count
        assert promised.any_two_records.epsilon == pytest.approx(count * first.any_two_records.epsilon)


COPIES = {
    "another device": lambda synthesizer: synthesizer.to("cpu"),
    "another denoiser": lambda synthesizer: replace(synthesizer, denoiser=DENOISERS["shrink"]),
    "a copy": copy.copy,
    "a deep copy": copy.deepcopy,
    "fitted again": lambda synthesizer: synthesizer,
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_no_copy_forgets_a_release(
    copied: Callable[[Synthesizer], Synthesizer], vae: VAE, x: torch.Tensor, y: torch.Tensor
) -> None:
    # Whoever adds up epsilons from a copy's guarantee must find all of them, and so must the original.
    synthesizer = Synthesizer(EuclideanLaplace(1.0), SETTINGS, vae=vae)
    for seed in range(3):
        synthesizer.release(x, y, generator=seeded(seed))
    other = copied(synthesizer)
    assert other.release(x, y, generator=seeded(3)).guarantee.releases == 4
    assert synthesizer.release(x, y, generator=seeded(4)).guarantee.releases == 5


def test_only_the_word_that_records_are_new_starts_the_count_again(vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(EuclideanLaplace(1.0), SETTINGS, vae=vae)
    synthesizer.release(x, y, generator=seeded())
    assert synthesizer.for_new_records().release(x, y, generator=seeded()).guarantee.releases == 1
    assert synthesizer.release(x, y, generator=seeded(1)).guarantee.releases == 2


def test_releases_without_noise_are_not_counted(vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(None, SETTINGS, vae=vae)
    synthesizer.release(x, y)
    assert synthesizer.releases.made == 0


# Noise of labels, and trainings


def test_noise_for_labels_is_applied_and_promised(vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    response = RandomisedResponse(2.0, 10)
    synthesizer = Synthesizer(EuclideanLaplace(1.0), SETTINGS, vae=vae, labels=response)
    release = synthesizer.release(x.repeat(50, 1), y.repeat(50), generator=seeded(), shuffle=False)
    kept = (release.y == y.repeat(50)).double().mean().item()
    assert kept == pytest.approx(response.keep_probability, abs=0.04)
    assert release.guarantee.labels == Indistinguishability(2.0)


def test_features_and_labels_of_one_seed_have_noise_of_their_own(vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    # With and without noise for labels, the noise on the codes must not be the same numbers used twice.
    flipped = []
    for seed in range(30):
        synthesizer = Synthesizer(EuclideanLaplace(0.1), SETTINGS, vae=vae, labels=RandomisedResponse(0.1, 2))
        release = synthesizer.release(
            x[:1].repeat(200, 1), torch.zeros(200).long(), generator=seeded(seed), shuffle=False
        )
        first = release.x[:, 0].double()
        flipped.append(torch.corrcoef(torch.stack([first, release.y.double()]))[0, 1].item())
    # Thirty correlations of 200 pairs: their mean has a standard deviation of 0.013.
    assert abs(sum(flipped) / 30) < 0.045


def test_each_training_is_carried_into_the_guarantee(x: torch.Tensor, y: torch.Tensor) -> None:
    others = x.flip(1)
    for training, how in (
        (PublicTrainer(), "disjoint records"),
        (DPSGDTrainer(5.0, 1e-6), "DP-SGD"),
    ):
        synthesizer = Synthesizer(EuclideanLaplace(1.0), SETTINGS, trainer=training)
        synthesizer.fit(others if how == "disjoint records" else x, y, generator=seeded())
        assert synthesizer.release(x, y).guarantee.model == synthesizer.coverage
        assert synthesizer.coverage.how == how
    assert synthesizer.coverage.dp.delta == 1e-6
    assert 5.0 < synthesizer.coverage.dp.epsilon < 12.0  # of replacing a record, which costs more than removing it
    assert synthesizer.coverage.seeded


def test_the_default_covers_nothing(x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(EuclideanLaplace(1.0), SETTINGS).fit(x, y, generator=seeded())
    promised = synthesizer.release(x, y).guarantee
    assert not promised.model.covered
    with pytest.raises(ValueError, match="no promise for the whole release"):
        promised.whole_release()


def test_whoever_brings_a_vae_states_its_coverage(vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    coverage = ModelCoverage("disjoint records")
    synthesizer = Synthesizer(EuclideanLaplace(1.0), SETTINGS, vae=vae, coverage=coverage)
    assert synthesizer.release(x, y).guarantee.model == coverage
    assert not Synthesizer(EuclideanLaplace(1.0), SETTINGS, vae=vae).coverage.covered


def test_everything_covered_adds_up_to_differential_privacy(x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(
        EuclideanLaplace(0.5),
        SETTINGS,
        radius=2.0,
        trainer=DPSGDTrainer(1.0, 1e-8),
        labels=RandomisedResponse(3.0, 10),
    )
    release = synthesizer.fit(x, y, generator=seeded()).release(x, y)
    spent = synthesizer.coverage.dp
    total = release.guarantee.whole_release()
    assert total.epsilon == pytest.approx(2 * 2.0 * 0.5 + 3.0 + spent.epsilon)
    assert total.delta == spent.delta == 1e-8
