"""Settings tried on records of one's own: what is refused, what is held out, and a small search."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.datasets import Dataset
from vaeprivacy.defences import Framework
from vaeprivacy.experiments import game
from vaeprivacy.experiments.proposal import propose
from vaeprivacy.experiments.search import draw_pool, try_on, try_setting, try_settings
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAESettings

SMALL = {
    "vae": VAESettings(hidden=16, epochs=3),
    "classifier": ClassifierSettings(hidden=16, epochs=5),
    "progress": False,
}


def test_records_held_out_are_not_trained_on(digits: Dataset) -> None:
    x, y = digits.x[:205], digits.y[:205]
    pool = draw_pool(x, y, seed=0, n_models=4, classifier=ClassifierSettings())
    assert len(pool.candidates) == 164 and len(pool.population) == 40
    assert pool.is_member.shape == (4, 164)
    assert (pool.is_member.sum(dim=1) == 82).all() and (pool.is_member.sum(dim=0) == 2).all()
    rows = {tuple(row) for row in x[pool.candidates].tolist()}
    assert not rows & {tuple(row) for row in x[pool.population].tolist()}
    assert set().union(*(pool.members(number).tolist() for number in range(4))) == set(pool.candidates.tolist())


def test_utility_is_of_each_half_of_the_records_held_out(digits: Dataset) -> None:
    pool = draw_pool(digits.x[:200], digits.y[:200], seed=0, n_models=4, classifier=SMALL["classifier"])
    pool = replace(pool, defence=Framework(8.0, vae=SMALL["vae"]))
    row = try_setting(pool)[0]
    right = (pool.shadows[0].log_posteriors.argmax(dim=2) == pool.shadows[0].y).double()[:, 160:]
    assert row["validation_accuracy"] == pytest.approx(right[:, :20].mean().item())
    assert row["test_accuracy"] == pytest.approx(right[:, 20:].mean().item())


def test_settings_that_share_their_vaes_train_them_once_and_keep_no_files(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fitted, fit = [], Framework.fit_vae

    def spying(defence: Framework, x: torch.Tensor, *args: object, **options: object) -> object:
        fitted.append(x)
        return fit(defence, x, *args, **options)

    monkeypatch.setattr(Framework, "fit_vae", spying)
    monkeypatch.chdir(tmp_path)
    pool = draw_pool(digits.x[:200], digits.y[:200], seed=0, n_models=4, classifier=SMALL["classifier"])
    rows = try_on(pool, [Framework(epsilon, vae=SMALL["vae"]) for epsilon in (1.0, 8.0)])
    assert {row["epsilon"] for row in rows} == {1.0, 8.0}
    assert len(fitted) == 4
    for number, x in enumerate(fitted):
        assert torch.equal(x, digits.x[pool.members(number)])
    assert list(tmp_path.iterdir()) == []


def test_only_adversaries_that_know_the_defence_attack_and_one_release_is_enough(
    digits: Dataset,
) -> None:
    tried = try_settings(digits.x[:200], digits.y[:200], epsilons=[1.0], seeds=[0, 1], n_models=4, **SMALL)
    on_classifier = tried[tried.looks_at == "classifier"].attack.unique()
    assert {name.split("_")[0] for name in on_classifier} == {"adaptive", "reconstructed"}
    assert not tried.weak.any()
    of_targets = tried.drop_duplicates("attack").set_index("looks_at").of_targets
    assert set(of_targets["release"]) == {len(game.ATTACKED_RELEASES)} == {1}
    assert set(of_targets.drop("release")) == {4}


def test_a_search_tries_each_combination_and_the_proposal_is_one_of_them(digits: Dataset) -> None:
    settings = {"epsilons": [1.0, 32.0], "latent_dims": [2], "radii": [None, 3.0], "seeds": [0, 1], "n_models": 4}
    tried = try_settings(digits.x[:200], digits.y[:200], **settings, **SMALL)
    runs = tried.drop_duplicates(["epsilon", "latent_dim", "radius", "seed"])
    assert len(runs) == 2 * 2 * 2
    assert set(tried.looks_at) == {"classifier", "release", "encoder and decoder"}
    assert tried[["auc", "validation_accuracy", "test_accuracy"]].stack().between(0, 1).all()
    assert set(tried.trainer) == {"private records"} and set(tried.n_members) == {80}
    assert set(tried.full_label) == {f"framework, epsilon {label}" for label in tried.short_label}
    proposal = propose(tried, max_auc=1.0)
    assert proposal.promised == pytest.approx(2 * proposal.radius * proposal.epsilon)
    assert proposal.cost.n_settings == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.full((200, 3), 2.0)}, "values in"),
        ({"x": torch.rand(50, 3), "y": torch.arange(50) % 2}, "at least 100 records"),
        ({"y": torch.zeros(200, dtype=torch.long)}, "at least two classes"),
        ({"y": torch.arange(200) % 2 / 2}, "y holds 0.5, but labels must be whole numbers"),
        ({"seeds": [0]}, "two different seeds"),
        ({"n_models": 5}, "n_models must be even"),
        ({"epsilons": []}, "nothing to try"),
        ({"epsilons": [-1.0]}, "epsilon must be positive"),
        ({"trainer": PublicTrainer()}, "on_public_records=True"),
    ],
)
def test_what_no_search_can_be_made_with_is_refused(change: dict, message: str) -> None:
    good = {"x": torch.rand(200, 3), "y": torch.arange(200) % 2, "epsilons": [1.0]} | SMALL
    with pytest.raises(ValueError, match=message):
        try_settings(**(good | change))
