"""The noise: its law, tested in a way that rejects five wrong laws, and the projection onto the ball."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, stats
from seeding import seeded

from vaeprivacy.guarantee import Guarantee
from vaeprivacy.mechanisms import EuclideanLaplace, clip, laplace_log_density

# Impossible input


@pytest.mark.parametrize("epsilon", [0, -1.0, math.nan, math.inf])
def test_an_epsilon_that_is_not_positive_is_refused(epsilon: float) -> None:
    with pytest.raises(ValueError, match=f"epsilon must be positive and finite, not {epsilon}"):
        EuclideanLaplace(epsilon)


@pytest.mark.parametrize("epsilon", ["1", True, None])
def test_an_epsilon_that_is_no_number_is_refused(epsilon: object) -> None:
    with pytest.raises(TypeError, match=f"epsilon must be a positive number, not {epsilon!r}"):
        EuclideanLaplace(epsilon)


BAD_CODES = [
    (torch.tensor([[0.0, math.nan]]), ValueError, "NaN"),
    (torch.tensor([[0.0, -math.inf]]), ValueError, "infinite"),
    (torch.zeros(3), ValueError, r"\(3,\)"),
    (torch.zeros(0, 3), ValueError, r"\(0, 3\)"),
    (torch.zeros(2, 3, dtype=torch.int64), TypeError, "int64"),
    (np.zeros((2, 3)), TypeError, "ndarray"),
]


@pytest.mark.parametrize(("codes", "error", "naming"), BAD_CODES)
def test_noise_is_not_added_to_what_is_no_table_of_codes(codes: object, error: type[Exception], naming: str) -> None:
    with pytest.raises(error, match=f"^codes .*{naming}"):
        EuclideanLaplace(1.0).perturb(codes, generator=seeded())


@pytest.mark.parametrize(("codes", "error", "naming"), BAD_CODES)
def test_what_is_no_table_of_codes_is_not_clipped(codes: object, error: type[Exception], naming: str) -> None:
    with pytest.raises(error, match=f"^codes .*{naming}"):
        clip(codes, radius=1.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_noise_is_not_added_in_half_precision(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=f"codes must be float32 or float64, not {dtype}"):
        EuclideanLaplace(1.0).perturb(torch.zeros(2, 3, dtype=dtype), generator=seeded())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_codes_in_half_precision_are_not_clipped(dtype: torch.dtype) -> None:
    # Rounding to so few digits carries codes out of the ball again.
    with pytest.raises(TypeError, match=f"codes must be float32 or float64, not {dtype}"):
        clip(torch.ones(2, 3, dtype=dtype), radius=1.0)


@pytest.mark.parametrize(("radius", "error"), [(0, ValueError), (-1.0, ValueError), (math.nan, ValueError)])
def test_a_radius_that_is_not_positive_is_refused(radius: float, error: type[Exception]) -> None:
    with pytest.raises(error, match="radius must be positive"):
        clip(torch.zeros(2, 3), radius=radius)


# A known answer


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_code_outside_moves_along_its_direction_onto_the_surface(dtype: torch.dtype) -> None:
    clipped = clip(torch.tensor([[3.0, 4.0], [0.0, -7.0]], dtype=dtype), radius=1.0)
    assert clipped.dtype == dtype
    assert clipped.tolist() == [pytest.approx([0.6, 0.8], rel=2e-6), pytest.approx([0, -1], rel=2e-6)]


def test_the_zero_code_stays_zero() -> None:
    assert clip(torch.zeros(1, 5), radius=0.1).tolist() == [[0] * 5]


def test_one_huge_code_changes_no_other() -> None:
    codes = torch.randn(10, 4, generator=seeded()) / 10
    with_huge = codes.clone()
    with_huge[3] = 1e6
    clipped = clip(with_huge, radius=2.0)
    others = torch.arange(10) != 3
    assert torch.equal(clipped[others], codes[others])
    assert clipped[3].tolist() == pytest.approx([1.0] * 4, rel=1e-5)


@pytest.mark.parametrize("size", [1e100, 1e155, 1e300])
def test_a_code_whose_square_overflows_keeps_its_direction(size: float) -> None:
    clipped = clip(torch.tensor([[3 * size, 4 * size]], dtype=torch.float64), radius=1.0)
    assert clipped[0].tolist() == pytest.approx([0.6, 0.8], rel=2e-6)


def test_a_mechanism_guarantees_its_own_epsilon() -> None:
    assert EuclideanLaplace(0.5).guarantee(3.0) == Guarantee(epsilon=0.5, radius=3.0)


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
def test_in_one_dimension_the_density_is_laplaces(epsilon: float) -> None:
    points = torch.linspace(-5, 5, 41, dtype=torch.float64)[:, None]
    expected = stats.laplace(scale=1 / epsilon).logpdf(points[:, 0].numpy())
    assert EuclideanLaplace(epsilon).log_density(points).tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
def test_in_one_dimension_the_density_integrates_to_one(epsilon: float) -> None:
    total, _ = integrate.quad(
        lambda z: math.exp(laplace_log_density(torch.tensor([[z]]), epsilon=epsilon).item()), -50, 50, points=[0]
    )
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
def test_in_two_dimensions_the_density_integrates_to_one(epsilon: float) -> None:
    # Beyond 20 / epsilon, less than a millionth is left.
    side = torch.linspace(-20, 20, 2001, dtype=torch.float64) / epsilon
    density = laplace_log_density(torch.cartesian_prod(side, side), epsilon=epsilon).exp()
    assert density.sum().item() * (side[1] - side[0]).item() ** 2 == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("d", [3, 16, 64])
def test_in_any_dimension_the_density_integrates_to_one(d: int) -> None:
    # Over spheres: the one of radius r has area 2 pi^(d/2) / Gamma(d/2) r^(d-1).
    log_unit_area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)

    def on_sphere(r: float) -> float:
        point = torch.zeros(1, d, dtype=torch.float64)
        point[0, 0] = r
        log_area = log_unit_area + (d - 1) * math.log(r)
        return math.exp(log_area + laplace_log_density(point, epsilon=2.0).item())

    total, _ = integrate.quad(on_sphere, 1e-9, 2 * d + 30, points=[d / 2], limit=200)
    assert total == pytest.approx(1, abs=1e-6)


# Properties: the ball

EXTREME = {"allow_nan": False, "allow_infinity": False}
codes32 = arrays(np.float32, (3, 4), elements=st.floats(width=32, **EXTREME))
codes64 = arrays(np.float64, (3, 4), elements=st.floats(**EXTREME))
radii = st.floats(1e-6, 1e6)


@given(codes=codes32 | codes64, radius=radii)
def test_clipped_codes_lie_in_the_ball(codes: np.ndarray, radius: float) -> None:
    clipped = clip(torch.from_numpy(codes), radius=radius)
    assert clipped.dtype == torch.from_numpy(codes).dtype
    # The norm in exact arithmetic on the numbers as they are stored, to a rounding error far below float32's.
    assert all(math.hypot(*row) <= radius for row in clipped.tolist())


@given(codes=arrays(np.float32, (5, 16), elements=st.floats(-100, 100, width=32)), radius=radii)
def test_codes_inside_the_ball_stay_as_they_are(codes: np.ndarray, radius: float) -> None:
    # Bit for bit, except in the outermost millionth, which is kept clear for rounding.
    clipped = clip(torch.from_numpy(codes), radius=radius)
    for before, after in zip(codes.tolist(), clipped.tolist(), strict=True):
        if math.hypot(*before) <= radius * (1 - 1e-6):
            assert after == before


@given(codes=codes32 | arrays(np.float64, (3, 4), elements=st.floats(-1e150, 1e150)), radius=radii)
def test_clipping_keeps_directions(codes: np.ndarray, radius: float) -> None:
    clipped = clip(torch.from_numpy(codes), radius=radius)
    for before, after in zip(codes.tolist(), clipped.tolist(), strict=True):
        # Divided by the largest coordinate first, so that the square of a tiny one does not vanish.
        largest = max(map(abs, before))
        if largest < 1e-30:
            continue
        scaled = [b / largest for b in before]
        norm = math.hypot(*scaled)
        length = min(norm * largest, radius)
        assert after == pytest.approx([b / norm * length for b in scaled], rel=1e-5, abs=1e-5 * length)


# Properties: the law of the noise. The statistics would be worth little if wrong laws passed too, so wrong laws follow,
# all of which must fail.

N = 10_000
Sampler = Callable[[float, int, torch.Generator], torch.Tensor]


def p_of_mean(values: np.ndarray, mean: float, variance: float) -> float:
    """Return the p-value of the hypothesis that values of known variance have this mean (a two-sided z-test)."""
    if variance == 0:  # in one dimension every direction is +1 or -1, and some of its powers are constant
        return float(np.allclose(values, mean))
    return 2 * stats.norm.sf(abs(values.mean() - mean) / math.sqrt(variance / len(values)))


def p_of_no_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the p-value of the hypothesis that two random variables have nothing to do with each other."""
    constant = np.ptp(first) == 0 or np.ptp(second) == 0
    return 0.0 if constant else stats.pearsonr(first, second).pvalue


def p_values(noise: torch.Tensor, epsilon: float) -> dict[str, float]:
    """Return the p-value of each statistic under the hypothesis that the rows are Euclidean Laplace noise."""
    noise = noise.double().numpy()
    n, d = noise.shape
    length = np.linalg.norm(noise, axis=1)
    direction = noise / length[:, None]
    # Moments of a coordinate: E z^2 = (d + 1) / epsilon^2 and E z^4 = 3 (d + 1) (d + 3) / epsilon^4.
    variance_of_square = (3 * (d + 1) * (d + 3) - (d + 1) ** 2) / epsilon**4
    of_coordinates = [p_of_mean(z**2, (d + 1) / epsilon**2, variance_of_square) for z in noise.T]
    # Moments of a direction: E u^4 = 3 / (d (d + 2)) for each coordinate, hence the mean of their sum; and E of its
    # square, from E u^8 = 105 / (d (d+2) (d+4) (d+6)) and E u^4 v^4 = 9 / (the same).
    fourth = (direction**4).sum(axis=1)
    of_square = (105 + 9 * (d - 1)) / ((d + 2) * (d + 4) * (d + 6))
    # Two independent directions have a product of mean 0 and variance 1 / d.
    product = (direction[1:] * direction[:-1]).sum(axis=1)
    return {
        "length": stats.kstest(epsilon * length, stats.gamma(d).cdf).pvalue,
        "variance of coordinates": min(1.0, d * min(of_coordinates)),
        "mean direction": stats.chi2(d).sf(n * d * (direction.mean(axis=0) ** 2).sum()),
        "fourth powers": p_of_mean(fourth, 3 / (d + 2), of_square - (3 / (d + 2)) ** 2),
        "next direction": p_of_mean(product, 0, 1 / d),
        "next length": p_of_no_correlation(length[1:], length[:-1]),
        "length and direction": p_of_no_correlation(length, direction[:, 0]),
        "no repeated rows": float(len(np.unique(noise, axis=0)) == n),
    }


def correct(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    return EuclideanLaplace(epsilon).sample(N, d, generator=generator)


def added_to_zero(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    return EuclideanLaplace(epsilon).perturb(torch.zeros(N, d, dtype=torch.float64), generator=generator)


def added_in_float32(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    return EuclideanLaplace(epsilon).perturb(torch.zeros(N, d, dtype=torch.float32), generator=generator)


@pytest.mark.parametrize("sampler", [correct, added_to_zero, added_in_float32])
@pytest.mark.parametrize("epsilon", [0.5, 3.0])
@pytest.mark.parametrize("d", [1, 2, 16, 64])
def test_the_noise_has_the_law_that_it_should_have(sampler: Sampler, epsilon: float, d: int) -> None:
    p = p_values(sampler(epsilon, d, seeded(d)), epsilon)
    if sampler is added_in_float32 and d == 1:
        # So many numbers with so few digits: two may be equal.
        p.pop("no repeated rows")
    assert min(p.values()) > 1e-3 / len(p), p


def scaled_by_epsilon(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    """Multiply by epsilon instead of dividing: the more privacy asked for, the less given."""
    return correct(epsilon, d, generator) * epsilon**2


def length_of_one_dimension_less(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    """Draw the length from Gamma(d - 1) instead of Gamma(d)."""
    noise = correct(epsilon, d, generator)
    length = torch.from_numpy(stats.gamma(d - 1).rvs((N, 1), random_state=1)) / epsilon
    return noise / noise.norm(dim=1, keepdim=True) * length


def direction_not_normalised(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    """Forget to bring the normal vector to length one."""
    normal = torch.randn(N, d, generator=generator, dtype=torch.float64)
    return normal * torch.from_numpy(stats.gamma(d).rvs((N, 1), random_state=1)) / epsilon


def laplace_by_coordinate(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    """Add one-dimensional Laplace noise to each coordinate, which is another mechanism."""
    return torch.from_numpy(stats.laplace(scale=1 / epsilon).rvs((N, d), random_state=1))


def one_row_for_all(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    """Draw one noise vector and add it to each code."""
    return EuclideanLaplace(epsilon).sample(1, d, generator=generator).expand(N, d)


def direction_of_positive_coordinates(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    """Draw directions from rand instead of randn."""
    direction = torch.rand(N, d, generator=generator, dtype=torch.float64)
    return direction / direction.norm(dim=1, keepdim=True) * correct(epsilon, d, generator).norm(dim=1, keepdim=True)


def direction_from_a_cube(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    """Draw directions that prefer the diagonals."""
    direction = 2 * torch.rand(N, d, generator=generator, dtype=torch.float64) - 1
    return direction / direction.norm(dim=1, keepdim=True) * correct(epsilon, d, generator).norm(dim=1, keepdim=True)


def each_row_twice_with_other_sign(epsilon: float, d: int, generator: torch.Generator) -> torch.Tensor:
    """Save half of the draws by using each noise vector with both signs."""
    noise = correct(epsilon, d, generator)
    noise[1::2] = -noise[::2]
    return noise


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
@pytest.mark.parametrize(
    ("wrong", "d", "noticed_by"),
    [
        *((scaled_by_epsilon, d, "length") for d in (1, 2, 16, 64)),
        *((length_of_one_dimension_less, d, "length") for d in (2, 16, 64)),
        *((direction_not_normalised, d, "length") for d in (1, 2, 16, 64)),
        # In one dimension the two mechanisms are one.
        *((laplace_by_coordinate, d, "fourth powers") for d in (2, 16, 64)),
        *((one_row_for_all, d, "no repeated rows") for d in (1, 2, 16, 64)),
        *((direction_of_positive_coordinates, d, "mean direction") for d in (1, 2, 16, 64)),
        *((direction_from_a_cube, d, "fourth powers") for d in (2, 16)),
        *((each_row_twice_with_other_sign, d, "next length") for d in (1, 2, 16, 64)),
    ],
)
def test_noise_of_a_wrong_law_is_noticed(wrong: Sampler, d: int, noticed_by: str, epsilon: float) -> None:
    # A thousand times clearer than what the right law is allowed.
    assert p_values(wrong(epsilon, d, seeded(d)), epsilon)[noticed_by] < 1e-6


# Properties: what is done with the noise


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_perturbed_codes_are_codes_plus_noise(dtype: torch.dtype) -> None:
    codes = torch.randn(50, 3, generator=seeded(1), dtype=dtype)
    mechanism = EuclideanLaplace(0.5)
    noisy = mechanism.perturb(codes, generator=seeded(2))
    noise = mechanism.sample(50, 3, generator=seeded(2))
    assert (noisy.dtype, noisy.shape) == (dtype, (50, 3))
    assert torch.equal(noisy, (codes.double() + noise).to(dtype))


def test_the_codes_themselves_are_left_alone() -> None:
    codes = torch.zeros(5, 3, dtype=torch.float64)
    EuclideanLaplace(0.5).perturb(codes, generator=seeded())
    assert (codes == 0).all()


def test_equal_records_get_different_noise() -> None:
    noisy = EuclideanLaplace(0.5).perturb(torch.zeros(100, 2), generator=seeded())
    assert len(noisy.unique(dim=0)) == 100


def test_two_releases_get_different_noise() -> None:
    generator = seeded()
    first, second = (EuclideanLaplace(0.5).perturb(torch.zeros(100, 2), generator=generator) for _ in range(2))
    assert (first != second).all()


def test_noise_does_not_depend_on_the_global_generator() -> None:
    before = torch.get_rng_state()
    EuclideanLaplace(0.5).sample(100, 3, generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


points = arrays(np.float64, 5, elements=st.floats(-100, 100))


@given(output=points, first=points, second=points, epsilon=st.floats(1e-2, 1e2))
def test_no_output_tells_two_codes_apart_by_more_than_epsilon_times_their_distance(
    output: np.ndarray, first: np.ndarray, second: np.ndarray, epsilon: float
) -> None:
    # This is metric privacy: the noise that turns a code into the output is the output minus the code.
    noise = torch.from_numpy(np.stack([output - first, output - second]))
    log_density = EuclideanLaplace(epsilon).log_density(noise)
    distance = np.linalg.norm(first - second)
    assert abs(log_density[0] - log_density[1]) <= epsilon * distance + 1e-6


@given(first=st.floats(0, 10), distance=st.floats(0, 10), epsilon=st.floats(1e-2, 1e2))
def test_beyond_both_codes_the_density_tells_them_apart_by_just_that(
    first: float, distance: float, epsilon: float
) -> None:
    # So the guarantee could not be stated any stronger.
    noise = torch.tensor([[first, 0, 0], [first + distance, 0, 0]], dtype=torch.float64)
    log_density = EuclideanLaplace(epsilon).log_density(noise)
    assert (log_density[0] - log_density[1]).item() == pytest.approx(epsilon * distance, abs=1e-6)
