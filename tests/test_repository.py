"""The repository's promises about itself: versions agree, and no file depends on one machine."""

import ast
import itertools
import json
import re
import runpy
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest
import yaml
from order import FIRST, LAST, TESTS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vaeprivacy.reporting.results import FOLDER

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, TOOLS = PYPROJECT["project"], PYPROJECT["tool"]
sys.path.insert(0, str(ROOT / "tools"))

from install import torch_requirement  # noqa: E402 (found by the line above)
from versions import locked  # noqa: E402

LOCK = locked()
PYTHONS = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r"Python :: \d", one)]
EXTRAS = {name: [Requirement(text) for text in group] for name, group in PROJECT["optional-dependencies"].items()}


def requirements() -> list[Requirement]:
    """Return what is asked for of others; an extra may also ask for other extras of the package itself."""
    extras = [one for group in EXTRAS.values() for one in group if one.name != PROJECT["name"]]
    return [*map(Requirement, PROJECT["dependencies"]), *extras]


def within(extra: str) -> set[str]:
    """Return an extra and all that it asks for, in turn."""
    return {extra}.union(*(within(each) for one in EXTRAS[extra] if one.name == PROJECT["name"] for each in one.extras))


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_each_dependency_has_both_bounds_and_the_lock_satisfies_them(requirement):
    operators = {specifier.operator for specifier in requirement.specifier}
    assert operators == {">=", "<"}
    assert requirement.specifier.contains(LOCK[canonicalize_name(requirement.name)])


def test_the_lock_leaves_the_build_of_torch_to_the_user():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.findall(r"^(?:torch|nvidia|cuda|triton)\b.*", text, flags=re.MULTILINE)
    assert re.fullmatch(r"torch==[\d.]+", torch_requirement(newest=False))
    # What `make lock` takes for what PyTorch asks for is of the version that is installed.
    [known] = TOOLS["uv"]["dependency-metadata"]
    assert f"{known['name']}=={known['version']}" == torch_requirement(newest=False)


def test_the_lock_has_one_version_of_each_package_with_hashes_and_no_address():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    names = [re.match(r"([\w.-]+)==", line)[1] for line in lines if line[0] not in "# "]
    assert len(set(names)) == len(names) > 150
    for before, line in itertools.pairwise(lines):
        if before[0] not in "# ":
            assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?", line), before
    assert not [line for line in lines if "://" in line or line.startswith("--")]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_lock_has_what_each_python_on_each_system_needs(python, system):
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": system}
    here = locked(environment)
    for requirement in requirements():
        assert requirement.specifier.contains(here[canonicalize_name(requirement.name)]), requirement
    assert ("colorama" in here, "appnope" in here) == (system == "win32", system == "darwin")


def test_the_code_is_in_the_words_of_the_oldest_python_and_of_all_later_ones():
    oldest = tuple(map(int, PYTHONS[0].split(".")))
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}" and sorted(PYTHONS, key=lambda one: int(one[2:])) == PYTHONS
    with warnings.catch_warnings(action="error"):  # such as of an escape that a later Python refuses
        for folder in ("vaeprivacy", "tools", "benchmarks", "tests"):
            for path in (ROOT / folder).rglob("*.py"):
                ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=oldest)


def test_the_core_needs_a_dozen_packages_and_what_make_installs_is_everything():
    assert len(PROJECT["dependencies"]) <= 12
    assert within("all") == set(EXTRAS) - {"test"}
    assert within("book") | within("test") == set(EXTRAS) - {"all"}


def test_each_extra_that_a_message_names_is_there():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "vaeprivacy").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"""\bextra\("([\w-]+)"|vaeprivacy\[([\w-]+)\]""", text)}
    assert {name for pair in named for name in pair if name} <= set(EXTRAS)


def test_conda_users_get_python_and_pip_and_install_what_make_does():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["dependencies"] == [f"python={PYTHONS[0]}", "pip"]
    assert "python tools/install.py" in text
    assert "$(BIN)/python tools/install.py" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_book_shows_the_record_of_the_attack_benchmark():
    command = [sys.executable, str(ROOT / "benchmarks" / "attacks_report.py")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    page = (ROOT / "book" / "running.md").read_text(encoding="utf-8")
    assert len(lines) > 15
    assert [line for line in lines if line not in page] == []


def test_the_book_shows_the_record_of_the_sweep_benchmark():
    record = json.loads((ROOT / "benchmarks" / "results" / "sweep.json").read_text(encoding="utf-8"))
    page = " ".join((ROOT / "book" / "running.md").read_text(encoding="utf-8").split())
    ratio, n_rounds = record["ratio"], len(record["rounds"])
    interval = f"({ratio['low']:.2f} to {ratio['high']:.2f} in {n_rounds} rounds"
    assert f"two processes were {ratio['median']:.2f} times as fast as one {interval}" in page
    assert record["same_table_with_two_processes"] and record["same_table_after_kills"]
    assert len(record["killed_after_seconds_of_work"]) == 10


def test_the_device_benchmark_measures_what_the_book_shows(tmp_path, monkeypatch):
    small = {"records": 60, "models": 2, "epochs": 1, "codes": 100, "side": 32, "seconds": 0.001}
    options = [part for name, value in small.items() for part in (f"--{name}", str(value))]
    monkeypatch.setenv("VAEPRIVACY_DEVICE", "cpu")
    monkeypatch.setattr(sys, "argv", ["device.py", *options, "--output", str(tmp_path / "device-cpu.json")])
    runpy.run_path(str(ROOT / "benchmarks" / "device.py"), run_name="__main__")
    paths = [tmp_path / "device-cpu.json", *FOLDER.glob("device-*.json")]
    measured, *shown = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    assert len(measured["ceilings"]) == 3 and len(measured["work"]) == 4 + 8 and len(shown) == 2

    def kinds(record):
        rows = record["work"] | {"noise": record["noise"], "ceilings": record["ceilings"]}
        return {re.sub(r"\d+", "n", name): set(row) for name, row in rows.items()}

    for record in shown:
        assert kinds(record) == kinds(measured)
        assert all(0 <= row["share"] <= 1 for row in (*record["work"].values(), record["noise"]))
        assert all(rate > 1e9 for rate in record["ceilings"].values())


def test_ci_runs_the_commands_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^make \w+$", readme, flags=re.MULTILINE)
    ci = [line for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines() if line.startswith("make")]
    assert commands == ["make book", "make test"]
    assert ci == ["make book", *commands]  # the book is made twice: the second time nothing has changed


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_ruff_has_nothing_to_say():
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, str(ROOT)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_files_of_tests_that_are_begun_first_or_last_are_there():
    assert [name for name in (*FIRST, *LAST) if not (TESTS / name).is_file()] == []
    assert not set(FIRST) & set(LAST)
