"""Layers, mini-batches and the checks of arguments."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded
from torch import nn

from vaeprivacy.arrays import check_records, check_table
from vaeprivacy.checks import check_positive, check_probability, check_whole
from vaeprivacy.networks import minibatches, mlp

# Impossible input


@pytest.mark.parametrize(
    ("x", "error", "naming"),
    [
        ([[0.5]], TypeError, "list"),
        ("0.5", TypeError, "str"),
        (None, TypeError, "NoneType"),
        (torch.full((3, 2), 2), TypeError, "torch.int64"),
        (torch.full((3, 2), -1), TypeError, "torch.int64"),
        (torch.zeros(3), ValueError, r"\(3,\)"),
        (torch.zeros(3, 2, 1), ValueError, r"\(3, 2, 1\)"),
        (torch.zeros(()), ValueError, r"\(\)"),
        (torch.zeros(0, 2), ValueError, r"\(0, 2\)"),
        (torch.tensor([[0.0, math.nan]]), ValueError, "NaN"),
        (torch.tensor([[0.0, math.inf]]), ValueError, "infinite"),
        (torch.tensor([[0.0, -math.inf]]), ValueError, "infinite"),
    ],
)
def test_what_is_no_table_of_records_is_refused(x: object, error: type[Exception], naming: str) -> None:
    with pytest.raises(error, match=f"^codes .*{naming}"):
        check_records(x, "codes")


@pytest.mark.parametrize("value", ["1", None, True, [1.0], 1j, torch.tensor(1.0)])
def test_what_is_no_real_number_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=f"^epsilon must be a positive number, not .*{type(value).__name__}"):
        check_positive(value, "epsilon")


@pytest.mark.parametrize("value", [0, 0.0, -1, -1e-300, math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_positive_and_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=f"^epsilon must be positive and finite, not {value}"):
        check_positive(value, "epsilon")


@pytest.mark.parametrize("value", ["1", None, True, [1.0], 1j, torch.tensor(1.0)])
def test_what_is_no_real_number_is_refused_where_zero_is_allowed_too(value: object) -> None:
    with pytest.raises(TypeError, match=f"^distance must be a non-negative number, not .*{type(value).__name__}"):
        check_positive(value, "distance", zero=True)


@pytest.mark.parametrize("value", [-1, -5e-324, math.nan, math.inf, -math.inf])
def test_where_zero_is_allowed_nothing_below_it_is(value: float) -> None:
    with pytest.raises(ValueError, match=f"^distance must be non-negative and finite, not {value}"):
        check_positive(value, "distance", zero=True)


@pytest.mark.parametrize("value", ["1", None, True, 1.0, [1], torch.tensor(1)])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=f"^epochs must be a whole number, not .* of type {type(value).__name__}"):
        check_whole(value, "epochs")
    with pytest.raises(ValueError, match=r"^epochs must be a whole number of at least 1, not "):
        check_whole(value, "epochs", least=1)


def test_a_whole_number_is_at_least_the_least() -> None:
    assert check_whole(-3, "seed") == -3
    assert check_whole(2, "epochs", least=2) == 2
    with pytest.raises(ValueError, match=r"^epochs must be a whole number of at least 2, not 1"):
        check_whole(1, "epochs", least=2)


@pytest.mark.parametrize("value", ["0.5", None, True, [0.5], 0.5j, torch.tensor(0.5)])
def test_what_is_no_real_number_is_no_probability(value: object) -> None:
    with pytest.raises(TypeError, match=f"^delta must be a non-negative number, not .*{type(value).__name__}"):
        check_probability(value, "delta")


@pytest.mark.parametrize("value", [-1e-300, -1, math.nan, math.inf])
def test_a_negative_or_infinite_number_is_no_probability(value: float) -> None:
    with pytest.raises(ValueError, match=f"^delta must be non-negative and finite, not {value}"):
        check_probability(value, "delta")


@pytest.mark.parametrize("value", [1 + 2**-52, 2, 1e300])
def test_a_number_above_one_is_no_probability(value: float) -> None:
    with pytest.raises(ValueError, match=r"^delta must be at most 1, not "):
        check_probability(value, "delta")


# A known answer


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_table_is_returned_itself_and_records_in_single_precision(dtype: torch.dtype) -> None:
    x = torch.zeros(1, 1, dtype=dtype)
    assert check_table(x) is x
    assert check_records(x).dtype == torch.float32
    assert (check_records(x) is x) == (dtype == torch.float32)


@pytest.mark.parametrize("value", [1, 2.5, 5e-324])
def test_a_positive_number_is_returned_as_a_float(value: float) -> None:
    checked = check_positive(value, "epsilon")
    assert (checked, type(checked)) == (value, float)


@pytest.mark.parametrize("value", [0, 0.0, 5e-324, 3])
def test_a_number_that_is_not_negative_is_returned_as_a_float_where_zero_is_allowed(value: float) -> None:
    checked = check_positive(value, "distance", zero=True)
    assert (checked, type(checked)) == (value, float)


@pytest.mark.parametrize("value", [0, 0.25, 1, 1.0])
def test_a_probability_is_returned_as_a_float(value: float) -> None:
    checked = check_probability(value, "delta")
    assert (checked, type(checked)) == (value, float)


def test_a_network_has_relu_between_its_linear_layers_and_nowhere_else() -> None:
    layers = list(mlp([5, 4, 3, 2], generator=seeded()))
    assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [(layer.in_features, layer.out_features) for layer in layers[::2]] == [(5, 4), (4, 3), (3, 2)]


def test_the_last_batch_holds_what_is_left() -> None:
    assert [len(batch) for batch in minibatches(10, batch_size=4, generator=seeded())] == [4, 4, 2]


# Properties


def test_a_network_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    mlp([50, 20, 10], generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_does_not_depend_on_the_global_generator() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        first = mlp([50, 20, 10], generator=seeded())
        torch.manual_seed(2)
        second = mlp([50, 20, 10], generator=seeded())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("n_in", [1, 10, 400])
def test_weights_and_biases_fill_the_range_that_the_number_of_inputs_gives(n_in: int) -> None:
    bound = 1 / math.sqrt(n_in)
    for values in mlp([n_in, 2000], generator=seeded())[0].parameters():
        assert -bound <= values.min() < -0.98 * bound
        assert 0.98 * bound < values.max() <= bound
        # A uniform variable on (-b, b) has standard deviation b / sqrt(3).
        assert values.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)


@given(n=st.integers(1, 200), batch_size=st.integers(1, 250), seed=st.integers(0, 100))
def test_one_pass_meets_each_record_once(n: int, batch_size: int, seed: int) -> None:
    batches = list(minibatches(n, batch_size=batch_size, generator=seeded(seed)))
    assert sorted(torch.cat(batches).tolist()) == list(range(n))
    assert all(len(batch) == batch_size for batch in batches[:-1])


def test_each_pass_has_an_order_of_its_own() -> None:
    generator = seeded()
    first, second = (torch.cat(list(minibatches(100, batch_size=10, generator=generator))) for _ in range(2))
    assert not torch.equal(first, second)
    assert not torch.equal(first, torch.arange(100))
