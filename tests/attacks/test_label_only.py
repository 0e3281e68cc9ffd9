"""Attacks that see predicted labels only."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from seeding import seeded

from vaeprivacy.attacks import Candidates, Gap, Knowledge, NoiseRobustness, ShiftRobustness
from vaeprivacy.attacks.base import HELD
from vaeprivacy.attacks.label_only import shift

ATTACKS = ("gap", "noise_robustness", "shift_robustness")


def label_only(name: str):
    return {
        "gap": Gap(),
        "noise_robustness": NoiseRobustness(generator=seeded(), n_copies=7),
        "shift_robustness": ShiftRobustness(image_shape=(2, 3)),
    }[name]


def test_rows_of_a_table_cannot_be_shifted() -> None:
    with pytest.raises(ValueError, match=r"^Only images can be shifted.*leave the attack out\.$"):
        ShiftRobustness(image_shape=None)


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_but_labels_is_asked_for(name: str) -> None:
    attack, asked = label_only(name), []

    def forbidden(x: torch.Tensor) -> torch.Tensor:
        raise AssertionError("A label-only attack asked for posteriors.")

    def query_label(x: torch.Tensor) -> torch.Tensor:
        asked.append(x)
        return torch.zeros(len(x), dtype=torch.int64)

    knowledge = Knowledge(query=forbidden, query_label=query_label)
    # No answers in the candidates either.
    scores = attack.fit(knowledge).score(Candidates(x=torch.rand(4, 6), y=torch.tensor([0, 1, 0, 1])))
    assert scores.tolist() == [1, 0, 1, 0]
    assert len(asked) == {"gap": 1, "noise_robustness": 7, "shift_robustness": 9}[name]
    assert [need for need in attack.needs if need in HELD] == ["query_label"] == list(attack.needs)


def test_the_share_of_noisy_copies_on_the_right_side_tells_the_distance_to_the_boundary() -> None:
    # A boundary at 0.5: from 0.5 + d, noise crosses it with probability Phi(-d / sigma).
    d = torch.tensor([0.0, 0.1, 0.2, 0.3])
    attack = NoiseRobustness(generator=seeded(1), sigma=0.2, n_copies=4000)
    attack.fit(Knowledge(query_label=lambda x: (x[:, 0] > 0.5).long()))
    scores = attack.score(Candidates(x=(0.5 + d)[:, None], y=torch.ones(4, dtype=torch.int64)))
    assert scores.tolist() == pytest.approx(norm.cdf(d.numpy() / 0.2).tolist(), abs=0.03)


def test_copies_stay_within_the_range_of_grey_values_and_come_from_the_generator() -> None:
    def copies(seed: int) -> list[torch.Tensor]:
        seen = []

        def query_label(x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return torch.zeros(len(x))

        attack = NoiseRobustness(generator=seeded(seed), sigma=0.5, n_copies=3)
        attack.fit(Knowledge(query_label=query_label)).score(Candidates(x=torch.full((50, 4), 0.5), y=torch.zeros(50)))
        return seen

    first, again, other = copies(1), copies(1), copies(2)
    assert all(copy.min() >= 0 and copy.max() <= 1 for copy in first)
    assert any((copy == 0).any() and (copy == 1).any() for copy in first)
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0]) and not torch.equal(first[0], first[1])


def test_a_shift_of_one_pixel_has_nine_copies_of_which_one_is_the_record() -> None:
    seen = []

    def query_label(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return torch.zeros(len(x))

    x = torch.arange(1.0, 10.0)[None]
    attack = ShiftRobustness(image_shape=(3, 3)).fit(Knowledge(query_label=query_label))
    attack.score(Candidates(x=x, y=torch.zeros(1)))
    assert len({tuple(copy[0].tolist()) for copy in seen}) == 9
    assert sum(torch.equal(copy, x) for copy in seen) == 1
    # One pixel of the middle stays in each frame: what is lost is at the edge.
    assert all((copy == 5).any() for copy in seen)


@given(down=st.integers(-3, 3), right=st.integers(-3, 3))
def test_shifting_there_and_back_loses_only_what_left_the_frame(down: int, right: int) -> None:
    height, width = 4, 5
    x = torch.arange(1.0, 21.0).repeat(2, 1)
    back = shift(shift(x, (height, width), down=down, right=right), (height, width), down=-down, right=-right)
    kept = back != 0
    assert torch.equal(back[kept], x[kept])
    assert kept.sum() == 2 * (height - abs(down)) * (width - abs(right))


def test_all_channels_of_an_image_in_colour_are_shifted_alike() -> None:
    x = torch.arange(1.0, 37.0).repeat(2, 1)
    channels = [shift(part, (3, 4), down=1, right=-2) for part in x.split(12, dim=1)]
    assert torch.equal(shift(x, (3, 3, 4), down=1, right=-2), torch.cat(channels, dim=1))


@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_more_noise_can_be_told_by_the_scores(sigma: float) -> None:
    attack = NoiseRobustness(generator=seeded(4), sigma=sigma, n_copies=2000)
    attack.fit(Knowledge(query_label=lambda x: (x[:, 0] > 0.5).long()))
    score = attack.score(Candidates(x=torch.tensor([[0.6]]), y=torch.tensor([1]))).item()
    assert score == pytest.approx(norm.cdf(0.1 / sigma), abs=4 * math.sqrt(0.25 / 2000))
