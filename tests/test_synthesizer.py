"""The framework: encode, clip, perturb, decode."""

import math

import pytest
import torch
from seeding import seeded

from vaeprivacy.data import Dataset
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.mechanisms import EuclideanLaplace
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAE, VAESettings

SETTINGS = VAESettings(latent_dim=3, hidden=16, epochs=2)


@pytest.fixture
def fitted(vae: VAE) -> Synthesizer:
    """A synthesizer with much noise and a ball so small that it cuts some codes off."""
    return Synthesizer(EuclideanLaplace(0.5), SETTINGS, radius=0.26, vae=vae)


@pytest.fixture(scope="module")
def x(digits: Dataset) -> torch.Tensor:
    return digits.x[:40]


@pytest.fixture(scope="module")
def y(digits: Dataset) -> torch.Tensor:
    return digits.y[:40]


# Impossible input


def test_nothing_is_released_before_the_vae_is_fitted(x: torch.Tensor, y: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match="no VAE yet: call fit first"):
        Synthesizer(EuclideanLaplace(1.0)).release(x, y, generator=seeded())


def test_nothing_is_encoded_or_decoded_before_the_vae_is_fitted(x: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match="no VAE yet"):
        Synthesizer(None).encode(x)
    with pytest.raises(RuntimeError, match="no VAE yet"):
        Synthesizer(None).decode(torch.zeros(1, 16))


@pytest.mark.parametrize("labels", [torch.zeros(39), torch.zeros(41), torch.zeros(40, 1), torch.zeros(0)])
def test_records_without_one_label_each_are_refused(fitted: Synthesizer, x: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="y must hold one label for each of the 40 records"):
        fitted.release(x, labels, generator=seeded())
    with pytest.raises(ValueError, match="y must hold one label for each of the 40 records"):
        fitted.fit(x, labels, generator=seeded())


@pytest.mark.parametrize(
    ("records", "error"),
    [(torch.zeros(2, 64, dtype=torch.int64), TypeError), (torch.full((2, 64), math.nan), ValueError)],
)
def test_what_is_no_table_of_records_is_not_released(
    fitted: Synthesizer, records: torch.Tensor, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"^x "):
        fitted.release(records, torch.zeros(2), generator=seeded())


# A known answer


@pytest.mark.parametrize("latent_dim", [1, 9, 16])
def test_the_default_radius_is_the_square_root_of_the_latent_dimension(latent_dim: int) -> None:
    assert Synthesizer(None, VAESettings(latent_dim=latent_dim)).radius == pytest.approx(math.sqrt(latent_dim))


def test_a_release_without_noise_is_the_reconstructions_and_promises_nothing(
    vae: VAE, x: torch.Tensor, y: torch.Tensor
) -> None:
    synthesizer = Synthesizer(None, SETTINGS, vae=vae)
    release = synthesizer.release(x, y, generator=seeded())
    assert torch.equal(release.x, synthesizer.decode(synthesizer.encode(x)))
    assert release.guarantee is None


def test_a_release_promises_the_epsilon_of_its_noise_and_the_radius_of_its_ball(
    fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    assert fitted.release(x, y, generator=seeded()).guarantee == Guarantee(epsilon=0.5, radius=0.26)


def test_a_release_is_the_decoded_sum_of_clipped_code_and_noise(
    fitted: Synthesizer, vae: VAE, x: torch.Tensor, y: torch.Tensor
) -> None:
    with torch.no_grad():
        mean, _ = vae.encode(x)
        # The projection by another formula.
        clipped = mean / (mean.norm(dim=1, keepdim=True) / 0.26).clamp(min=1)
        noise = EuclideanLaplace(0.5).sample(40, 3, generator=seeded(4))
        expected = vae.decode(clipped + noise.float())
    assert torch.allclose(fitted.release(x, y, generator=seeded(4)).x, expected, atol=1e-5)


def test_fitting_trains_the_vae_of_the_settings(x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(None, SETTINGS)
    assert synthesizer.fit(x, y, generator=seeded()) is synthesizer
    assert synthesizer.vae.sizes == {"features": 64, "latent_dim": 3, "hidden": 16}


# Properties


def test_a_release_has_a_record_with_its_label_for_each_original(
    fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    release = fitted.release(x, y, generator=seeded())
    assert (release.x.shape, release.x.dtype) == (x.shape, torch.float32)
    assert ((release.x > 0) & (release.x < 1)).all()
    assert torch.equal(release.y, y)


def test_values_stay_between_0_and_1_however_strong_the_noise(vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    release = Synthesizer(EuclideanLaplace(1e-6), SETTINGS, vae=vae).release(x, y, generator=seeded())
    assert ((release.x >= 0) & (release.x <= 1)).all()


def test_codes_lie_in_the_ball_and_some_on_its_surface(fitted: Synthesizer, x: torch.Tensor) -> None:
    norms = fitted.encode(x).double().norm(dim=1)
    assert (norms <= 0.26).all()
    assert 0 < (norms > 0.2599).sum() < len(x)


def test_another_generator_gives_another_release_and_the_same_the_same(
    fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    first, again, other = (fitted.release(x, y, generator=seeded(seed)).x for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert (first != other).any(dim=1).all()


def test_changing_one_record_changes_no_other_row_of_the_release(
    fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    # What the guarantee's "replacing one record by another" rests on.
    changed = x.clone()
    changed[7] = 1 - changed[7]
    before, after = (fitted.release(records, y, generator=seeded()).x for records in (x, changed))
    assert (before != after).any(dim=1).nonzero().flatten().tolist() == [7]


def test_a_release_carries_no_gradient(fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor) -> None:
    # It would carry the original records along with it.
    assert not fitted.release(x, y, generator=seeded()).x.requires_grad


def test_less_noise_stays_closer_to_the_reconstructions(vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    plain = Synthesizer(None, SETTINGS, vae=vae).release(x, y, generator=seeded()).x
    distances = [
        (Synthesizer(EuclideanLaplace(epsilon), SETTINGS, vae=vae).release(x, y, generator=seeded()).x - plain).norm()
        for epsilon in (0.1, 1.0, 10.0, 1000.0)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.05 * distances[0]
