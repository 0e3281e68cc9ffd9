"""The pictures of a privacy card, and how a page holds them in itself."""

import base64
import io
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vaeprivacy.estimators.measurement import Measurement
from vaeprivacy.gaussian_bounds import Measure

BLUE, ORANGE, GREY = "#0050C8", "#B85C00", "#6B6B6B"
WIDTH = 4.6  # inches: letters stay legible where a phone shows it
STYLE = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
MOST_DRAWN = 14
MOST_PANELS = 12


def drawn(figure: Figure) -> str:
    """Return a figure as an address that holds all of it (SVG in base 64)."""
    held = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "card"}):  # the same figure is the same text
        figure.savefig(held, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(held.getvalue()).decode()


def figure_of(height: float, rows: int = 1, columns: int = 1, **options: bool) -> tuple[Figure, np.ndarray]:
    """Return an empty figure and its axes, shape (rows, columns); no window and no global state has a part in it."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def shortened(name: object, most: int = 30) -> str:
    """Return a name of bearable length."""
    return textwrap.shorten(str(name), most, placeholder=" ...") if " " in str(name) else str(name)[:most]


def promise_figure(measure: Measure) -> Figure:
    """Draw what the promise allows the best attack: of the members it finds, for the others that it accuses."""
    with matplotlib.rc_context(STYLE):
        figure, [[ax]] = figure_of(3.0)
        fpr = np.concatenate([np.linspace(0, 0.02, 60), np.linspace(0.02, 1, 200)])
        ax.fill_between(fpr, fpr, [measure.max_tpr(each) for each in fpr], color=BLUE, alpha=0.2, lw=0)
        ax.plot(fpr, [measure.max_tpr(each) for each in fpr], color=BLUE, label="most that is allowed")
        ax.plot([0, 1], [0, 1], "--", color=GREY, label="a guess")
        ax.set(xlabel="share of others that it accuses", ylabel="share of members\nthat it finds", xlim=(0, 1))
        ax.set_ylim(0, 1.01)
        ax.legend(frameon=False, loc="lower right")
        return figure


def leaks_figure(leaks: Sequence[Measurement], exceeding: Sequence[Measurement]) -> Figure:
    """Draw each measured advantage with its interval, the largest first, and what the promise allows."""
    shown = sorted(leaks, key=lambda each: (each not in exceeding, -each.advantage.value))[:MOST_DRAWN]
    with matplotlib.rc_context(STYLE):
        figure, [[ax]] = figure_of(0.9 + 0.42 * len(shown))
        for place, each in enumerate(shown):
            colour = ORANGE if each in exceeding else GREY if each.weak else BLUE
            value, low, high = each.advantage
            ax.plot([low, high], [place, place], color=colour, lw=2)
            ax.plot(value, place, "D" if each in exceeding else "o", color=colour, mfc="white" if each.weak else colour)
            ax.plot(each.allowed, place, "|", color="black", ms=14, mew=2)
        ax.axvline(0, color=GREY, lw=1, ls="--")
        names = [each.name if each.group == "membership" else f"{each.group}: {each.name}" for each in shown]
        ax.set_yticks(range(len(shown)), [textwrap.fill(shortened(name, 60), 26) for name in names], fontsize=10)
        ax.invert_yaxis()
        ax.set_xlabel("right about members, minus right\nabout others (black bar: allowed)")
        return figure


def utility_figure(utility: pd.DataFrame) -> Figure:
    """Draw how good models are that were trained on real and on synthetic rows."""
    names = list(dict.fromkeys(utility["model"]))
    with matplotlib.rc_context(STYLE):
        figure, [[ax]] = figure_of(0.9 + 0.55 * len(names))
        for source, colour, marker, shift in (("real", GREY, "s", -0.15), ("synthetic", BLUE, "o", 0.15)):
            rows = utility[utility["trained on"] == source]
            places = np.array([names.index(name) for name in rows["model"]]) + shift
            ax.hlines(places, rows.low, rows.high, color=colour, lw=2)
            ax.plot(rows.value, places, marker, color=colour, label=f"trained on {source} rows")
        ax.set_yticks(range(len(names)), [textwrap.fill(name, 12) for name in names])
        ax.invert_yaxis()
        ax.set_xlabel(textwrap.fill(f"{utility.measure.iloc[0]} on held-out records", 36))
        figure.legend(loc="outside upper left", frameon=False, ncols=1)
        return figure


def marginals_figure(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the distribution of each column, synthetic beside real where real ones are there."""
    some = list(tables.items())[:MOST_PANELS]
    rows = -(-len(some) // 2)
    with matplotlib.rc_context(STYLE | {"font.size": 10}):
        figure, axes = figure_of(1.5 * rows, rows, 2)
        for ax, (name, table) in zip(axes.flat, some, strict=False):
            places = np.arange(len(table))
            if "real" in table:
                ax.step(places, table["real"], where="mid", color=GREY, lw=2, label="real")
            ax.bar(places, table["synthetic"], color=BLUE, alpha=0.6, width=0.9, label="synthetic")
            ax.set_title(shortened(name, 22), fontsize=10)
            ax.set(xticks=[], yticks=[], ylim=(0, None))
        for ax in axes.flat[len(some) :]:
            ax.set_axis_off()
        figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        return figure


def correlations_figure(synthetic: pd.DataFrame, real: pd.DataFrame | None = None) -> Figure:
    """Draw the correlations of pairs of columns: as a grid, or, with real ones, one point a pair."""
    with matplotlib.rc_context(STYLE):
        figure, [[ax]] = figure_of(3.4)
        if real is not None:
            pairs = np.triu_indices(len(real), 1)
            ax.plot([-1, 1], [-1, 1], "--", color=GREY)
            ax.plot(real.to_numpy()[pairs], synthetic.to_numpy()[pairs], "o", color=BLUE, alpha=0.6, ms=4)
            ax.set(xlabel="correlation of real columns", ylabel="of synthetic ones", xlim=(-1, 1), ylim=(-1, 1))
            ax.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
            return figure
        picture = ax.imshow(synthetic, cmap="RdBu_r", vmin=-1, vmax=1)
        few = len(synthetic) <= 16
        ax.set_yticks(range(len(synthetic)) if few else [], [shortened(name, 18) for name in synthetic] if few else [],
                      fontsize=9)  # fmt: skip
        ax.set_xticks([])
        figure.colorbar(picture, ax=ax, shrink=0.8)
        return figure


def closest_figure(without_copy: np.ndarray, with_copy: np.ndarray) -> Figure:
    """Draw the distances to the closest record of a release, and of the same with one record copied into it."""
    edges = np.linspace(0, max(without_copy.max(), with_copy.max()) + 1e-9, 25)
    with matplotlib.rc_context(STYLE):
        figure, [[ax]] = figure_of(3.4)
        ax.hist(without_copy, edges, color=BLUE, alpha=0.5, label="as released")
        ax.hist(with_copy, edges, histtype="step", color=ORANGE, lw=1.5, label="one record copied in")
        ax.axvline(np.median(with_copy), color="black", ls=":", label="median of either")
        ax.plot(with_copy[0], 0, "v", color="black", ms=10, clip_on=False, label="the record that was copied")
        ax.set(xlabel="distance to the closest row", ylabel="records", xlim=(0, None))
        figure.legend(loc="outside upper left", frameon=False, ncols=1)
        return figure


def images_figure(rows: Mapping[str, np.ndarray], shape: Sequence[int]) -> Figure:
    """Draw some synthetic images of each class, shape (images, pixels) each, values from 0 to 1."""
    with matplotlib.rc_context(STYLE):
        figure, axes = figure_of(0.62 * len(rows) + 0.2, len(rows), 1)
        for ax, (name, images) in zip(axes[:, 0], rows.items(), strict=True):
            tiles = images.reshape(-1, *shape)
            if len(shape) == 3:
                tiles = np.moveaxis(tiles, 1, -1)
            gap = np.ones((tiles.shape[1], 1, *tiles.shape[3:]), dtype=tiles.dtype)
            parts = [part for tile in tiles for part in (tile, gap)][:-1]
            ax.imshow(np.concatenate(parts, axis=1).clip(0, 1), cmap="gray", vmin=0, vmax=1)
            ax.set_ylabel(shortened(name, 12), rotation=0, ha="right", va="center")
            ax.set(xticks=[], yticks=[])
        return figure
