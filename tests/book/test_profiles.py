"""Profiles: parameters that notebooks know, and no page from another profile than the laptop's."""

import pytest
import yaml
from common import EXECUTED, profile_parameters
from conftest import NOTEBOOKS, ROOT
from execute import executed as folder_of
from papermill import inspect_notebook

PROFILES = sorted(path.stem for path in (ROOT / "notebooks" / "profiles").glob("*.yaml"))


def test_an_unknown_profile_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(FileNotFoundError, match="'desk'; choose one of laptop, paper, quick"):
        profile_parameters("desk")


def test_the_laptop_runs_notebooks_as_they_stand() -> None:
    assert profile_parameters("laptop") == {}


def test_the_pages_come_from_the_laptop_only() -> None:
    assert [folder_of(profile) == EXECUTED for profile in ("laptop", "quick", "paper")] == [True, False, False]


@pytest.mark.parametrize("profile", PROFILES)
def test_each_parameter_of_a_profile_is_one_of_some_notebook(profile: str) -> None:
    known = set().union(*(inspect_notebook(ROOT / "notebooks" / f"{name}.ipynb") for name in NOTEBOOKS))
    path = ROOT / "notebooks" / "profiles" / f"{profile}.yaml"
    assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= known
