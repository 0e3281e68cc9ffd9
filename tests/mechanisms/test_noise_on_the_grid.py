"""What the noise of every mechanism does to a code."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mechanism_cases import ALL, DIMENSIONS, each, each_epsilon, each_type, make
from seeding import seeded

from vaeprivacy.distances import clip
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.whitened import WhitenedLaplace
from vaeprivacy.randomness import SYSTEM_ENTROPY, RandomSource

# Properties: what is done with the noise


class NoNoise(EuclideanLaplace):
    """Show what happens to the codes alone."""

    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        return torch.zeros(n, dimension, dtype=dtype)


@each_type
@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("name", ["Euclidean", "Coordinate", "Gaussian"])
def test_perturbed_codes_are_cut_codes_plus_noise_on_the_grid(name: str, d: int, dtype: torch.dtype) -> None:
    codes = 3 * torch.randn(50, d, generator=seeded(1), dtype=dtype)
    mechanism = make(name, 0.7)
    noisy = mechanism.perturb(codes, generator=seeded(2))
    noise = mechanism.sample(50, d, generator=seeded(2)).numpy()
    step = mechanism.grid_step
    cut = np.trunc(codes.double().numpy() / step) * step
    expected = np.rint((cut + noise) / step) * step
    assert (noisy.dtype, noisy.shape) == (dtype, (50, d))
    assert np.array_equal(noisy.double().numpy(), expected.astype(np.float32 if dtype == torch.float32 else np.float64))


@each_type
@pytest.mark.parametrize("d", DIMENSIONS)
def test_whitened_noise_is_added_to_whitened_codes_on_the_grid(d: int, dtype: torch.dtype) -> None:
    codes = 3 * torch.randn(50, d, generator=seeded(1), dtype=dtype)
    mechanism = make("Whitened", 0.7, d=d)
    noisy = mechanism.perturb(codes, generator=seeded(2))
    white = EuclideanLaplace(0.7).perturb(mechanism.metric.whiten(codes), generator=seeded(2))
    assert (noisy.dtype, noisy.shape) == (dtype, (50, d))
    assert torch.equal(noisy, mechanism.metric.colour(white).to(dtype))
    steps = mechanism.metric.whiten(noisy) / mechanism.grid_step
    assert (steps - steps.round()).abs().max() < (0.05 if dtype == torch.float32 else 1e-6)


@each_type
@each_epsilon
@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize("name", ["Euclidean", "Coordinate", "Gaussian"])
def test_every_output_is_on_the_grid(name: str, d: int, epsilon: float, dtype: torch.dtype) -> None:
    # Also of codes that are so large that float32 cannot tell the steps apart any more.
    codes = torch.randn(200, d, generator=seeded(1), dtype=dtype) * torch.logspace(-6, 6, 200, dtype=dtype)[:, None]
    mechanism = make(name, epsilon)
    steps = mechanism.perturb(codes, generator=seeded(2)).double() / mechanism.grid_step
    assert torch.equal(steps, steps.round())


@given(epsilon=st.floats(1e-30, 1e30), name=st.sampled_from(ALL))
def test_the_step_of_the_grid_is_a_power_of_two_and_a_thousandth_of_the_scale(epsilon: float, name: str) -> None:
    mechanism = make(name, epsilon)
    step = mechanism.grid_step
    assert math.frexp(step)[0] == 0.5
    assert 2**-11 * (1 - 1e-9) <= step / mechanism.scale <= 2**-10 * (1 + 1e-9)


codes32 = arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, width=32))
codes64 = arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6))


@given(codes=codes32 | codes64, epsilon=st.floats(1e-3, 1e3))
def test_cutting_to_the_grid_makes_no_code_longer_and_moves_it_by_less_than_a_step(
    codes: np.ndarray, epsilon: float
) -> None:
    mechanism = NoNoise(epsilon)
    cut = mechanism.perturb(torch.from_numpy(codes), generator=seeded()).double().numpy()
    before = codes.astype(np.float64)
    assert (np.abs(cut) <= np.abs(before)).all()
    assert (np.abs(cut - before) < mechanism.grid_step).all()
    assert (cut * before >= 0).all()


@given(codes=codes32, epsilon=st.floats(1e-2, 1e2), radius=st.floats(1e-3, 1e3))
@pytest.mark.filterwarnings("ignore:The radius .* is smaller than:UserWarning")
def test_clipped_codes_stay_in_the_ball_on_the_grid(codes: np.ndarray, epsilon: float, radius: float) -> None:
    # What the promise for any two records rests on.
    cut = NoNoise(epsilon).perturb(clip(torch.from_numpy(codes), radius=radius), generator=seeded())
    assert all(math.hypot(*row) <= radius for row in cut.tolist())


@given(codes=codes64, epsilon=st.floats(1e-2, 1e2))
def test_the_grid_carries_two_codes_apart_by_less_than_a_step_in_each_coordinate(
    codes: np.ndarray, epsilon: float
) -> None:
    mechanism = NoNoise(epsilon)
    cut = mechanism.perturb(torch.from_numpy(codes), generator=seeded()).numpy()
    further = np.abs(cut[0] - cut[1]) - np.abs(codes[0] - codes[1])
    assert (further < mechanism.grid_step).all()


def test_two_codes_at_both_sides_of_a_point_of_the_grid_end_a_step_apart() -> None:
    # So it is the codes on the grid whose distance the promise is about: a thousandth of a scale can be added to it.
    mechanism = NoNoise(1.0)
    below, above = 2**-10 * (1 - 1e-9), 2**-10 * (1 + 1e-9)
    cut = mechanism.perturb(torch.tensor([[below], [above]], dtype=torch.float64), generator=seeded())
    assert cut[:, 0].tolist() == [0, 2**-10]


@each
@pytest.mark.parametrize("source", ["seeded", "system"])
def test_the_codes_themselves_are_left_alone(name: str, source: str) -> None:
    codes = torch.full((5, 3), 0.3, dtype=torch.float64)
    make(name).perturb(codes, generator=seeded() if source == "seeded" else SYSTEM_ENTROPY)
    assert (codes == 0.3).all()


@each
@pytest.mark.parametrize("source", ["seeded", "system"])
def test_equal_records_get_different_noise(name: str, source: str) -> None:
    generator = seeded() if source == "seeded" else SYSTEM_ENTROPY
    noisy = make(name).perturb(torch.zeros(100, 3, dtype=torch.float64), generator=generator)
    assert len(noisy.unique(dim=0)) == 100


@each
@pytest.mark.parametrize("source", ["seeded", "system"])
def test_two_releases_get_different_noise(name: str, source: str) -> None:
    generator = seeded() if source == "seeded" else SYSTEM_ENTROPY
    first, second = (make(name).perturb(torch.zeros(100, 3), generator=generator) for _ in range(2))
    assert (first != second).any(dim=1).all()


@each
def test_the_same_seed_gives_the_same_noise(name: str) -> None:
    # Which is why nothing is promised against whoever knows the seed.
    first, second = (make(name).perturb(torch.zeros(100, 3), generator=seeded(3)) for _ in range(2))
    assert torch.equal(first, second)


@each
def test_noise_does_not_depend_on_the_global_generator(name: str) -> None:
    before = torch.get_rng_state()
    for generator in (seeded(), SYSTEM_ENTROPY):
        make(name).perturb(torch.zeros(10, 3), generator=generator)
    assert torch.equal(torch.get_rng_state(), before)


# A documented hazard: the porous support of textbook noise (Mironov, 2012)


def betrays_zero(outputs: torch.Tensor) -> torch.Tensor:
    """Return which outputs can only come from the code 0, not from 1: those finer than a sum with 1 can be."""
    fine = outputs * 2.0**53
    return (outputs.abs() < 0.5) & (fine != fine.round())


def test_noise_added_in_floating_point_gives_a_quarter_of_all_codes_away() -> None:
    # Noise near -1 is a multiple of 2**-53, and so is its sum with 1; noise near 0 has finer values.
    noise = CoordinateLaplace(1.0).sample(200_000, 1, generator=seeded())
    assert betrays_zero(0 + noise).double().mean().item() == pytest.approx(0.27, abs=0.005)
    assert not betrays_zero(1 + noise).any()


@each
@pytest.mark.parametrize("code", [0.0, 1.0])
def test_noise_added_on_the_grid_gives_no_code_away(name: str, code: float) -> None:
    mechanism = WhitenedLaplace(1.0, torch.eye(1)) if name == "Whitened" else make(name, 1.0)
    codes = torch.full((200_000, 1), code, dtype=torch.float64)
    assert not betrays_zero(mechanism.perturb(codes, generator=seeded())).any()


@pytest.mark.parametrize("name", ["Euclidean", "Coordinate", "Gaussian"])
def test_every_output_that_one_code_can_have_is_one_that_another_can_have(name: str) -> None:
    # Two codes that are no multiples of anything: their outputs fall on the same points.
    mechanism = make(name, 1.0)
    outputs = [
        mechanism.perturb(torch.full((200_000, 1), code, dtype=torch.float64), generator=seeded(seed))
        for seed, code in enumerate((math.pi / 10, math.e / 10))
    ]
    near = [set(output[output.abs() < 0.5].tolist()) for output in outputs]
    assert near[0] == near[1]
    assert len(near[0]) == 2 * 2**9 - 1
