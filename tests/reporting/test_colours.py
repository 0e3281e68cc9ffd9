"""The colours of figures: each stands out from the ground, and the colour-blind can tell any two apart."""

from collections.abc import Sequence
from importlib import resources
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from vaeprivacy.reporting.figures import COLOURS, use_style
from vaeprivacy.reporting.pareto_figure import FAMILIES

# What the colour-blind see of linear RGB, at full severity: Machado, Oliveira and Fernandes, "A physiologically-based
# model for simulation of color vision deficiency", IEEE Transactions on Visualization and Computer Graphics 15, 2009.
SIGHT = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
GRAPHICS, TEXT = 3, 4.5  # contrasts that WCAG 2.2 asks for, 1.4.11 and 1.4.3
APART = 20  # of CIE 1976; around 2 is a just noticeable difference of large patches, and lines are thin


def in_dark(colour: str) -> tuple[float, ...]:
    """Return what the dark theme makes of a colour in a picture: its style is brightness(.8) contrast(1.2)."""
    return tuple(np.clip((0.8 * np.array(to_rgb(colour)) - 0.5) * 1.2 + 0.5, 0, 1))


THEMES = {"light": to_rgb, "dark": in_dark}


def linear(colour: str | tuple[float, ...]) -> np.ndarray:
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(colour: str | tuple[float, ...], ground: str | tuple[float, ...]) -> float:
    dark, light = sorted(linear(each) @ [0.2126, 0.7152, 0.0722] for each in (colour, ground))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Return CIE L*a*b* of linear RGB."""
    x = TO_XYZ @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(x > (6 / 29) ** 3, np.cbrt(x), x / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def least_distance(colours: Sequence[str | tuple[float, ...]], sight: str) -> float:
    seen = [lab(np.array(SIGHT[sight]) @ linear(colour)) for colour in colours]
    return min(np.linalg.norm(a - b) for a, b in combinations(seen, 2))


def test_contrast_and_distance_are_measured_as_they_are_defined():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)
    assert lab(linear("white")) == pytest.approx([100, 0, 0], abs=0.01)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    # Red and green of one lightness: far apart for most, and not for those without middle-wave cones.
    pair = ("#c85046", "#7a7d1e")
    assert least_distance(pair, "all cones") > 2 * least_distance(pair, "deuteranopia")


#: Of moments, which are one family: markers tell its kinds apart.
KINDS = ("moments-dct", "moments-table")


def test_kinds_of_one_family_share_its_colour_and_have_markers_of_their_own():
    family = [FAMILIES[name] for name in (*KINDS, "moments-scattering")]
    assert len({colour for _, colour, _ in family}) == 1
    assert len({marker for *_, marker in FAMILIES.values()}) == len(FAMILIES)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(
    "colours", [COLOURS, tuple(FAMILIES[name][1] for name in FAMILIES if name not in KINDS)], ids=["style", "defences"]
)
def test_any_two_colours_are_far_apart(colours, sight, theme):
    assert least_distance([THEMES[theme](colour) for colour in colours], sight) >= APART


@pytest.mark.parametrize("theme", THEMES)
def test_colours_and_words_stand_out_from_the_ground_of_figures(theme):
    use_style()
    seen = THEMES[theme]
    ground = mpl.rcParams["figure.facecolor"]
    assert to_rgb(ground) == to_rgb(mpl.rcParams["axes.facecolor"]) == (1, 1, 1)  # a picture has its ground with it
    colours = {*COLOURS, *(colour for _, colour, _ in FAMILIES.values())}
    assert min(contrast(seen(colour), seen(ground)) for colour in colours) >= GRAPHICS
    words = ("text.color", "axes.labelcolor", "xtick.color", "ytick.color")
    assert min(contrast(seen(mpl.rcParams[name]), seen(ground)) for name in words) >= TEXT


def test_the_dark_theme_does_to_pictures_what_these_tests_take_it_to_do():
    [style] = resources.files("pydata_sphinx_theme").glob("**/static/styles/pydata-sphinx-theme.css")
    assert "{filter:brightness(.8) contrast(1.2)}" in style.read_text(encoding="utf-8")
