"""All attacks by name, and the one call that runs those whose adversary knows enough."""

from dataclasses import fields, replace

import pytest
import torch
from toy_worlds import World, world

from vaeprivacy.attacks import Candidates, LiRA, ShiftRobustness, ShokriAttack
from vaeprivacy.attacks.catalogue import (
    ATTACK_CLASSES,
    ON_CLASSIFIER,
    ON_RELEASE,
    ON_VAE,
    looks_at,
    make_attack,
    run_attacks,
)
from vaeprivacy.metrics import auc

# Memory, the decoder of this world, has no noise, and the release too many dimensions for a density.
WITHOUT_NOISE = [name for name in ATTACK_CLASSES if name not in ("density", "likelihood")]


@pytest.fixture(scope="module")
def memorised() -> World:
    return world(memorised=True)


def run(toy: World, *names: str, seed: int = 0, **lacking: None) -> dict[str, tuple[torch.Tensor, float]]:
    """Run attacks by an adversary that lacks some fields of its knowledge or its candidates."""
    of_candidates = {name.removeprefix("candidate_") for name in lacking if name.startswith("candidate_")}
    knowledge = replace(toy.knowledge, **{name: None for name in lacking if not name.startswith("candidate_")})
    candidates = replace(toy.candidates, **dict.fromkeys(of_candidates))
    options = {"knowledge": knowledge, "candidates": candidates, "seed": seed, "image_shape": (8, 8)}
    return dict(run_attacks(names or WITHOUT_NOISE, **options))


# Impossible input


def test_an_unknown_attack_is_refused_in_a_run_too(memorised: World) -> None:
    with pytest.raises(ValueError, match=r"There is no attack 'losss'; choose one of 'gap', .*'vae'\."):
        run(memorised, "losss")


# Which attacks are run


def test_who_knows_everything_runs_everything_in_the_order_asked_for(memorised: World) -> None:
    assert list(run(memorised)) == WITHOUT_NOISE
    assert list(run(memorised, "vae", "gap")) == ["vae", "gap"]
    assert run(memorised, "likelihood") == {}  # there is no noise


@pytest.mark.parametrize(
    ("lacks", "left_out"),
    [
        ("ask", {"highest_posterior"}),
        ("ask_label", {"gap", "noise", "shift"}),
        ("population", {"rmia", "rmia_offline"}),
        ("release", {"nearest", "nearest_record"}),
        ("reference_vaes", {"vae", "calibrated_elbo"}),
        ("synthesizer", {"nearest", "reconstruction", "elbo", "calibrated_elbo", "vae"}),
        ("candidate_shadows", {"lira", "lira_offline", "rmia", "rmia_offline"}),
        ("candidate_log_posteriors", set(ON_CLASSIFIER) - {"gap", "noise", "shift"}),
        (
            "shadows",
            {"loss", "confidence", "entropy", "modified_entropy", "top_posteriors", "shadow_joint", "shadow"},
        ),
    ],
)
def test_attacks_that_lack_knowledge_are_left_out_and_no_others(
    lacks: str, left_out: set[str], memorised: World
) -> None:
    assert set(WITHOUT_NOISE) - set(run(memorised, **{lacks: None})) == left_out


def test_records_that_are_no_images_are_attacked_without_shifts(memorised: World) -> None:
    options = {"knowledge": memorised.knowledge, "candidates": memorised.candidates, "seed": 0, "image_shape": None}
    assert set(run_attacks(["gap", "shift", "noise"], **options)) == {"gap", "noise"}


def test_every_field_of_the_candidates_can_be_absent_without_an_error(memorised: World) -> None:
    lacking = {f"candidate_{field.name}": None for field in fields(Candidates) if field.name not in ("x", "y")}
    assert set(run(memorised, **lacking)) == {"gap", "noise", "shift", *ON_VAE, "nearest", "nearest_record"}


def test_online_attacks_are_left_out_if_no_model_was_trained_on_some_candidate(memorised: World) -> None:
    shadows = memorised.candidates.shadows
    nobody = replace(shadows, is_member=shadows.is_member & (torch.arange(len(shadows.y)) > 0))
    poorer = memorised._replace(candidates=replace(memorised.candidates, shadows=nobody))
    names = ("lira", "lira_offline", "rmia", "rmia_offline")
    assert set(run(poorer, *names)) == {"lira_offline", "rmia_offline"}


# What comes out


def test_each_attack_gives_scores_in_double_precision_and_its_threshold(memorised: World) -> None:
    for name, (scores, threshold) in run(memorised).items():
        attack = make_attack(name, seed=0, image_shape=(8, 8))
        assert scores.shape == (600,) and scores.dtype == torch.float64
        assert isinstance(threshold, float)
        fitted = attack.fit(memorised.knowledge).score(memorised.candidates).double()
        assert torch.equal(fitted, scores)
        # Half of the candidates are members, which is what an attack that only ranks goes by.
        assert threshold == (scores.median().item() if attack.threshold is None else attack.threshold)
        assert auc(scores, memorised.is_member).value > 0.95


def test_the_seed_decides_the_noise_of_attacks_that_draw_some(memorised: World) -> None:
    def noise(seed: int) -> torch.Tensor:
        return torch.rand(5, generator=make_attack("noise", seed=seed, image_shape=(8, 8)).generator)

    assert torch.equal(noise(1), noise(1))
    assert not torch.equal(noise(1), noise(2))
    drawing = ("noise", "highest_posterior", "elbo", "calibrated_elbo")
    numbers = [torch.rand(1, generator=make_attack(n, seed=1, image_shape=(8, 8)).generator).item() for n in drawing]
    assert len(set(numbers)) == 4  # no two attacks draw the same


def test_the_names_that_share_a_class_differ_in_their_options() -> None:
    made = {name: make_attack(name, seed=0, image_shape=(3, 5)) for name in ATTACK_CLASSES}
    assert isinstance(made["shadow"], ShokriAttack) and made["shadow"].per_class and not made["shadow_joint"].per_class
    assert isinstance(made["lira"], LiRA) and made["lira"].online and not made["lira_offline"].online
    assert made["rmia"].online and not made["rmia_offline"].online
    assert isinstance(made["shift"], ShiftRobustness) and made["shift"].image_shape == (3, 5)


def test_each_attack_looks_at_one_thing() -> None:
    assert len(ATTACK_CLASSES) == len(ON_CLASSIFIER) + len(ON_RELEASE) + len(ON_VAE)
    assert (looks_at("rmia"), looks_at("likelihood"), looks_at("vae")) == (
        "classifier",
        "release",
        "encoder and decoder",
    )
