"""Images made of random numbers alone."""

from collections.abc import Callable

import pytest
import torch
from seeding import seeded

from vaeprivacy.procedural import dead_leaves, silhouettes

RECIPES = (silhouettes, dead_leaves)
Recipe = Callable[..., torch.Tensor]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("image_shape", [(28, 28), (8, 8), (9, 14)])
def test_images_are_flat_records_in_the_unit_range(recipe: Recipe, image_shape: tuple[int, int]) -> None:
    images = recipe(20, image_shape=image_shape, generator=seeded())
    assert images.shape == (20, image_shape[0] * image_shape[1])
    assert images.dtype == torch.float32
    assert images.min() >= 0 and images.max() <= 1
    assert (images.std(dim=1) > 0).float().mean() > 0.9


@pytest.mark.parametrize("recipe", RECIPES)
def test_images_depend_on_the_generator_alone(recipe: Recipe) -> None:
    before = torch.get_rng_state()
    first, again, other = (recipe(5, image_shape=(8, 8), generator=seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_silhouettes_stand_in_the_middle_of_a_black_image() -> None:
    images = silhouettes(500, image_shape=(28, 28), generator=seeded()).reshape(-1, 28, 28)
    mean = images.mean(dim=0)
    assert mean[12:16, 12:16].min() > 5 * torch.cat([mean[0], mean[-1], mean[:, 0], mean[:, -1]]).mean()
    assert 0.1 < images.mean() < 0.4


def test_outlines_are_more_like_their_mirror_image_than_like_what_stands_on_its_head() -> None:
    images = silhouettes(400, image_shape=(28, 28), generator=seeded()).reshape(-1, 28, 28)
    outlines = (images > 0.02).float()
    unlike = []
    for side in (2, 1):  # An object that stands a little aside is compared with mirror images moved by up to 6 pixels.
        moved = torch.stack([outlines.flip(side).roll(by, dims=side) for by in range(-6, 7)])
        unlike.append((outlines - moved).abs().mean(dim=(2, 3)).amin(dim=0).median())
    assert unlike[0] < 0.8 * unlike[1]


def test_dead_leaves_have_edges_everywhere() -> None:
    images = dead_leaves(500, image_shape=(28, 28), generator=seeded()).reshape(-1, 28, 28)
    steps = images.diff(dim=2).abs().mean(dim=0)
    assert steps.min() > 0.3 * steps.mean()
