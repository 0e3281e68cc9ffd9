"""Attacks on encoder and decoder."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import norm
from seeding import seeded

from vaeprivacy.attacks import ELBO, CalibratedELBO, CalibratedReconstruction, Candidates, Knowledge, Reconstruction
from vaeprivacy.attacks.reconstruction import calibrated_score, elbo_score, reconstruction_score
from vaeprivacy.datasets import Dataset
from vaeprivacy.metrics import auc
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAE, VAESettings


def records(x: torch.Tensor, in_references: torch.Tensor | None = None) -> Candidates:
    return Candidates(x=x, y=torch.zeros(len(x), dtype=torch.int64), in_references=in_references)


def holding(vae: VAE, references: list[VAE]) -> Knowledge:
    synthesizer = Synthesizer(None, VAESettings(latent_dim=vae.sizes["latent_dim"]), vae=vae)
    return Knowledge(synthesizer=synthesizer, reference_vaes=references)


def calibrated_reconstruction_score(vae: VAE, references: list[VAE], x: torch.Tensor) -> torch.Tensor:
    return CalibratedReconstruction().fit(holding(vae, references)).score(records(x))


def known(
    *,
    encode: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    decoder: Callable[[torch.Tensor], torch.Tensor],
) -> VAE:
    """Return a VAE whose encoder and decoder are known functions."""
    vae = VAE(2, latent_dim=1, hidden=1, generator=seeded())
    vae.encode, vae.logits = lambda x, y: encode(x), lambda codes, y: decoder(codes)
    return vae


# Impossible input


def test_the_attack_on_a_vae_needs_something_to_compare_with(vae: VAE, digits: Dataset) -> None:
    with pytest.raises(ValueError, match="at least one reference VAE"):
        calibrated_reconstruction_score(vae, [], digits.x[:5])
    with pytest.raises(ValueError, match="at least one reference VAE"):
        CalibratedELBO(generator=seeded()).fit(holding(vae, [])).score(records(digits.x[:5]))


def test_a_candidate_that_every_reference_was_trained_on_is_refused() -> None:
    is_member = torch.tensor([[True, False], [True, True]])
    with pytest.raises(ValueError, match="not trained on it; without any, take the uncalibrated score"):
        calibrated_score(torch.zeros(2), torch.zeros(2, 2), is_member)


# Known answers


def test_the_reconstruction_score_is_the_bernoulli_log_likelihood_at_the_mean_code(vae: VAE, digits: Dataset) -> None:
    x = digits.x[:7]
    with torch.no_grad():
        p = vae.decode(vae.encode(x)[0])
    expected = (x * p.log() + (1 - x) * (1 - p).log()).sum(dim=1)
    assert torch.allclose(reconstruction_score(vae, x), expected, atol=1e-4)
    attack = Reconstruction().fit(holding(vae, []))
    assert torch.equal(attack.score(records(x)), reconstruction_score(vae, x))


def test_the_elbo_of_a_decoder_that_ignores_its_code_is_known() -> None:
    # Mean 2 and variance e in one dimension; the decoder says 0.3 whatever the code.
    constant = known(
        encode=lambda x: (torch.full((len(x), 1), 2.0), torch.ones(len(x), 1)),
        decoder=lambda codes: torch.full((len(codes), 2), math.log(0.3 / 0.7)),
    )
    x = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    kl = 0.5 * (4 + math.e - 1 - 1)
    expected = [math.log(0.7) + math.log(0.3) - kl, 2 * math.log(0.3) - kl]
    assert elbo_score(constant, x, generator=seeded()).tolist() == pytest.approx(expected, rel=1e-5)


def test_the_elbo_is_the_integral_over_the_law_of_the_code() -> None:
    # Mean 1 and variance 9, and a decoder whose logit is the code: an integral over N(1, 9).
    model = known(
        encode=lambda x: (torch.ones(len(x), 1), torch.full((len(x), 1), math.log(9))), decoder=lambda codes: codes
    )
    expected = -norm(1, 3).expect(lambda z: np.logaddexp(0, z)) - 0.5 * (1 + 9 - 1 - math.log(9))
    found = elbo_score(model, torch.zeros(2000, 1), generator=seeded(), n_samples=100)
    assert found.mean().item() == pytest.approx(expected, abs=0.03)


def test_the_elbo_averages_over_samples_of_the_code(vae: VAE, digits: Dataset) -> None:
    x, generator = digits.x[:200], seeded(1)
    once = torch.stack([vae.elbo(x, generator=generator).value for _ in range(200)]).mean().item()
    found = elbo_score(vae, x, generator=seeded(2), n_samples=200).mean().item()
    assert found == pytest.approx(once, abs=0.05)


def test_the_samples_come_from_the_generator(vae: VAE, digits: Dataset) -> None:
    found = [ELBO(generator=seeded(n)).fit(holding(vae, [])).score(records(digits.x[:5])) for n in (1, 1, 2)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_calibration_subtracts_the_average_of_the_references(vae: VAE, digits: Dataset) -> None:
    others = [VAE(64, latent_dim=3, hidden=16, generator=seeded(seed)) for seed in (1, 2)]
    x = digits.x[:7]
    mine, *theirs = (reconstruction_score(each, x) for each in (vae, *others))
    assert torch.allclose(calibrated_reconstruction_score(vae, others, x), mine - (theirs[0] + theirs[1]) / 2)
    assert torch.allclose(calibrated_reconstruction_score(vae, [vae], x), torch.zeros(7))


def test_references_that_were_trained_on_a_candidate_do_not_count_for_it(vae: VAE, digits: Dataset) -> None:
    others = [VAE(64, latent_dim=3, hidden=16, generator=seeded(seed)) for seed in (1, 2)]
    x = digits.x[:3]
    mine, *theirs = (reconstruction_score(each, x) for each in (vae, *others))
    in_references = torch.tensor([[True, False, False], [False, True, False]])
    found = CalibratedReconstruction().fit(holding(vae, others)).score(records(x, in_references))
    expected = mine - torch.stack([theirs[1][0], theirs[0][1], (theirs[0][2] + theirs[1][2]) / 2])
    assert torch.allclose(found, expected)


def test_the_calibrated_elbo_compares_elbos_and_not_reconstructions(vae: VAE, digits: Dataset) -> None:
    # The same but for a spread that is next to nothing: a variance of e^-20 against one of e^-30.
    vae, other = copy.deepcopy(vae), copy.deepcopy(vae)
    for each, log_variance in ((vae, -20.0), (other, -30.0)):
        last = each.encoder[-1]  # three means, then three logarithms of variances
        with torch.no_grad():
            last.weight[3:], last.bias[3:] = 0.0, log_variance
    x = digits.x[:9]
    found = CalibratedELBO(generator=seeded()).fit(holding(vae, [other])).score(records(x))
    # 0.5 (-log variance) in each of three dimensions: 30 and 45 nats.
    assert torch.allclose(found, torch.full((9,), 15.0), atol=0.01)
    assert torch.allclose(calibrated_reconstruction_score(vae, [other], x), torch.zeros(9), atol=1e-4)


# A VAE that overfits


@pytest.fixture(scope="module")
def memorising_vaes(digits: Dataset) -> list[VAE]:
    """VAEs that were trained far too long on 100 digits: the first on members, three others on other records."""
    vaes = []
    for number in range(4):
        vae = VAE(64, latent_dim=8, hidden=128, generator=seeded(number))
        optimizer = torch.optim.Adam(vae.parameters(), lr=5e-3)
        generator = seeded(100 + number)
        for _ in range(250):
            optimizer.zero_grad()
            (-vae.elbo(digits.x[100 * number : 100 * number + 100], generator=generator).value).backward()
            optimizer.step()
        vaes.append(vae)
    return vaes


def test_a_vae_that_memorised_its_members_gives_them_away(memorising_vaes: list[VAE], digits: Dataset) -> None:
    candidates = torch.cat([digits.x[:100], digits.x[400:900]])
    is_member = torch.arange(600) < 100
    target, *references = memorising_vaes
    plain = auc(reconstruction_score(target, candidates), is_member)
    calibrated = auc(calibrated_reconstruction_score(target, references, candidates), is_member)
    assert calibrated.low > 0.8
    assert calibrated.value > plain.value
    by_elbo = CalibratedELBO(generator=seeded()).fit(holding(target, references)).score(records(candidates))
    assert auc(by_elbo, is_member).low > 0.8


def test_a_vae_that_was_trained_on_other_records_gives_nothing_away(
    memorising_vaes: list[VAE], digits: Dataset
) -> None:
    # At random: the digits come in the order in which they were written.
    candidates, is_member = digits.x[400:1400], torch.randperm(1000, generator=seeded()) < 500
    target, *references = memorising_vaes
    found = auc(calibrated_reconstruction_score(target, references, candidates), is_member)
    assert found.low < 0.5 < found.high


def test_scoring_leaves_no_gradients(vae: VAE, digits: Dataset) -> None:
    for attack in (Reconstruction(), ELBO(generator=seeded())):
        assert not attack.fit(holding(vae, [])).score(records(digits.x[:4])).requires_grad
