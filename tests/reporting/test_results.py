"""Records of sweeps: what is kept is what their grids ask for."""

import ast
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from vaeprivacy.attacks import ATTACKS
from vaeprivacy.defences import Framework
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.grids import read_grid
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.reporting import results
from vaeprivacy.reporting.results import FOLDER, load_results, read_rows, result_names, rows_of_seeds, runs_of
from vaeprivacy.reporting.tables import made_with


def test_an_unknown_record_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(ValueError, match=r"no record 'nothing'.*'effects'"):
        load_results("nothing")


def test_runs_that_a_record_lacks_are_refused() -> None:
    configs = read_grid(FOLDER / "variants.yaml")
    other = replace(configs[0], seed=99)
    with pytest.raises(ValueError, match=r"1 of 3 runs are not in the record, .* on fashion-mnist: raw data, seed 99"):
        runs_of(load_results("variants"), [*configs[:2], other])


def test_runs_are_found_in_a_record_in_the_order_that_was_asked_for() -> None:
    record, configs = load_results("variants"), read_grid(FOLDER / "variants.yaml")
    asked = [configs[7], configs[2]]
    found = runs_of(record, asked)
    about = found.drop_duplicates("key")[["setting", "seed"]].to_records(index=False).tolist()
    assert about == [(config.defence.label, config.seed) for config in asked]
    one = record[record.key == found.key.iloc[0]].reset_index(drop=True)
    assert found[found.key == found.key.iloc[0]].equals(one)


def small(config: Config) -> Config:
    """Return a run of the grid for GPUs at a size for tests."""
    classifier = replace(config.classifier, hidden=4, epochs=1, batch_size=50)
    defence = config.defence
    if isinstance(defence, Framework):
        defence = replace(defence, vae=replace(defence.vae, latent_dim=3, hidden=16, epochs=1, batch_size=50))
    sizes = {"n_members": 60, "n_population": 100, "n_models": 4, "n_targets": 2}
    return replace(config, dataset="digits", classifier=classifier, defence=defence, **sizes)


def test_the_grid_for_gpus_runs_from_end_to_end_at_a_small_size(tmp_path: Path) -> None:
    configs = read_grid(FOLDER / "paper.yaml")
    assert len(configs) == 5 * 2 * 10
    first = [small(config) for config in configs if config.seed == 0 and config.n_members == 10000]
    few = [first[0], first[1], first[-1]]  # raw data, no noise, the largest epsilon
    table = sweep(few, directory=tmp_path, n_jobs=1, progress=False)
    assert (table.error == "").all() and table.auc.between(0, 1).all()
    assert runs_of(table, few).equals(table)
    assert set(ATTACKS) - {"combined"} <= set(table.attack)  # which is run where it is asked for


@pytest.mark.parametrize("name", result_names())
def test_a_record_holds_each_run_of_its_grid_and_no_other(name: str) -> None:
    table = load_results(name)
    configs = read_grid(FOLDER / f"{name}.yaml")
    runs = table.drop_duplicates("key")
    asked = [(c.dataset, c.defence.name, c.defence.label, c.seed, c.n_members, c.n_models) for c in configs]
    found = list(
        zip(*(runs[n] for n in ("dataset", "defence", "setting", "seed", "n_members", "n_models")), strict=True)
    )
    assert sorted(map(str, found)) == sorted(map(str, asked))
    assert (table.error == "").all()
    assert table.auc.between(0, 1).all()


@pytest.mark.parametrize("name", result_names())
def test_a_record_says_what_it_was_made_with(name: str) -> None:
    sentence = made_with(load_results(name))
    assert "torch 2" in sentence and "cores of" in sentence and "finished on 20" in sentence


def test_the_bill_of_a_gpu_says_where_it_comes_from() -> None:
    made, head, *rows = (FOLDER / "bill-cuda.csv").read_text(encoding="utf-8").splitlines()
    assert made.startswith("# ") and "NVIDIA" in made and "torch 2" in made
    assert head == "what,measured there" and len(rows) == 7


ROWS = pd.DataFrame({"seed": [0, 0, 1], "auc": [0.1 + 0.2, 0.6, 1 / 3]})


def computed(seeds: list[int]) -> pd.DataFrame:
    return ROWS.assign(computed_for=str(seeds))


@pytest.fixture
def rows_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    made = '#{"settings": {"dataset": "fair", "epsilons": [1.0]}, "provenance": {}}'
    (tmp_path / "rows.csv").write_text(f"{made}\n{ROWS.to_csv(index=False)}", encoding="utf-8")


@pytest.mark.usefixtures("rows_saved")
@pytest.mark.parametrize(
    ("seeds", "settings", "sentence"),
    [
        ([0, 2], {}, r"have seeds = \[0, 1\], not \[0, 2\]"),
        ([0], {"dataset": "digits"}, r"have dataset = fair, not digits: set from_record = False to compute them\."),
        ([0], {"epsilons": [1.0, 2.0]}, r"have epsilons = \[1.0\], not \[1.0, 2.0\]"),
        ([0], {"n_models": 4}, r"have n_models = None, not 4"),
    ],
)
def test_saved_rows_of_other_settings_are_refused(seeds: list[int], settings: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        rows_of_seeds("rows", computed, seeds, from_record=True, **settings)


@pytest.mark.usefixtures("rows_saved")
def test_saved_rows_are_those_of_the_seeds_to_the_last_digit_and_only_asked_for_computed() -> None:
    found = rows_of_seeds("rows", computed, [1, 0], from_record=True, dataset="fair", epsilons=[1.0])
    assert found.equals(ROWS.loc[[2, 0, 1]].reset_index(drop=True))
    assert rows_of_seeds("rows", computed, [7], from_record=False).equals(computed([7]))


TABLES = sorted(path for path in FOLDER.glob("*.csv") if path.name != "bill-cuda.csv")


@pytest.mark.parametrize("path", [path for path in TABLES if not path.read_bytes().startswith(b"#{")], ids=str)
def test_a_table_of_a_benchmark_is_named_in_its_command(path: Path) -> None:
    sources = (Path(__file__).resolve().parents[2] / "benchmarks").glob("*.py")
    docstrings = [ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "" for source in sources]
    assert sum(f"--output vaeprivacy/reporting/results/{path.name}" in text for text in docstrings) == 1
    assert len(pd.read_csv(path).dropna()) > 10


@pytest.mark.parametrize("path", [path for path in TABLES if path.read_bytes().startswith(b"#{")], ids=str)
def test_saved_rows_say_what_they_were_made_with(path: Path) -> None:
    rows, made = read_rows(path.stem)
    assert {"settings", "provenance"} == set(made) and {"processor", "torch", "finished"} <= set(made["provenance"])
    assert len(rows) and "seed" in rows
