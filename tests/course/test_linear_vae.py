"""The linear VAE of assignments, and its noise."""

import numpy as np
import pytest
import torch

from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.course.linear_vae import LinearVAE, with_noise
from vaeprivacy.distances import clip
from vaeprivacy.mechanisms.laplace import EuclideanLaplace

RNG = np.random.default_rng(0)
X = 0.5 + 0.02 * RNG.normal(size=(200, 3)) @ RNG.normal(size=(3, 8))


def test_codes_have_variance_one_and_records_come_back():
    vae = LinearVAE.fit(X, dimension=3, radius=100.0)
    codes = vae.encode(X)
    assert np.allclose(codes.mean(axis=0), 0) and np.allclose(np.cov(codes.T, ddof=0), np.eye(3))
    assert np.allclose(vae.decode(codes), X)
    assert vae.decode(1e6 * codes).min() == 0 and vae.decode(1e6 * codes).max() == 1


def test_codes_are_clipped_as_the_package_clips_them():
    wide, narrow = (LinearVAE.fit(X, dimension=3, radius=radius) for radius in (100.0, 1.5))
    wanted = clip(torch.tensor(wide.encode(X)), radius=1.5, warn=False)
    assert np.allclose(narrow.encode(X), wanted)
    assert np.isfinite(narrow.encode(narrow.mean[None])).all()


def test_it_is_read_from_what_it_writes():
    vae = LinearVAE.fit(X, dimension=2, radius=1.0)
    assert np.allclose(LinearVAE.read(vae.arrays(), radius=1.0).encode(X), vae.encode(X))


@pytest.mark.parametrize("dimension", [0, 9])
def test_impossible_dimensions_are_refused(dimension):
    with pytest.raises(ValueError, match="between 1 and 8"):
        LinearVAE.fit(X, dimension=dimension, radius=1.0)


def test_the_noise_has_its_law():
    noise = with_noise(np.zeros((5000, 4)), epsilon=2.0, rng=np.random.default_rng(1))
    assert min(noise_p_values(torch.tensor(noise), EuclideanLaplace(2.0)).values()) > 1e-4
