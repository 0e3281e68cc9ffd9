"""A release on the command line: whole or not at all, no private record in it, and one fit however often it stops."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from vaeprivacy.cli import release_work
from vaeprivacy.cli.app import app
from vaeprivacy.estimators import ColumnSchema, Schema, measures, write_schema
from vaeprivacy.reporting import card_figures

SECRET = 77.123  # the income of one person


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of 600 people and a public schema; models are not trained on releases."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(50, 10, (600, 2)).round(3), columns=["income", "weight"])
    frame["ill"] = np.where(frame.income + random.normal(0, 10, 600) > 50, "yes", "no")
    frame.loc[0, "income"] = SECRET
    frame.to_csv(tmp_path / "people.csv", index=False)
    numbers = (ColumnSchema(name, "number", low=0.0, high=100.0, decimals=3) for name in ("income", "weight"))
    write_schema(Schema((*numbers, ColumnSchema("ill", "category", levels=("no", "yes")))), tmp_path / "s.yaml")
    monkeypatch.setattr(measures, "train_synthetic_test_real", lambda subject, generator: pd.DataFrame())
    monkeypatch.setattr(card_figures, "drawn", lambda figure: "data:,")  # pictures are tested with the card
    monkeypatch.chdir(tmp_path)
    return tmp_path


def release(*more: str) -> Result:
    """Run the command on the table, with no minutes for releases made anew."""
    options = ["people.csv", "--schema", "s.yaml", "--label", "ill", "--epsilon", "4", "--measure-minutes", "0"]
    return CliRunner().invoke(app, ["release", *options, *more])


def files(folder: Path) -> list[str]:
    """Return the names of all files in a folder and below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--label", "height"], "--label is 'height'; expected one of the columns income, weight, ill."),
        (["--unit", "height"], "--unit is 'height'; expected a column that no record lacks."),
        (["--epsilon", "-1"], "epsilon must be positive and finite, not -1.0."),
    ],
)
def test_a_mistake_is_one_sentence_with_status_2_and_nothing_to_publish(
    folder: Path, more: list[str], sentence: str
) -> None:
    result = release(*more)
    assert (result.exit_code, result.output.splitlines()[-1]) == (2, f"vaeprivacy: {sentence}")
    assert not (folder / "out").exists()


def test_a_draft_is_marked_as_a_leak_and_writes_over_nothing(folder: Path) -> None:
    command = ["schema", "people.csv", "-o", "draft.yaml"]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (folder / "draft.yaml").read_text().count("\n    from_data: true") == 3
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2 and "is there already" in again.output


def test_a_release_holds_rows_and_card_and_the_owners_card_lies_elsewhere(folder: Path) -> None:
    result = release()
    assert result.exit_code == 0, result.output
    assert files(folder / "out") == ["card.html", "card.json", "synthetic.csv"]
    assert {"model.safetensors", "order.json", "owner-card.html", "owner-card.json", "split.csv"} == set(
        files(folder / "out-owner")
    )
    assert all(str(SECRET) not in path.read_text() for path in (folder / "out").iterdir())
    synthetic = pd.read_csv(folder / "out" / "synthetic.csv")
    assert list(synthetic.columns) == ["income", "weight", "ill"] and len(synthetic) == 480
    public, owners = (
        json.loads((folder / name).read_text()) for name in ("out/card.json", "out-owner/owner-card.json")
    )
    assert public["promise"]["epsilon"] == pytest.approx(4.0) and "leaks" not in public["measured"]
    assert owners["verdict"]["kind"] == "pass" and len(owners["measured"]["leaks"]) > 8
    again = release()
    assert again.exit_code == 2 and "out is there already" in again.output
    assert CliRunner().invoke(app, ["card", "out", "--against", "people.csv", "--measure-minutes", "0"]).exit_code == 0
    members = pd.read_csv(folder / "out-owner" / "split.csv").part == "member"
    pd.read_csv("people.csv")[members].to_csv(folder / "out" / "synthetic.csv", index=False)  # not what was released
    swapped = CliRunner().invoke(app, ["card", "out", "--against", "people.csv", "--measure-minutes", "0"])
    assert swapped.exit_code == 1 and "Beyond the promise: nearest synthetic row" in swapped.output
    other = CliRunner().invoke(app, ["card", "out", "--against", "s.yaml"])
    assert other.exit_code == 2 and "is not the file that the release was made of" in other.output


def test_interrupted_it_goes_on_with_the_same_model_and_split(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*given: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(release_work, "measure", stop)
        assert release().exit_code == 130
    assert not (folder / "out").exists()
    kept = {name: (folder / "out-owner" / name).read_bytes() for name in ("model.safetensors", "split.csv")}
    refused = release("--epsilon", "2")
    assert refused.exit_code == 2 and "belongs to another release" in refused.output
    result = release()
    assert result.exit_code == 0 and "no second release is made" in result.output
    assert kept == {name: (folder / "out-owner" / name).read_bytes() for name in kept}


def test_a_gate_withholds_a_release_whose_attack_may_be_too_strong(folder: Path) -> None:
    result = release("--max-auc", "0.5")
    assert result.exit_code == 3, result.output
    assert not (folder / "out").exists()
    assert files(folder / "out-owner" / "withheld") == ["card.html", "card.json", "synthetic.csv"]
