"""Every figure of the book: each function takes a table (or tensors to picture) and returns Axes."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.axes import Axes

from vaeprivacy.metrics import Estimate, mean_interval
from vaeprivacy.reporting.tables import WEAK, WEAK_NOTE, attack_labels

# Like Okabe and Ito's, but darker: the colour-blind can tell them apart, and each stands out from white (both tested).
COLOURS = ("#0050C8", "#D97D00", "#24A76D", "#B274AD", "#7A3B0A", "#222222")
MARKERS = 4 * ["o", "s", "^", "D", "v", "X", "P", "*"]  # so that colour is not all that tells curves apart


#: What an axis of settings is called, see :func:`setting_ticks`.
EPSILON_AXIS = "$\\varepsilon$ per unit of latent distance\n(in brackets $2R\\varepsilon$, for any two records)"


def _note_weak(ax: Axes, labels: Mapping[str, str]) -> None:
    """Say under an axis what the dagger means, if one is in the legend."""
    if any(WEAK in label for label in labels.values()):
        ax.set_xlabel(f"{ax.get_xlabel()}\n{WEAK_NOTE}")


def _legend_above(ax: Axes) -> None:
    """Put the legend above an axis, where it covers no curve."""
    sns.move_legend(ax, "lower center", bbox_to_anchor=(0.5, 1), ncols=2, title=None, fontsize="small", frameon=False)


def use_style() -> None:
    """Set the book's figure style: quiet axes, sizes that stay legible on a phone."""
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette=COLOURS,
        rc={"figure.figsize": (6, 3.6), "figure.dpi": 150, "axes.spines.top": False, "axes.spines.right": False},
    )


def setting_order(settings: Sequence[str]) -> list[str]:
    """Return the settings that occur, by growing leakage: epsilons in order, then "no noise", then "raw data"."""
    present = set(settings)
    epsilons = sorted((s for s in present if s not in ("no noise", "raw data")), key=float)
    return epsilons + [s for s in ("no noise", "raw data") if s in present]


def setting_ticks(settings: Sequence[str], radius: float) -> list[str]:
    """Return what an axis calls settings: each epsilon stands over 2 R epsilon, what it promises for any two records.

    Parameters
    ----------
    settings : sequence of str
        An epsilon, or words such as "raw data", which go on two lines.
    radius : float
        Radius R of the ball onto which codes are clipped.
    """
    words = [setting.replace(" ", "\n") for setting in settings]
    return [f"{each}\n({2 * radius * float(each):g})" if each[0].isdigit() else each for each in words]


def picture_grid(rows: Mapping[str, torch.Tensor], image_shape: tuple[int, ...] | None, ax: Axes | None = None) -> Axes:
    """Draw one row of images for each entry.

    Parameters
    ----------
    rows : mapping of str to torch.Tensor
        Label of the row, and its images as records in [0, 1], shape (images, features).
    image_shape : tuple of int
        Height and width; in colour, channels first.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Raises
    ------
    ValueError
        If records are no images (`image_shape` is None).
    """
    if image_shape is None:
        raise ValueError("Rows of a table cannot be drawn as images: show them with Dataset.to_frame.")
    height, width = image_shape[-2:]
    n_images = len(next(iter(rows.values())))
    if ax is None:
        _, ax = plt.subplots(figsize=(6, 6 * len(rows) * height / (n_images * width) * 0.9))
    tiles = torch.cat([torch.cat(list(x.reshape(-1, *image_shape)), dim=-1) for x in rows.values()], dim=-2)
    # matplotlib wants channels last; a grey picture has none, and its values are looked up in the map of colours.
    picture = np.moveaxis(tiles.numpy(force=True), 0, -1) if tiles.ndim == 3 else tiles.numpy(force=True)
    ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    ax.set_yticks((np.arange(len(rows)) + 0.5) * height - 0.5, list(rows))
    ax.set_xticks([])
    ax.grid(visible=False)
    ax.tick_params(length=0)
    sns.despine(ax=ax, left=True, bottom=True)
    return ax


def training_curves(history: pd.DataFrame, columns: Sequence[str] = ("elbo", "reconstruction", "kl")) -> np.ndarray:
    """Draw the history of :func:`vaeprivacy.vae_training.fit_vae`, one panel a column; return the array of Axes."""
    titles = {"elbo": "ELBO", "reconstruction": "reconstruction", "kl": "KL divergence"}
    axes = plt.subplots(1, len(columns), figsize=(8, 2.8), layout="constrained", squeeze=False)[1][0]
    for ax, column in zip(axes, columns, strict=True):
        sns.lineplot(history, x="epoch", y=column, hue="part", ax=ax, legend=ax is axes[0])
        ax.set(title=titles[column], ylabel="nats per record" if ax is axes[0] else "")
    axes[0].legend(title=None)
    return axes


def roc_curves(curves: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw ROC curves on logarithmic axes, with the line of guessing.

    Parameters
    ----------
    curves : pandas.DataFrame
        Columns ``fpr``, ``tpr`` (see :func:`vaeprivacy.metrics.roc`) and ``attack``; perhaps ``weak``.
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(4.6, 4.2))
    labels = attack_labels(curves)
    sns.lineplot(
        curves.assign(attack=curves.attack.map(labels)),
        x="fpr", y="tpr", hue="attack", errorbar=None, estimator=None, drawstyle="steps-post", ax=ax,
    )  # fmt: skip
    smallest = 0.3 * smallest_rate(curves)
    ax.plot([smallest, 1], [smallest, 1], color="0.5", linestyle="--", label="guessing")
    ax.set(xscale="log", yscale="log", xlim=(smallest, 1), ylim=(smallest, 1.05))
    ax.set(xlabel="false-positive rate", ylabel="true-positive rate")
    mark_unresolved(ax, smallest_rate(curves))
    ax.legend()  # with the line of guessing
    _legend_above(ax)
    _note_weak(ax, labels)
    return ax


def smallest_rate(curves: pd.DataFrame) -> float:
    """Return the smallest false-positive rate that a sample can resolve: that of accusing one non-member.

    It is the smallest step of a curve (if all scores are tied with others, that of accusing the fewest together).

    Parameters
    ----------
    curves : pandas.DataFrame
        As for :func:`roc_curves`.
    """
    steps = np.diff(np.unique(curves.fpr))
    return float(steps[steps > 1e-9].min())  # less is rounding


def mark_unresolved(ax: Axes, smallest: float, *, of: str = "non-members") -> None:
    """Shade the false-positive rates that are smaller than one of a sample, and say so there."""
    left, _ = ax.get_xlim()
    ax.axvspan(left, smallest, color="0.9", zorder=0)
    ax.text(
        np.sqrt(left * smallest), 0.97, f"below 1 in {1 / smallest:,.0f} {of}", rotation=90, ha="center", va="top",
        fontsize="x-small", color="0.3", transform=ax.get_xaxis_transform(),
    )  # fmt: skip


def against_setting(
    results: pd.DataFrame, y: str, *, hue: str | None = None, chance: float | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a measurement against epsilon, "no noise" and "raw data": means over seeds with 95% t intervals.

    Parameters
    ----------
    results : pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`, one row per seed and curve.
    y : str
        Column to draw.
    hue : str, optional
        Column that tells the curves apart.
    chance : float, optional
        Where to draw the line of guessing.
    ax : matplotlib.axes.Axes, optional
        Where to draw.
    """
    labels = attack_labels(results) if hue == "attack" else {}
    results = results.assign(
        setting=pd.Categorical(results.setting, setting_order(results.setting), ordered=True),
        **({hue: results[hue].map(lambda name: labels.get(name, name))} if hue else {}),
    )
    ax = sns.pointplot(
        results, x="setting", y=y, hue=hue, dodge=0.3 if hue else False, capsize=0.15, linewidth=1.2, markersize=4,
        err_kws={"linewidth": 1.2}, errorbar=lambda values: mean_interval(values)[1:],
        markers=MARKERS if hue else "o", ax=ax,
    )  # fmt: skip
    if chance is not None:
        ax.axhline(chance, color="0.5", linestyle="--", zorder=0)
    if hue:
        _legend_above(ax)
    settings = list(results.setting.cat.categories)
    ax.set_xticks(range(len(settings)), setting_ticks(settings, results.latent_dim.max() ** 0.5))
    ax.set(xlabel=EPSILON_AXIS)
    _note_weak(ax, labels)
    return ax


def noise_cloud(noise: pd.DataFrame) -> sns.FacetGrid:
    """Draw two-dimensional noise, one panel for each kind, two beside each other.

    Parameters
    ----------
    noise : pandas.DataFrame
        Columns ``z1``, ``z2`` and ``panel``, the title.
    """
    grid = sns.relplot(
        noise, x="z1", y="z2", col="panel", col_wrap=2, height=2, aspect=1.3, s=6, alpha=0.4, linewidth=0,
        color=COLOURS[0], facet_kws={"despine": False},
    )  # fmt: skip
    grid.set_titles("{col_name}")
    for ax in grid.axes.flat:
        ax.set_aspect("equal")
    return grid


def intervals(
    found: Mapping[str, Estimate],
    *,
    chance: float | None = None,
    colours: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a row with a dot and its interval for each name: the largest first, then controls, which are grey.

    Parameters
    ----------
    found : mapping of str to Estimate
        By name. Names of controls begin with "control".
    chance : float, optional
        Where to draw the line of a random guess.
    colours : mapping of str to str, optional
        By name; the first of :data:`COLOURS` where there is none.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default a new figure, as wide as a phone shows without making letters smaller.
    """
    names = sorted(found, key=lambda name: (name.startswith("control"), -found[name].value))
    if ax is None:
        _, ax = plt.subplots(figsize=(4.6, 0.7 + 0.3 * len(names)), layout="constrained")
    for row, name in enumerate(names):
        value, low, high = found[name]
        colour = "0.5" if name.startswith("control") else (colours or {}).get(name, COLOURS[0])
        ax.plot([low, high], [row, row], color=colour, linewidth=2)
        ax.plot(value, row, "o", color=colour)
    if chance is not None:
        ax.axvline(chance, color="0.5", linestyle="--", zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(visible=False, axis="y")
    return ax
