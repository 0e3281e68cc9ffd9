"""An attack, a mechanism, a defence and a data set of one's own: this file alone defines them, and runs have them."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from typer.testing import CliRunner

from vaeprivacy.attacks import ATTACKS, Attack, AttackSpec, Candidates, attack_label, make_attack, register
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.cli.app import app
from vaeprivacy.compute.files import read_rows
from vaeprivacy.datasets import LOADERS, from_arrays, load
from vaeprivacy.defences import DEFENCES, Defence, Framework
from vaeprivacy.distances import MANHATTAN, Metric
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import config_of
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import run, run_scores
from vaeprivacy.experiments.sweeps import TABLE, sweep
from vaeprivacy.mechanisms import MECHANISMS
from vaeprivacy.mechanisms.base import AdditiveNoise, EpsilonMechanism
from vaeprivacy.randomness import RandomSource, uniforms
from vaeprivacy.reporting.tables import attack_table, sweep_table
from vaeprivacy.synthesizer import Release

GRID = """
dataset: digits
n_members: 60
n_models: 4
defence: {framework: {epsilon: 2, mechanism: toy, vae: {latent_dim: 3, hidden: 16, epochs: 2}}}
classifier: {hidden: 16, epochs: 5}
"""


class NearMean(Attack):
    """A record is likelier a member if it is near the mean of the population."""

    needs = ("population",)
    processes: set[int] = set()  # noqa: RUF012 (of all objects of this class)

    def _fit(self, knowledge: object) -> None:
        self._mean = knowledge.population.x.mean(dim=0)

    def _score(self, candidates: Candidates) -> torch.Tensor:
        self.processes.add(os.getpid())
        return -(candidates.x - self._mean).norm(dim=1)


@dataclass(frozen=True)
class Logistic(EpsilonMechanism, AdditiveNoise):
    """Independent logistic noise on each coordinate: the slope of its log-density is at most epsilon."""

    epsilon: float
    metric: Metric = MANHATTAN

    def sample(
        self, n: int, dimension: int, *, generator: RandomSource, dtype: torch.dtype = torch.float64
    ) -> torch.Tensor:
        return uniforms((n, dimension), generator=generator).logit_(eps=2**-53).div_(self.epsilon).to(dtype)

    def log_density(self, noise: torch.Tensor) -> torch.Tensor:
        z = self.epsilon * noise
        return (np.log(self.epsilon) - z - 2 * F.softplus(-z)).sum(dim=1)

    def covariance(self, dimension: int) -> torch.Tensor:
        return torch.pi**2 / 3 / self.epsilon**2 * torch.eye(dimension, dtype=torch.float64)


@contextmanager
def registered() -> Iterator[None]:
    """Register both, and forget them afterwards."""
    register(AttackSpec("near_mean", "near the mean", NearMean, "classifier", few=True))
    MECHANISMS["toy"] = lambda epsilon, radius: Logistic(epsilon)
    NearMean.processes.clear()
    try:
        yield
    finally:
        del ATTACKS["near_mean"], MECHANISMS["toy"]


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register both; stay in this process, since others know nothing of what is registered here."""
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert joblib.effective_n_jobs(-1) == 1
    with registered():
        yield


@pytest.fixture
def toy_config(config: Config, toys: None) -> Config:
    """The tests' run with noise of the toy mechanism."""
    return replace(config, n_members=60, defence=replace(config.defence, epsilon=2.0, mechanism="toy"))


def test_both_are_forgotten() -> None:
    with registered():
        assert attack_label("near_mean") == "near the mean"
        assert Framework(2.0, "toy").label == "2, toy"
    with pytest.raises(ValueError, match="There is no attack 'near_mean'"):
        make_attack("near_mean", seed=0, image_shape=None)
    with pytest.raises(ValueError, match="mechanism must be one of 'euclidean-laplace'"):
        Framework(2.0, "toy")


def test_a_run_has_the_attack_and_its_release_the_noise(toy_config: Config, tmp_path: Path) -> None:
    row = run(toy_config, directory=tmp_path)
    found = row["attacks"]["near_mean"]
    assert (found["looks_at"], found["knowledge"], found["of_targets"], found["weak"]) == (
        "classifier", "records", 4, False,
    )  # fmt: skip
    assert "adaptive_near_mean" not in row["attacks"]  # it does not learn from shadow models
    assert row["setting"] == "2, toy" and row["full_label"] == "framework, epsilon 2, toy"
    pool = Pool.of(toy_config, tmp_path)
    x, mean = pool.data.x[pool.candidates], pool.data.x[pool.population].mean(dim=0)
    expected = -torch.linalg.vector_norm(x - mean, dim=1)
    for scores in run_scores(toy_config, directory=tmp_path)["scores/near_mean"]:
        assert scores == pytest.approx(expected.double().numpy(), abs=1e-5)
    assert isinstance(pool.synthesizer(0).mechanism, Logistic)
    assert not torch.equal(pool.release(0).x, Pool.of(replace_mechanism(toy_config), tmp_path).release(0).x)
    assert 0 <= row["attacks"]["likelihood"]["auc"] <= 1  # knows the density of the toy


def replace_mechanism(config: Config) -> Config:
    return replace(config, defence=replace(config.defence, mechanism="euclidean-laplace"))


def test_it_is_among_all_attacks_too(toy_config: Config, tmp_path: Path) -> None:
    found = run(replace(toy_config, attacks="all"), directory=tmp_path)["attacks"]
    assert len(found) == 23 + 2 * 10 + 1


def test_a_sweep_and_its_tables_have_both(toy_config: Config, tmp_path: Path) -> None:
    configs = [toy_config, replace_mechanism(toy_config)]
    table = sweep(configs, directory=tmp_path, n_jobs=1, progress=False)
    assert (table.error == "").all()
    toy = table[table.attack == "near_mean"]
    assert toy.setting.tolist() == ["2, toy", "2"] and toy.auc.between(0, 1).all()
    assert toy.auc.nunique() == 1  # what it looks at does not depend on the noise
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / TABLE), table)
    assert "near the mean" in attack_table(table[table.setting == "2, toy"]).index
    assert sweep_table(table).setting.tolist() == ["framework, epsilon 2, toy", "framework, epsilon 2"]
    assert NearMean.processes == {os.getpid()}


@pytest.mark.usefixtures("toys")
def test_the_command_has_both(tmp_path: Path) -> None:
    grid, runs, out = tmp_path / "grid.yaml", tmp_path / "runs", tmp_path / "out"
    grid.write_text(GRID)
    wide = {"COLUMNS": "200", "TQDM_DISABLE": "1"}
    result = CliRunner().invoke(app, ["sweep", str(grid), "--directory", str(runs), "--jobs", "1"], env=wide)
    assert result.exit_code == 0, result.output
    assert "framework, epsilon 2, toy" in result.output and "failed" not in result.output
    assert "near_mean" in set(pd.read_parquet(runs / TABLE).attack)
    options = ["attack", str(runs), "--shadows", "2", "--directory", str(out)]
    result = CliRunner().invoke(app, options, env=wide)
    assert result.exit_code == 0, result.output
    assert "framework, epsilon 2, toy" in result.output and "near the mean" in result.output
    table = pd.read_csv(out / "attacks.csv").set_index("attack")
    assert len(table) == 44 and table.knowledge["near_mean"] == "records"
    assert len(read_rows(runs)) == 2 and not any("error" in row for row in read_rows(runs).values())
    assert NearMean.processes == {os.getpid()}


@dataclass(frozen=True)
class Coarse(Defence):
    """Train the classifier on records whose values are rounded to 0 or 1."""

    seed_text: ClassVar[str] = "Coarse(name='coarse')"
    name: str = field(default="coarse", init=False)

    def release(self, x: torch.Tensor, y: torch.Tensor, **options: object) -> Release:
        return Release(x.round(), y, None)


def test_a_defence_and_a_data_set_of_ones_own_go_through_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = load("digits")
    own = from_arrays(rows.x[:400].numpy(), rows.y[:400].numpy(), name="own", image_shape=(8, 8))
    monkeypatch.setitem(LOADERS, "own", lambda: own)
    monkeypatch.setitem(DEFENCES, "coarse", Coarse)
    classifier = ClassifierSettings(hidden=16, epochs=5)
    config = Config("own", Coarse(), n_members=60, n_models=4, classifier=classifier)
    table = sweep([config], directory=tmp_path, n_jobs=1, progress=False)
    assert (table.error == "").all() and set(table.dataset) == {"own"} and set(table.defence) == {"coarse"}
    assert {"lira", "adaptive_lira"} <= set(table.attack)
    assert config_of(json.loads(table.config[0])) == config
    assert sweep_table(table).setting.tolist() == ["coarse"]
    assert (config.defence.promised_epsilon(20), config.defence.total_guarantee(20)) == (math.inf, None)
    pool = Pool.of(config, tmp_path)
    assert set(pool.training_set(0).x.unique().tolist()) == {0.0, 1.0}
