"""What codes go through in training: the noise of a VAE, and that of a release."""

from dataclasses import replace

import pytest
import torch
from scipy import stats
from seeding import seeded

from vaeprivacy.datasets import Dataset
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher
from vaeprivacy.mechanisms.whitened import WhitenedLaplace
from vaeprivacy.synthesizer import MechanismNoise, Synthesizer
from vaeprivacy.vae import REPARAMETERISATION, VAESettings

MECHANISMS = [
    EuclideanLaplace(2.0),
    CoordinateLaplace(2.0),
    Gaussian(0.5),
    WhitenedLaplace(2.0, torch.eye(4) + 0.3),
    VonMisesFisher(2.0, 1.5),
]


def encoded(n: int = 1000) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(2, n, 4, generator=seeded()).unbind()


def test_the_channel_of_a_vae_adds_the_encoders_noise_and_costs_its_divergence() -> None:
    mean, log_variance = encoded()
    codes, kl = REPARAMETERISATION.sample(mean, log_variance, generator=seeded(1))
    noise = (codes - mean) / (log_variance / 2).exp()
    assert stats.kstest(noise.flatten(), stats.norm.cdf).pvalue > 1e-3
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)
    assert torch.allclose(kl, expected, atol=1e-5)


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda mechanism: type(mechanism).__name__)
def test_the_channel_of_a_release_projects_and_adds_its_noise(mechanism: Mechanism) -> None:
    mean, log_variance = encoded()
    noise = MechanismNoise(mechanism, 1.5)
    codes, penalty = noise.sample(mean, log_variance, generator=seeded(1))
    projected = mechanism.project(mean, radius=1.5, warn=False)
    assert torch.equal(noise.without_noise(mean), projected)
    released = mechanism.perturb(projected, generator=seeded(2))
    # The same law, though one is rounded to a grid and the other is not.
    found, expected = (mechanism.log_likelihood(each, projected) for each in (codes, released))
    assert stats.ks_2samp(found, expected).pvalue > 1e-3
    assert (penalty == 0).all()


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda mechanism: type(mechanism).__name__)
def test_gradients_reach_the_encoder_and_each_call_has_its_own_noise(mechanism: Mechanism) -> None:
    mean = encoded(50)[0].requires_grad_()
    noise, generator = MechanismNoise(mechanism, 1.5), seeded(1)
    first, second = (noise.sample(mean, mean, generator=generator)[0] for _ in range(2))
    assert not torch.equal(first, second)
    first.square().sum().backward()
    assert mean.grad.isfinite().all()
    assert (mean.grad != 0).any()


def test_training_for_the_noise_gives_better_records_after_the_noise(digits: Dataset) -> None:
    settings = VAESettings(latent_dim=4, hidden=32, epochs=40, patience=40, learning_rate=5e-3)
    plain = Synthesizer(EuclideanLaplace(1.5), settings)
    errors = {}
    for aware in (False, True):
        synthesizer = replace(plain, noise_aware=aware).fit(digits.x[:800], digits.y[:800], generator=seeded())
        release = synthesizer.release(digits.x[800:], digits.y[800:], generator=seeded(1), shuffle=False)
        errors[aware] = (release.x - digits.x[800:]).square().sum(dim=1).mean().item()
    assert errors[True] < 0.9 * errors[False]
