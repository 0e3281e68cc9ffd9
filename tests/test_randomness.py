"""Where random numbers come from, and the laws of uniforms, normals and chi-squares from either source."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from seeding import seeded

from vaeprivacy.mechanisms.chi_squares import _proposed_chi_squares, chi_squares
from vaeprivacy.randomness import (
    SYSTEM_ENTROPY,
    RandomSource,
    SystemEntropy,
    normals,
    seeded_generator,
    torch_generator,
    uniforms,
)

SOURCES = ["seeded", "system"]
N = 1_000_000
LEVEL = 1e-6  # of each test of a law: the system's entropy is new at every run, and a false alarm should stay rare


def source(name: str, seed: int = 0) -> RandomSource:
    """Return a seeded generator or the system's entropy."""
    return seeded(seed) if name == "seeded" else SYSTEM_ENTROPY


def p_of_count(hits: int, probability: float) -> float:
    """Return the p-value of so many hits in N draws."""
    return stats.binomtest(hits, N, probability).pvalue


# A known answer


def test_a_generator_is_its_own_generator() -> None:
    generator = seeded()
    assert torch_generator(generator) is generator


def test_words_of_the_systems_entropy_become_multiples_of_a_power_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    words = np.array([0, 2**11 - 1, 2**11, 2**63, 2**64 - 1], dtype=np.uint64)
    monkeypatch.setattr(SystemEntropy, "words", lambda _, n: words[:n])
    assert uniforms((5,), generator=SYSTEM_ENTROPY).tolist() == [0, 0, 2**-53, 0.5, 1 - 2**-53]


def test_the_largest_normal_from_the_systems_entropy_is_as_far_out_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemEntropy, "words", lambda _, n: np.array([0, 1, 2**64 - 1, 2**64 - 2], dtype=np.uint64))
    lowest, highest, middle, other = normals((4,), generator=SYSTEM_ENTROPY).tolist()
    assert lowest == pytest.approx(-8.37, abs=0.005)
    assert highest == -lowest
    assert 2 * stats.norm.sf(highest) < 1e-16
    assert middle == pytest.approx(0, abs=1e-15)
    assert other == pytest.approx(0, abs=1e-15)


# A documented hazard


def test_a_seeded_generator_looks_at_no_more_than_32_bits_of_its_seed() -> None:
    # So its noise can be subtracted by whoever tries four billion seeds. This is why releases take SystemEntropy; if it
    # fails one day, PyTorch has become better, and the texts that say so may be changed.
    first = torch.rand(100, generator=torch.Generator().manual_seed(5))
    other = torch.rand(100, generator=torch.Generator().manual_seed(5 + 2**32))
    assert torch.equal(first, other)


# Properties: seeds


def test_the_same_seed_and_use_give_the_same_numbers() -> None:
    first, second = (torch.rand(100, generator=seeded_generator(7, "noise")) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize(("seed", "use"), [(8, "noise"), (7, "split"), (7, "noise 1"), (-7, "noise"), (7, "")])
def test_another_seed_or_use_gives_numbers_that_have_nothing_to_do_with_the_first(seed: int, use: str) -> None:
    first = torch.randn(10_000, generator=seeded_generator(7, "noise"), dtype=torch.float64)
    other = torch.randn(10_000, generator=seeded_generator(seed, use), dtype=torch.float64)
    # The correlation of independent numbers has standard deviation 0.01.
    assert abs(torch.corrcoef(torch.stack([first, other]))[0, 1]) < 0.05


def test_seed_and_use_do_not_run_into_each_other() -> None:
    # Written one after the other, both would read "12 noise".
    first, second = seeded_generator(1, "2 noise"), seeded_generator(12, " noise")
    assert first.initial_seed() != second.initial_seed()


def test_two_draws_from_the_systems_entropy_have_no_number_in_common() -> None:
    first, second = (SYSTEM_ENTROPY.words(1000) for _ in range(2))
    assert (first.dtype, first.shape) == (np.uint64, (1000,))
    assert not np.intersect1d(first, second).size


def test_all_64_bits_of_the_systems_entropy_are_set_half_of_the_time() -> None:
    bits = np.unpackbits(SYSTEM_ENTROPY.words(100_000).view(np.uint8).reshape(-1, 8), axis=1)
    # The share of each has standard deviation 0.0016.
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.01


def test_generators_made_from_the_systems_entropy_have_different_seeds() -> None:
    assert len({torch_generator(SYSTEM_ENTROPY).initial_seed() for _ in range(20)}) == 20


@pytest.mark.parametrize("name", SOURCES)
def test_the_global_generators_are_left_alone(name: str) -> None:
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    uniforms((10,), generator=source(name))
    normals((10,), generator=source(name))
    chi_squares(10, degrees=3, generator=source(name))
    torch_generator(source(name))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpys)


@pytest.mark.parametrize("draw", [uniforms, normals])
def test_a_seeded_generator_gives_the_same_numbers_again_and_then_others(draw: Callable) -> None:
    generator = seeded(3)
    first, next_one = (draw((50,), generator=generator) for _ in range(2))
    assert torch.equal(first, draw((50,), generator=seeded(3)))
    assert (first != next_one).all()


@pytest.mark.parametrize("draw", [uniforms, normals])
def test_the_systems_entropy_gives_new_numbers_each_time(draw: Callable) -> None:
    first, second = (draw((50,), generator=SYSTEM_ENTROPY) for _ in range(2))
    assert (first != second).all()


# Properties: shapes and types


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (2, 3, 4), (0, 3)])
@pytest.mark.parametrize("name", SOURCES)
def test_numbers_come_in_the_shape_that_was_asked_for(name: str, shape: tuple[int, ...]) -> None:
    assert uniforms(shape, generator=source(name)).shape == shape
    assert normals(shape, generator=source(name)).shape == shape
    assert chi_squares(5, degrees=3, generator=source(name)).shape == (5, 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SOURCES)
def test_numbers_come_in_the_type_that_was_asked_for(name: str, dtype: torch.dtype) -> None:
    assert uniforms((3,), generator=source(name)).dtype == torch.float64
    assert normals((3,), generator=source(name), dtype=dtype).dtype == dtype
    assert chi_squares(3, degrees=2, generator=source(name), dtype=dtype).dtype == dtype


@pytest.mark.parametrize("name", SOURCES)
def test_without_a_word_on_the_type_it_is_double_precision(name: str) -> None:
    assert normals((3,), generator=source(name)).dtype == torch.float64
    assert chi_squares(3, degrees=2, generator=source(name)).dtype == torch.float64


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_drawn_can_be_written_to(name: str) -> None:
    # Bytes of the operating system are read-only; mechanisms scale noise in place.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        uniforms((3,), generator=source(name)).mul_(2)
        normals((3,), generator=source(name)).mul_(2)
        chi_squares(3, degrees=2, generator=source(name)).mul_(2)


# Properties: laws


@pytest.mark.parametrize("name", SOURCES)
def test_uniforms_are_uniform_and_use_all_53_bits(name: str) -> None:
    u = uniforms((N,), generator=source(name)).numpy()
    assert u.min() >= 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > LEVEL
    mantissas = u * 2.0**53
    assert np.array_equal(mantissas, np.floor(mantissas))
    # Half of them are odd multiples, so that none of the bits is missing. 24 would leave room for 16.8 million values,
    # of which a million draws would have 29,000 in common.
    assert p_of_count(int((mantissas % 2).sum()), 0.5) > LEVEL
    assert len(np.unique(u)) >= N - 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SOURCES)
def test_normals_are_normal_and_symmetric_far_into_the_tails(name: str, dtype: torch.dtype) -> None:
    z = normals((N,), generator=source(name), dtype=dtype).double().numpy()
    assert stats.kstest(z, "norm").pvalue > LEVEL
    assert p_of_count(int((z > 0).sum()), 0.5) > LEVEL
    assert stats.ks_2samp(z[: N // 2], -z[N // 2 :]).pvalue > LEVEL
    # At either side 1350, 159 and 3.4 of a million are expected.
    for threshold in (3.0, 3.6, 4.5):
        assert p_of_count(int((z > threshold).sum()), stats.norm.sf(threshold)) > LEVEL
        assert p_of_count(int((z < -threshold).sum()), stats.norm.sf(threshold)) > LEVEL
    assert np.abs(z).max() < 7


@pytest.mark.parametrize("name", SOURCES)
def test_ten_million_normals_reach_as_far_as_they_should(name: str) -> None:
    # 68 and 5.7 are expected.
    z = torch.cat([normals((N,), generator=source(name, seed)) for seed in range(10)])
    for threshold in (4.5, 5.0):
        expected = 2 * stats.norm.sf(threshold) * 10 * N
        hits = int((z.abs() > threshold).sum())
        assert min(stats.poisson(expected).cdf(hits), stats.poisson(expected).sf(hits - 1)) > LEVEL


@pytest.mark.parametrize("degrees", [2, 3, 17])
def test_at_most_about_one_in_twenty_chi_squares_is_drawn_again(degrees: int) -> None:
    _, accepted = _proposed_chi_squares(1_000_000, degrees=degrees, generator=seeded(), dtype=torch.float64)
    assert 0.95 < accepted.double().mean().item() < 1


@pytest.mark.parametrize("degrees", [-1, 0, 1])
def test_chi_squares_of_fewer_than_two_degrees_are_refused(degrees: int) -> None:
    with pytest.raises(ValueError, match=f"degrees must be at least 2, not {degrees}"):
        chi_squares(3, degrees=degrees, generator=seeded())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_smallest_and_largest_chi_squares_occur_as_often_as_they_should(dtype: torch.dtype) -> None:
    # Rejection sampling goes wrong in the tails first.
    draws = chi_squares(1_000_000, degrees=17, generator=seeded(8), dtype=dtype)
    for tail in (draws < stats.chi2(17).ppf(1e-4), draws > stats.chi2(17).isf(1e-4)):
        assert stats.binomtest(int(tail.sum()), 1_000_000, 1e-4).pvalue > 1e-3


@pytest.mark.parametrize("degrees", [2, 3, 17])
@pytest.mark.parametrize("name", SOURCES)
def test_chi_squares_have_the_law_of_a_sum_of_squared_normals(name: str, degrees: int) -> None:
    n = N if name == "seeded" else N // 5  # from the system's entropy, each costs as many normals as it has degrees
    squares = chi_squares(n, degrees=degrees, generator=source(name))[:, 0].numpy()
    assert stats.kstest(squares, stats.chi2(degrees).cdf).pvalue > LEVEL
    assert squares.min() > 0
    # The z-value of the mean; the variance is twice the degrees.
    assert abs(squares.mean() - degrees) < 5 * math.sqrt(2 * degrees / n)
    assert abs(np.corrcoef(squares[1:], squares[:-1])[0, 1]) < 5 / math.sqrt(n)


def test_chi_squares_in_single_precision_have_the_law_too() -> None:
    squares = chi_squares(100_000, degrees=3, generator=seeded(), dtype=torch.float32)[:, 0].double().numpy()
    assert stats.kstest(squares, stats.chi2(3).cdf).pvalue > LEVEL
