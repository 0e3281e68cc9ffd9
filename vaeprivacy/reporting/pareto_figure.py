"""Figures of comparisons: utility against leakage with the Pareto front, and the effects of other settings."""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from vaeprivacy.experiments.compare import pareto_front, strongest
from vaeprivacy.metrics import mean_interval
from vaeprivacy.reporting.figures import COLOURS, EPSILON_AXIS, MARKERS, setting_ticks

MOMENTS = "#601878"  # one family in three kinds, which markers tell apart
#: By a defence's name in the table: what the legend calls it, its colour and its marker.
FAMILIES = {
    "none": ("no defence", "black", "*"),
    "framework": ("framework", COLOURS[0], "o"),
    "prior": ("samples of the prior", COLOURS[2], "^"),
    "record-noise": ("noise on records", COLOURS[3], "D"),
    "regularised": ("regularisation", COLOURS[4], "v"),
    "dp-sgd": ("DP-SGD", COLOURS[1], "s"),
    "moments-dct": ("moments of waves", MOMENTS, "P"),
    "moments-table": ("moments of columns", MOMENTS, "h"),
    "moments-scattering": ("moments of scattering", MOMENTS, "X"),
    "transfer": ("transfer set", "#545454", "<"),
}
# Where a label may stand: directions from its point, nearest first, in points of 1/72 inch.
DISTANCES = (6, 13, 22, 32, 44, 58)
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))


def effects(panels: Mapping[str, pd.DataFrame], *, measures: Mapping[str, str]) -> np.ndarray:
    """Draw how several measures depend on several settings, one column of panels for each setting.

    Parameters
    ----------
    panels : mapping of str to pandas.DataFrame
        By the name of the setting: one row a run, with columns ``value`` (of the setting), ``curve`` (what is told
        apart by colour) and the measures.
    measures : mapping of str to str
        Columns to draw, one row of panels for each, and what they are called.

    Returns
    -------
    numpy.ndarray of Axes
        Shape (measures, settings).
    """
    shape = (len(measures), len(panels))
    axes = plt.subplots(*shape, figsize=(8, 2.2 * len(measures)), sharey="row", layout="constrained", squeeze=False)[1]
    for column, (setting, runs) in enumerate(panels.items()):
        for row, (measure, words) in enumerate(measures.items()):
            ax = axes[row, column]
            first = (row, column) == (0, 0)
            sns.pointplot(
                runs, x="value", y=measure, hue="curve", errorbar=lambda values: mean_interval(values)[1:],
                capsize=0.15, linewidth=1.2, markersize=4, err_kws={"linewidth": 1.2}, legend=first,
                markers=MARKERS, ax=ax,
            )  # fmt: skip
            ax.set(xlabel=setting if row == len(measures) - 1 else "", ylabel=words if column == 0 else "")
    axes[0, 0].legend(title=None, fontsize="small")
    return axes


def utility_against_leakage(
    points: pd.DataFrame, *, utility: str = "test accuracy", leakage: str = "AUC of the strongest attack"
) -> np.ndarray:
    """Draw utility against leakage: a point a setting, with 95% intervals, and a line along the Pareto front.

    Intervals are cut off at the frame, which holds all points.

    Parameters
    ----------
    points : pandas.DataFrame
        One row a setting, as from :func:`vaeprivacy.experiments.compare.summarise`; what is in the column ``label`` is
        written beside its point.
    utility, leakage : str
        What the axes are called.

    Returns
    -------
    numpy.ndarray of Axes
        One panel a data set, one above the other.
    """
    datasets = list(points.dataset.unique())
    size = {"figsize": (4.8, 4.8 * len(datasets)), "layout": "constrained"}
    figure, axes = plt.subplots(len(datasets), 1, squeeze=False, **size)
    for ax, dataset in zip(axes[:, 0], datasets, strict=True):
        _panel(ax, points[points.dataset == dataset])
        ax.set(xlabel=leakage, ylabel=utility, title=dataset if len(datasets) > 1 else "")
    handles = {
        label: handle for ax in axes[:, 0] for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    handles["Pareto front"] = handles.pop("Pareto front")  # last
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=2, fontsize="small", frameon=False)
    figure.draw_without_rendering()  # settles where the axes are, and with them the room for labels
    for ax, dataset in zip(axes[:, 0], datasets, strict=True):
        here = points[points.dataset == dataset]
        place_labels(ax, here.leakage.tolist(), here.utility.tolist(), here.label.tolist())
    return axes[:, 0]


def _panel(ax: Axes, points: pd.DataFrame) -> None:
    """Draw the points of one data set and their front."""
    for name, of_family in points.groupby("defence", sort=False):
        label, colour, marker = FAMILIES[name]
        bars = {
            f"{way}err": np.abs([of_family[f"{column}_{end}"] - of_family[column] for end in ("low", "high")])
            for way, column in (("x", "leakage"), ("y", "utility"))
        }
        # Infinite intervals, of a single seed, are not drawn.
        bars = {name: np.where(np.isfinite(bar), bar, np.nan) for name, bar in bars.items()}
        ax.errorbar(
            of_family.leakage, of_family.utility, **bars, fmt=marker, color=colour, label=label, markersize=5,
            elinewidth=0.6, alpha=0.9, zorder=3,
        )  # fmt: skip
    front = points[pareto_front(points)].sort_values("leakage")
    ax.plot(front.leakage, front.utility, color="0.4", linewidth=1, zorder=1, label="Pareto front")
    for column, limits in (("leakage", ax.set_xlim), ("utility", ax.set_ylim)):
        low, high = points[column].min(), points[column].max()
        margin = 0.12 * (high - low) or 0.05
        limits(low - margin, high + margin)


def place_labels(
    ax: Axes, x: Sequence[float], y: Sequence[float], labels: Sequence[str], *, fontsize: float = 9
) -> None:
    """Write a label beside each point, where it covers neither another label nor a point; else a thin line leads there.

    Each label in turn takes the nearest place that is free, or if none is, the one where it covers least.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With its final limits and size.
    x, y : sequence of float
        The points, in units of the axes.
    labels : sequence of str
        Empty ones are left out.
    fontsize : float
        Height of the letters, in points.
    """
    pixels = ax.figure.dpi / 72
    places = ax.transData.transform(np.column_stack([x, y]))
    taken = [Bbox.from_bounds(*(place - 3 * pixels), 6 * pixels, 6 * pixels) for place in places]
    for place, label in zip(places, labels, strict=True):
        if not label:
            continue
        text = ax.annotate(
            label, ax.transData.inverted().transform(place), xytext=(0, 0), textcoords="offset points",
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "0.5", "shrinkA": 0, "shrinkB": 3}, zorder=4,
            fontsize=fontsize,
        )  # fmt: skip
        size = np.array(text.get_window_extent().size)
        boxes = [_box(place, np.array(way) * far * pixels, size) for far in DISTANCES for way in DIRECTIONS]
        box = min(boxes, key=lambda box: _covered(box, taken, ax.bbox))  # the first, that is the nearest, of equals
        text.set_position((np.array([box.x0, box.y0]) - place) / pixels)
        taken.append(box)


def _box(place: np.ndarray, offset: np.ndarray, size: np.ndarray) -> Bbox:
    """Return where a label is that stands on one side of a point; all in pixels."""
    corner = place + offset - size * (1 - np.sign(offset)) / 2
    return Bbox.from_bounds(*corner, *size)


def _covered(box: Bbox, taken: Sequence[Bbox], frame: Bbox) -> float:
    """Return how much of a box, in square pixels, lies on others or outside of the frame."""
    shared = [Bbox.intersection(box, other) for other in (*taken, frame)]
    areas = [0.0 if each is None else each.width * each.height for each in shared]
    return round(sum(areas[:-1]) + box.width * box.height - areas[-1], 3)


def in_one_picture(rows: Mapping[str, torch.Tensor], results: pd.DataFrame, image_shape: tuple[int, int]) -> Figure:
    """Draw what becomes of records as epsilon falls; under it what attacks find, and what a classifier is good for.

    Parameters
    ----------
    rows : mapping of str to torch.Tensor
        By setting, in the order of the columns: records in [0, 1], shape (images, features).
    results : pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`, with these settings. Drawn are means over seeds with 95% t
        intervals.
    image_shape : tuple of int
        Height and width of an image.
    """
    n_images, places = len(next(iter(rows.values()))), range(len(rows))
    size = {"figsize": (8, 8 * (n_images + 4) / len(rows)), "height_ratios": [n_images, 2, 2]}
    figure, (top, leakage, utility) = plt.subplots(3, sharex=True, layout="constrained", **size)
    columns = [x.reshape(-1, image_shape[-1]).numpy(force=True) for x in rows.values()]
    extent = (-0.5, len(rows) - 0.5, 0, n_images)
    top.imshow(np.concatenate(columns, axis=1), cmap="gray_r", vmin=0, vmax=1, extent=extent, interpolation="nearest")
    top.set_axis_off()
    attacks = {f"attack on the {what}": strongest(results, looks_at=what) for what in ("release", "classifier")}
    drawn = {name: _means(leakage, runs, "auc", rows) for name, runs in attacks.items()}
    leakage.axhline(0.5, color="0.5", linestyle="--", zorder=0)
    leakage.set(ylabel="AUC", ylim=(0.45, 1.03))
    _means(utility, results[results.attack == "loss"], "test_accuracy", rows)
    utility.set(ylabel="accuracy", ylim=(0, 1), xlabel=EPSILON_AXIS)
    utility.set_xticks(list(places), setting_ticks(list(rows), results.latent_dim.max() ** 0.5))
    figure.draw_without_rendering()  # settles where the axes are
    # Each curve is named at its second point; the others are only there not to be covered.
    points = [
        (*point, name if number == 1 else "") for name, curve in drawn.items() for number, point in enumerate(curve)
    ]
    place_labels(leakage, *zip(*points, strict=True), fontsize=11)
    return figure


def _means(ax: Axes, runs: pd.DataFrame, column: str, settings: Iterable[str]) -> list[tuple[int, float]]:
    """Draw the means of a column over the seeds of each setting, where there are any, with intervals; return them."""
    by_setting = runs.groupby("setting")[column].agg(mean_interval)
    drawn = [(place, by_setting[name]) for place, name in enumerate(settings) if name in by_setting]
    places, means = [place for place, _ in drawn], [mean.value for _, mean in drawn]
    errors = [[mean.value - mean.low for _, mean in drawn], [mean.high - mean.value for _, mean in drawn]]
    ax.errorbar(places, means, errors, marker="o", markersize=4, linewidth=1.2, capsize=4)
    return list(zip(places, means, strict=True))
