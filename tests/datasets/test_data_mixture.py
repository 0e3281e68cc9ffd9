"""The mixture of Gaussians: its best classifier is known, and none is better."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from seeding import seeded
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from vaeprivacy.datasets import Dataset, load, mixture_accuracy, mixture_posterior
from vaeprivacy.datasets.mixture import DISTANCE, N_CLASSES, N_FEATURES, SCALE


@pytest.fixture(scope="module")
def mixture() -> Dataset:
    return load("gaussian-mixture")


def coordinates(x: torch.Tensor) -> torch.Tensor:
    """Return the Gaussian coordinates of records."""
    return DISTANCE / 2 + SCALE * torch.special.ndtri(x.double())


# Impossible input


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (torch.zeros(2, 19), ValueError),
        (torch.full((2, 20), 1.1), ValueError),
        (torch.full((2, 20), -0.1), ValueError),
        (torch.full((2, 20), torch.nan), ValueError),
        (torch.zeros(2, 20, dtype=torch.int64), TypeError),
    ],
)
def test_what_is_no_record_of_the_mixture_has_no_posterior(x: torch.Tensor, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^x "):
        mixture_posterior(x)


# A known answer


def test_the_mixture_is_the_same_every_time_and_touches_no_global_generator(mixture: Dataset) -> None:
    torch.manual_seed(1)
    again, drawn = load("gaussian-mixture"), torch.rand(1)
    assert torch.equal(again.x, mixture.x) and torch.equal(again.y, mixture.y)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))


def test_records_have_the_form_of_a_data_set_and_none_is_clipped(mixture: Dataset) -> None:
    assert (mixture.x.shape, mixture.x.dtype, mixture.y.dtype) == ((20_000, 20), torch.float32, torch.int64)
    assert mixture.x.min() > 0 and mixture.x.max() < 1
    assert mixture.n_classes == 10 and mixture.image_shape is None
    # 2,000 of each class are expected, with standard deviation 42.
    assert (mixture.y.bincount(minlength=10) - 2000).abs().max() < 4 * 42


def test_coordinates_have_the_means_and_variances_of_the_docstring(mixture: Dataset) -> None:
    z = coordinates(mixture.x)
    z[torch.arange(len(z)), mixture.y] -= DISTANCE
    assert z.mean(dim=0).abs().max() < 4.5 / math.sqrt(len(z))
    assert (z.T.cov() - torch.eye(N_FEATURES)).abs().max() < 4.5 * math.sqrt(2 / len(z))


def test_the_posterior_is_bayes_rule_with_the_densities(mixture: Dataset) -> None:
    z = coordinates(mixture.x[:50]).numpy()
    means = DISTANCE * torch.eye(N_CLASSES, N_FEATURES).numpy()
    density = torch.tensor(np.array([multivariate_normal(mean).pdf(z) for mean in means])).T
    expected = density / density.sum(dim=1, keepdim=True)
    assert torch.allclose(mixture_posterior(mixture.x[:50]), expected, rtol=1e-9, atol=1e-12)


def test_two_equal_records_of_features_0_and_1_have_a_posterior() -> None:
    x = torch.zeros(1, 20)
    x[0, :2] = 1
    assert mixture_posterior(x)[0, :3].tolist() == pytest.approx([0.5, 0.5, 0])


def test_the_accuracy_is_the_one_that_new_draws_have() -> None:
    n = 400_000
    z = torch.randn(n, N_CLASSES, generator=seeded())
    z[:, 0] += DISTANCE
    right = (z.argmax(dim=1) == 0).double().mean().item()
    accuracy = mixture_accuracy()
    assert 0.8 < accuracy < 0.82
    assert right == pytest.approx(accuracy, abs=4 * math.sqrt(accuracy * (1 - accuracy) / n))


# Properties


def test_the_best_classifier_is_as_often_right_as_theory_says(mixture: Dataset) -> None:
    posterior, accuracy = mixture_posterior(mixture.x), mixture_accuracy()
    sd = math.sqrt(accuracy * (1 - accuracy) / len(posterior))
    assert (posterior.argmax(dim=1) == mixture.y).double().mean().item() == pytest.approx(accuracy, abs=3 * sd)
    # What it says of itself is true as well: its confidence is its accuracy.
    assert posterior.max(dim=1).values.mean().item() == pytest.approx(accuracy, abs=3 * sd)
    assert torch.allclose(posterior.sum(dim=1), torch.ones(len(posterior), dtype=torch.float64))


@pytest.mark.parametrize("classifier", [LinearDiscriminantAnalysis(), LogisticRegression()], ids=["LDA", "logistic"])
@pytest.mark.parametrize("known_map", [True, False])
def test_no_fitted_classifier_is_better(
    mixture: Dataset, classifier: LinearDiscriminantAnalysis | LogisticRegression, known_map: bool
) -> None:
    x = (coordinates(mixture.x) if known_map else mixture.x).numpy()
    half = len(x) // 2
    classifier.fit(x[:half], mixture.y[:half])
    accuracy, best = classifier.score(x[half:], mixture.y[half:]), mixture_accuracy()
    sd = math.sqrt(best * (1 - best) / half)
    # Below by little: the best classifier is linear in the coordinates.
    assert best - 0.03 < accuracy < best + 3 * sd
    same = (mixture_posterior(mixture.x[half:]).argmax(dim=1) == mixture.y[half:]).double().mean().item()
    assert accuracy < same + sd
