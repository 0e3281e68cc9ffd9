"""The privacy card: what it says, that it needs nothing else, and what a planted copy shows."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.estimators.measurement import of_rates, of_scores
from vaeprivacy.estimators.measures import Measured
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.reporting.card import Released, owner_card, page, planted_copy, public_card, write_card
from vaeprivacy.whole_guarantee import WholeGuarantee

PROMISED = GaussianIndistinguishability.for_epsilon(1.0, delta=1e-6)


@pytest.fixture(scope="module")
def released() -> Released:
    random = np.random.default_rng(0)
    rows = pd.DataFrame({"age <b>": random.normal(40, 9, 300), "ill": random.choice(["no", "yes"], 300)})
    return Released("people", rows, WholeGuarantee(PROMISED, 1e-6, "Noise was added."), 1.0, "ill")


@pytest.fixture(scope="module")
def pages(released: Released, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The texts of both cards."""
    folder, random = tmp_path_factory.mktemp("cards"), np.random.default_rng(1)
    leak = of_rates("inference", "ill", "It knows all.", (200, 100), (200, 200), PROMISED)
    ranks = of_scores("membership", "nearest", "It looks.", random.normal(size=200), random.normal(size=200), PROMISED)
    row = {"model": "forest", "trained on": "real", "measure": "AUC", "value": 0.8, "low": 0.7, "high": 0.9}
    measured = Measured([leak, ranks], pd.DataFrame([row, row | {"trained on": "synthetic"}]), ["A note."])
    write_card(*public_card(released), folder)
    write_card(*owner_card(released, measured, released.synthetic, folders=(Path("out"), Path("own"))), folder)
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}


def test_a_card_is_one_file_with_an_alternative_text_for_each_picture(pages: dict[str, str]) -> None:
    for text in pages.values():
        assert re.findall(r'(?:src|href)="(?!data:)', text) == [] and "<script" not in text
        assert len(re.findall(r"<img ", text)) == len(re.findall(r'<img src="[^"]+" alt="[^"]{20,}"', text)) >= 4
        assert "age &lt;b&gt;" in text and "age <b>" not in text  # names of columns are text, not code


def test_only_the_owners_card_says_what_was_measured_and_that_it_is_not_to_be_published(pages: dict[str, str]) -> None:
    assert "Do not publish this card" in pages["owner-card"] and "Fails." in pages["owner-card"]
    for private in ("Do not publish this card", "Fails.", "held-out records"):
        assert private not in pages["card"]


def test_the_cards_say_what_is_promised_to_whom_and_how_epsilon_was_paid_for(pages: dict[str, str]) -> None:
    for text in pages.values():
        for said in (
            "(1, 1e-06)-differentially private",
            "replace-one",
            "nothing of what is published",
            "cost nothing",
        ):
            assert said in text


def test_a_card_of_images_is_about_images() -> None:
    pixels = pd.DataFrame(np.random.default_rng(0).random((60, 16)), columns=[f"pixel {i}" for i in range(16)])
    rows = pixels.assign(**{"class": ["cat", "dog"] * 30})
    card, figures = public_card(
        Released("pets", rows, WholeGuarantee(PROMISED, 1e-6, "Noise."), 1.0, "class", image_shape=(4, 4))
    )
    text = page(card, figures)
    assert card["promise"]["facts"]["Protected"].startswith("one image;") and "Few images" in card["promise"]["facts"]
    assert "What the synthetic images look like" in text and "coarse patterns" in text
    assert "pairs of columns" not in text


def test_without_a_promise_for_the_whole_no_curve_is_drawn(released: Released) -> None:
    loose = WholeGuarantee(Indistinguishability(0.0, 1.0), 1.0, "Nothing was done.")
    card, figures = public_card(Released("x", released.synthetic, loose, 1.0))
    assert "promise" not in figures and "The best attack" not in card["promise"]["facts"]


def test_the_card_says_what_a_published_release_tells_about_measurements(released: Released) -> None:
    assert "was not withheld" in public_card(released)[0]["measured"]["reading"]
    unmeasured = replace(released, measured=False)
    assert public_card(unmeasured)[0]["measured"]["reading"] == "Nothing was measured."


def test_a_copied_record_does_not_move_the_usual_distances_and_is_at_distance_zero(released: Released) -> None:
    before, after = planted_copy(released.synthetic)
    assert after[0] == 0 < before[0]
    assert (after <= before).all() and np.median(after) == pytest.approx(np.median(before), rel=0.05)
