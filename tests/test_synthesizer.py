"""The framework: encode, clip, perturb, decode."""

import math
from dataclasses import replace

import pytest
import torch
from seeding import seeded

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.datasets import Dataset
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.whitened import WhitenedLaplace
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer
from vaeprivacy.vae import VAE, VAESettings

SETTINGS = VAESettings(latent_dim=3, hidden=16, epochs=2)


# Impossible input


def test_nothing_is_released_before_the_vae_is_fitted(x: torch.Tensor, y: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match="no VAE yet: call fit first"):
        Synthesizer(EuclideanLaplace(1.0)).release(x, y, generator=seeded())


def test_nothing_is_encoded_or_decoded_before_the_vae_is_fitted(x: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match="no VAE yet"):
        Synthesizer(None).encode(x)
    with pytest.raises(RuntimeError, match="no VAE yet"):
        Synthesizer(None).decode(torch.zeros(1, 16))


@pytest.mark.parametrize("labels", [torch.zeros(39), torch.zeros(41), torch.zeros(0)])
def test_records_without_one_label_each_are_refused(fitted: Synthesizer, x: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="y must hold one label for each of the 40 records"):
        fitted.release(x, labels, generator=seeded())
    with pytest.raises(ValueError, match="y must hold one label for each of the 40 records"):
        fitted.fit(x, labels, generator=seeded())


@pytest.mark.parametrize(
    ("records", "error"),
    [(torch.full((2, 64), 2), TypeError), (torch.full((2, 64), math.nan), ValueError)],
)
def test_what_is_no_table_of_records_is_not_released(
    fitted: Synthesizer, records: torch.Tensor, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"^x "):
        fitted.release(records, torch.zeros(2), generator=seeded())


@pytest.mark.parametrize("training", ["disjoint", PublicTrainer, None])
def test_what_is_no_way_to_train_is_refused(training: object) -> None:
    with pytest.raises(TypeError, match=r"trainer must be PlainTrainer\(\), PublicTrainer\(\) or DPSGDTrainer"):
        Synthesizer(None, SETTINGS, trainer=training)


def test_records_that_a_disjoint_model_was_trained_on_are_not_released(x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(EuclideanLaplace(1.0), SETTINGS, trainer=PublicTrainer())
    synthesizer.fit(x[:20], y[:20], generator=seeded())
    overlapping = slice(15, 40)
    for each in (synthesizer, replace(synthesizer, mechanism=EuclideanLaplace(2.0))):
        with pytest.raises(ValueError, match="5 of the 25 records to release are among those"):
            each.release(x[overlapping], y[overlapping], generator=seeded())
        assert each.releases.made == 0
    assert len(synthesizer.release(x[20:], y[20:], generator=seeded()).x) == 20
    negative_zeros = torch.where(x == 0, -x, x)  # equal to x, but not bit for bit
    with pytest.raises(ValueError, match="20 of the 40 records"):
        synthesizer.release(negative_zeros, y, generator=seeded())


def test_labels_that_do_not_fit_their_noise_are_refused_before_a_release_is_counted(
    vae: VAE, x: torch.Tensor, y: torch.Tensor
) -> None:
    synthesizer = Synthesizer(EuclideanLaplace(1.0), SETTINGS, vae=vae, labels=RandomisedResponse(1.0, 5))
    with pytest.raises(ValueError, match="labels must hold one label from 0 to 4"):
        synthesizer.release(x, y, generator=seeded())
    assert synthesizer.releases.made == 0


# A known answer


@pytest.mark.parametrize("latent_dim", [1, 9, 16])
def test_the_default_radius_is_the_square_root_of_the_latent_dimension(latent_dim: int) -> None:
    assert Synthesizer(None, VAESettings(latent_dim=latent_dim)).radius == pytest.approx(math.sqrt(latent_dim))


def test_a_release_without_noise_is_the_reconstructions_and_promises_nothing(
    vae: VAE, x: torch.Tensor, y: torch.Tensor
) -> None:
    synthesizer = Synthesizer(None, SETTINGS, vae=vae)
    release = synthesizer.release(x, y, generator=seeded(), shuffle=False)
    assert torch.equal(release.x, synthesizer.decode(synthesizer.encode(x)))
    assert release.guarantee is None


def test_a_release_promises_the_epsilon_of_its_noise_and_the_radius_of_its_ball(
    fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    promised = fitted.release(x, y, generator=seeded()).guarantee
    assert promised == Guarantee(Indistinguishability(0.5), radius=0.26, seeded=True)


def test_a_release_is_the_decoded_sum_of_clipped_code_and_noise(
    fitted: Synthesizer, vae: VAE, x: torch.Tensor, y: torch.Tensor
) -> None:
    with torch.no_grad():
        mean, _ = vae.encode(x)
        # The projection by another formula.
        clipped = mean / (mean.norm(dim=1, keepdim=True) / 0.26).clamp(min=1)
        noise = EuclideanLaplace(0.5).sample(40, 3, generator=seeded(4))
        # On the grid: the code is cut towards zero, the sum is rounded.
        step = EuclideanLaplace(0.5).grid_step
        noisy = torch.round((torch.trunc(clipped.double() / step) * step + noise) / step) * step
        expected = vae.decode(noisy.float())
    assert torch.allclose(fitted.release(x, y, generator=seeded(4), shuffle=False).x, expected, atol=1e-5)


def test_fitting_trains_the_vae_of_the_settings(x: torch.Tensor, y: torch.Tensor) -> None:
    synthesizer = Synthesizer(None, SETTINGS)
    assert synthesizer.fit(x, y, generator=seeded()) is synthesizer
    sizes = {"features": 64, "latent_dim": 3, "hidden": 16, "n_classes": 0, "architecture": "mlp"}
    assert synthesizer.vae.sizes == sizes


# Properties


def test_a_release_has_a_record_with_its_label_for_each_original(
    fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    release = fitted.release(x, y, generator=seeded(), shuffle=False)
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
    before, after = (fitted.release(records, y, generator=seeded(), shuffle=False).x for records in (x, changed))
    assert (before != after).any(dim=1).nonzero().flatten().tolist() == [7]


def test_a_release_carries_no_gradient(fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor) -> None:
    # It would carry the original records along with it.
    assert not fitted.release(x, y, generator=seeded()).x.requires_grad


def test_less_noise_stays_closer_to_the_reconstructions(vae: VAE, x: torch.Tensor, y: torch.Tensor) -> None:
    options = {"generator": seeded(), "shuffle": False}
    plain = Synthesizer(None, SETTINGS, vae=vae).release(x, y, **options).x
    distances = [
        (Synthesizer(EuclideanLaplace(epsilon), SETTINGS, vae=vae).release(x, y, **options).x - plain).norm()
        for epsilon in (0.1, 1.0, 10.0, 1000.0)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.05 * distances[0]


MECHANISMS = [
    EuclideanLaplace(0.5),
    CoordinateLaplace(0.5),
    Gaussian(2.0),
    WhitenedLaplace(0.5, torch.diag(torch.tensor([4.0, 1.0, 0.25]))),
]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_noise_of_every_mechanism_lies_on_its_grid(
    mechanism: Mechanism, vae: VAE, x: torch.Tensor, y: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    monkeypatch.setattr(Synthesizer, "decode", lambda self, codes, y: decoded.append(codes) or codes)
    Synthesizer(mechanism, SETTINGS, vae=vae).release(x, y)
    codes = decoded[0].double()
    steps = (codes if mechanism.metric.name != "Mahalanobis distance" else mechanism.metric.whiten(codes)) / (
        mechanism.grid_step
    )
    assert (steps - steps.round()).abs().max() < 1e-2  # whitening brings rounding errors of float32 along
    assert (steps != 0).any()


@pytest.mark.parametrize("training", [PlainTrainer(), PublicTrainer(), DPSGDTrainer(8.0)], ids=str)
def test_a_trained_encoder_looks_at_one_record_at_a_time(training: Trainer, digits: Dataset) -> None:
    # And gives it the same code each time: no dropout, no statistics of a batch.
    synthesizer = Synthesizer(None, SETTINGS, trainer=training)
    synthesizer.fit(digits.x[100:200], digits.y[100:200], generator=seeded())
    x = digits.x[:40]
    codes = synthesizer.encode(x)
    for row in (0, 7, 39):
        changed = x.clone()
        changed[row] = 1 - changed[row]
        differs = (synthesizer.encode(changed) != codes).any(dim=1)
        assert differs.nonzero().flatten().tolist() == [row]
    assert torch.equal(synthesizer.encode(x), codes)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_releases_with_its_own_ball_and_guarantee(
    mechanism: Mechanism, vae: VAE, x: torch.Tensor, y: torch.Tensor
) -> None:
    synthesizer = Synthesizer(mechanism, SETTINGS, vae=vae)
    assert synthesizer.radius == pytest.approx(mechanism.metric.typical_norm(3))
    assert (mechanism.metric.norm(synthesizer.encode(100 * x)) <= synthesizer.radius).all()
    promised = synthesizer.release(x, y).guarantee
    assert promised == replace(mechanism.guarantee(synthesizer.radius), seeded=False)
    assert promised.metric is mechanism.metric


# The order of a release


def test_rows_are_shuffled_with_their_labels(vae: VAE, x: torch.Tensor) -> None:
    synthesizer = Synthesizer(None, SETTINGS, vae=vae)
    position = torch.arange(40)
    in_order = synthesizer.release(x, position, generator=seeded(), shuffle=False)
    shuffled = synthesizer.release(x, position, generator=seeded())
    assert torch.equal(in_order.y, position)
    assert not torch.equal(shuffled.y, position)
    assert shuffled.y.sort().values.equal(position)
    assert torch.allclose(shuffled.x, in_order.x[shuffled.y], atol=1e-6)


def test_the_order_of_a_shuffled_release_does_not_depend_on_the_records(
    fitted: Synthesizer, x: torch.Tensor, y: torch.Tensor
) -> None:
    position = torch.arange(40)
    orders = [fitted.release(records, position, generator=seeded()).y for records in (x, x.flip(0), 1 - x)]
    assert torch.equal(orders[0], orders[1])
    assert torch.equal(orders[0], orders[2])
    assert not torch.equal(orders[0], fitted.release(x, position, generator=seeded(1)).y)


def test_a_shuffled_release_has_the_rows_of_one_in_order_with_the_same_noise(
    fitted: Synthesizer, x: torch.Tensor
) -> None:
    in_order, shuffled = (
        fitted.release(x, torch.arange(40), generator=seeded(), shuffle=shuffle) for shuffle in (False, True)
    )
    assert torch.allclose(shuffled.x, in_order.x[shuffled.y], atol=1e-6)
    assert len(in_order.x.unique(dim=0)) == 40


def test_every_record_comes_to_every_place_about_as_often(vae: VAE, x: torch.Tensor) -> None:
    synthesizer = Synthesizer(None, SETTINGS, vae=vae)
    generator, counts = seeded(1), torch.zeros(4, 4)
    for _ in range(2000):
        counts[torch.arange(4), synthesizer.release(x[:4], torch.arange(4), generator=generator).y] += 1
    # 500 each; the chi-square statistic of 9 degrees of freedom exceeds 27.9 once in a thousand times.
    assert ((counts - 500) ** 2 / 500).sum().item() < 27.9
