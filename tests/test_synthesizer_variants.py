"""Variants of the framework: denoised, conditional, trained for the noise."""

from dataclasses import replace

import pytest
import torch
from seeding import seeded

from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.denoisers import DENOISERS, Projection
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher
from vaeprivacy.mechanisms.whitened import WhitenedLaplace
from vaeprivacy.synthesizer import MechanismNoise, Synthesizer
from vaeprivacy.vae import VAE, VAESettings

SETTINGS = VAESettings(latent_dim=3, hidden=16, epochs=2)


@pytest.mark.parametrize("name", list(DENOISERS))
def test_no_denoiser_changes_the_promise(name: str, vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    fitted = Synthesizer(EuclideanLaplace(0.5), SETTINGS, radius=0.26, vae=vae)
    denoised = replace(fitted, denoiser=DENOISERS[name]).for_new_records()
    releases = [each.release(x, y, generator=seeded(), shuffle=False) for each in (fitted, denoised)]
    assert releases[0].guarantee == releases[1].guarantee
    assert not torch.equal(releases[0].x, releases[1].x)


@pytest.mark.parametrize("mechanism", [None, VonMisesFisher(1.0)], ids=str)
def test_a_denoiser_needs_noise_that_is_added(mechanism: Mechanism | None) -> None:
    with pytest.raises(ValueError, match="A denoiser needs a mechanism that adds noise"):
        Synthesizer(mechanism, denoiser=Projection())


def test_training_for_the_noise_needs_noise() -> None:
    with pytest.raises(ValueError, match="noise_aware=True needs a mechanism"):
        Synthesizer(None, noise_aware=True)


def test_a_noise_aware_synthesizer_is_trained_through_its_own_noise(
    x: torch.Tensor, y: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    simulate = EuclideanLaplace.simulate

    def spying(self: EuclideanLaplace, codes: torch.Tensor, **options: object) -> torch.Tensor:
        seen.append((self, codes.detach()))
        return simulate(self, codes, **options)

    monkeypatch.setattr(EuclideanLaplace, "simulate", spying)
    mechanism = EuclideanLaplace(0.5)
    Synthesizer(mechanism, SETTINGS, radius=0.2).fit(x, y, generator=seeded())
    assert not seen
    synthesizer = Synthesizer(mechanism, SETTINGS, radius=0.2, noise_aware=True).fit(x, y, generator=seeded())
    assert synthesizer.latent_noise == MechanismNoise(mechanism, 0.2)
    assert len(seen) == 2 * SETTINGS.epochs  # a batch of training, and the records held out
    assert all(noise is mechanism and (codes.norm(dim=1) <= 0.2).all() for noise, codes in seen)


def test_the_true_label_does_not_enter_a_release_with_noisy_labels(
    x: torch.Tensor, y: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, n_classes=10)
    labels = RandomisedResponse(1.0, 10)
    synthesizer = Synthesizer(EuclideanLaplace(5.0), settings, labels=labels).fit(x, y, generator=seeded())
    told, encode, decode = [], VAE.encode, VAE.decode
    monkeypatch.setattr(VAE, "encode", lambda self, x, y: told.append(y) or encode(self, x, y))
    monkeypatch.setattr(VAE, "decode", lambda self, codes, y: told.append(y) or decode(self, codes, y))
    release = synthesizer.release(x, y, generator=seeded(1), shuffle=False)
    assert not torch.equal(release.y, y)
    assert all(torch.equal(each, release.y) for each in told)
    assert len(told) == 2


def test_shuffled_records_keep_the_labels_that_they_were_decoded_with(x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(EuclideanLaplace(5.0), replace(SETTINGS, n_classes=10)).fit(x, y, generator=seeded())
    in_order, shuffled = (synthesizer.release(x, y, generator=seeded(1), shuffle=each) for each in (False, True))
    rows = torch.cdist(shuffled.x.double(), in_order.x.double()).argmin(dim=1)
    assert torch.equal(shuffled.y, in_order.y[rows])
    assert not torch.equal(shuffled.y, in_order.y)


@pytest.mark.parametrize(
    "mechanism",
    [
        EuclideanLaplace(0.5),
        CoordinateLaplace(0.5),
        Gaussian(2.0),
        WhitenedLaplace(0.5, torch.diag(torch.tensor([4.0, 1.0, 0.25]))),
    ],
)
def test_noisy_codes_can_be_projected_back_at_no_cost_to_the_promise(
    mechanism: Mechanism, vae: VAE, x: torch.Tensor, y: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    monkeypatch.setattr(Synthesizer, "decode", lambda self, codes, y: decoded.append(codes) or codes)
    plain = Synthesizer(mechanism, SETTINGS, vae=vae)
    projected = replace(plain, denoiser=Projection()).for_new_records()
    promises = [each.release(x, y, generator=seeded(), shuffle=False).guarantee for each in (plain, projected)]
    outside, inside = (mechanism.metric.norm(codes) for codes in decoded)
    assert (outside > plain.radius).any()
    assert (inside <= plain.radius).all()
    already = outside < 0.99 * plain.radius
    assert torch.equal(decoded[0][already], decoded[1][already])
    assert promises[0] == promises[1]
