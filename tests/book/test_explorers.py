"""The figures to play with: by keyboard and touch, from a disk, in step with the package, still without scripts."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import explorer
import numpy as np
import pytest
import torch
from browser import THEMES, running
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pdf import CHROMIUM, NO_CHROMIUM
from playwright.sync_api import Browser, Locator, Page, expect
from scipy.stats import ks_2samp

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.experiments.grids import read_grid
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace

in_browser = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
RECORD = json.loads(explorer.RECORD.read_text(encoding="utf-8"))
MECHANISMS = {
    "euclidean-laplace": EuclideanLaplace,
    "coordinate-laplace": CoordinateLaplace,
    "gaussian": lambda epsilon: Gaussian(1 / epsilon),
}
# Where each can be played with, and the scripts that it needs there.
PAGES = {
    "noise-explorer": ("book/explore", "notebooks/metric_privacy"),
    "epsilon-explorer": ("book/explore", "notebooks/results"),
}
SCRIPTS = {
    "noise-explorer": {"noise.js", "explore.js", "noise-explorer.js"},
    "epsilon-explorer": {"explorer-data.js", "explore.js", "epsilon-explorer.js"},
}
PLACES = [(name, page) for name, pages in PAGES.items() for page in pages]


# The record and what is made of it


def test_the_record_has_each_setting_of_its_grid_and_no_other() -> None:
    defences = {config.defence for config in read_grid(explorer.GRID) if config.defence.name == "framework"}
    asked = {(d.epsilon and d.mechanism, d.vae.latent_dim, d.epsilon) for d in defences}
    kept = [(one["mechanism"], one["latent_dim"], one["epsilon"]) for one in RECORD["settings"]]
    assert sorted(map(str, kept)) == sorted(map(str, asked))
    assert "finished on 20" in RECORD["made_with"] and RECORD["n_seeds"] == 3


def test_curves_rise_and_lie_within_their_intervals() -> None:
    for setting in RECORD["settings"]:
        for curve in setting["attacks"].values():
            value, low, high = (np.array(curve[end]) for end in ("value", "low", "high"))
            assert len(value) == len(RECORD["fpr"]) and value[-1] == 1
            assert (np.diff(value) >= 0).all() and (low <= value).all() and (value <= high).all()


def test_the_bound_on_the_page_is_that_of_the_guarantee() -> None:
    settings = explorer.page_data(RECORD)["settings"]
    laplace = settings["euclidean-laplace/16/1"]
    assert laplace["bound_at_1_fpr"] == round(Indistinguishability(2 * math.sqrt(16) * 1).max_tpr(0.01), 4)
    assert "at most exp(8) for any two records" in laplace["guarantee"] and "seed" not in laplace["guarantee"]
    assert laplace["any_two_records"] == 8 and settings["gaussian/16/1"]["any_two_records"] is None
    assert "bound" not in settings["none/16/none"]
    setting = {"mechanism": "gaussian", "latent_dim": 16, "epsilon": 1.0}
    found = explorer.promised(explorer.guarantee_of(setting), RECORD["fpr"])
    normal = GaussianIndistinguishability.for_epsilon(8, delta=1e-5)
    assert found["bound"] == pytest.approx([normal.max_tpr(rate) for rate in RECORD["fpr"]], abs=1e-4)


def test_the_data_of_the_page_are_small(tmp_path: Path) -> None:
    explorer.write_script(tmp_path / "data.js")
    assert 10_000 < (tmp_path / "data.js").stat().st_size < 500_000


def test_a_sweep_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = tmp_path / "grid.yaml"
    framework = "{framework: {epsilon: [null, 8], vae: {latent_dim: 3, hidden: 16, epochs: 1, batch_size: 50}}}"
    sizes = "n_members: 60, n_models: 4, n_population: 100, n_targets: 1, classifier: {hidden: 4, epochs: 1}"
    grid.write_text(f"{{dataset: digits, seed: [0, 1], {sizes}, defence: [none, {framework}]}}", encoding="utf-8")
    monkeypatch.setattr(explorer, "GRID", grid)
    sweep(read_grid(grid), directory=tmp_path / "runs", n_jobs=1, progress=False)  # in this process: it is a small one
    kept = explorer.keep(tmp_path / "runs")
    assert kept.keys() == RECORD.keys() and kept["n_seeds"] == 2
    without, noisy = kept["settings"]
    assert without["epsilon"] is None and "likelihood" not in without["attacks"]
    assert noisy["epsilon"] == 8 and noisy["attacks"].keys() == explorer.ATTACKS.keys()
    assert noisy["picture"] != without["picture"] and 0 < kept["raw"]["accuracy"][0] < 1


# In its place


def test_a_marked_line_becomes_an_explorer_and_nothing_else_changes() -> None:
    text = "Before.\n\n<!-- noise-explorer -->\n\nIn a line, <!-- noise-explorer --> stays."
    cells = [new_markdown_cell(text), new_code_cell("# <!-- noise-explorer -->")]
    markdown, code = explorer.with_explorers(new_notebook(cells=cells)).cells
    before, directive, after = re.split(r"^```(?:\{raw\} html)?$\n?", markdown.source, flags=re.MULTILINE)
    assert (before, after) == ("Before.\n\n", "\n\nIn a line, <!-- noise-explorer --> stays.".removeprefix("\n"))
    assert (explorer.INCLUDE / "noise-explorer.html").read_text(encoding="utf-8") in directive
    assert code.source == "# <!-- noise-explorer -->"


def test_an_explorer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no explorer 'other-explorer'"):
        explorer.with_explorers(new_notebook(cells=[new_markdown_cell("<!-- other-explorer -->")]))


@pytest.mark.parametrize("name", PAGES)
def test_an_explorer_loads_only_what_it_needs(name) -> None:
    html = (explorer.INCLUDE / f"{name}.html").read_text(encoding="utf-8")
    loaded = re.findall(r'<script src="\.\./_static/([\w.-]+)"></script>', html)
    assert set(loaded) == SCRIPTS[name] and html.count("<script") == len(loaded)


# On the page


@pytest.fixture(scope="module")
def browser(html) -> Iterator[Browser]:
    with running() as browser:
        yield browser


@pytest.fixture
def page(request) -> str:
    """Return the page that a test is about: the one of all explorers, if it names none."""
    return getattr(request, "param", "book/explore")


@pytest.fixture
def tab(browser, html, page) -> Iterator[Page]:
    """Open a page from the disk, as a reader who has downloaded the book; whatever fails on it fails the test."""
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    # Formulas take longer to be set than all that is tested here.
    context.route("**/mathjax/**", lambda route: route.fulfill(body="", content_type="text/javascript"))
    tab, errors = context.new_page(), []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    tab.goto((html / f"{page}.html").as_uri())
    yield tab
    assert errors == []
    context.close()


def on_its_pages(name: str) -> pytest.MarkDecorator:
    """Run a test on each page that has an explorer."""
    return pytest.mark.parametrize("page", PAGES[name], indirect=True)


@in_browser
@pytest.mark.parametrize(("name", "page"), PLACES, indirect=["page"])
def test_still_figures_stand_where_scripts_are_off_and_on_paper(browser, html, tab, page, name) -> None:
    assert shown(tab, name) == [True, False]
    tab.emulate_media(media="print")
    assert shown(tab, name) == [False, True]
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto((html / f"{page}.html").as_uri())
    assert shown(plain, name) == [False, True]


def shown(tab: Page, name: str) -> list[bool]:
    """Return whether an explorer is shown, and whether what stands in for it is."""
    return [tab.locator(selector).first.is_visible() for selector in (f"#{name}", f".{name}")]


@in_browser
@pytest.mark.parametrize(("name", "page"), PLACES, indirect=["page"])
def test_a_page_loads_the_scripts_of_its_explorers_only(tab, page, name) -> None:
    ours = set().union(*SCRIPTS.values())
    loaded = tab.eval_on_selector_all("script[src]", "all => all.map((script) => script.src.replace(/.*[/]/, ''))")
    wanted = set().union(*(SCRIPTS[each] for each, pages in PAGES.items() if page in pages))
    assert {script for script in loaded if script in ours} == wanted


@in_browser
@pytest.mark.parametrize(("name", "page"), PLACES, indirect=["page"])
def test_an_explorer_fits_a_phone_in_both_themes(tab, page, name) -> None:
    section = tab.locator(f"#{name}")
    right = "(section) => Math.max(...[...section.querySelectorAll('*')].map((e) => e.getBoundingClientRect().right))"
    colours = "(e) => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
    for theme, expected in zip(THEMES, ([True, False], [False, True]), strict=True):
        tab.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
        assert section.evaluate(right) <= 390
        is_dark = [sum(map(int, re.findall(r"\d+", each)[:3])) < 384 for each in section.evaluate(colours)]
        assert is_dark == expected  # ink and ground


@in_browser
@pytest.mark.parametrize(("name", "page"), PLACES, indirect=["page"])
def test_every_control_can_be_reached_by_keyboard(tab, page, name) -> None:
    controls = tab.locator(f"#{name}").locator("select, input, button")
    controls.first.focus()
    for i in range(controls.count()):
        assert controls.nth(i).evaluate("(element) => element === document.activeElement")
        tab.keyboard.press("Tab")


@in_browser
@on_its_pages("epsilon-explorer")
def test_the_arrow_keys_slide_epsilon(tab) -> None:
    section = tab.locator("#epsilon-explorer")
    slider, promise, utility = (section.locator(each) for each in ("input", ".promise", ".utility"))
    assert slider.get_attribute("aria-valuetext") == "epsilon 8" and "at most exp(64)" in promise.inner_text()
    pictured, curves = section.locator(".released").get_attribute("src"), section.locator("svg.roc").inner_html()
    slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "epsilon 4" and "at most exp(32)" in promise.inner_text()
    assert section.locator(".released").get_attribute("src") != pictured
    assert section.locator("svg.roc").inner_html() != curves
    setting = next(one for one in RECORD["settings"] if (one["latent_dim"], one["epsilon"]) == (16, 4))
    assert f"right on {100 * setting['accuracy'][0]:.1f}% of the test records" in utility.inner_text()
    assert f"{setting['attacks']['likelihood']['auc'][0]:.3f} (" in section.locator("tbody").inner_text()
    assert section.locator("output").inner_text() == "4 (32 for any two records)"
    slider.press("End")
    assert "Without noise there is no guarantee" in promise.inner_text()
    assert promise.get_attribute("role") == "status"  # it is read out


@in_browser
def test_only_what_was_measured_can_be_chosen(tab) -> None:
    section = tab.locator("#epsilon-explorer")
    noise, dimension = section.locator("[name=noise]"), section.get_by_label("Latent dimension")
    chosen = set()
    for name in explorer.MECHANISMS:
        option = noise.locator(f"[value={name}]")
        measured = {one["latent_dim"] for one in RECORD["settings"] if one["mechanism"] == name}
        assert option.is_disabled() == (not measured)
        if not measured:
            assert "not measured" in option.inner_text()
            continue
        noise.select_option(name)
        for choice in dimension.locator("option").all():
            assert choice.is_disabled() == (int(choice.get_attribute("value")) not in measured)
            if choice.is_disabled():
                assert "not measured" in choice.inner_text()
                continue
            dimension.select_option(choice.get_attribute("value"))
            slider = section.locator("input")
            slider.press("Home")
            for _ in range(int(slider.get_attribute("max"))):
                chosen.add((name, int(choice.get_attribute("value")), slider.get_attribute("aria-valuetext")))
                assert section.locator("polyline.curve").count() >= 5
                slider.press("ArrowRight")
    measured = [one for one in RECORD["settings"] if one["mechanism"]]
    assert chosen == {(one["mechanism"], one["latent_dim"], f"epsilon {one['epsilon']:g}") for one in measured}


@in_browser
@on_its_pages("noise-explorer")
def test_the_arrow_keys_move_the_output_and_gaussian_noise_breaks_the_bound(tab) -> None:
    section = tab.locator("#noise-explorer")
    output, finding = section.locator("button.output"), section.locator(".finding")
    assert "the bound holds, here and everywhere" in finding.inner_text()
    for _ in range(4):
        output.press("Shift+ArrowLeft")
    assert output.get_attribute("aria-label").startswith("Output w at -5.00, 1.00")  # not beyond the edge
    section.get_by_label("Noise").select_option("gaussian")
    assert "broken here" in finding.inner_text() and "no such bound" in finding.inner_text()
    for _ in range(5):
        output.press("Shift+ArrowRight")
    assert "kept here" in finding.inner_text()
    section.get_by_role("button", name="Start again").click()
    assert output.get_attribute("aria-label").startswith("Output w at -2.00, 1.00")


def place_of(handle: Locator) -> list[float]:
    """Return the coordinates that a handle says it is at."""
    return [float(number) for number in re.findall(r"-?\d+\.\d+", handle.get_attribute("aria-label"))]


@in_browser
@on_its_pages("noise-explorer")
def test_a_finger_drags_a_code_and_a_tap_moves_the_output(tab) -> None:
    section = tab.locator("#noise-explorer")
    code, before = section.locator("button.one"), section.locator(".finding").inner_text()
    plane = section.locator("canvas")
    plane.scroll_into_view_if_needed()
    start, box = code.bounding_box(), plane.bounding_box()
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    fingers = tab.context.new_cdp_session(tab)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x, "y": y + box["height"] / 10}]),
        ("touchMove", [{"x": x, "y": y + box["height"] / 5}]),
        ("touchEnd", []),
    ):
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert place_of(code) == pytest.approx([-1, -2], abs=0.06)
    assert section.locator(".finding").inner_text() != before
    output = section.locator("button.output")
    place = output.get_attribute("aria-label")
    for _ in range(5):  # a busy machine may take a tap for a long press, which is no click
        plane.tap(position={"x": 0.9 * box["width"], "y": 0.1 * box["height"]})
        with suppress(AssertionError):
            expect(output).not_to_have_attribute("aria-label", place)
            break
    assert place_of(output) == pytest.approx([4, 4], abs=0.06)


@in_browser
@pytest.mark.parametrize("name", MECHANISMS)
def test_formulas_are_those_of_the_package(tab, name) -> None:
    axis = torch.linspace(-4, 4, 9, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    codes = torch.tensor([[-1.0, 0.5], [1.25, -0.75]], dtype=torch.float64)
    for epsilon in (0.25, 1.0, 4.0):
        mechanism, arguments = MECHANISMS[name](epsilon), [name, epsilon, points.tolist(), codes.tolist()]
        script = """([name, epsilon, points, codes]) => [
          points.map((z) => NOISE[name].logDensity(z, epsilon)),
          points.map((w) => logRatio(NOISE[name], w, codes, epsilon)),
          [logBound(NOISE[name], codes, epsilon)],
        ]"""
        densities, ratios, bound = map(torch.tensor, tab.evaluate(script, arguments))
        torch.testing.assert_close(densities.double(), mechanism.log_density(points), rtol=1e-6, atol=1e-6)
        first, second = (mechanism.log_likelihood(points, code.expand_as(points)) for code in codes)
        torch.testing.assert_close(ratios.double(), first - second, rtol=1e-5, atol=1e-5)
        distance = mechanism.metric.norm(codes[:1] - codes[1:]).item()
        assert bound.item() == pytest.approx(epsilon * distance, rel=1e-6)
        assert (ratios.abs() <= bound + 1e-5).all() == (name != "gaussian")


@in_browser
@pytest.mark.parametrize("name", MECHANISMS)
def test_dots_are_draws_of_the_noise(tab, name) -> None:
    script = "(name) => TRIPLES.map((triple) => NOISE[name].draw(triple, 2))"
    dots = np.array(tab.evaluate(script, name))
    ours = MECHANISMS[name](2.0).sample(20_000, 2, generator=torch.Generator().manual_seed(0)).numpy()
    for look in (lambda z: np.hypot(*z.T), lambda z: z[:, 0], lambda z: z[:, 1], lambda z: z.sum(axis=1)):
        assert ks_2samp(look(dots), look(ours)).pvalue > 0.01
