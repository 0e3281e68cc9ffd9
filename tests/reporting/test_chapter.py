"""Numbers and claims that chapters report: how they are written, when two runs agree, and what a notebook keeps."""

import math

import numpy as np
import pytest

from vaeprivacy.metrics import Estimate, mean_interval
from vaeprivacy.reporting import chapter
from vaeprivacy.reporting.chapter import MIME, OF_ONE_TRAINING, Chapter, Reported


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """Return what is shown from here on."""
    outputs = []
    monkeypatch.setattr(chapter, "display", lambda data, raw: outputs.append(data))
    return outputs


def of_measured(value, **options) -> Reported:
    return Reported.of_measured(value, **{"of": "seeds", "form": ".3f", **options})


def test_a_number_is_written_with_its_interval_and_count():
    interval = mean_interval([0.5, 0.6, 0.7])
    said = f"0.600 ({interval.low:.3f} to {interval.high:.3f}, 3 seeds)"
    assert str(of_measured([0.5, 0.6, 0.7])) == said
    assert str(of_measured(Estimate(0.5, 0.4, 0.6), form=".0%")) == "50% (40% to 60%)"
    assert str(of_measured(8.0, form="g")) == "8"
    assert str(of_measured([0.5], of="targets")) == "0.500 (1 target)"
    assert of_measured([0.5, 0.6, 0.7]).short == "0.600"


def test_the_tolerance_is_the_width_of_the_interval():
    old = of_measured([0.55, 0.6, 0.65])
    width = old.high - old.low
    assert old.tolerance == pytest.approx(width)
    assert old.agrees(of_measured(0.6 + 0.99 * width)) and not old.agrees(of_measured(0.6 + 1.01 * width))
    assert of_measured(Estimate(0.6, 0.55, 0.65)).tolerance == pytest.approx(0.1 * OF_ONE_TRAINING)
    assert not of_measured(2.0).agrees(of_measured(2.01))
    assert of_measured(2.0).agrees(of_measured(2.0 + 1e-9))
    assert of_measured([0.5]).tolerance == math.inf  # one measurement says nothing of its spread


@pytest.mark.parametrize("n", [3, 5, 20])
def test_of_a_hundred_numbers_measured_anew_one_to_three_drift(n):
    old, new = np.random.default_rng(0).normal(size=(2, 200, n))
    apart = [not of_measured(a).agrees(of_measured(b, form=".9f")) for a, b in zip(old, new, strict=True)]
    assert 0 < np.mean(apart) < 0.035


def test_a_name_with_a_colon_is_refused(shown):
    with pytest.raises(ValueError, match=r"no colon and no backtick, unlike 'a: b'"):
        Chapter("x").report("a: b", 1.0)


def test_what_could_not_be_measured_says_so_and_agrees_with_nothing_else():
    nothing = of_measured(math.nan)
    assert str(nothing) == nothing.short == "not measured"
    assert nothing.agrees(nothing) and not nothing.agrees(of_measured(1.0)) and not of_measured([1, 2]).agrees(nothing)
    assert not of_measured(Estimate(0.6, 0.5, 0.7)).holds(None)


def test_a_report_leaves_a_line_and_its_fields(shown):
    Chapter("x").report("AUC", Estimate(0.6, 0.55, 0.65))
    [output] = shown
    assert output["text/plain"] == "AUC: 0.600 (0.550 to 0.650)"
    fields = output[MIME]
    assert (fields.pop("kind"), fields.pop("name")) == ("value", "AUC")
    assert Reported(**fields) == of_measured(Estimate(0.6, 0.55, 0.65))


def test_the_count_behind_an_estimate_can_be_given(shown):
    here = Chapter("x")
    here.report("AUC", Estimate(0.6, 0.55, 0.65), n=4, of="splits")
    assert str(here.values["AUC"]) == "0.600 (0.550 to 0.650, 4 splits)"


@pytest.mark.parametrize(
    ("ascending", "holds"),
    [
        ((0.5, Estimate(0.6, 0.55, 0.65)), True),
        ((0.5, Estimate(0.6, 0.45, 0.75)), False),  # the interval reaches across
        ((Estimate(0.5, 0.4, 0.6), Estimate(0.7, 0.59, 0.8)), False),
        ((0.1, [0.2, 0.21, 0.22], 0.3), True),
        ((0.1, 0.3, 0.2), False),
        ((0.5, [0.6]), False),  # one measurement has no interval
        ((0.5, 0.5), False),
    ],
)
def test_an_order_holds_if_no_intervals_touch(shown, ascending, holds):
    Chapter("x").claim_order("the first is less", *ascending)
    [output] = shown
    assert output[MIME]["holds"] is holds
    assert output["text/plain"].startswith("holds: " if holds else "does NOT hold here: ")
    assert " is below " in output[MIME]["shown"]


def test_a_run_is_set_beside_the_book(shown, monkeypatch, capsys):
    values = {"in": of_measured(Estimate(0.6, 0.5, 0.7)), "out": of_measured(1.0), "absent": of_measured(2.0)}
    made = {**chapter.hardware(), **chapter.versions()}
    kept = {"made_with": made, "chapters": {"x": {"values": {k: vars(v) for k, v in values.items()}, "claims": {}}}}
    monkeypatch.setattr(chapter, "reference", lambda: kept)
    here = Chapter("x")
    for name, value in {"in": [0.55, 0.65], "out": 1.5, "new": 3.0}.items():
        here.report(name, value)
    table = here.compare()
    assert table["yours is"].to_dict() == {
        "in": "inside",
        "out": "outside",
        "absent": "not computed",
        "new": "not in the book",
    }
    assert table.loc["absent", "the book's"] == "2.000" and table.loc["new", "yours"] == "3.000"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["Yours", "The book's"]
    assert made["device"] in lines[0] and f"PyTorch {made['torch']}" in lines[0]


def test_the_reference_comes_with_the_package():
    book = chapter.reference()
    assert book["made_with"]["torch"] and book["chapters"]
    for name in book["chapters"]:
        assert chapter.pinned_values(book, name)
