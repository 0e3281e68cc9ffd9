"""Feature maps that no record had a part in."""

import pytest
import torch
from seeding import seeded

from vaeprivacy.feature_maps import FeatureMap, cosine_map, scattering_map, table_map
from vaeprivacy.procedural import silhouettes
from vaeprivacy.scattering import scattering

SHAPE = (8, 8)


def images(n: int) -> torch.Tensor:
    return silhouettes(n, image_shape=SHAPE, generator=seeded(1))


# Impossible input


@pytest.mark.parametrize("of_map", [cosine_map(SHAPE), scattering_map(SHAPE, directions=5)])
def test_records_of_another_size_are_refused(of_map: FeatureMap) -> None:
    with pytest.raises(ValueError, match=r"^x has 63 features a record, but must have 64\.$"):
        of_map.transform(torch.rand(3, 63))


@pytest.mark.parametrize(
    ("kind", "centre", "basis", "unit", "says"),
    [
        ("pixels", torch.zeros(4), torch.eye(4), 1.0, "kind must be one of 'records', 'scattering', not 'pixels'"),
        ("records", torch.zeros(3), torch.eye(4), 1.0, "centre and basis must be finite"),
        ("records", torch.zeros(4), torch.eye(4) / 0, 1.0, "centre and basis must be finite"),
        ("records", torch.zeros(4), torch.eye(4), 0.0, "unit must be"),
    ],
)
def test_an_impossible_map_is_refused(
    kind: str, centre: torch.Tensor, basis: torch.Tensor, unit: float, says: str
) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        FeatureMap(kind, centre, basis, unit)


def test_no_record_is_made_of_scattering_features() -> None:
    with pytest.raises(ValueError, match=r"^Of scattering features no record can be made"):
        scattering_map(SHAPE, directions=5).inverse(torch.zeros(1, 5))


@pytest.mark.parametrize(("low", "high"), [([0.0, 1.0], [1.0, 1.0]), ([0.0], [1.0, 2.0]), ([[0.0]], [[1.0]])])
def test_bounds_that_are_none_are_refused(low: list[float], high: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^low and high must hold one bound a column"):
        table_map(torch.tensor(low), torch.tensor(high))


# Known answers


def test_all_waves_give_the_images_back() -> None:
    x, of_map = images(20), cosine_map(SHAPE, waves=8)
    assert of_map.basis.shape == (64, 64)
    assert torch.allclose(of_map.inverse(of_map.transform(x)), x, atol=1e-5)


def test_few_waves_give_a_blurred_image_with_the_same_features() -> None:
    x, of_map = 0.3 + 0.4 * images(20), cosine_map(SHAPE, waves=4)
    again = of_map.transform(x)
    assert again.shape == (20, 16)
    assert torch.allclose(of_map.transform(of_map.inverse(again)), again, atol=0.05)


def test_features_of_a_table_are_its_columns_between_their_bounds() -> None:
    of_map = table_map(torch.tensor([0.0, 10.0, -1.0]), torch.tensor([1.0, 30.0, 3.0]))
    x = torch.tensor([[0.0, 10.0, -1.0], [1.0, 30.0, 3.0], [0.5, 20.0, 1.0]])
    assert torch.allclose(of_map.transform(x), torch.tensor([[-1.0], [1.0], [0.0]]).expand(3, 3))
    assert of_map.unit == 1.0


def test_scattering_features_are_principal_directions_scaled_by_the_root_of_their_deviation() -> None:
    # With 64 directions of 324 of the procedural images themselves, features have no correlation, and variances fall.
    of_map = scattering_map(SHAPE, directions=64)
    values = scattering(images(500), image_shape=SHAPE).double()
    assert torch.allclose(of_map.transform(images(500)).double(), (values - of_map.centre) @ of_map.basis / of_map.unit)
    products = of_map.basis.T @ of_map.basis  # directions are orthogonal, and the later ones are shortened less
    assert (products - products.diag().diag()).abs().max() < 1e-6 * products.max()
    assert (products.diag().diff() >= 0).all()


# Properties


@pytest.mark.parametrize("make", [cosine_map, scattering_map])
def test_procedural_images_are_about_one_long(make: object) -> None:
    of_map = make(SHAPE)
    lengths = of_map.transform(images(300)).norm(dim=1)
    assert 0.7 < lengths.median() < 1.4


@pytest.mark.parametrize("make", [cosine_map, scattering_map])
def test_a_map_is_the_same_each_time_it_is_made(make: object) -> None:
    first = make(SHAPE)
    make.cache_clear()
    torch.manual_seed(1)
    assert torch.equal(first.basis, make(SHAPE).basis)
    assert torch.equal(first.centre, make(SHAPE).centre)
