"""Chapter 0 is the idea in plain PyTorch: short, without the package, and the same as the package."""

import re

import matplotlib
import pytest
import torch
from common import known_parameters, profile_parameters
from conftest import ROOT
from scipy.stats import ks_2samp
from seeding import seeded
from test_first_book import cells_of, n_lines, visible

from vaeprivacy import EuclideanLaplace, Synthesizer
from vaeprivacy.attacks import nearest_record_score
from vaeprivacy.vae import VAE


@pytest.fixture(scope="module")
def page() -> dict:
    """What the page defines and computes, on the digits."""
    matplotlib.use("Agg")
    found: dict = {}
    for cell in cells_of("one_page")[:-1]:
        if cell.cell_type == "code":
            exec(cell.source, found)
        if "parameters" in cell.metadata.get("tags", []):
            quick = profile_parameters("quick")
            found |= known_parameters(ROOT / "notebooks" / "one_page.ipynb", quick)
    return found


@pytest.fixture
def twin(page) -> VAE:
    """The package's VAE with the weights of the page's."""
    vae = VAE(page["pixels"], latent_dim=16, hidden=256, generator=seeded())
    vae.encoder.load_state_dict(page["encoder"].state_dict())
    vae.decoder.load_state_dict(page["decoder"].state_dict())
    return vae


@pytest.fixture
def synthesizer(twin) -> Synthesizer:
    """The package's framework without noise, around that VAE."""
    return Synthesizer(mechanism=None, vae=twin)


def test_it_has_sixty_lines_in_short_cells_with_a_picture_after_each_step():
    assert sum(map(n_lines, visible("one_page"))) <= 60
    drawn = ["mystnb" in cell.metadata for cell in cells_of("one_page") if cell.cell_type == "code"]
    steps = [
        cell
        for cell in cells_of("one_page")
        if cell.cell_type == "markdown"
        for _ in re.findall(r"^## \d", cell.source, re.M)
    ]
    assert sum(drawn) == len(steps) == 6


def test_it_imports_nothing_of_the_package_but_the_data():
    code = "\n".join(cell.source for cell in cells_of("one_page")[:-1] if cell.cell_type == "code")
    assert re.findall(r"^.*vaeprivacy.*$", code, flags=re.MULTILINE) == ["from vaeprivacy import load"]


def test_its_loss_is_minus_the_elbo(page, twin):
    torch.manual_seed(3)
    loss = page["vae_loss"](page["x"])
    torch.testing.assert_close(loss, -twin.elbo(page["x"], generator=seeded(3)).value)


def test_its_noise_is_euclidean_laplace_noise(page):
    torch.manual_seed(4)
    by_page = page["laplace_noise"](20_000, 2.0).double()
    by_package = EuclideanLaplace(2.0).sample(20_000, 16, generator=seeded(5))
    for read in (lambda z: z.norm(dim=1), lambda z: z[:, 0], lambda z: z[:, :2].norm(dim=1)):
        assert ks_2samp(read(by_page), read(by_package)).pvalue > 0.001
    assert ks_2samp((1.03 * by_page).norm(dim=1), by_package.norm(dim=1)).pvalue < 0.001


def test_its_release_without_noise_is_the_package_s(page, synthesizer):
    x, y = page["x"], page["y"]
    far = 40 * x  # codes outside the ball, which are clipped
    for records in (x, far):
        torch.testing.assert_close(page["release"](records), synthesizer.reconstruct(records, y))


def test_its_release_adds_the_noise_to_the_clipped_code(page, twin):
    torch.manual_seed(6)
    noisy = page["release"](page["x"], 2.0)
    torch.manual_seed(6)
    with torch.no_grad():
        codes = page["clipped_code"](page["x"]) + page["laplace_noise"](len(page["x"]), 2.0)
        torch.testing.assert_close(noisy, twin.decode(codes))


def test_its_attack_is_the_nearest_record(page):
    for synthetic in page["releases"].values():
        score = nearest_record_score(page["queries"], page["labels"], release_x=synthetic, release_y=page["y"])
        torch.testing.assert_close(page["nearest_record"](synthetic), score, rtol=1e-4, atol=1e-4)
