"""Figures: what is drawn, and what is written on the axes."""

import matplotlib.pyplot as plt
import matplotlib.text
import numpy as np
import pandas as pd
import pytest
import torch

from vaeprivacy.metrics import Estimate, evaluate, roc
from vaeprivacy.reporting import figures, pareto_figure, tables


@pytest.fixture
def results() -> pd.DataFrame:
    rows = [
        {"setting": setting, "seed": seed, "attack": attack, "auc": 0.5 + 0.01 * seed, "latent_dim": dimension}
        for setting, dimension in (("raw data", np.nan), ("8", 16), ("16", 16), ("no noise", 16))
        for seed in (0, 1, 2)
        for attack in ("loss", "nearest")
    ]
    return pd.DataFrame(rows)


def test_settings_come_in_order_of_growing_leakage() -> None:
    assert figures.setting_order(["raw data", "16", "no noise", "2", "16"]) == ["2", "16", "no noise", "raw data"]


def test_each_attack_gets_a_curve_with_the_name_that_tables_use(results: pd.DataFrame) -> None:
    ax = figures.against_setting(results, "auc", hue="attack", chance=0.5)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss threshold", "nearest to reconstruction"]
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "8\n(64)", "16\n(128)", "no\nnoise", "raw\ndata"
    ]  # fmt: skip
    assert "2R" in ax.get_xlabel()
    drawn = [line for line in ax.lines if line.get_marker() not in ("None", "")]
    assert len({line.get_color() for line in drawn}) == len({line.get_marker() for line in drawn}) == 2


def test_the_error_bars_are_students_intervals(results: pd.DataFrame) -> None:
    ax = figures.against_setting(results[results.attack == "loss"], "auc")
    heights = np.concatenate([line.get_ydata() for line in ax.lines])
    # Mean 0.51, standard error 0.01 / sqrt(3), and Student's factor for two degrees of freedom.
    assert np.nanmax(heights) == pytest.approx(0.51 + 4.3027 * 0.01 / np.sqrt(3), abs=1e-4)


def test_the_grid_shows_every_image_in_its_place() -> None:
    rows = {"a": torch.zeros(3, 6), "b": torch.ones(3, 6)}
    ax = figures.picture_grid(rows, (2, 3))
    image = ax.images[0].get_array()
    assert image.shape == (4, 9)
    assert (image[:2] == 0).all() and (image[2:] == 1).all()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_images_in_colour_are_drawn_with_channels_last() -> None:
    # One image of 2 x 3 pixels, channel after channel: red everywhere, green nowhere, blue in the last pixel.
    colours = torch.tensor([[1.0] * 6 + [0.0] * 6 + [0.0] * 5 + [1.0]])
    image = figures.picture_grid({"a": colours, "b": 1 - colours}, (3, 2, 3)).images[0].get_array()
    assert image.shape == (4, 3, 3)
    assert image[0, 0].tolist() == [1, 0, 0] and image[1, 2].tolist() == [1, 0, 1]
    assert image[2, 0].tolist() == [0, 1, 1]


def test_rows_of_a_table_are_not_drawn_as_images() -> None:
    with pytest.raises(ValueError, match=r"^Rows of a table cannot be drawn .* Dataset\.to_frame\.$"):
        figures.picture_grid({"a": torch.rand(2, 6)}, None)


def test_training_curves_have_one_panel_a_column() -> None:
    history = pd.DataFrame(
        {"epoch": [1, 1, 2, 2], "part": ["training", "held out"] * 2, "elbo": 1.0, "reconstruction": 1.0, "kl": 0.0}
    )
    axes = figures.training_curves(history)
    assert [ax.get_title() for ax in axes] == ["ELBO", "reconstruction", "KL divergence"]


def test_roc_curves_are_logarithmic_with_the_line_of_guessing() -> None:
    curves = pd.DataFrame({"fpr": [0, 0.5, 1], "tpr": [0, 0.8, 1], "attack": "mine"})
    ax = figures.roc_curves(curves)
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["mine", "guessing"]


def test_roc_curves_show_the_smallest_rate_that_the_sample_resolves() -> None:
    is_member = np.arange(300) < 50
    curves = roc(np.random.default_rng(0).random(300), is_member).assign(attack="mine")
    ax = figures.roc_curves(curves)
    shaded = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    assert (shaded.x0, shaded.x1) == pytest.approx((ax.get_xlim()[0], 1 / 250))
    assert "below 1 in 250 non-members" in [text.get_text() for text in ax.texts]
    assert figures.smallest_rate(roc([1.0] * 50 + [0.0] * 250, is_member)) == 1  # only all of them can be accused


def test_in_one_picture_each_curve_is_named_beside_it() -> None:
    rows = [
        {"dataset": "digits", "defence": "framework", "setting": setting, "seed": seed, "attack": attack, "weak": False}
        | {"looks_at": looks_at, "auc": auc + 0.01 * seed, "test_accuracy": 0.8, "latent_dim": 16}
        for setting, found in (("no noise", 1.0), ("8", 0.7))
        for seed in (0, 1)
        for attack, looks_at, auc in (("nearest", "release", found - 0.01), ("loss", "classifier", 0.55))
    ]
    pictures = {setting: torch.zeros(2, 16) for setting in ("no noise", "8")}
    _, leakage, utility = pareto_figure.in_one_picture(pictures, pd.DataFrame(rows), (4, 4)).axes
    assert [label.get_text() for label in utility.get_xticklabels()] == ["no\nnoise", "8\n(64)"]
    assert [text.get_text() for text in leakage.texts] == ["attack on the release", "attack on the classifier"]
    assert leakage.get_legend() is None
    heights = [text.get_window_extent().y0 for text in leakage.texts]
    assert heights[0] > heights[1]


def test_intervals_stand_in_order_of_their_values_and_grey_controls_below() -> None:
    found = {
        "weak": Estimate(0.5, 0.45, 0.55),
        "control: random": Estimate(0.6, 0.5, 0.7),
        "strong": Estimate(0.7, 0.6, 0.8),
    }
    ax = figures.intervals(found, chance=0.5, colours={"weak": "C1"})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["strong", "weak", "control: random"]
    ax.figure.canvas.draw()
    assert ax.transData.transform((0, 0))[1] > ax.transData.transform((0, 2))[1]  # the first is at the top
    bars, dots = ax.lines[0:6:2], ax.lines[1:6:2]
    assert [list(bar.get_xdata()) for bar in bars] == [[0.6, 0.8], [0.45, 0.55], [0.5, 0.7]]
    assert [dot.get_color() for dot in dots] == [figures.COLOURS[0], "C1", "0.5"]
    assert list(ax.lines[6].get_xdata()) == [0.5, 0.5]


def test_noise_gets_one_panel_for_each_kind() -> None:
    noise = pd.DataFrame({"z1": [0.0, 1.0], "z2": [1.0, 0.0], "panel": ["round", "square"]})
    grid = figures.noise_cloud(noise)
    assert [ax.get_title() for ax in grid.axes.flat] == ["round", "square"]
    assert all(ax.get_aspect() == 1 for ax in grid.axes.flat)


def test_training_curves_can_have_a_single_panel() -> None:
    history = pd.DataFrame({"epoch": [1, 1], "part": ["training", "held out"], "elbo": [1.0, 2.0]})
    assert [ax.get_title() for ax in figures.training_curves(history, columns=["elbo"])] == ["ELBO"]


def test_a_weak_attack_is_marked_in_every_figure(results: pd.DataFrame) -> None:
    results = results.assign(weak=(results.attack == "nearest") & (results.setting == "8"))
    ax = figures.against_setting(results, "auc", hue="attack")
    assert [text.get_text()[-1] == tables.WEAK for text in ax.get_legend().get_texts()] == [False, True]
    assert tables.WEAK_NOTE in ax.get_xlabel()
    curves = pd.DataFrame({"fpr": [0, 0.5, 1], "tpr": [0, 0.8, 1], "attack": "shadow", "weak": True})
    ax = figures.roc_curves(curves, plt.subplots()[1])
    assert tables.WEAK_NOTE in ax.get_xlabel()
    assert tables.WEAK in ax.get_legend().get_texts()[0].get_text()


def test_a_table_of_attacks_has_the_strongest_first_and_an_interval_for_each_number() -> None:
    is_member = np.arange(40) < 20
    rows = [
        {"attack": name, "knowledge": "posteriors", "weak": name == "gap"} | evaluate(scores, is_member, threshold=0)
        for name, scores in {"gap": np.zeros(40), "adaptive_rmia": is_member.astype(float)}.items()
    ]
    table = tables.attack_table(pd.DataFrame(rows))
    assert table.index.tolist() == ["RMIA online, adaptive", f"label right or wrong {tables.WEAK}"]
    assert table.AUC.tolist()[0] == "1.000 (0.896 to 1.000)"
    assert table.columns.tolist() == ["knows", "AUC", "TPR at 1% FPR", "TPR at 0.1% FPR"]


@pytest.fixture
def points() -> pd.DataFrame:
    rows = [
        {"dataset": dataset, "defence": defence, "label": label, "utility": utility, "leakage": leakage}
        for dataset in ("digits", "fair")
        for defence, label, utility, leakage in (
            ("none", "", 0.9, 0.7),
            *(("framework", f"epsilon {n}", 0.6 + 0.01 * n, 0.5 + 0.001 * n) for n in range(8)),
            ("dp-sgd", "8", 0.6, 0.6),
        )
    ]
    ends = {f"{name}_{end}": sign * 0.01 for name in ("utility", "leakage") for end, sign in (("low", -1), ("high", 1))}
    table = pd.DataFrame(rows)
    return table.assign(**{column: table[column.split("_")[0]] + by for column, by in ends.items()})


def test_defences_are_drawn_in_a_panel_for_each_data_set_with_one_legend(points: pd.DataFrame) -> None:
    axes = pareto_figure.utility_against_leakage(points)
    assert [ax.get_title() for ax in axes] == ["digits", "fair"]
    words = [text.get_text() for text in axes[0].figure.legends[0].get_texts()]
    assert words == ["no defence", "framework", "DP-SGD", "Pareto front"]


def test_the_front_is_a_line_through_the_settings_on_it(points: pd.DataFrame) -> None:
    ax = pareto_figure.utility_against_leakage(points[points.dataset == "digits"])[0]
    front = next(line for line in ax.lines if line.get_label() == "Pareto front")
    assert front.get_xdata() == pytest.approx([*(0.5 + 0.001 * n for n in range(8)), 0.7])


def test_labels_cover_neither_each_other_nor_a_point(points: pd.DataFrame) -> None:
    ax = pareto_figure.utility_against_leakage(points[points.dataset == "digits"])[0]
    ax.figure.canvas.draw()
    boxes = [matplotlib.text.Text.get_window_extent(text) for text in ax.texts]
    assert len(boxes) == 9
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])
    places = ax.transData.transform(points[points.dataset == "digits"][["leakage", "utility"]])
    assert not any(box.contains(*place) for box in boxes for place in places)


def test_the_infinite_intervals_of_a_single_seed_are_not_drawn(points: pd.DataFrame) -> None:
    single = points.assign(utility_low=-np.inf, utility_high=np.inf, leakage_low=-np.inf, leakage_high=np.inf)
    axes = pareto_figure.utility_against_leakage(single)
    assert np.isfinite([*axes[0].get_xlim(), *axes[0].get_ylim()]).all()


def test_effects_are_one_panel_for_each_setting_and_measure() -> None:
    runs = pd.DataFrame(
        [
            {"value": value, "curve": curve, "accuracy": 0.8, "auc": 0.5 + value / 100, "seed": seed}
            for value in (4, 16)
            for curve in ("no noise", "epsilon 8")
            for seed in (0, 1)
        ]
    )
    axes = pareto_figure.effects({"d": runs, "n": runs}, measures={"accuracy": "test accuracy", "auc": "AUC"})
    assert axes.shape == (2, 2)
    assert [ax.get_xlabel() for ax in axes[1]] == ["d", "n"]
    assert [ax.get_ylabel() for ax in axes[:, 0]] == ["test accuracy", "AUC"]
    assert [text.get_text() for text in axes[0, 0].get_legend().get_texts()] == ["no noise", "epsilon 8"]
    assert axes[1, 0].lines[0].get_ydata() == pytest.approx([0.54, 0.66])
