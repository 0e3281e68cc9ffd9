"""The command: a table, a row, and one sentence for each mistake."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from tables import assert_same
from typer.testing import CliRunner

from vaeprivacy import mechanisms
from vaeprivacy.cli import app
from vaeprivacy.cli.run import defence_of
from vaeprivacy.compute import parallel
from vaeprivacy.compute.files import read_rows
from vaeprivacy.defences import DEFENCES, DPSGD, Defence, Framework, NoDefence
from vaeprivacy.experiments import config as configs
from vaeprivacy.experiments import sweeps
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.sweeps import TABLE
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.synthesizer import Synthesizer

FAST = ["run", "--dataset", "digits", "--members", "60", "--models", "4"]
GRID = """
dataset: digits
n_members: 100
n_models: 4
defence: [none, {framework: {epsilon: [null, 1], vae: {latent_dim: 3, hidden: 16, epochs: 3}}}]
classifier: {hidden: 16, epochs: 20}
"""


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    """Give `vaeprivacy run` the tests' training settings, for which it has no options, and one process."""

    def small(defence: Defence, **options: object) -> Config:
        if isinstance(defence, Framework):
            defence = replace(defence, vae=config.defence.vae)
        return Config(defence=defence, classifier=config.classifier, **options)

    monkeypatch.setattr(configs, "Config", small)
    monkeypatch.setattr(parallel, "OnThisMachine", partial(parallel.OnThisMachine, 1))


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return path


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["run", "--epsilon", "-1"], "epsilon must be positive and finite, not -1.0."),
        (["run", "--epsilon", "nan"], "epsilon must be positive and finite, not nan."),
        (["run", "--dataset", "x"], "There is no data set 'x'"),
        (["run", "--dataset", "digits", "--members", "1000"], "n_members may be at most 449"),
        (["run", "--dataset", "digits", "--members", "5"], "n_members must be at least 10, not 5"),
        (["run", "--dataset", "digits", "--models", "5"], "n_models must be even"),
        (["run", "--defence", "prayer"], "There is no defence 'prayer'; choose one of none, framework, prior"),
        (["run", "--defence", "none", "--epsilon", "1"], "The defence 'none' has no epsilon"),
        (["run", "--defence", "regularised"], "write them into a grid file for `vaeprivacy sweep`"),
        (["sweep", "none.yaml"], "There is no file none.yaml"),
        (["data", "x"], "There is no data set 'x'"),
        (["audit", "--epsilon", "0"], "epsilon must be positive and finite, not 0.0."),
        (["audit", "--radius", "nan"], "radius must be positive and finite, not nan."),
        (["audit", "--mechanism", "pixie-dust"], "There is no mechanism 'pixie-dust'"),
        (["audit", "--mechanism", "gaussian", "--dataset", "digits", "--n", "30"], "only if its noise has an epsilon"),
        (["audit", "--dataset", "x", "--n", "30"], "There is no data set 'x'"),
    ],
)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(
    options: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app.app, options)
    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


# vaeprivacy run


@pytest.mark.usefixtures("tiny")
def test_a_run_prints_a_table_and_appends_one_row_only_once(tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(app.app, [*FAST, "--epsilon", "2", "--directory", str(tmp_path)])
        assert result.exit_code == 0, result.output
        assert "digits, 60 members, framework, epsilon 2, seed 0" in result.output
        assert "nearest" in result.output
        assert "on average over 4 targets" in result.output
        assert len(read_rows(tmp_path)) == 1
    assert not (tmp_path / TABLE).exists()  # that of a sweep in the same directory stays


@pytest.mark.usefixtures("tiny")
def test_a_run_that_fails_says_so_and_gives_exit_status_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: object, **options: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(NoDefence, "fit_classifiers", failing)
    result = CliRunner().invoke(app.app, [*FAST, "--defence", "none", "--seed", "7", "--directory", str(tmp_path)])
    assert result.exit_code == 1
    assert "vaeprivacy: MemoryError: too large" in result.output


def test_each_defence_can_be_asked_for_by_its_name() -> None:
    for name in set(DEFENCES) - {"regularised"}:
        assert type(defence_of(name, None)) is DEFENCES[name]
    assert defence_of("framework", 8.0) == Framework(8.0)
    assert defence_of("dp-sgd", 2.0) == DPSGD(2.0)


# vaeprivacy sweep


def test_a_sweep_prints_a_summary_and_writes_a_table(
    grid: Path, swept: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    options = ["sweep", str(grid), "--directory", str(tmp_path / "runs"), "--jobs", "1"]
    result = CliRunner().invoke(app.app, options, env={"COLUMNS": "120", "TQDM_DISABLE": "1"})
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    assert "3 runs, 0 of them done, 3 to do." in output
    assert "data set digits, VAE trained on private records, latent dim 3, epochs 3, members 100, seeds 1" in output
    for words in (
        "raw data",
        "framework, no noise",
        "framework, epsilon 1",
        "accuracy",
        "classifier",
        "release",
        "VAE",
    ):
        assert words in output
    assert "failed" not in output
    assert_same(pd.read_parquet(tmp_path / "runs" / TABLE), swept[1])
    again = CliRunner().invoke(app.app, options)
    assert again.exit_code == 0
    assert "3 runs, 3 of them done, 0 to do." in " ".join(again.output.split())


def test_failed_runs_give_exit_status_1_and_the_table_is_still_written(
    grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: object, **options: object) -> None:
        raise MemoryError("too large")

    monkeypatch.setattr(NoDefence, "fit_classifiers", failing)
    monkeypatch.setattr(Framework, "fit_classifiers", failing)
    options = ["sweep", str(grid), "--directory", str(tmp_path), "--jobs", "1"]
    result = CliRunner().invoke(app.app, options, env={"COLUMNS": "120"})
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "Failed: digits, raw data, seed 0: MemoryError: too large" in output
    assert "3 of 3 runs failed; the same command tries them again." in output
    assert set(pd.read_parquet(tmp_path / TABLE).error) == {"MemoryError: too large"}


def test_an_interruption_is_told_in_one_sentence(grid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "sweep", interrupted)
    result = CliRunner().invoke(app.app, ["sweep", str(grid), "--directory", str(tmp_path)])
    assert result.exit_code == 130
    assert "interrupted; what is done is kept, and the same command continues." in result.output


def test_a_bad_grid_and_a_missing_cluster_are_mistakes(grid: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("seeds: [0]")
    result = CliRunner().invoke(app.app, ["sweep", str(bad)])
    assert (result.exit_code, len(result.output.splitlines())) == (2, 1)
    assert "there is no field 'seeds'" in result.output
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    with dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}):
        options = ["--dask", "tcp://127.0.0.1:9", "--directory", str(tmp_path / "runs")]
        result = CliRunner().invoke(app.app, ["sweep", str(grid), *options], env={"TQDM_DISABLE": "1"})
    assert result.exit_code == 2
    assert "No Dask scheduler answers at 'tcp://127.0.0.1:9'" in result.output


# vaeprivacy data, vaeprivacy audit


def test_the_data_command_says_what_it_found() -> None:
    result = CliRunner().invoke(app.app, ["data", "digits"])
    assert result.exit_code == 0
    assert "1,797 records, 64 features, 10 classes" in result.output


@pytest.mark.parametrize("mechanism", ["euclidean-laplace", "coordinate-laplace", "gaussian"])
def test_an_audit_of_a_correct_mechanism_refutes_nothing(mechanism: str) -> None:
    result = CliRunner().invoke(app.app, ["audit", "--mechanism", mechanism, "--n", "2000"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"{mechanism}, d = 1",
        f"{mechanism}, d = 2",
        "law of the noise, d = 16",
    ]
    assert all("not refuted" in line for line in lines)
    assert ("claimed mu 2.000" if mechanism == "gaussian" else "claimed epsilon 2.000") in lines[0]


def test_an_audit_of_a_data_set_has_a_line_for_its_release() -> None:
    result = CliRunner().invoke(app.app, ["audit", "--n", "200", "--radius", "4", "--dataset", "digits"])
    assert result.exit_code == 0, result.output
    assert "release of digits: claimed epsilon 4.000, measured at least" in result.output


def test_a_claim_of_thirty_digits_is_not_written_out() -> None:
    result = CliRunner().invoke(app.app, ["audit", "--epsilon", "1e29", "--n", "100"])
    assert "d = 1: claimed epsilon 4e+29, measured at least" in result.output


def test_a_release_that_is_not_finite_ends_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Synthesizer, "decode", lambda self, codes, y=None: codes / 0)
    result = CliRunner().invoke(app.app, ["audit", "--n", "200", "--radius", "4", "--dataset", "digits"])
    assert result.exit_code == 2
    assert re.search(r"^vaeprivacy: \d+ of \d+ values of the synthetic records are not finite", result.output, re.M)


def test_a_refuted_claim_is_said_and_gives_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    class TooLittleNoise(EuclideanLaplace):
        """Half of the noise."""

        def sample(self, n: int, dimension: int, **options: object) -> object:
            return super().sample(n, dimension, **options) / 2

    monkeypatch.setitem(mechanisms.MECHANISMS, "euclidean-laplace", lambda epsilon, radius: TooLittleNoise(epsilon))
    result = CliRunner().invoke(app.app, ["audit", "--n", "5000"])
    assert result.exit_code == 1
    assert [line.count("REFUTED") for line in result.output.splitlines()] == [1, 1, 1]
