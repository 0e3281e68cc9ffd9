"""The noise of every mechanism: its law, its density, what it does to a code, and what it promises."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, stats
from seeding import seeded

from vaeprivacy import mechanisms
from vaeprivacy.bounds import GaussianIndistinguishability, Indistinguishability
from vaeprivacy.distances import EUCLIDEAN, MANHATTAN, Mahalanobis, clip
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.law import has_law, law_of, p_values
from vaeprivacy.mechanism import Mechanism
from vaeprivacy.mechanisms import CoordinateLaplace, EuclideanLaplace, Gaussian, WhitenedLaplace
from vaeprivacy.randomness import SYSTEM_ENTROPY, RandomSource


def covariance(dimension: int) -> torch.Tensor:
    """Return a covariance whose standard deviations, along random axes, go from 1.5 down to 0.3."""
    axes, _ = torch.linalg.qr(torch.randn(dimension, dimension, generator=seeded(dimension), dtype=torch.float64))
    full = axes @ torch.diag(torch.linspace(1.5, 0.3, dimension, dtype=torch.float64).square()) @ axes.mT
    return (full + full.mT) / 2


LAPLACES = ["Euclidean", "Coordinate", "Whitened"]
ALL = [*LAPLACES, "Gaussian"]
DIMENSIONS = [1, 2, 16, 512]


def make(name: str, epsilon: float = 0.5, *, d: int = 3) -> Mechanism:
    """Return a mechanism for codes of dimension d; the Gaussian one has sigma 1 / epsilon."""
    if name == "Whitened":
        return WhitenedLaplace(epsilon, covariance(d))
    return (
        {"Euclidean": EuclideanLaplace, "Coordinate": CoordinateLaplace}[name](epsilon)
        if name in LAPLACES
        else (Gaussian(1 / epsilon))
    )


each = pytest.mark.parametrize("name", ALL)
each_laplace = pytest.mark.parametrize("name", LAPLACES)
each_type = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
each_epsilon = pytest.mark.parametrize("epsilon", [0.5, 3.0])

# Impossible input

BAD_PARAMETERS = [
    *((value, ValueError) for value in (0, -1.0, math.nan, math.inf)),
    *((value, TypeError) for value in ("1", True, None, torch.tensor(1.0))),
]


@pytest.mark.parametrize(("value", "error"), BAD_PARAMETERS)
def test_a_parameter_that_is_not_a_positive_number_is_refused(value: object, error: type[Exception]) -> None:
    for mechanism in (EuclideanLaplace, CoordinateLaplace, lambda epsilon: WhitenedLaplace(epsilon, torch.eye(2))):
        with pytest.raises(error, match=r"^epsilon must be (a )?positive"):
            mechanism(value)
    with pytest.raises(error, match=r"^sigma must be (a )?positive"):
        Gaussian(value)


@pytest.mark.parametrize("name", ["epsilon", "delta", "radius"])
@pytest.mark.parametrize(("value", "error"), BAD_PARAMETERS)
def test_gaussian_noise_is_calibrated_to_no_impossible_budget(value: object, error: type[Exception], name: str) -> None:
    budget = {"epsilon": 1.0, "delta": 1e-5, "radius": 3.0, name: value}
    with pytest.raises(error, match=rf"^{name} must be"):
        Gaussian.for_budget(**budget)


def test_whitening_by_what_is_no_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^covariance must be a symmetric, positive definite matrix"):
        WhitenedLaplace(1.0, torch.ones(2, 2))


BAD_CODES = [
    (torch.tensor([[0.0, 0.0, math.nan]]), ValueError, "NaN"),
    (torch.tensor([[0.0, 0.0, -math.inf]]), ValueError, "infinite"),
    (torch.zeros(3), ValueError, r"\(3,\)"),
    (torch.zeros(0, 3), ValueError, r"\(0, 3\)"),
    (torch.zeros(2, 2, 3), ValueError, r"\(2, 2, 3\)"),
    (torch.zeros(2, 3, dtype=torch.int64), TypeError, "int64"),
    (torch.zeros(2, 3, dtype=torch.float16), TypeError, "float32 or float64, not torch.float16"),
    (torch.zeros(2, 3, dtype=torch.bfloat16), TypeError, "float32 or float64, not torch.bfloat16"),
    (np.zeros((2, 3)), TypeError, "ndarray"),
    ([[0.0]], TypeError, "list"),
    (None, TypeError, "NoneType"),
]


@each
@pytest.mark.parametrize(("codes", "error", "naming"), BAD_CODES)
def test_noise_is_not_added_to_what_is_no_table_of_codes(
    codes: object, error: type[Exception], naming: str, name: str
) -> None:
    for generator in (seeded(), SYSTEM_ENTROPY):
        with pytest.raises(error, match=f"^codes .*{naming}"):
            make(name).perturb(codes, generator=generator)


def test_codes_of_another_dimension_than_the_covariance_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^The covariance is for codes of dimension 3, not 4"):
        make("Whitened").perturb(torch.zeros(2, 4), generator=seeded())


# A known answer: densities


@each_epsilon
def test_in_one_dimension_the_densities_are_laplaces_and_gausss(epsilon: float) -> None:
    points = torch.linspace(-5, 5, 41, dtype=torch.float64)[:, None]
    laplace = stats.laplace(scale=1 / epsilon).logpdf(points[:, 0].numpy()).tolist()
    normal = stats.norm(scale=1 / epsilon).logpdf(points[:, 0].numpy()).tolist()
    deviation = covariance(1).sqrt().item()
    whitened = stats.laplace(scale=deviation / epsilon).logpdf(points[:, 0].numpy()).tolist()
    assert make("Euclidean", epsilon).log_density(points).tolist() == pytest.approx(laplace)
    assert make("Coordinate", epsilon).log_density(points).tolist() == pytest.approx(laplace)
    assert make("Whitened", epsilon, d=1).log_density(points).tolist() == pytest.approx(whitened)
    assert make("Gaussian", epsilon).log_density(points).tolist() == pytest.approx(normal)


@each_epsilon
@pytest.mark.parametrize("d", DIMENSIONS)
def test_the_densities_of_independent_coordinates_are_products(d: int, epsilon: float) -> None:
    points = torch.randn(20, d, generator=seeded(), dtype=torch.float64)
    laplace = stats.laplace(scale=1 / epsilon).logpdf(points.numpy()).sum(axis=1).tolist()
    normal = stats.norm(scale=1 / epsilon).logpdf(points.numpy()).sum(axis=1).tolist()
    assert make("Coordinate", epsilon).log_density(points).tolist() == pytest.approx(laplace)
    assert make("Gaussian", epsilon).log_density(points).tolist() == pytest.approx(normal)


@each_epsilon
@each
def test_in_one_dimension_the_density_integrates_to_one(name: str, epsilon: float) -> None:
    mechanism = make(name, epsilon, d=1)
    total, _ = integrate.quad(
        lambda z: mechanism.log_density(torch.tensor([[z]], dtype=torch.float64)).exp().item(), -100, 100, points=[0]
    )
    assert total == pytest.approx(1, abs=1e-6)


@each_epsilon
@each
def test_in_two_dimensions_the_density_integrates_to_one(name: str, epsilon: float) -> None:
    # Beyond 30 scales, less than a millionth is left, also of the whitened one.
    side = torch.linspace(-30, 30, 2001, dtype=torch.float64) / epsilon
    density = make(name, epsilon, d=2).log_density(torch.cartesian_prod(side, side)).exp()
    assert density.sum().item() * (side[1] - side[0]).item() ** 2 == pytest.approx(1, abs=2e-4)


@pytest.mark.parametrize("d", [3, 16, 64, 512])
@pytest.mark.parametrize("name", ["Euclidean", "Gaussian"])
def test_in_any_dimension_the_density_integrates_to_one(name: str, d: int) -> None:
    # Over spheres: the one of radius r has area 2 pi^(d/2) / Gamma(d/2) r^(d-1).
    log_unit_area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
    mechanism = make(name, 2.0)
    middle = {"Euclidean": d / 2, "Gaussian": math.sqrt(d) / 2}[name]

    def on_sphere(r: float) -> float:
        point = torch.zeros(1, d, dtype=torch.float64)
        point[0, 0] = r
        return math.exp(log_unit_area + (d - 1) * math.log(r) + mechanism.log_density(point).item())

    total, _ = integrate.quad(on_sphere, 1e-9, 3 * middle + 20, points=[middle * f for f in (0.8, 1, 1.2)], limit=500)
    assert total == pytest.approx(1, abs=1e-6)


@each_epsilon
@pytest.mark.parametrize("d", DIMENSIONS)
def test_the_whitened_density_is_the_euclidean_one_after_a_change_of_variables(d: int, epsilon: float) -> None:
    white = torch.randn(20, d, generator=seeded(), dtype=torch.float64)
    expected = EuclideanLaplace(epsilon).log_density(white) - torch.logdet(covariance(d)) / 2
    coloured = white @ torch.linalg.cholesky(covariance(d)).mT
    assert torch.allclose(make("Whitened", epsilon, d=d).log_density(coloured), expected)


# A known answer: sampling


def test_coordinate_noise_is_the_inverse_of_the_distribution_function(monkeypatch: pytest.MonkeyPatch) -> None:
    u = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)[:, None]
    monkeypatch.setattr(mechanisms, "uniforms", lambda *_, **__: u.clone())
    noise = CoordinateLaplace(0.5).sample(999, 1, generator=seeded())
    assert noise[:, 0].tolist() == pytest.approx(stats.laplace(scale=2).ppf(u[:, 0].numpy()).tolist(), abs=1e-14)


@each_type
def test_coordinate_noise_reaches_36_scales_and_stays_finite(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The uniforms that are possible, at both ends and in the middle; with 24 bits it would end at 16.6 scales.
    u = torch.tensor([[0.0], [2.0**-53], [2.0**-30], [0.5 - 2.0**-53], [0.5], [1 - 2.0**-53]], dtype=torch.float64)
    monkeypatch.setattr(mechanisms, "uniforms", lambda *_, **__: u.clone())
    noise = CoordinateLaplace(0.5).sample(6, 1, generator=seeded(), dtype=dtype)
    assert noise.dtype == dtype
    log2 = math.log(2)
    expected = [-53 * log2, -52 * log2, -29 * log2, 0, 0, 52 * log2]
    assert (noise[:, 0] / 2).tolist() == pytest.approx(expected, rel=1e-6, abs=1e-9)


# A known answer: the grid


@each
@pytest.mark.parametrize(("epsilon", "step"), [(1.0, 2**-10), (0.5, 2**-9), (0.51, 2**-10), (3.0, 2**-12)])
def test_the_step_of_the_grid_is_known(name: str, epsilon: float, step: float) -> None:
    assert make(name, epsilon).grid_step == step


@each_laplace
def test_the_promise_of_laplace_noise_is_its_epsilon(name: str) -> None:
    mechanism = make(name, 0.5)
    assert mechanism.per_unit == Indistinguishability(0.5)
    assert mechanism.guarantee(3.0) == Guarantee(Indistinguishability(0.5), 3.0, mechanism.metric)


def test_the_promise_of_gaussian_noise_is_one_over_sigma() -> None:
    assert Gaussian(4.0).per_unit == GaussianIndistinguishability(0.25)
    assert Gaussian(4.0).guarantee(3.0) == Guarantee(GaussianIndistinguishability(0.25), 3.0)


def test_each_mechanism_has_its_own_distance() -> None:
    assert [make(name).metric for name in ("Euclidean", "Gaussian", "Coordinate")] == [EUCLIDEAN, EUCLIDEAN, MANHATTAN]
    assert isinstance(make("Whitened").metric, Mahalanobis)


@each
def test_no_promise_covers_what_a_mechanism_knows_nothing_of(name: str) -> None:
    guarantee = make(name).guarantee(3.0)
    assert (guarantee.labels, guarantee.model.covered, guarantee.releases) == (None, False, 1)
    assert "Not covered: the labels" in str(guarantee)


@pytest.mark.parametrize(("epsilon", "sigma"), [(1.0, 22.383790), (20.0, 1.740249)])
def test_the_least_gaussian_noise_for_a_budget_is_known(epsilon: float, sigma: float) -> None:
    # A ball of radius 3 is 6 across.
    mechanism = Gaussian.for_budget(epsilon, delta=1e-5, radius=3.0)
    assert mechanism.sigma == pytest.approx(sigma, abs=5e-7)
    assert mechanism.guarantee(3.0).any_two_records.epsilon(1e-5) == pytest.approx(epsilon, rel=1e-6)


# Properties: the law of the noise. That wrong laws are noticed is tested with the planted errors.

N = 10_000
LEVEL = 1e-6  # for noise from the system's entropy, which is new at every run: false alarms should stay rare


def assert_law(noise: torch.Tensor, mechanism: Mechanism, *, ignoring: set[str], level: float = 1e-3) -> None:
    """Do what has_law does, except for statistics that cannot hold."""
    p = {statistic: value for statistic, value in p_values(noise, mechanism).items() if statistic not in ignoring}
    assert min(p.values()) > level / len(p), p


@each_type
@each_epsilon
@pytest.mark.parametrize("d", DIMENSIONS)
@each
def test_the_noise_has_the_law_that_it_should_have(name: str, d: int, epsilon: float, dtype: torch.dtype) -> None:
    mechanism = make(name, epsilon, d=d)
    noise = mechanism.sample(N if d < 512 else 600, d, generator=seeded(d), dtype=dtype)
    assert noise.dtype == dtype
    if d == 1 and dtype == torch.float32:
        # So many numbers with so few digits: two may be equal, or zero.
        assert_law(noise, mechanism, ignoring={"repeated rows", "zeros"})
    else:
        assert has_law(noise, mechanism), p_values(noise, mechanism)


@pytest.mark.parametrize(("epsilon", "dtype"), [(0.5, torch.float64), (3.0, torch.float32)])
@pytest.mark.parametrize("d", DIMENSIONS)
@each
def test_a_million_lengths_have_the_law_that_they_should_have(
    name: str, d: int, epsilon: float, dtype: torch.dtype
) -> None:
    # In 512 dimensions in small parts, since a million would take 4 GB. Whitened noise is Euclidean noise times a
    # matrix, a product that takes 40 seconds for a million there: 100,000 have to do.
    mechanism, generator = make(name, epsilon, d=d), seeded(10 + d)
    n, part = (1_000_000, 250_000) if d < 512 else (100_000 if name == "Whitened" else 1_000_000, 20_000)
    lengths = torch.cat(
        [mechanism.metric.norm(mechanism.sample(part, d, generator=generator, dtype=dtype)) for _ in range(n // part)]
    )
    standardised = lengths.numpy() / mechanism.scale
    assert len(standardised) == n
    assert stats.kstest(standardised, law_of(mechanism, d).length.cdf).pvalue > 1e-4


@pytest.mark.parametrize("d", [1, 2, 16])
@each
def test_noise_from_the_systems_entropy_has_the_law_too(name: str, d: int) -> None:
    mechanism = make(name, 0.5, d=d)
    noise = mechanism.sample(N, d, generator=SYSTEM_ENTROPY)
    assert has_law(noise, mechanism, level=LEVEL), p_values(noise, mechanism)


@pytest.mark.parametrize("source", ["seeded", "system"])
@each_type
@pytest.mark.parametrize("d", [1, 2, 16])
@each
def test_what_is_added_to_a_code_has_the_law_too(name: str, d: int, dtype: torch.dtype, source: str) -> None:
    # On the grid, zeros are to be expected (without direction in one dimension), and in few dimensions equal rows.
    mechanism, generator = make(name, 0.5, d=d), seeded(d) if source == "seeded" else SYSTEM_ENTROPY
    noisy = mechanism.perturb(torch.zeros(N, d, dtype=dtype), generator=generator)
    ignoring = {"zeros"} | ({"repeated rows"} if d <= 2 else set()) | ({"roundness"} if d == 1 else set())
    assert_law(noisy, mechanism, ignoring=ignoring, level=1e-3 if source == "seeded" else LEVEL)


@pytest.mark.parametrize("d", [1, 2, 16, 64])
def test_each_coordinate_of_euclidean_noise_has_the_variance_that_it_should_have(d: int) -> None:
    noise = EuclideanLaplace(0.5).sample(100_000, d, generator=seeded(d))
    assert (noise.var(dim=0) * 0.25 / (d + 1)).tolist() == pytest.approx([1] * d, rel=0.05)


@pytest.mark.parametrize("epsilon", [0.5, 3.0])
@pytest.mark.parametrize("d", DIMENSIONS)
def test_the_likelihood_ratio_of_gaussian_noise_is_normal(d: int, epsilon: float) -> None:
    # N(mu^2 / 2, mu^2), where mu is the distance in units of sigma: what the Gaussian measure says.
    mechanism = make("Gaussian", epsilon)
    noise = mechanism.sample(20_000, d, generator=seeded(d))
    step = torch.randn(d, generator=seeded(d + 1), dtype=torch.float64)
    step *= 1.7 / step.norm()
    loss = mechanism.log_density(noise) - mechanism.log_density(noise + step)
    mu = mechanism.per_unit.times(1.7).mu
    assert mu == pytest.approx(1.7 * epsilon)
    assert stats.kstest(loss.numpy(), stats.norm(mu**2 / 2, mu).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("d", "distance", "auc"),
    [(2, 1, 0.6872), (2, 2, 0.8237), (16, 1, 0.5702), (16, 5, 0.8115), (16, 10, 0.9587), (64, 10, 0.8114)],
)
def test_the_best_attack_on_euclidean_noise_is_as_good_as_it_should_be(d: int, distance: float, auc: float) -> None:
    # The likelihood-ratio test; expected values from two million draws of another implementation.
    mechanism, n = EuclideanLaplace(0.5), 100_000
    step = torch.zeros(d, dtype=torch.float64)
    step[0] = distance / 0.5

    def scores(code: torch.Tensor, seed: int) -> np.ndarray:
        output = code + mechanism.sample(n, d, generator=seeded(seed))
        return (mechanism.log_density(output - step) - mechanism.log_density(output)).numpy()

    wins = stats.mannwhitneyu(scores(step, 1), scores(torch.zeros_like(step), 2)).statistic
    assert wins / n**2 == pytest.approx(auc, abs=0.005)
    assert auc < mechanism.per_unit.times(distance / 0.5).max_auc()


# Properties: metric privacy, from the density

points = arrays(np.float64, 5, elements=st.floats(-100, 100))


@given(output=points, first=points, second=points, epsilon=st.floats(1e-2, 1e2), name=st.sampled_from(LAPLACES))
def test_no_output_tells_two_codes_apart_by_more_than_epsilon_times_their_distance(
    output: np.ndarray, first: np.ndarray, second: np.ndarray, epsilon: float, name: str
) -> None:
    # This is metric privacy: the noise that turns a code into the output is the output minus the code.
    mechanism = make(name, epsilon, d=5)
    log_density = mechanism.log_density(torch.from_numpy(np.stack([output - first, output - second])))
    distance = mechanism.metric.norm(torch.from_numpy(first - second)[None]).item()
    assert abs(log_density[0] - log_density[1]) <= mechanism.per_unit.times(distance).epsilon * (1 + 1e-9) + 1e-6


@given(
    direction=points.filter(lambda point: np.abs(point).max() > 1),
    first=st.floats(0, 10),
    more=st.floats(0, 10),
    epsilon=st.floats(1e-2, 1e2),
    name=st.sampled_from(LAPLACES),
)
def test_beyond_both_codes_the_density_tells_them_apart_by_just_that(
    direction: np.ndarray, first: float, more: float, epsilon: float, name: str
) -> None:
    # So the guarantee could not be stated any stronger.
    mechanism, ray = make(name, epsilon, d=5), torch.from_numpy(direction)
    near, far = mechanism.log_density(torch.stack([first * ray, (first + more) * ray]))
    distance = mechanism.metric.norm(more * ray[None]).item()
    assert (near - far).item() == pytest.approx(epsilon * distance, rel=1e-6, abs=1e-6)


@given(first=points, second=points, epsilon=st.floats(1e-2, 1e2))
def test_coordinate_noise_gives_the_euclidean_distance_only_the_root_of_the_dimension(
    first: np.ndarray, second: np.ndarray, epsilon: float
) -> None:
    mechanism = CoordinateLaplace(epsilon)
    log_density = mechanism.log_density(torch.from_numpy(np.stack([first, second])))
    distance = np.linalg.norm(first - second)
    assert abs(log_density[0] - log_density[1]) <= math.sqrt(5) * epsilon * distance * (1 + 1e-9) + 1e-6


def test_coordinate_noise_is_less_private_than_epsilon_for_the_euclidean_distance() -> None:
    # Along the diagonal it is worst.
    log_density = CoordinateLaplace(1.0).log_density(torch.tensor([[0.0] * 16, [1.0] * 16]))
    assert (log_density[0] - log_density[1]).item() == pytest.approx(16)
    assert EUCLIDEAN.norm(torch.ones(1, 16)).item() == 4


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


@given(epsilon=st.floats(1e-100, 1e100), name=st.sampled_from(ALL))
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
