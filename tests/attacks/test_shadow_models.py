"""Shadow models: who is trained on what, what they are asked, and that nothing is trained twice."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded
from torch import nn

from vaeprivacy.attacks import ClassifierRecipe, ShadowFit, Shadows, train_shadows
from vaeprivacy.attacks.shadow import chunk_predictions
from vaeprivacy.attacks.shadow_fit import check_both_sides, lacking_sides
from vaeprivacy.classifiers import ClassifierSettings, predict
from vaeprivacy.datasets import Dataset, draw_balanced_memberships, draw_memberships

QUICK = ClassifierSettings(hidden=8, epochs=2, batch_size=20)


def shadows_of(is_member: torch.Tensor) -> Shadows:
    """Return made-up shadow models of which only the memberships matter."""
    n_models, n = is_member.shape
    return Shadows(torch.randn(n_models, n, 2, generator=seeded()), torch.arange(n) % 2, is_member)


# Impossible input


def test_one_record_cannot_be_halved() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        draw_memberships(torch.zeros(1), n_shadows=2, generator=seeded())


@pytest.mark.parametrize(
    "is_member", [[[True, False, False], [True, False, False]], [[True, True, True]], [[False, False, False]]]
)
def test_without_both_sides_nothing_can_be_learnt(is_member: list[list[bool]]) -> None:
    with pytest.raises(ValueError, match=r"train them on halves that differ \(draw_memberships\)"):
        shadows_of(torch.tensor(is_member)).two_sided()


def test_candidates_that_every_model_was_trained_on_or_none_are_counted() -> None:
    is_member = torch.tensor([[True, True, False, True], [True, False, False, True]])
    with pytest.raises(ValueError, match=r"Of 4 candidates, 2 are in .* every .* and 1 in that of none: an online"):
        check_both_sides(is_member, members_too=True)
    with pytest.raises(ValueError, match=r"none: Train more models \(draw_balanced_memberships\)\.$"):
        check_both_sides(is_member, members_too=False)
    check_both_sides(is_member[:, 1:3], members_too=False)  # offline, models without them are enough
    both = ["shadow models trained without each candidate", "shadow models trained on each candidate"]
    assert lacking_sides(is_member, True) == both
    assert lacking_sides(is_member, False) == both[:1]
    assert lacking_sides(is_member[:, 1:3], False) == lacking_sides(is_member[:, 1:2], True) == []


# Known answers


def test_a_shadow_is_trained_on_its_half_and_asked_about_all() -> None:
    x, y = torch.arange(8.0).reshape(4, 2), torch.tensor([0, 1, 1, 0])
    is_member = torch.tensor([[True, False, True, False], [False, False, True, True]])
    trained_on = []

    def recipe(x: torch.Tensor, y: torch.Tensor, subsets: list[torch.Tensor], numbers: list[int]) -> list[nn.Module]:
        for subset, number in zip(subsets, numbers, strict=True):
            trained_on.append((x[subset].tolist(), y[subset].tolist(), number))
        return [nn.Identity() if number == 0 else nn.Flatten() for number in numbers]

    shadows = train_shadows(x, y, is_member=is_member, recipe=recipe)
    assert trained_on == [([[0, 1], [4, 5]], [0, 1], 0), ([[4, 5], [6, 7]], [1, 0], 1)]
    assert torch.equal(shadows.log_posteriors, torch.stack([x.log_softmax(dim=1)] * 2))
    assert torch.equal(shadows.y, y)
    assert torch.equal(shadows.is_member, is_member)


def test_what_models_are_asked_can_be_chosen() -> None:
    x, y = torch.rand(4, 2), torch.zeros(4, dtype=torch.int64)
    shadows = train_shadows(
        x, y, is_member=torch.eye(3, 4) > 0, recipe=lambda x, y, subsets, numbers: [nn.Identity() for _ in numbers],
        models_at_once=2, query=lambda model, x: -model(x),
    )  # fmt: skip
    assert torch.equal(shadows.log_posteriors, torch.stack([-x] * 3))


def test_a_part_of_the_records_and_a_model_left_out_are_what_they_should_be() -> None:
    whole = shadows_of(torch.tensor([[True, False, True], [False, False, True], [True, True, True]]))
    part = whole.about(torch.tensor([2, 0]))
    assert torch.equal(part.log_posteriors, whole.log_posteriors[:, [2, 0]])
    assert part.y.tolist() == [0, 0] and part.is_member.tolist() == [[True, True], [True, False], [True, True]]
    others = whole.without(1)
    assert torch.equal(others.log_posteriors, whole.log_posteriors[[0, 2]])
    assert torch.equal(others.is_member, whole.is_member[[0, 2]]) and torch.equal(others.y, whole.y)


def test_the_complement_of_the_model_left_out_goes_too_unless_no_model_was_trained_here() -> None:
    whole = shadows_of(torch.tensor([[True, False, True], [False, True, False], [True, True, False]]))
    assert torch.equal(whole.without(0).log_posteriors, whole.log_posteriors[[2]])
    assert torch.equal(whole.without(2).log_posteriors, whole.log_posteriors[:2])
    # A record that no model was trained on is on both sides of nothing.
    beside = shadows_of(torch.tensor([[True, False, False], [False, True, False]]))
    assert len(beside.without(0).is_member) == 0
    nobody = shadows_of(torch.zeros(3, 4, dtype=torch.bool))
    assert torch.equal(nobody.without(0).log_posteriors, nobody.log_posteriors[1:])


def test_two_sided_records_are_members_of_some_models_and_not_of_others() -> None:
    is_member = torch.tensor([[True, True, False, False], [True, False, True, False]])
    assert torch.equal(shadows_of(is_member).two_sided().is_member, is_member[:, 1:3])
    # One model alone has each record on one side; then all records count.
    assert torch.equal(shadows_of(is_member[:1]).two_sided().is_member, is_member[:1])


# Memberships


def test_each_shadow_gets_half_of_each_class_and_another_half_than_the_others() -> None:
    y = torch.arange(5).repeat(20)
    is_member = draw_memberships(y, n_shadows=3, generator=seeded())
    assert (is_member.shape, is_member.dtype) == ((3, 100), torch.bool)
    for mine in is_member:
        assert y[mine].bincount().tolist() == [10] * 5
    assert len({tuple(mine.tolist()) for mine in is_member}) == 3


@given(n_pairs=st.integers(1, 4), n=st.integers(2, 30), seed=st.integers(0, 50))
def test_complementary_halves_put_each_record_into_exactly_half_of_the_models(n_pairs: int, n: int, seed: int) -> None:
    y = torch.arange(n) % 3
    halves = draw_balanced_memberships(y, n_shadows=2 * n_pairs, generator=seeded(seed))
    assert (halves.sum(dim=0) == n_pairs).all()
    assert torch.equal(halves[0::2], ~halves[1::2])
    odd = draw_balanced_memberships(y, n_shadows=2 * n_pairs - 1, generator=seeded(seed))
    assert torch.equal(odd, halves[:-1])


# Training


def test_halves_of_an_odd_number_of_records_are_trained_together_as_one_by_one(digits: Dataset) -> None:
    x, y = digits.x[:61], digits.y[:61]
    is_member = draw_balanced_memberships(y, n_shadows=4, generator=seeded())
    assert sorted(set(is_member.sum(dim=1).tolist())) == [30, 31]
    alone, together = (
        train_shadows(x, y, is_member=is_member, recipe=ClassifierRecipe(10, 0, QUICK), models_at_once=n)
        for n in (1, 4)
    )
    assert torch.allclose(alone.log_posteriors, together.log_posteriors, atol=1e-4)


def test_models_trained_side_by_side_are_those_trained_in_turn_bit_for_bit(digits: Dataset) -> None:
    is_member = draw_memberships(digits.y, n_shadows=6, generator=seeded())
    options = {"is_member": is_member, "recipe": ClassifierRecipe(10, 0, QUICK), "models_at_once": 2}
    threads = torch.get_num_threads()
    in_turn, side_by_side = (train_shadows(digits.x, digits.y, n_jobs=n_jobs, **options) for n_jobs in (1, 2))
    assert torch.equal(in_turn.log_posteriors, side_by_side.log_posteriors)
    assert torch.get_num_threads() == threads


def test_chunks_are_done_in_any_order_and_kept_under_their_numbers(digits: Dataset, tmp_path: Path) -> None:
    x, y = digits.x[:40], digits.y[:40]
    is_member = draw_memberships(y, n_shadows=5, generator=seeded())
    options = {"is_member": is_member, "recipe": ClassifierRecipe(10, 0, QUICK)}
    chunks = ([0, 1], [2, 3], [4])
    found = [
        chunk_predictions(x, y, query=predict, directory=tmp_path, numbers=numbers, **options)
        for numbers in reversed(chunks)
    ][::-1]
    whole = train_shadows(x, y, models_at_once=2, **options).log_posteriors
    assert torch.allclose(torch.from_numpy(np.concatenate(found)), whole, atol=1e-6)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"shadows-0-to-1.npz", "shadows-2-to-3.npz", "shadows-4-to-4.npz"}


def test_finished_models_are_read_and_not_trained_even_by_another_recipe(digits: Dataset, tmp_path: Path) -> None:
    x, y = digits.x[:40], digits.y[:40]
    options = {"is_member": draw_memberships(y, n_shadows=3, generator=seeded()), "directory": tmp_path}
    first = train_shadows(x, y, models_at_once=2, recipe=ClassifierRecipe(10, 0, QUICK), **options)

    def refuse(*_: object) -> list[nn.Module]:
        raise AssertionError("A finished model was trained again.")

    second = train_shadows(x, y, models_at_once=2, recipe=refuse, **options)
    assert torch.equal(first.log_posteriors, second.log_posteriors)


# ShadowFit: known answers


def right_for(n_right: int, n: int) -> torch.Tensor:
    """Return answers of which the first are right about the label 0."""
    right = torch.arange(n) < n_right
    return torch.where(right[:, None], torch.tensor([-0.1, -3.0]), torch.tensor([-3.0, -0.1]))


def likeness_of(shadow_accuracy: float) -> ShadowFit:
    """Compare a target that is right about 97% of 1,000 members and 80% of 1,000 others with two shadow models."""
    y, is_member = torch.zeros(2000, dtype=torch.int64), torch.arange(2000) < 1000
    target = torch.cat([right_for(970, 1000), right_for(800, 1000)])
    model = torch.cat([right_for(int(1000 * shadow_accuracy), 1000), right_for(800, 1000)])
    return ShadowFit.between(Shadows(torch.stack([model, model]), y, is_member.expand(2, -1)), target, y, is_member)


@pytest.mark.parametrize("side", [True, False])
def test_target_and_shadow_models_can_be_compared_only_with_members_and_others(side: bool) -> None:
    answers, y, both = torch.zeros(10, 2), torch.zeros(10, dtype=torch.int64), torch.arange(10) < 5
    one_side = torch.full((10,), side)
    for whose, of_shadows, of_target in (("candidates", both, one_side), ("shadow models", one_side, both)):
        with pytest.raises(ValueError, match=f"{whose}.* must hold members and others"):
            ShadowFit.between(Shadows(answers[None], y, of_shadows[None]), answers, y, of_target)


def test_a_comparison_has_the_four_accuracies_and_says_what_it_finds() -> None:
    found = likeness_of(0.97)
    assert found.target == pytest.approx((0.97, 0.80)) and found.shadows == pytest.approx((0.97, 0.80))
    # Both of the two averages are over as many records; a thousandth more, lest no error at all mean no spread.
    assert found.spread[1] == pytest.approx(math.sqrt(2 * (0.16 + 0.001) / 1000))
    assert found.comparable
    assert str(found).startswith("The shadow models behave like the target: accuracy on members 0.970 (target 0.970)")


def test_underfit_shadow_models_do_not_behave_like_the_target() -> None:
    found = likeness_of(0.85)
    assert not found.comparable
    assert "do NOT behave like the target, so the attack is weak: accuracy on members 0.850" in str(found)


def test_a_difference_on_one_side_is_enough() -> None:
    alike = likeness_of(0.97)
    assert not replace(alike, shadows=(0.97, 0.60)).comparable
    assert replace(alike, shadows=(0.97, 0.81)).comparable
