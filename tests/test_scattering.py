"""Scattering features."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from seeding import seeded

from vaeprivacy.classifiers import accuracy
from vaeprivacy.datasets import Dataset
from vaeprivacy.dp_classifier import LINEAR_SETTINGS, fit_dp_classifier
from vaeprivacy.scattering import CHUNK, averages, coefficients, scattering, wavelets

#: Images and their coefficients as kymatio 0.3.0 gave them: ScatteringTorch2D(J=2, shape=...).
RECORDED = Path(__file__).parent / "golden" / "kymatio.npz"


def images(n: int, height: int = 8, width: int = 12) -> torch.Tensor:
    return torch.rand(n, height * width, generator=seeded())


# Impossible input


@pytest.mark.parametrize("image_shape", [(8, 8), (12, 7), (3, 32), (96, 1)])
def test_an_image_shape_that_does_not_fit_is_refused(image_shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"^image_shape must be \(height, width\), .* the 96 values of a record, not "):
        scattering(images(3), image_shape=image_shape)


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (torch.zeros(3, 96, dtype=torch.uint8), TypeError),
        (torch.full((3, 96), math.nan), ValueError),
        (torch.zeros(3, 8, 12), ValueError),
    ],
)
def test_what_is_no_table_of_records_is_refused(x: torch.Tensor, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^x "):
        scattering(x, image_shape=(8, 12))


# A known answer


@pytest.mark.parametrize(
    ("image_shape", "expected"), [((28, 28), 3969), ((8, 8), 324), ((8, 12), 486), ((4, 4), 81), ((9, 11), 324)]
)
def test_there_are_81_features_for_each_square_of_four_by_four_pixels(
    image_shape: tuple[int, int], expected: int
) -> None:
    assert scattering(images(2, *image_shape), image_shape=image_shape).shape == (2, expected)


def test_a_blank_image_has_coefficients_of_order_zero_alone() -> None:
    # Wavelets have mean zero. So of the first group's three channels one is constant and two are zero; normalised, that
    # is 2 / sqrt(2) against -1 / sqrt(2). All other groups are zero.
    features = scattering(torch.full((1, 64), 0.5), image_shape=(8, 8)).unflatten(1, (81, 4))[0]
    assert torch.allclose(features[0], torch.full((4,), math.sqrt(2)), atol=1e-2)
    assert torch.allclose(features[1:3], torch.full((2, 4), -math.sqrt(0.5)), atol=1e-2)
    assert features[3:].abs().max() < 0.05


@pytest.mark.parametrize("size", ["4x5", "8x8", "9x11", "28x28"])
def test_the_coefficients_are_those_of_kymatio(size: str) -> None:
    with np.load(RECORDED) as recorded:
        images, expected = (torch.from_numpy(recorded[f"{what} {size}"]) for what in ("images", "coefficients"))
    found = coefficients(images)
    assert found.shape == expected.shape
    # Of each order by itself: those of the second are a tenth of those of the first.
    for order in (slice(1), slice(1, 17), slice(17, None)):
        assert (found[:, order] - expected[:, order]).abs().max() < 1e-5 * expected[:, order].abs().max()


def test_averages_of_a_constant_are_that_constant() -> None:
    for step in (1, 2):
        found = averages(torch.ones(1, 1, 36 // step, 36 // step), step=step)
        assert torch.allclose(found, torch.ones(1, 1, 7, 7), atol=1e-3)


# Properties


def test_wavelets_have_mean_zero_and_each_angle_is_another() -> None:
    for psi in wavelets(36, 36):
        assert psi[:, 0, 0].abs().max() < 1e-6
        assert torch.cdist(psi.flatten(1), psi.flatten(1)).add(torch.eye(8)).min() > 0.5


def test_a_coarse_wavelet_answers_to_wider_stripes_than_a_fine_one() -> None:
    stripes = [torch.cos(math.pi * torch.arange(28.0) * f).expand(28, 28) for f in (0.75, 0.375)]
    fine, coarse = (coefficients(each[None]).mean(dim=(0, 2, 3))[1:17].split(8) for each in stripes)
    assert fine[0].max() > 4 * fine[1].max()
    assert coarse[1].max() > 1.5 * coarse[0].max()


def test_each_group_of_three_channels_of_a_record_has_mean_zero_and_variance_one() -> None:
    groups = scattering(100 * images(20), image_shape=(8, 12)).unflatten(1, (27, -1))
    assert groups.mean(dim=2).abs().max() < 1e-5
    assert torch.allclose(groups.var(dim=2, correction=0), torch.ones(20, 27), atol=1e-2)


def test_the_features_of_a_record_depend_on_no_other() -> None:
    x = images(CHUNK + 3)
    features = scattering(x, image_shape=(8, 12))
    for i in (0, CHUNK - 1, CHUNK, CHUNK + 2):
        assert torch.allclose(features[i], scattering(x[i : i + 1], image_shape=(8, 12))[0], atol=1e-5)


def test_brighter_images_of_the_same_things_have_the_same_features() -> None:
    x = 100 * images(5)
    assert torch.allclose(scattering(x, image_shape=(8, 12)), scattering(3 * x, image_shape=(8, 12)), atol=1e-2)


def test_nothing_is_random_and_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    first, second = (scattering(images(5), image_shape=(8, 12)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_have_the_type_of_the_records(dtype: torch.dtype) -> None:
    x = images(5)
    features = scattering(x.to(dtype), image_shape=(8, 12))
    assert features.dtype == dtype
    assert torch.allclose(features.float(), scattering(x, image_shape=(8, 12)), atol=1e-5)


def test_a_linear_model_with_dp_sgd_does_better_on_them_than_on_pixels(digits: Dataset) -> None:
    settings = replace(LINEAR_SETTINGS, batch_size=1000, epochs=20)  # all records in each step: a quick accountant
    found = []
    for x in (digits.x, scattering(digits.x, image_shape=digits.image_shape)):
        budget = {"epsilon": 3.0, "delta": 1e-4, "n_classes": 10, "generator": seeded()}
        model, _ = fit_dp_classifier(x[:1000], digits.y[:1000], settings, **budget)
        found.append(accuracy(model, x[1000:], digits.y[1000:]))
    assert found[1] > found[0]
    assert found[1] > 0.8
