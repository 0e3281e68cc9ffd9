"""The split into members, non-members, reference, test and public records."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded

from vaeprivacy.datasets import Dataset, split, stratified_parts

# Impossible input


@pytest.mark.parametrize("sizes", [[0], [3, -1], [3, 0, 2], [11], [6, 5]])
def test_parts_that_cannot_be_drawn_are_refused(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match=f"sum \\({sum(sizes)}\\) at most 10"):
        stratified_parts(torch.zeros(10), sizes, generator=seeded())


@pytest.mark.parametrize("sizes", [(3, 3, 2), (0, 5, 5), (1, 0, 1), (1, 1, 0)])
def test_a_split_that_cannot_be_drawn_is_refused(sizes: tuple[int, int, int]) -> None:
    n_members, n_reference, n_test = sizes
    with pytest.raises(ValueError, match="disjoint"):
        split(torch.zeros(10), n_members=n_members, n_reference=n_reference, n_test=n_test, generator=seeded())


# A known answer


def test_candidates_are_members_then_non_members() -> None:
    parts = split(torch.zeros(20), n_members=3, n_reference=4, n_test=5, generator=seeded())
    assert parts.candidates.tolist() == parts.members.tolist() + parts.non_members.tolist()
    assert parts.is_member.tolist() == [True] * 3 + [False] * 3


def test_equal_classes_are_halved_exactly() -> None:
    # The first part is off by at most half the bound below: by less than one if the classes are equal, so not at all.
    y = torch.arange(10).repeat(20)
    (part,) = stratified_parts(y, [100], generator=seeded())
    assert y[part].bincount().tolist() == [10] * 10


# Properties

labels = st.lists(st.integers(0, 4), min_size=4, max_size=80).map(torch.tensor)


@st.composite
def labels_and_sizes(draw: st.DrawFn) -> tuple[torch.Tensor, list[int]]:
    """Draw labels and sizes of parts that can be drawn from them; often no record is left over."""
    y = draw(labels)
    ends = draw(st.sets(st.integers(1, len(y)), min_size=1, max_size=4).map(sorted))
    return y, [end - start for start, end in zip([0, *ends[:-1]], ends, strict=True)]


@given(y_and_sizes=labels_and_sizes(), seed=st.integers(0, 1000))
def test_parts_are_disjoint_and_have_their_sizes(y_and_sizes: tuple[torch.Tensor, list[int]], seed: int) -> None:
    y, sizes = y_and_sizes
    parts = stratified_parts(y, sizes, generator=seeded(seed))
    indices = torch.cat(parts).tolist()
    assert [len(part) for part in parts] == sizes
    assert len(set(indices)) == len(indices)
    assert set(indices) <= set(range(len(y)))


def excess(y: torch.Tensor, part: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return by how many records each class differs from its share of a part, and the bound.

    Why the bound holds. Class c has its n_c records at the positions (j + 1/2) / n_c. Of these, the first m records of
    the whole order hold m_c = t n_c + d_c with |d_c| <= 1/2, for one t that is the same for all classes. So m = t n + D
    with D the sum of all d_c, and with p = n_c / n the difference m_c - m p equals d_c (1 - p) minus p times the d of
    the k - 1 other classes: at most (1 - p) / 2 + p (k - 1) / 2 = (1 + p (k - 2)) / 2. A part lies between two such
    ends, which doubles it.
    """
    n_classes = len(y.unique())
    share = y.bincount().numpy() / len(y)
    counts = y[part].bincount(minlength=len(share)).numpy()
    return np.abs(counts - share * len(part)), 1 + share * (n_classes - 2)


@given(y_and_sizes=labels_and_sizes(), seed=st.integers(0, 1000))
def test_each_part_has_the_classes_in_the_proportions_of_the_whole(
    y_and_sizes: tuple[torch.Tensor, list[int]], seed: int
) -> None:
    y, sizes = y_and_sizes
    for part in stratified_parts(y, sizes, generator=seeded(seed)):
        difference, bound = excess(y, part)
        assert (difference <= bound + 1e-9).all()


def test_the_bound_on_the_proportions_is_reached() -> None:
    # Two records of each of two classes: of 1, 2 and 1 in order, the middle part sometimes is of one class.
    y = torch.tensor([0, 0, 1, 1])
    parts = [stratified_parts(y, [1, 2, 1], generator=seeded(seed))[1] for seed in range(50)]
    differences = [excess(y, part)[0].max() for part in parts]
    assert max(differences) == excess(y, parts[0])[1].max() == 1


@given(y=labels, seed=st.integers(0, 1000))
def test_all_records_can_be_used(y: torch.Tensor, seed: int) -> None:
    parts = stratified_parts(y, [1, len(y) - 1], generator=seeded(seed))
    assert sorted(torch.cat(parts).tolist()) == list(range(len(y)))


def test_the_same_seed_gives_the_same_split_and_another_seed_another(digits: Dataset) -> None:
    first, again, other = (
        split(digits.y, n_members=100, n_reference=200, n_test=300, generator=seeded(seed)) for seed in (0, 0, 1)
    )
    for part in ("members", "non_members", "reference", "test"):
        assert torch.equal(getattr(first, part), getattr(again, part))
        assert set(getattr(first, part).tolist()) != set(getattr(other, part).tolist())


def test_there_are_twice_as_many_reference_and_test_records_as_members_unless_said_otherwise(digits):
    ours = split(digits.y, n_members=100, generator=seeded())
    theirs = split(digits.y, n_members=100, n_reference=200, n_test=200, generator=seeded())
    assert all(torch.equal(getattr(ours, part), getattr(theirs, part)) for part in ("members", "reference", "test"))


def test_a_split_has_four_disjoint_parts_of_the_sizes_asked_for(digits: Dataset) -> None:
    parts = split(digits.y, n_members=100, n_reference=200, n_test=300, generator=seeded())
    sets = [set(part.tolist()) for part in (parts.members, parts.non_members, parts.reference, parts.test)]
    assert [len(s) for s in sets] == [100, 100, 200, 300]
    assert len(set.union(*sets)) == 700


def test_every_record_is_as_likely_as_any_other_of_its_class_to_be_a_member() -> None:
    y = torch.tensor([0] * 12 + [1] * 6)
    counts = torch.zeros(18)
    for seed in range(2000):
        counts[stratified_parts(y, [9], generator=seeded(seed))[0]] += 1
    # Half of each class is drawn, so each count has standard deviation 22.
    assert (counts - 1000).abs().max() < 5 * 22


def test_a_part_is_in_random_order() -> None:
    # In the order of drawing, the classes would alternate.
    y = torch.arange(2).repeat(500)
    (part,) = stratified_parts(y, [800], generator=seeded())
    same_as_next = (y[part][1:] == y[part][:-1]).double().mean()
    assert 0.4 < same_as_next < 0.6


def test_by_default_there_are_no_public_records(digits: Dataset) -> None:
    parts = split(digits.y, n_members=100, n_reference=200, n_test=200, generator=seeded())
    assert len(parts.public) == 0
    assert parts.public.dtype == parts.members.dtype


def test_public_records_are_disjoint_from_the_rest_and_change_nothing_there(digits: Dataset) -> None:
    sizes = {"n_members": 100, "n_reference": 200, "n_test": 200}
    without = split(digits.y, **sizes, generator=seeded())
    parts = split(digits.y, **sizes, n_public=300, generator=seeded())
    assert len(parts.public.unique()) == 300
    for name in ("members", "non_members", "reference", "test"):
        assert torch.equal(getattr(parts, name), getattr(without, name))
        assert not set(parts.public.tolist()) & set(getattr(parts, name).tolist())


def test_public_records_that_are_not_there_are_refused(digits: Dataset) -> None:
    with pytest.raises(ValueError, match="Cannot draw disjoint parts of 100, 100, 200, 200, 1,500 records from 1,797"):
        split(digits.y, n_members=100, n_reference=200, n_test=200, n_public=1500, generator=seeded())
