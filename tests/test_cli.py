"""The command: a table, a row, and one sentence for each mistake."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vaeprivacy import cli
from vaeprivacy.config import Config
from vaeprivacy.mechanisms import EuclideanLaplace
from vaeprivacy.storage import RESULTS, read_rows
from vaeprivacy.sweep import sweep

FAST = ["run", "--dataset", "digits", "--members", "60", "--shadows", "1"]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    """Give the command the tests' training settings: it has no options for them."""
    settings = {"vae": config.vae, "classifier": config.classifier}
    monkeypatch.setattr(cli, "Config", lambda **options: Config(**options, **settings))
    monkeypatch.setattr(cli, "sweep", lambda configs, directory: cli_sweep(configs, directory))


def cli_sweep(configs: list[Config], directory: Path) -> object:

    return sweep(configs, directory=directory, n_jobs=1, progress=False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["run", "--epsilon", "-1"], "epsilon must be positive and finite, not -1.0."),
        (["run", "--epsilon", "nan"], "epsilon must be positive and finite, not nan."),
        (["run", "--dataset", "x"], "There is no data set 'x'"),
        (["run", "--dataset", "digits", "--members", "1000"], "Cannot draw disjoint parts"),
        (["run", "--dataset", "digits", "--defence", "prayer"], "defence must be one of 'none', 'framework'"),
        (["run", "--defence", "none", "--epsilon", "1"], "Without a defence there is no noise"),
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
    result = CliRunner().invoke(cli.app, options)
    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_run_prints_a_table_and_appends_one_row_only_once(tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(cli.app, [*FAST, "--epsilon", "2", "--directory", str(tmp_path)])
        assert result.exit_code == 0, result.output
        assert "epsilon 2, seed 0" in result.output
        assert "nearest" in result.output
        assert "on test records" in result.output
        assert len(read_rows(tmp_path)) == 1
    assert len((tmp_path / RESULTS).read_text().split()) > 1


def test_the_data_command_says_what_it_found() -> None:
    result = CliRunner().invoke(cli.app, ["data", "digits"])
    assert result.exit_code == 0
    assert "1,797 records, 64 features, 10 classes" in result.output


@pytest.mark.parametrize("defence", ["none", "framework"])
def test_too_few_members_are_refused_in_the_users_words(defence: str, tmp_path: Path) -> None:
    options = ["--dataset", "digits", "--members", "5", "--shadows", "1", "--defence", defence]
    result = CliRunner().invoke(cli.app, ["run", *options, "--directory", str(tmp_path)])
    assert result.exit_code == 2
    assert "member" in result.output


@pytest.mark.parametrize("mechanism", ["euclidean-laplace", "coordinate-laplace", "gaussian"])
def test_an_audit_of_a_correct_mechanism_refutes_nothing(mechanism: str) -> None:
    result = CliRunner().invoke(cli.app, ["audit", "--mechanism", mechanism, "--n", "2000"])
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
    result = CliRunner().invoke(cli.app, ["audit", "--n", "200", "--radius", "4", "--dataset", "digits"])
    assert result.exit_code == 0, result.output
    assert "release of digits: claimed epsilon 4.000, measured at least" in result.output


def test_a_refuted_claim_is_said_and_gives_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    class TooLittleNoise(EuclideanLaplace):
        """Half of the noise."""

        def sample(self, n: int, dimension: int, **options: object) -> object:
            return super().sample(n, dimension, **options) / 2

    monkeypatch.setitem(cli.MECHANISMS, "euclidean-laplace", TooLittleNoise)
    result = CliRunner().invoke(cli.app, ["audit", "--n", "5000"])
    assert result.exit_code == 1
    assert [line.count("REFUTED") for line in result.output.splitlines()] == [1, 1, 1]
