"""The attack on released moments: the density of a record under those of its class, less that under others."""

import pytest
import torch
from seeding import seeded
from torch.distributions import MultivariateNormal

from vaeprivacy.attacks import class_log_density, density_score, draw_memberships
from vaeprivacy.datasets import Dataset
from vaeprivacy.feature_maps import cosine_map, table_map
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.metrics import auc
from vaeprivacy.moments import MomentModel, fit_moments

NO_NOISE = 1e6  # whole epsilon


def densities(digits: Dataset, epsilon: float, *, models: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-densities of 400 digits under moments of halves of them, and the halves."""
    waves, x, y = cosine_map((8, 8)), digits.x[:400], digits.y[:400]
    is_member = draw_memberships(y, n_shadows=models, generator=seeded(1))
    options = {"epsilon": epsilon, "delta": 1e-5, "n_classes": 10}
    features = waves.transform(x)
    fitted = [
        fit_moments(features[half], y[half], waves, generator=seeded(2 + number), **options)
        for number, half in enumerate(is_member)
    ]
    return torch.stack([class_log_density(each, features, y) for each in fitted]), is_member


def test_without_references_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(ValueError, match=r"pass at least one reference\.$"):
        density_score(torch.zeros(3), torch.zeros(0, 3))


def test_the_density_is_that_of_a_normal_distribution_but_for_a_constant() -> None:
    roots = torch.randn(2, 3, 3, generator=seeded()).double()
    means, y = torch.randn(2, 3, generator=seeded(1)).double(), torch.tensor([0, 1, 1, 0])
    model = MomentModel(table_map(torch.zeros(3), torch.ones(3)), means, roots, torch.ones(2), guarantee=None)
    x = torch.randn(4, 3, generator=seeded(2)).double()
    covariances = roots @ roots.mT
    known = [
        MultivariateNormal(means[label], covariances[label]).log_prob(row) for row, label in zip(x, y, strict=True)
    ]
    difference = class_log_density(model, x, y) - torch.stack(known)
    torch.testing.assert_close(difference, difference[:1].expand(4))


def test_members_are_found_without_noise_and_with_noise_no_better_than_the_promise_allows(digits: Dataset) -> None:
    found = {}
    for epsilon in (NO_NOISE, 0.5):
        density, is_member = densities(digits, epsilon, models=17)
        scores = density_score(density[0], density[1:])
        found[epsilon] = auc(scores, is_member[0])
    assert found[NO_NOISE].low > 0.8
    assert found[0.5].low < GaussianIndistinguishability.for_epsilon(0.5, delta=1e-5).max_auc() < 0.65
    assert found[0.5].high < 0.65
