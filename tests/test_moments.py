"""A generative model from noisy moments."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors import safe_open
from safetensors.torch import save_file
from seeding import seeded

from vaeprivacy import moments
from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier
from vaeprivacy.datasets import Dataset
from vaeprivacy.feature_maps import FeatureMap, cosine_map, scattering_map, table_map
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.moment_files import load_moments, save_moments
from vaeprivacy.moments import (
    MomentModel,
    MomentSettings,
    contribution,
    fit_moments,
    noisy_moments,
    principal_axes,
    with_noise,
)
from vaeprivacy.randomness import SYSTEM_ENTROPY

TABLE = table_map(torch.zeros(6), torch.ones(6))
BUDGET = {"epsilon": 5.0, "delta": 1e-5, "n_classes": 3}


def records(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features of three classes, of which each lies in a corner of its own."""
    y = torch.arange(n) % 3
    return 0.5 * F.one_hot(y, 6).float() + 0.1 * torch.randn(n, 6, generator=seeded(3)), y


def fitted(n: int = 600, **changes: object) -> MomentModel:
    return fit_moments(*records(n), TABLE, **(BUDGET | {"generator": seeded()} | changes))


# Impossible input


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive and finite"),
        ({"delta": 0.0}, "delta must be above 0 and below 1"),
        ({"n_classes": 2}, "y must hold one label from 0 to 1 for each of the 600 records"),
    ],
)
def test_an_impossible_budget_or_label_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        fitted(**changes)


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (torch.rand(4, 5), "features has 5 features a record, but must have 6"),
        (torch.full((4, 6), math.nan), "features contains NaN"),
    ],
)
def test_what_are_no_features_of_the_map_is_refused(features: torch.Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        fit_moments(features, torch.zeros(4), TABLE, **BUDGET)


def test_more_records_than_are_summed_exactly_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moments, "MOST_RECORDS", 599)
    with pytest.raises(ValueError, match=r"^the number of records must be at most 599, not 600\.$"):
        fitted()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"clip": 0.0}, "clip must be"),
        ({"top": 0}, "top must be"),
        ({"centre_share": 0.5, "class_share": 0.5}, "centre_share and class_share must be below 1 together"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        MomentSettings(**changes)


# Known answers: sensitivities


def vector(h: torch.Tensor, one_hot: torch.Tensor) -> torch.Tensor:
    """Return what one record adds to the sums of step 2, with their weights."""
    return torch.cat([(2 * torch.outer(h, one_hot)).flatten(), (2 * torch.outer(h, h)).flatten(), one_hot])


def test_no_pair_of_records_moves_the_sums_by_more_than_is_proved_and_some_pairs_by_as_much() -> None:
    moved = {True: 0.0, False: 0.0}
    for t in torch.linspace(-1, 1, 201, dtype=torch.float64).tolist():
        h, other = torch.tensor([1.0, 0.0]).double(), torch.tensor([t, math.sqrt(1 - t**2)]).double()
        for length in (0.5, 0.9, 1.0):
            for label in (0, 1):
                first, second = (
                    vector(length * h, torch.eye(2)[0].double()),
                    vector(other, torch.eye(2)[label].double()),
                )
                moved[label == 0] = max(moved[label == 0], (first - second).norm().item())
    assert moved == pytest.approx({True: math.sqrt(18), False: math.sqrt(18)}, rel=1e-4)
    assert max(moved.values()) <= math.sqrt(18) * (1 + 1e-12)


def test_shares_of_the_budget_add_up_to_all_of_it() -> None:
    sigma = MomentSettings().deviations(0.7)
    spent = (2 / sigma["centre"]) ** 2 + 18 / sigma["counts"] ** 2 + (math.sqrt(2) / sigma["second by class"]) ** 2
    assert spent == pytest.approx(0.7**2)
    assert sigma["sums"] == sigma["second"] == sigma["counts"] / 2  # their weights are 2, 2 and 1


def test_contributions_are_at_most_one_long_and_add_up_exactly_in_any_order() -> None:
    features = 3 * torch.randn(5000, 6, generator=seeded())
    found = contribution(features, 0.7)
    assert (found.norm(dim=1) <= 1).all()
    assert torch.equal(found * 2**16, (found * 2**16).round())
    order = torch.randperm(5000, generator=seeded())
    assert torch.equal(found.T @ found, found[order].T @ found[order])
    assert torch.equal(found.sum(0), found[order].sum(0))


def test_noise_has_its_deviation_and_stays_on_its_grid() -> None:
    noise = with_noise(torch.full((100, 200), 0.123456789, dtype=torch.float64), 3.0, generator=SYSTEM_ENTROPY)
    assert noise.std().item() == pytest.approx(3.0, rel=0.03)
    assert noise.mean().item() == pytest.approx(0.12, abs=0.1)
    steps = noise / Gaussian(3.0).grid_step
    assert torch.equal(steps, steps.round())


def test_with_hardly_any_noise_the_moments_are_those_of_the_records() -> None:
    x, y = records(6000)
    found = fit_moments(x, y, TABLE, MomentSettings(centre_clip=10, clip=10), **(BUDGET | {"epsilon": 1e6}))
    for label in range(3):
        of_class = x[y == label].double()
        assert torch.allclose(found.means[label], of_class.mean(0), atol=0.02)
        assert torch.allclose(found.roots[label] @ found.roots[label].T, of_class.T.cov(), atol=0.005)
    assert torch.allclose(found.counts, torch.full((3,), 2000.0).double(), atol=1)


def test_without_noise_each_class_has_its_own_mean_covariance_and_size() -> None:
    x, y = records(6000)
    settings = MomentSettings(centre_clip=4.0, clip=4.0)  # longer than any record: nothing is cut
    one_hot = F.one_hot(y, 3).double()
    means, roots, counts = noisy_moments(
        x.double(), one_hot, settings, dict.fromkeys(settings.deviations(1.0), 0.0), lambda _, sums: sums
    )
    assert counts.tolist() == [2000, 2000, 2000]
    for label in range(3):
        of_class = x[y == label].double()
        torch.testing.assert_close(means[label], of_class.mean(0), atol=1e-4, rtol=0)
        # A variance smaller than the least that all classes share is raised to that one.
        torch.testing.assert_close(roots[label] @ roots[label].T, of_class.T.cov(correction=0), atol=1e-3, rtol=0)


def test_eigenvalues_of_noise_alone_are_none_of_the_records() -> None:
    noise = torch.randn(200, 200, generator=seeded(), dtype=torch.float64)
    values, _, kept = principal_axes(noise + 100 * torch.eye(200)[:, :1] @ torch.eye(200)[:1], deviation=1.0, most=40)
    assert kept <= 3  # one that is large, and perhaps one at the edge of the semicircle
    assert values[0].item() == pytest.approx(100, abs=4)
    assert (values > 0).all()


# Properties: the guarantee


def test_the_guarantee_states_the_budget_for_everything() -> None:
    found = fitted()
    total = found.guarantee.whole_release()
    assert (total.epsilon, total.delta) == (pytest.approx(5.0), 1e-5)
    assert found.guarantee.measure == GaussianIndistinguishability.for_epsilon(5.0, delta=1e-5)
    assert found.guarantee.whole_release(delta=1e-9).epsilon > 5
    assert found.sample(5).guarantee == found.guarantee
    text = str(found.guarantee)
    assert "(5, 1e-05)-differentially private for replacing one record" in text
    assert "For experiments only: a seeded generator" in text


def test_by_default_the_noise_is_the_operating_systems_and_never_the_same() -> None:
    x, y = records(600)
    first, second = (fit_moments(x, y, TABLE, **BUDGET) for _ in range(2))
    assert not torch.equal(first.means, second.means)
    assert "operating system's entropy" in str(first.guarantee)
    assert torch.equal(fitted().means, fitted().means)


def test_a_record_as_long_as_one_likes_changes_the_model_by_no_more_than_another() -> None:
    x, y = records(600)
    means = []
    for factor in (1e3, 1e6):
        longer = x.clone()
        longer[0] *= factor
        means.append(fit_moments(longer, y, TABLE, **(BUDGET | {"generator": seeded()})).means)
    assert torch.allclose(*means, atol=1e-4)


@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_covariances_are_positive_however_much_noise_there_is(epsilon: float) -> None:
    found = fitted(60, epsilon=epsilon)
    for root in found.roots:
        assert torch.linalg.eigvalsh(root @ root.T).min() > -1e-12
    assert found.sample(100).x.isfinite().all()
    assert found.counts.min() >= 1


# Properties: samples


def test_samples_are_records_in_the_unit_range_with_labels_as_frequent_as_the_counts_say() -> None:
    x, y = records(600)
    few = (y != 2) | (torch.arange(600) < 300)
    release = fit_moments(x[few], y[few], TABLE, **(BUDGET | {"epsilon": 50.0})).sample(1000, generator=seeded())
    assert release.x.shape == (1000, 6)
    assert release.x.min() >= 0 and release.x.max() <= 1
    assert release.y.bincount().tolist() == pytest.approx([400, 400, 200], abs=15)
    assert release.y[:500].bincount().min() > 50  # in random order


@pytest.mark.parametrize(("make", "least"), [(cosine_map, 0.8), (scattering_map, 0.85)])
def test_a_classifier_learns_the_digits_from_samples(make: object, least: float, digits: Dataset) -> None:
    of_map = make(digits.image_shape)
    x, y, budget = of_map.transform(digits.x[:1200]), digits.y[:1200], {"epsilon": 10.0, "delta": 1e-5}
    release = fit_moments(x, y, of_map, n_classes=10, generator=seeded(), **budget).sample(1200, generator=seeded())
    settings = ClassifierSettings(epochs=20)
    classifier = fit_classifier(release.x, release.y, settings, n_classes=10, generator=seeded())
    test = digits.x[1200:] if of_map.kind == "records" else of_map.transform(digits.x[1200:])
    assert accuracy(classifier, test, digits.y[1200:]) > least


# Files


def test_a_file_holds_all_that_is_needed_and_gives_the_same_samples(tmp_path: Path) -> None:
    for of_map in (TABLE, cosine_map((8, 8), waves=3), scattering_map((8, 8), directions=9)):
        size = of_map.basis.shape[1]
        model = fit_moments(torch.rand(60, size, generator=seeded()), torch.arange(60) % 3, of_map, **BUDGET)
        save_moments(model, tmp_path / "model.safetensors")
        again = load_moments(tmp_path / "model.safetensors")
        assert again.guarantee == model.guarantee
        first, second = (each.sample(20, generator=seeded()) for each in (model, again))
        assert torch.equal(first.x, second.x) and torch.equal(first.y, second.y)
        x = torch.rand(3, 6 if of_map is TABLE else 64, generator=seeded())
        assert torch.equal(model.transform(x), again.transform(x))


def changed(path: Path, what: str) -> None:
    """Change one thing in a file of a model, and write it without the checksum."""
    with safe_open(path, framework="pt") as file:
        about = {name: text for name, text in file.metadata().items() if name != "checksum"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if what == "filters":
        about["filters"] = json.dumps({"scales": 3, "angles": 8})
    elif what == "not finite":
        tensors["means"][0, 0] = math.nan
    else:
        tensors["roots"] = tensors["roots"][:, :, :-1].contiguous()
    save_file(tensors, path, metadata=about)


@pytest.mark.parametrize("what", ["filters", "not finite", "shapes"])
def test_a_file_of_something_else_is_refused(what: str, tmp_path: Path) -> None:
    save_moments(fitted(), tmp_path / "model.safetensors")
    changed(tmp_path / "model.safetensors", what)
    with pytest.raises(ValueError, match=r"model\.safetensors is no model of moments that this version can read"):
        load_moments(tmp_path / "model.safetensors")


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_moments(fitted(), path)
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is no model of moments"):
        load_moments(path)
    with pytest.raises(FileNotFoundError):
        load_moments(tmp_path / "nowhere.safetensors")


def test_a_map_of_another_number_of_features_is_no_map_of_these() -> None:
    narrow = FeatureMap("records", torch.zeros(6).double(), torch.eye(6)[:, :2].double(), 1.0)
    with pytest.raises(ValueError, match="must have 2"):
        fit_moments(*records(30), narrow, **BUDGET)
