"""A privacy card in a real browser: nothing wider than a phone, no serious finding of axe, no call to anywhere."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import GRAVE, SPILLED
from pdf import CHROMIUM, NO_CHROMIUM
from playwright.sync_api import Page, sync_playwright

from vaeprivacy.estimators.measurement import of_rates
from vaeprivacy.estimators.measures import Measured
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.reporting import Released, owner_card, public_card, write_card
from vaeprivacy.whole_guarantee import WholeGuarantee

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
AXE = "async () => (await axe.run(document)).violations.map((rule) => [rule.id, rule.impact])"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both cards of a release with long names."""
    folder, measure = tmp_path_factory.mktemp("cards"), GaussianIndistinguishability.for_epsilon(1.0, delta=1e-6)
    names = [f"a_name_of_a_column_that_is_far_too_long_{i}" for i in range(6)]
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 6)), columns=names)
    released = Released(
        "a_file_with_a_long_name_and_no_blank_in_it", rows, WholeGuarantee(measure, 1e-6, "Noise."), 1.0
    )
    leak = of_rates("inference", f"{names[0]}, from {names[1]} alone", "It knows all.", (200, 100), (200, 200), measure)
    write_card(*public_card(released), folder)
    found = Measured([leak], pd.DataFrame(), [])
    write_card(*owner_card(released, found, rows, folders=(Path("out"), Path("out-owner"))), folder)
    return folder


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize("name", ["card.html", "owner-card.html"])
def test_a_card_fits_a_phone_and_axe_finds_nothing_serious(folder: Path, page: Page, name: str) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto((folder / name).as_uri())
    assert page.evaluate(SPILLED) == []
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    assert [rule for rule, impact in page.evaluate(AXE) if impact in GRAVE] == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
