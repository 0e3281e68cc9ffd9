"""What commands print: tables that fit the window, the same as JSON, the version, and words for the shell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

import vaeprivacy
from vaeprivacy.attacks.catalogue import ATTACKS
from vaeprivacy.cli import app
from vaeprivacy.cli.sweep import print_summary
from vaeprivacy.cli.tables import print_attacks, print_table
from vaeprivacy.compute import parallel

NUMBERS = {"auc": (0.1234, 0.0123, 0.9876), "tpr_at_1_fpr": (0.5, 0.4, 0.6), "tpr_at_0_1_fpr": (0.25, 0.125, 0.375)}
ENDS = ("", "_low", "_high")
INTERVAL = {f"{name}{end}": value for name, each in NUMBERS.items() for end, value in zip(ENDS, each, strict=True)}
GRID = "dataset: digits\nn_members: 20\nn_models: 4\ndefence: none\n"


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parallel.OnThisMachine.__init__, "__defaults__", (1,))


def printed(width: int, show, *arguments, **options) -> list[str]:
    """Return the lines that a function prints into a window so many letters wide."""
    console = Console(width=width)
    with console.capture() as capture:
        show(console, *arguments, **options)
    return capture.get().splitlines()


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, in a window of 80 letters."""
    environment = os.environ | {"COLUMNS": "80", "TQDM_DISABLE": "1"}
    command = [sys.executable, "-m", "vaeprivacy", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


# Tables


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
def test_no_line_of_the_table_of_attacks_is_longer_than_the_window(width):
    rows = [{"attack": name, "knowledge": spec.knowledge, "weak": True, **INTERVAL} for name, spec in ATTACKS.items()]
    lines = printed(width, print_attacks, pd.DataFrame(rows), "a title")
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    assert sum("0.123 (0.012 to 0.988)" in line for line in lines) == (len(ATTACKS) if width >= 80 else 0)
    assert len(lines) < 1.5 * len(ATTACKS) or width != 80
    left_out = {80: "knows, TPR at 0.1% FPR", 100: "knows"}.get(width)
    assert left_out is None or f"A wider window, or --json, also shows: {left_out}." in lines


def test_a_name_longer_than_its_column_goes_on_in_the_next_line():
    texts = pd.DataFrame({"name": ["x" * 100 + "[red]"], "AUC": ["0.500"]})
    lines = printed(40, print_table, texts, words=("name",))
    assert "".join(lines).count("x") == 100 and "[red]" in "".join(lines)


def test_a_sweep_over_everything_fits_and_its_lines_can_be_told_apart():
    varied = [
        {"dataset": dataset, "full_label": "framework, epsilon 8, noise-aware", "trainer": trainer, "latent_dim": dim}
        for dataset in ("fashion-mnist", "digits")
        for trainer in ("private records", "records of other people")
        for dim in (8, 16)
    ]
    rows = [
        {"vae_epochs": epochs, "n_members": 2500, "seed": 0, "error": "", "test_accuracy": 0.8765, "attack": "loss",
         "looks_at": "classifier", "auc": 0.6543, "config": json.dumps(each | {"epochs": epochs})} | each
        for each in varied for epochs in (30, 60)
    ]  # fmt: skip
    narrow, wide = (printed(width, print_summary_of, pd.DataFrame(rows)) for width in (80, 200))
    assert max(map(len, narrow)) <= 80
    for lines in (narrow, wide):
        assert sum("0.876" in line and "0.654" in line for line in lines) == len(rows)
    assert "latent dim 16" in " ".join(" ".join(narrow).replace("│", " ").split())


def print_summary_of(console, results):
    print_summary(results, console)


# JSON


def test_json_is_all_that_is_printed_and_has_the_numbers_of_the_table(tmp_path):
    (tmp_path / "grid.yaml").write_text(GRID)
    made = CliRunner().invoke(app.app, ["run", "--dataset", "digits", "--members", "20", "--models", "4", "--json"])
    assert made.exit_code == 0
    rows = json.loads(made.stdout)
    assert rows[0]["n_members"] == 20 and all(0 <= row["auc"] <= 1 for row in rows)
    assert f"{rows[0]['test_accuracy']:.3f} on test records" in " ".join(made.stderr.split())
    swept = CliRunner().invoke(app.app, ["sweep", "grid.yaml", "--json"])
    assert {row["defence"] for row in json.loads(swept.stdout)} == {"none"}
    assert "Averages over seeds" in swept.stderr
    attacked = CliRunner().invoke(app.app, ["attack", "runs", "--shadows", "2", "--json"])
    table = pd.read_csv(tmp_path / "attacks" / "attacks.csv").set_index("attack")
    found = {row["attack"]: row["auc"] for row in json.loads(attacked.stdout)}
    assert found == pytest.approx(table.auc.to_dict(), abs=1e-12)


def test_an_audit_as_json_has_the_verdict_of_the_sentences():
    options = ["audit", "--n", "100", "--dimension", "2"]
    said, given = (CliRunner().invoke(app.app, [*options, *more]) for more in ([], ["--json"]))
    report = json.loads(given.stdout)
    assert given.exit_code == said.exit_code == int(report["refuted"])
    for audit in report["audits"]:
        start = f"{audit['what']}: claimed epsilon {audit['claimed']:.3f}, measured at least {audit['measured']:.3f}"
        assert start in said.stdout
    assert f"smallest p-value {min(report['law']['p_values'].values()):.3g}" in said.stdout


# The command itself


def test_the_version_is_told_and_the_module_is_the_command():
    assert ran("--version").stdout == f"vaeprivacy {vaeprivacy.__version__}\n"
    shown = ran("--help")
    assert shown.returncode == 0 and "Usage: vaeprivacy [OPTIONS] COMMAND" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "``" not in shown.stdout
    wrong = ran("data", "x")
    assert (wrong.returncode, wrong.stdout) == (2, "") and "There is no data set 'x'" in wrong.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [("vaeprivacy a", {"attack", "audit"}), ("vaeprivacy course gr", {"grade"}), ("vaeprivacy run --js", {"--json"})],
)
def test_the_shell_completes_commands_and_options(line, words, monkeypatch):
    asked = {"_VAEPRIVACY_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    assert set(ran().stdout.split()) == words
