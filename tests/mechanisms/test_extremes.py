"""Numbers at the ends of what can be computed: mechanisms take them and stay finite, or refuse them in one sentence."""

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seeding import seeded

from vaeprivacy.audit.lower_bounds import audit_mechanism
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.defences import Framework, RecordNoise
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.mechanisms import (
    CoordinateLaplace,
    EuclideanLaplace,
    Gaussian,
    Mechanism,
    RandomisedResponse,
    Shrinkage,
    VonMisesFisher,
    WhitenedLaplace,
)
from vaeprivacy.mechanisms.von_mises_fisher import _log_constant
from vaeprivacy.randomness import SYSTEM_ENTROPY
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.vae import VAE, VAESettings

D = 3
MAKERS: dict[str, Callable[[float], Mechanism]] = {
    "Euclidean": EuclideanLaplace,
    "Coordinate": CoordinateLaplace,
    "Gaussian": Gaussian,
    "Whitened": lambda epsilon: WhitenedLaplace(epsilon, torch.diag(torch.tensor([4.0, 1.0, 0.25]))),
    "vMF": lambda epsilon: VonMisesFisher(epsilon, 1.5),
}
each_maker = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
SETTINGS = VAESettings(latent_dim=D, hidden=8, epochs=1)


def vae_of(x: torch.Tensor) -> VAE:
    return VAE(x.shape[1], latent_dim=D, hidden=8, generator=seeded())


# Impossible input


@each_maker
@pytest.mark.parametrize("value", [5e-324, 1e-310, 1e-200, 1e-38, 1e38, 1e200, 1.7e308, np.float64(1e-200)])
def test_noise_that_cannot_be_computed_is_refused_when_it_is_made(make, value: float) -> None:
    with pytest.raises(
        ValueError, match=rf"^(epsilon|sigma) must be from 1e-30 to 1e\+30, not {re.escape(repr(float(value)))}: "
    ):
        make(value)


@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_a_whole_number_longer_than_any_float_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=r"^epsilon must be positive and finite"):
        EuclideanLaplace(value)
    with pytest.raises(ValueError, match=r"^n_classes must be"):
        RandomisedResponse(1.0, value)


def test_a_sphere_whose_angles_are_lost_in_rounding_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^epsilon times radius must be at most 1e\+08 .* not 1e\+10: "):
        VonMisesFisher(1e5, 1e5)
    for radius in (1e-200, 1e200):
        with pytest.raises(ValueError, match=r"^radius must be from 1e-30 to 1e\+30"):
            VonMisesFisher(1.0, radius)


@pytest.mark.parametrize(("epsilon", "size"), [(1.0, 1e-100), (1.0, 1e100), (1e-25, 1e20), (1e25, 1e-20)])
def test_a_covariance_out_of_all_range_is_refused(epsilon: float, size: float) -> None:
    with pytest.raises(ValueError, match=r"^the (root|size) .* must be from 1e-30 to 1e\+30"):
        WhitenedLaplace(epsilon, size**2 * torch.eye(2, dtype=torch.float64))


def test_a_small_covariance_that_is_not_symmetric_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^covariance must be a symmetric"):
        WhitenedLaplace(1.0, 1e-10 * torch.tensor([[1.0, 0.0], [0.5, 1.0]]))


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(1.0, 5e-324), (1e-300, 1e-300), (1e-300, 1e-20), (1e30, 0.5), (1e300, 1e-5)]
)
def test_a_budget_at_the_ends_of_delta_or_epsilon_is_refused_in_our_words(epsilon: float, delta: float) -> None:
    with pytest.raises(ValueError, match=r"^No Gaussian noise can be computed for epsilon .* and delta"):
        Gaussian.for_budget(epsilon, delta=delta, radius=1.0)


@pytest.mark.parametrize("value", [1e-200, 1e200])
def test_a_defence_refuses_it_before_anything_is_trained(value: float) -> None:
    for mechanism in ("euclidean-laplace", "coordinate-laplace", "gaussian", "von-mises-fisher"):
        with pytest.raises(ValueError, match=r"^(epsilon|radius) must be from 1e-30"):
            Framework(value, mechanism)
        with pytest.raises(ValueError, match=r"^radius must be from 1e-30"):
            Framework(1.0, mechanism, radius=value)
    with pytest.raises(ValueError, match=r"^No Gaussian noise"):
        Framework(1e29, "gaussian")
    with pytest.raises(ValueError, match=r"^epsilon times radius"):
        Framework(1e9, "von-mises-fisher")
    with pytest.raises(ValueError, match=r"^local_epsilon must be from 1e-30"):
        RecordNoise(value)


@pytest.mark.parametrize("radius", [1e-200, 1e200])
def test_a_ball_out_of_all_range_is_refused(radius: float) -> None:
    for make in (
        lambda: Synthesizer(EuclideanLaplace(1.0), SETTINGS, radius=radius),
        lambda: EuclideanLaplace(1.0).guarantee(radius),
        lambda: Guarantee(Indistinguishability(1.0), radius),
    ):
        with pytest.raises(ValueError, match=r"^radius must be from 1e-30 to 1e\+30"):
            make()


# NumPy's numbers


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int64, np.uint8])
def test_scalars_of_numpy_are_taken_as_pythons_numbers(kind: type) -> None:
    for name, make in MAKERS.items():
        mechanism = make(kind(2))
        assert mechanism.scale == make(2.0).scale and type(mechanism.scale) in (int, float), name
        assert "np." not in repr(mechanism)
    response = RandomisedResponse(kind(2), np.int64(10))
    assert (repr(response.epsilon).rstrip(".0"), repr(response.n_classes)) == ("2", "10")
    assert "np." not in str(Guarantee(Indistinguishability(kind(2)), kind(3), releases=np.int64(1)))
    assert type(GaussianIndistinguishability(kind(2)).mu) in (int, float)
    assert "np." not in VAESettings(latent_dim=np.int64(3)).__repr__() + Framework(kind(2)).seed_name


@pytest.mark.parametrize("value", [np.bool_(True), np.complex64(1), np.str_("1"), np.array([1.0])])
def test_what_is_no_number_in_numpy_is_none_here(value: object) -> None:
    with pytest.raises(TypeError, match=r"^epsilon must be a positive number"):
        EuclideanLaplace(value)


# Properties

exponents = st.floats(-330, 309)
codes_in = st.sampled_from([torch.float32, torch.float64])


@given(
    name=st.sampled_from([*MAKERS]), exponent=exponents, dtype=codes_in, size=st.floats(-20, 20), seed=st.integers(0, 9)
)
def test_a_mechanism_is_refused_or_gives_finite_codes_densities_and_promises(
    name: str, exponent: float, dtype: torch.dtype, size: float, seed: int
) -> None:
    value = float(f"1e{round(exponent)}")
    try:
        mechanism = MAKERS[name](value)
    except ValueError as error:
        beyond = (
            not 1e-30 <= value <= 1e30
            or (name == "vMF" and 1.5 * value > 1e8)
            or (name == "Whitened" and value < 1e-29)
        )
        assert beyond and str(error).count(". ") == 0
        return
    codes = (10**size * torch.randn(8, D, generator=seeded(seed), dtype=torch.float64)).to(dtype)
    for source in (seeded(seed), SYSTEM_ENTROPY):
        noisy = mechanism.perturb(codes, generator=source)
        assert noisy.dtype == dtype and noisy.isfinite().all()
        assert mechanism.log_likelihood(noisy, codes).isfinite().all()
    assert mechanism.simulate(codes.float(), generator=seeded(seed)).isfinite().all()
    promise = mechanism.guarantee(1.5)
    assert 0 < promise.any_two_records.max_advantage() <= 1 or value < 1e-15 or value > 1e15
    assert "inf" not in str(promise) and "nan" not in str(promise)
    if hasattr(mechanism, "covariance"):
        assert mechanism.covariance(D).isfinite().all()
        shrunk = Shrinkage().denoise(noisy, mechanism=mechanism, radius=1.5, generator=seeded())
        assert shrunk.isfinite().all()


@given(exponent=st.integers(-30, 8), d=st.sampled_from([2, 3, 16, 512, 2000]))
def test_the_density_on_the_sphere_is_finite_in_all_dimensions(exponent: int, d: int) -> None:
    assert math.isfinite(_log_constant(10.0**exponent, d, 1.0))


def test_where_the_bessel_function_vanishes_its_series_goes_on() -> None:
    # Almost no concentration: the density is one over the surface of the sphere.
    d = 512
    surface = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
    assert _log_constant(1e-8, d, 1.0) == pytest.approx(-surface, rel=1e-9)
    # On both sides of where it vanishes, the constant has the same slope.
    around = [_log_constant(kappa, d, 1.0) for kappa in np.linspace(10, 60, 101)]
    assert np.abs(np.diff(around, 2)).max() < 1e-2


@given(epsilon=exponents, delta=st.floats(1e-320, 1 - 1e-15))
def test_gaussian_noise_for_any_budget_is_right_or_refused(epsilon: float, delta: float) -> None:
    value = float(f"1e{round(epsilon)}")
    try:
        measure = GaussianIndistinguishability.for_epsilon(value, delta=delta)
    except ValueError as error:
        assert str(error).startswith(("No Gaussian noise", "epsilon must be"))
    else:
        assert measure.delta(value) == pytest.approx(delta, rel=1e-3)


@given(epsilon=exponents, n_classes=st.integers(2, 2**31))
def test_noise_for_labels_is_refused_or_gives_labels(epsilon: float, n_classes: int) -> None:
    value = float(f"1e{round(epsilon)}")
    if not (0 < value < math.inf):
        return
    response = RandomisedResponse(value, n_classes)
    reported = response.perturb(torch.tensor([0, n_classes - 1]), generator=seeded())
    assert 1 / n_classes <= response.keep_probability * (1 + 1e-9) and response.keep_probability <= 1
    assert reported.min() >= 0 and reported.max() < n_classes


@settings(max_examples=30)
@given(name=st.sampled_from([*MAKERS]), exponent=st.integers(-30, 30))
def test_a_release_is_finite_whatever_the_noise(name: str, exponent: int) -> None:
    value = 10.0**exponent
    if (name == "vMF" and exponent > 7) or (name == "Whitened" and exponent < -29):
        return
    x = torch.rand(12, 6, generator=seeded())
    synthesizer = Synthesizer(MAKERS[name](value), SETTINGS, radius=1.5, vae=vae_of(x))
    release = synthesizer.release(x, torch.zeros(12, dtype=torch.int64), generator=seeded(1))
    assert release.x.isfinite().all() and release.x.min() >= 0 and release.x.max() <= 1


# Broken networks


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_release_with_a_value_that_is_not_finite_is_refused_and_not_counted(part: str) -> None:
    x, y = torch.rand(12, 6, generator=seeded()), torch.zeros(12, dtype=torch.int64)
    vae = vae_of(x)
    with torch.no_grad():
        for parameter in getattr(vae, part).parameters():
            parameter.fill_(math.nan)
    for mechanism in (None, EuclideanLaplace(1.0)):
        synthesizer = Synthesizer(mechanism, SETTINGS, vae=vae)
        with pytest.raises(
            FloatingPointError, match=r"are not finite, so nothing is released: encoder and decoder are broken"
        ):
            synthesizer.release(x, y)
        assert synthesizer.releases.made == 0


@pytest.mark.parametrize("make", [EuclideanLaplace, CoordinateLaplace, Gaussian])
@pytest.mark.parametrize("value", [1e-29, 1e29])
def test_extreme_noise_can_be_audited(make, value: float) -> None:
    audit = audit_mechanism(make(value), radius=2.0, dimension=2, n=100, generator=seeded())
    assert math.isfinite(audit.measured) and not audit.violated
