"""Distances between codes, and the projection onto their balls."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from seeding import seeded

from vaeprivacy.distances import EUCLIDEAN, MANHATTAN, Metric, check_codes, clip
from vaeprivacy.mechanisms.whitened import Mahalanobis

# Most of these tests are of balls that nearly all codes lie outside of.
pytestmark = pytest.mark.filterwarnings("ignore:The radius .* is smaller than:UserWarning")


def covariance(dimension: int, *, ratio: float = 5.0) -> torch.Tensor:
    """Return a covariance whose standard deviations, along random axes, go from 1 down to 1 / ratio."""
    axes, _ = torch.linalg.qr(torch.randn(dimension, dimension, generator=seeded(dimension), dtype=torch.float64))
    spread = torch.logspace(0, -2 * math.log10(ratio), dimension, dtype=torch.float64)
    full = axes @ torch.diag(spread) @ axes.mT
    return (full + full.mT) / 2


METRICS = [EUCLIDEAN, MANHATTAN, Mahalanobis(covariance(4))]
metrics = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name.split()[0])
any_metric = st.sampled_from(METRICS)

# Impossible input

BAD_CODES = [
    (torch.tensor([[0.0, math.nan]]), ValueError, "NaN"),
    (torch.tensor([[0.0, -math.inf]]), ValueError, "infinite"),
    (torch.zeros(3), ValueError, r"\(3,\)"),
    (torch.zeros(0, 3), ValueError, r"\(0, 3\)"),
    (torch.zeros(2, 3, 1), ValueError, r"\(2, 3, 1\)"),
    (torch.zeros(2, 3, dtype=torch.int64), TypeError, "int64"),
    (torch.zeros(2, 3, dtype=torch.complex64), TypeError, "complex64"),
    (np.zeros((2, 3), dtype=int), TypeError, "int64"),
    ([[0.0]], TypeError, "list"),
    (None, TypeError, "NoneType"),
]


@pytest.mark.parametrize(("codes", "error", "naming"), BAD_CODES)
def test_what_is_no_table_of_codes_is_refused(codes: object, error: type[Exception], naming: str) -> None:
    with pytest.raises(error, match=f"^codes .*{naming}"):
        check_codes(codes)


@metrics
@pytest.mark.parametrize(("codes", "error", "naming"), BAD_CODES)
def test_what_is_no_table_of_codes_is_not_clipped(
    codes: object, error: type[Exception], naming: str, metric: Metric
) -> None:
    with pytest.raises(error, match=f"^codes .*{naming}"):
        clip(codes, radius=1.0, metric=metric)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_codes_in_half_precision_are_not_clipped(dtype: torch.dtype) -> None:
    # Rounding to so few digits carries codes out of the ball again.
    with pytest.raises(TypeError, match=f"codes must be float32 or float64, not {dtype}"):
        clip(torch.ones(2, 3, dtype=dtype), radius=1.0)


@pytest.mark.parametrize(
    ("radius", "error"),
    [(0, ValueError), (-1.0, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError)],
)
def test_a_radius_that_is_not_positive_is_refused(radius: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="radius must be"):
        clip(torch.zeros(2, 3), radius=radius)


@pytest.mark.parametrize(
    "matrix",
    [
        torch.ones(2, 3),  # not square
        torch.ones(3),
        torch.ones(2, 2, 2),
        torch.zeros(0, 0),
        torch.tensor([[1.0, 0.5], [0.4, 1.0]]),  # not symmetric
        torch.tensor([[1.0, 2.0], [2.0, 1.0]]),  # not positive definite
        torch.ones(2, 2),  # singular
        torch.zeros(2, 2),
        -torch.eye(2),
        torch.tensor([[math.nan, 0.0], [0.0, 1.0]]),
        torch.tensor([[math.inf, 0.0], [0.0, 1.0]]),
    ],
    ids=lambda matrix: str(matrix.tolist()),
)
def test_what_can_be_no_covariance_is_refused(matrix: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"^covariance must be a symmetric, positive definite matrix, .*not a tensor"):
        Mahalanobis(matrix)


@pytest.mark.parametrize("matrix", [np.eye(2), [[1.0]], 1.0, None, torch.eye(2, dtype=torch.complex64)])
def test_a_covariance_that_is_no_tensor_of_real_numbers_is_refused(matrix: object) -> None:
    with pytest.raises(TypeError, match=r"^covariance must be a torch.Tensor of real numbers"):
        Mahalanobis(matrix)


def test_a_covariance_with_which_single_precision_could_not_keep_a_ball_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nearly singular.*Add a small number to its diagonal"):
        Mahalanobis(torch.diag(torch.tensor([1.0, 1e-13], dtype=torch.float64)))


def test_codes_of_another_dimension_than_the_covariance_are_refused() -> None:
    metric = Mahalanobis(torch.eye(2))
    for use in (metric.whiten, metric.norm, lambda codes: clip(codes, radius=1.0, metric=metric)):
        with pytest.raises(ValueError, match=r"^The covariance is for codes of dimension 2, not 3"):
            use(torch.ones(4, 3))
    with pytest.raises(ValueError, match=r"^The covariance is for codes of dimension 2, not 3"):
        metric.typical_norm(3)


# A known answer


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_norms_are_known(dtype: torch.dtype) -> None:
    codes = torch.tensor([[3, -4], [0, 0]], dtype=dtype)
    diagonal = Mahalanobis(torch.diag(torch.tensor([9.0, 4.0])))
    assert EUCLIDEAN.norm(codes).tolist() == [5, 0]
    assert MANHATTAN.norm(codes).tolist() == [7, 0]
    assert diagonal.norm(codes).tolist() == pytest.approx([math.sqrt(5), 0])
    assert {metric.norm(codes).dtype for metric in (EUCLIDEAN, MANHATTAN, diagonal)} == {torch.float64}


def test_a_correlation_makes_codes_along_it_shorter() -> None:
    # The inverse of the matrix is [[1, -0.8], [-0.8, 1]] / 0.36.
    metric = Mahalanobis(torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64))
    along, across = metric.norm(torch.tensor([[1.0, 1.0], [1.0, -1.0]])).tolist()
    assert (along, across) == (pytest.approx(math.sqrt(0.4 / 0.36)), pytest.approx(math.sqrt(3.6 / 0.36)))


def test_with_unit_covariance_mahalanobis_is_euclid() -> None:
    codes = torch.randn(20, 3, generator=seeded())
    metric = Mahalanobis(torch.eye(3))
    assert metric.norm(codes).tolist() == pytest.approx(EUCLIDEAN.norm(codes).tolist())
    assert metric.typical_norm(3) == pytest.approx(EUCLIDEAN.typical_norm(3))
    assert metric.log_volume == 0
    assert metric.rounding == pytest.approx(1)


def test_whole_numbers_can_be_a_covariance() -> None:
    assert Mahalanobis(torch.tensor([[2, 1], [1, 2]])).norm(torch.ones(1, 2)).item() == pytest.approx(math.sqrt(2 / 3))


def test_typical_norms_are_known() -> None:
    assert EUCLIDEAN.typical_norm(16) == 4
    assert MANHATTAN.typical_norm(16) == pytest.approx(12.7662, abs=5e-5)
    # The root of 1/4 + 1/9.
    assert Mahalanobis(torch.diag(torch.tensor([4.0, 9.0]))).typical_norm(2) == pytest.approx(math.sqrt(13) / 6)


def test_the_names_say_which_distance_it_is() -> None:
    names = ["Euclidean distance", "Manhattan distance", "Mahalanobis distance"]
    assert [metric.name for metric in METRICS] == names


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_code_outside_moves_along_its_direction_onto_the_surface(dtype: torch.dtype) -> None:
    clipped = clip(torch.tensor([[3.0, 4.0], [0.0, -7.0]], dtype=dtype), radius=1.0)
    assert clipped.dtype == dtype
    assert clipped.tolist() == [pytest.approx([0.6, 0.8], rel=2e-6), pytest.approx([0, -1], rel=2e-6)]


def test_the_ball_of_the_manhattan_distance_is_a_diamond() -> None:
    clipped = clip(torch.tensor([[3.0, -4.0], [0.6, 0.3]]), radius=1.0, metric=MANHATTAN)
    assert clipped[0].tolist() == pytest.approx([3 / 7, -4 / 7], rel=2e-6)
    assert torch.equal(clipped[1], torch.tensor([0.6, 0.3]))


def test_the_ball_of_the_mahalanobis_distance_is_an_ellipse() -> None:
    metric = Mahalanobis(torch.diag(torch.tensor([9.0, 1.0])))
    clipped = clip(torch.tensor([[30.0, 0.0], [0.0, 30.0], [2.9, 0.0]]), radius=1.0, metric=metric)
    assert clipped[0].tolist() == pytest.approx([3, 0], rel=2e-6)
    assert clipped[1].tolist() == pytest.approx([0, 1], rel=2e-6)
    assert torch.equal(clipped[2], torch.tensor([2.9, 0]))


@metrics
def test_the_zero_code_stays_zero(metric: Metric) -> None:
    assert clip(torch.zeros(1, 4), radius=0.1, metric=metric).tolist() == [[0] * 4]


@metrics
def test_one_huge_code_changes_no_other(metric: Metric) -> None:
    codes = torch.randn(10, 4, generator=seeded()) / 10
    with_huge = codes.clone()
    with_huge[3] = 1e6
    clipped = clip(with_huge, radius=4.0, metric=metric)
    others = torch.arange(10) != 3
    assert torch.equal(clipped[others], codes[others])
    assert metric.norm(clipped[3:4]).item() == pytest.approx(4, rel=2e-6)
    assert (clipped[3] == clipped[3, 0]).all()


@pytest.mark.parametrize("size", [1e-200, 1e-160, 1e100, 1e155, 1e300])
def test_a_code_whose_square_overflows_or_vanishes_keeps_its_direction(size: float) -> None:
    clipped = clip(torch.tensor([[3 * size, 4 * size]], dtype=torch.float64), radius=min(1.0, size))
    assert (clipped[0] / min(1.0, size)).tolist() == pytest.approx([0.6, 0.8], rel=2e-6)


@pytest.mark.parametrize(("outside", "of", "share"), [(3, 4, "75%"), (4, 4, "100%"), (2, 3, "67%")])
def test_a_ball_that_most_codes_are_outside_of_is_warned_about(outside: int, of: int, share: str) -> None:
    codes = torch.full((of, 2), 0.1)
    codes[:outside] = 2
    with pytest.warns(UserWarning, match=f"radius 0.5 is smaller than {share} of the codes' norms") as caught:
        clip(codes, radius=0.5)
    # It names the caller's line.
    assert caught[0].filename == __file__


@metrics
@pytest.mark.parametrize("outside", [0, 1, 2])
def test_there_is_no_warning_if_at_most_half_of_the_codes_are_outside(outside: int, metric: Metric) -> None:
    codes = torch.full((4, 4), 1e-3)
    codes[:outside] = 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clip(codes, radius=0.5, metric=metric)


# Properties: norms

EXTREME = {"allow_nan": False, "allow_infinity": False}
codes32 = arrays(np.float32, (3, 4), elements=st.floats(width=32, **EXTREME))
codes64 = arrays(np.float64, (3, 4), elements=st.floats(**EXTREME))
moderate = arrays(np.float64, (3, 4), elements=st.floats(-1e6, 1e6).map(lambda value: round(value, 6)))
radii = st.floats(1e-6, 1e6)


@given(codes=moderate, metric=any_metric, factor=st.floats(-1e3, 1e3))
def test_a_distance_comes_from_a_norm(codes: np.ndarray, metric: Metric, factor: float) -> None:
    first, second, third = torch.from_numpy(codes)[:, None, :]

    def distance(a: torch.Tensor, b: torch.Tensor) -> float:
        return metric.norm(a - b).item()

    sides = distance(first, second), distance(second, third)
    assert distance(first, third) <= sum(sides) * (1 + 1e-12)
    assert distance(second, first) == sides[0] >= 0
    assert distance(first, first) == 0
    assert metric.norm(factor * first).item() == pytest.approx(abs(factor) * metric.norm(first).item(), rel=1e-9)


@given(codes=moderate)
def test_the_manhattan_norm_is_at_most_the_root_of_the_dimension_times_the_euclidean_one(codes: np.ndarray) -> None:
    manhattan, euclidean = (metric.norm(torch.from_numpy(codes)).numpy() for metric in (MANHATTAN, EUCLIDEAN))
    assert (euclidean <= manhattan * (1 + 1e-12)).all()
    assert (manhattan <= 2 * euclidean * (1 + 1e-12)).all()


@metrics
def test_a_norm_looks_at_each_code_alone(metric: Metric) -> None:
    codes = torch.randn(6, 4, generator=seeded())
    each = [metric.norm(code[None]).item() for code in codes]
    assert metric.norm(codes).tolist() == pytest.approx(each, rel=1e-14)


@metrics
def test_the_typical_norm_is_that_of_standard_normal_codes(metric: Metric) -> None:
    # A mean norm or the root of a mean square, which in four dimensions are up to an eighth apart.
    norms = metric.norm(torch.randn(200_000, 4, generator=seeded(), dtype=torch.float64))
    simulated = norms.mean() if metric is MANHATTAN else norms.square().mean().sqrt()
    assert metric.typical_norm(4) == pytest.approx(simulated.item(), rel=0.005)
    assert metric.typical_norm(4) == pytest.approx(norms.mean().item(), rel=0.15)


# Properties: whitening


@pytest.mark.parametrize("ratio", [1.0, 10.0, 1e3])
@pytest.mark.parametrize("d", [1, 2, 16, 64])
def test_colouring_undoes_whitening(d: int, ratio: float) -> None:
    metric = Mahalanobis(covariance(d, ratio=ratio))
    codes = torch.randn(50, d, generator=seeded(), dtype=torch.float64)
    assert torch.allclose(metric.colour(metric.whiten(codes)), codes, rtol=1e-9, atol=1e-9)
    assert torch.allclose(metric.whiten(metric.colour(codes)), codes, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("d", [1, 2, 16])
def test_the_norm_is_the_root_of_the_quadratic_form_of_the_inverse(d: int) -> None:
    codes = torch.randn(50, d, generator=seeded(), dtype=torch.float64)
    form = torch.einsum("ni,ij,nj->n", codes, torch.linalg.inv(covariance(d)), codes)
    assert torch.allclose(Mahalanobis(covariance(d)).norm(codes), form.sqrt())


def test_colouring_standard_normals_gives_the_covariance() -> None:
    target = covariance(3)
    codes = Mahalanobis(target).colour(torch.randn(400_000, 3, generator=seeded(), dtype=torch.float64))
    assert torch.allclose(torch.cov(codes.mT), target, atol=0.01)


@pytest.mark.parametrize("d", [1, 2, 16])
def test_the_volume_is_stretched_by_the_root_of_the_determinant(d: int) -> None:
    matrix = 3 * covariance(d)
    assert Mahalanobis(matrix).log_volume == pytest.approx(torch.logdet(matrix).item() / 2)


def test_whitening_stays_in_double_precision() -> None:
    metric = Mahalanobis(covariance(4).float())
    assert metric.whiten(torch.ones(2, 4)).dtype == torch.float64
    assert metric.colour(torch.ones(2, 4, dtype=torch.float64)).dtype == torch.float64


# Properties: the ball


@given(codes=codes32 | codes64, radius=radii)
def test_clipped_codes_lie_in_the_ball(codes: np.ndarray, radius: float) -> None:
    clipped = clip(torch.from_numpy(codes), radius=radius)
    assert clipped.dtype == torch.from_numpy(codes).dtype
    # The norm in exact arithmetic on the numbers as they are stored, to a rounding error far below float32's.
    assert all(math.hypot(*row) <= radius for row in clipped.tolist())


@given(codes=codes32 | codes64, radius=radii)
def test_clipped_codes_lie_in_the_ball_of_the_manhattan_distance(codes: np.ndarray, radius: float) -> None:
    clipped = clip(torch.from_numpy(codes), radius=radius, metric=MANHATTAN)
    assert all(math.fsum(map(abs, row)) <= radius for row in clipped.tolist())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ratio", [1.0, 10.0, 1e3, 1e5])
@pytest.mark.parametrize("d", [2, 16])
def test_clipped_codes_lie_in_the_ball_of_the_mahalanobis_distance(d: int, ratio: float, dtype: torch.dtype) -> None:
    # The thinner the ball, the further rounding to float32 carries a code out of it.
    metric = Mahalanobis(covariance(d, ratio=ratio))
    codes = metric.colour(100 * torch.randn(20_000, d, generator=seeded(), dtype=torch.float64)).to(dtype)
    norms = metric.norm(clip(codes, radius=1.0, metric=metric))
    assert norms.max() <= 1
    assert norms.min() >= 1 - 2e-6 * max(1.0, ratio / 10)


@given(codes=arrays(np.float32, (5, 4), elements=st.floats(-100, 100, width=32)), radius=radii, metric=any_metric)
def test_codes_inside_the_ball_stay_as_they_are(codes: np.ndarray, radius: float, metric: Metric) -> None:
    # Bit for bit, except in the outermost millionth, which is kept clear for rounding.
    clipped = clip(torch.from_numpy(codes), radius=radius, metric=metric)
    inside = metric.norm(torch.from_numpy(codes)) <= radius * (1 - 1e-6)
    assert np.array_equal(clipped.numpy()[inside], codes[inside])


@given(codes=codes32 | arrays(np.float64, (3, 4), elements=st.floats(-1e150, 1e150)), radius=radii, metric=any_metric)
def test_clipping_keeps_directions(codes: np.ndarray, radius: float, metric: Metric) -> None:
    clipped = clip(torch.from_numpy(codes), radius=radius, metric=metric)
    for before, after in zip(codes.tolist(), clipped.tolist(), strict=True):
        # Divided by the largest coordinate first, so that the square of a tiny one does not vanish.
        largest = max(map(abs, before))
        if largest < 1e-30:
            continue
        scaled = torch.tensor([before], dtype=torch.float64) / largest
        norm = metric.norm(scaled).item()
        length = min(norm * largest, radius)
        expected = (scaled[0] / norm * length).tolist()
        assert after == pytest.approx(expected, rel=1e-5, abs=1e-5 * max(map(abs, expected)))


@given(codes=codes32, radius=radii, metric=any_metric)
def test_clipping_twice_is_clipping_once(codes: np.ndarray, radius: float, metric: Metric) -> None:
    once = clip(torch.from_numpy(codes), radius=radius, metric=metric)
    twice = clip(once, radius=radius, metric=metric)
    assert np.allclose(once, twice, rtol=3e-6, atol=0)


@metrics
def test_clipping_leaves_its_input_alone(metric: Metric) -> None:
    codes = torch.full((3, 4), 5.0)
    clip(codes, radius=1.0, metric=metric)
    assert (codes == 5).all()


@metrics
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clipped_codes_have_the_shape_and_type_of_the_input(dtype: torch.dtype, metric: Metric) -> None:
    clipped = clip(torch.randn(7, 4, generator=seeded(), dtype=dtype), radius=1.0, metric=metric)
    assert (clipped.dtype, clipped.shape) == (dtype, (7, 4))
