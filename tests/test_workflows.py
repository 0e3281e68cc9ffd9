"""What GitHub runs: valid and safe workflows that call what a laptop calls. Each check is seen to refuse a bad one."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from systems import posix_only

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
TESTS = (FOLDER / "tests.yml").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
OF_A_MACHINE = re.compile(r"(?<![\w.-])(/home|/root|/tmp|/work|/Users|/mnt|[A-Z]:\\)")
sys.path.insert(0, str(ROOT / "tools"))

import versions  # noqa: E402 (found by the line above)

from vaeprivacy.compute.published import Published  # noqa: E402


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))


def commands(workflow: dict[str, Any]) -> dict[str, list[str]]:
    """Return what each job has the shell do, in order."""
    return {name: [step["run"] for step in steps_of(job) if "run" in step] for name, job in workflow["jobs"].items()}


def steps_of(job: dict[str, Any], *, using: str = "") -> list[dict[str, Any]]:
    """Return the steps of a job, those that use an action if one is named; a job that calls a workflow has none."""
    return [step for step in job.get("steps", []) if step.get("uses", "").startswith(using)]


def problems(text: str) -> Iterator[str]:
    """Say what is wrong with a workflow by this repository's own rules."""
    workflow = yaml.safe_load(text)
    used = (line.strip() for line in text.splitlines() if "uses:" in line and "uses: $/" not in line)
    yield from (line for line in used if not PINNED.search(line))
    jobs = [(name, job) for name, job in workflow["jobs"].items() if "uses" not in job]
    yield from (f"{name} has no limit of time" for name, job in jobs if "timeout-minutes" not in job)
    uploads = [step for _, job in jobs for step in steps_of(job, using="actions/upload-artifact@")]
    if any("retention-days" not in step["with"] for step in uploads):
        yield "an artifact is kept for three months"
    steps = [step for _, job in jobs for step in steps_of(job, using="actions/checkout@")]
    if any(step.get("with", {}).get("persist-credentials") is not False for step in steps):
        yield "a checkout keeps the credentials"
    yield from (f"{run!r} is put together" for runs in commands(workflow).values() for run in runs if "${{" in run)
    if workflow.get("permissions") not in ({}, {"contents": "read"}):
        yield "more is permitted to all jobs than to read"
    if "group" not in workflow.get("concurrency", {}):
        yield "runs do not wait for each other"
    if match := OF_A_MACHINE.search(text):
        yield f"{match[1]} is a folder of one machine"


def schema(kind: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Compare a file with the schema of its kind that comes with check-jsonschema."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{kind}", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def audit(path: Path) -> subprocess.CompletedProcess[str]:
    """Have zizmor look for weaknesses, also for those that are only matters of style, without the network."""
    zizmor = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    command = [zizmor, "--offline", "--pedantic", "--strict-collection", "--no-ignores", "--color=never", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8")


# What a bad workflow looks like: what to replace in that of the tests, and by what
CHECKOUT = re.search(r"actions/checkout@\S+ # \S+", TESTS)[0]
UPLOAD = CHECKOUT.replace("checkout", "upload-artifact")
TITLE = "run: echo ${{ github.event.pull_request.title }}"
UNSAFE = {
    "unpinned-uses": (CHECKOUT, "actions/checkout@v7"),
    "template-injection": ("run: make test", TITLE),
    "artipacked": ("        with:\n          persist-credentials: false\n", ""),
    "excessive-permissions": ("permissions:\n  contents: read", "permissions: write-all"),
}
BROKEN = {
    "a key that there is not": ("runs-on:", "runs_on:"),
    "an event that there is not": ("pull_request:", "pull_requests:"),
}
AGAINST_OUR_RULES = {
    "actions/checkout@v7": (CHECKOUT, "actions/checkout@v7"),
    "@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0": (" # v7.0.0", ""),
    "has no limit of time": ("    timeout-minutes: 60\n", ""),
    "keeps the credentials": ("persist-credentials: false", "persist-credentials: true"),
    "is put together": ("run: make test", TITLE),
    "more is permitted": ("contents: read", "contents: write"),
    "do not wait": ("concurrency:", "env:"),
    "three months": ("run: make test", f"uses: {UPLOAD}\n        with:\n          path: dist"),
    "is a folder of one machine": ("run: make test", "run: make test PYTHON=/home/me/python"),
}


# What is in the repository


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_workflow_fits_the_schema_and_our_rules(path: Path) -> None:
    done = schema("github-workflows", path)
    assert done.returncode == 0, done.stdout
    assert list(problems(path.read_text(encoding="utf-8"))) == []


FORMS = {"fault": "issue-forms", "question": "issue-forms", "new_attack": "issue-forms", "config": "issue-config"}
OTHERS = {f".github/ISSUE_TEMPLATE/{name}.yml": f"github-{kind}" for name, kind in FORMS.items()}
OTHERS |= {".github/dependabot.yml": "dependabot", "CITATION.cff": "citation-file-format"}


@pytest.mark.parametrize("path", OTHERS)
def test_other_files_fit_their_schemas(path: str) -> None:
    done = schema(OTHERS[path], ROOT / path)
    assert done.returncode == 0, done.stdout


def test_every_form_for_issues_is_checked() -> None:
    assert {path.stem for path in (ROOT / ".github" / "ISSUE_TEMPLATE").iterdir()} == set(FORMS)


def test_zizmor_finds_no_weakness() -> None:
    done = audit(ROOT / ".github")
    assert done.returncode == 0, done.stdout
    assert len(WORKFLOWS) == 5 and all(path.name in done.stderr for path in WORKFLOWS)


def test_all_workflows_pin_an_action_to_the_same_commit() -> None:
    found = {pin for path in WORKFLOWS for pin in re.findall(r"uses: ([^$].+)", path.read_text(encoding="utf-8"))}
    # Parts of an action, such as actions/cache/save, are of its repository.
    whole = {re.sub(r"^([\w-]+/[\w-]+)/[\w-]+@", r"\1@", pin) for pin in found}
    assert len({pin.split("@")[0] for pin in whole}) == len(whole)


# What a bad workflow meets


@pytest.mark.parametrize("finding", UNSAFE)
def test_zizmor_refuses(finding: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(TESTS.replace(*UNSAFE[finding]), encoding="utf-8")
    done = audit(path)
    assert done.returncode > 10 and f"[{finding}]" in done.stdout


@pytest.mark.parametrize("what", BROKEN)
def test_the_schema_refuses(what: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yml"
    path.write_text(TESTS.replace(*BROKEN[what]), encoding="utf-8")
    done = schema("github-workflows", path)
    assert done.returncode == 1 and "Schema validation errors" in done.stdout


@pytest.mark.parametrize("problem", AGAINST_OUR_RULES)
def test_our_rules_refuse(problem: str) -> None:
    old, new = AGAINST_OUR_RULES[problem]
    assert old in TESTS
    assert any(problem in found for found in problems(TESTS.replace(old, new)))


# What they run


def test_linux_and_macos_run_the_commands_of_a_laptop() -> None:
    tests, book = commands(load("tests")), commands(load("book"))
    assert tests["linux"] == tests["macos"] == ["make test"]
    changes = 'make changes BASE=_build/base >> "$GITHUB_STEP_SUMMARY"'
    assert book["build"] == ["make book", "make check-pages", "make check-saved", changes]
    latest = commands(load("latest"))["test"]
    assert latest == ["make test NEWEST=1", 'make versions NEWEST=1 >> "$GITHUB_STEP_SUMMARY"']
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    release = load("release")
    assert commands(release)["pdf"] == ["make pdf"]
    assert "dist/* pdf/*" in commands(release)["github"][0]  # what is attached
    names = ("test", "book", "check-pages", "check-saved", "versions", "pdf", "changes")
    assert all(f"\n{name}: " in makefile for name in names)


def test_windows_runs_what_make_test_runs() -> None:
    install, *test = commands(load("tests"))["windows"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"\t$(BIN)/{install} $(if $(NEWEST),--newest)\n" in makefile
    assert "".join(f"\t$(BIN)/{command}\n" for command in test) in makefile and len(test) == 2


def test_the_tests_run_with_every_python_that_is_supported() -> None:
    tried = load("tests")["jobs"]["linux"]["strategy"]["matrix"]["python"]
    classifiers = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r"Python :: \d", one)]
    assert tried == classifiers
    assert PROJECT["requires-python"] == f">={tried[0]}"


def test_jobs_without_a_gpu_take_pytorch_from_where_the_readme_says() -> None:
    index = re.search(r"TORCH_INDEX=(https:[^\s`]+)", (ROOT / "README.md").read_text(encoding="utf-8"))[1]
    for name, job in (("tests", "linux"), ("book", "build"), ("latest", "test"), ("release", "pdf")):
        assert load(name)["jobs"][job]["env"] == {"TORCH_INDEX": index}


def test_the_weekly_book_takes_over_nothing_and_what_has_run_is_kept_even_if_the_build_fails() -> None:
    book = load("book")
    data, notebooks, kept = steps_of(book["jobs"]["build"], using="actions/cache")
    assert data["if"] == notebooks["if"] == "github.event_name != 'schedule'"
    assert data["with"]["path"] == "~/.cache/vaeprivacy"
    assert notebooks["with"]["path"] == kept["with"]["path"] == "_build/executed"
    assert notebooks["with"]["key"] == kept["with"]["key"] and kept["if"] == "always()"
    assert kept["with"]["key"].startswith(notebooks["with"]["restore-keys"]) and "run_id" in kept["with"]["key"]
    steps = steps_of(book["jobs"]["build"])
    assert steps.index(notebooks) < steps.index(kept) == [step.get("run") for step in steps].index("make book") + 1
    [weekly] = [step for step in steps if step.get("run") == "make check-saved"]
    assert weekly["if"] == "github.event_name == 'schedule'"
    assert "schedule" in book[True]  # YAML reads the key "on" as true


def test_data_are_cached_where_the_package_downloads_them() -> None:
    [data] = steps_of(load("book")["jobs"]["build"], using="actions/cache@")
    code = "import pooch; print(pooch.os_cache('vaeprivacy'))"
    environment = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"} | {"HOME": "/home"}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    if sys.platform == "linux":
        assert found.stdout.strip() == data["with"]["path"].replace("~", "/home")


def test_nothing_is_published_before_the_tests_the_book_and_the_build_have_succeeded() -> None:
    jobs = load("release")["jobs"]
    assert jobs["test"]["uses"].endswith("/.github/workflows/tests.yml") and "workflow_call" in load("tests")[True]
    assert set(jobs["pypi"]["needs"]) == {"test", "build", "pdf"}
    assert jobs["github"]["needs"] == jobs["pages"]["needs"] == "pypi"
    publishing = {name for name, job in jobs.items() if set(job["permissions"].values()) != {"read"}}
    assert publishing == {"pypi", "github", "pages"}


def test_only_a_release_publishes_the_book_so_that_its_notebooks_install_that_release() -> None:
    deploying = [path.stem for path in WORKFLOWS if "actions/deploy-pages@" in path.read_text(encoding="utf-8")]
    assert deploying == ["release"]
    assert steps_of(load("release")["jobs"]["pdf"], using="actions/upload-pages-artifact@")
    published = Published("https://github.com/someone/something", "https://book.example", "vaeprivacy")
    if "dev" not in PROJECT["version"]:
        assert published.requirement("notebooks") == f"vaeprivacy[notebooks]=={PROJECT['version']}"
        assert f"/blob/v{PROJECT['version']}/" in published.colab("x.ipynb")


@posix_only
@pytest.mark.parametrize("on_main", [True, False])
def test_a_tag_that_is_not_on_main_is_not_released(tmp_path: Path, on_main: bool) -> None:
    def git(*arguments: str, folder: Path) -> None:
        who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)

    (tmp_path / "host").mkdir()
    git("init", "--initial-branch", "main", folder=tmp_path / "host")
    git("commit", "--allow-empty", "--message", "one", folder=tmp_path / "host")
    if not on_main:
        git("switch", "--create", "other", folder=tmp_path / "host")
        git("commit", "--allow-empty", "--message", "two", folder=tmp_path / "host")
    git("tag", "v1.0", folder=tmp_path / "host")
    git("clone", "--branch", "v1.0", "host", "clone", folder=tmp_path)
    command = ["bash", "-e", "-c", commands(load("release"))["build"][0]]
    environment = os.environ | {"GITHUB_REF_NAME": "v1.0"}
    done = subprocess.run(command, cwd=tmp_path / "clone", env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == ((0, "") if on_main else (1, "The tag v1.0 is not on main.\n"))
    assert load("release")["jobs"]["build"]["steps"][0]["with"]["fetch-depth"] == 0


def test_macos_computes_on_the_cpu() -> None:
    assert load("tests")["jobs"]["macos"]["env"] == {"VAEPRIVACY_DEVICE": "cpu"}


@posix_only
@pytest.mark.parametrize(("known", "does"), [("", "issue create --title"), ("7", "issue comment 7 --body")])
def test_a_failure_that_nobody_sees_opens_one_issue(tmp_path: Path, known: str, does: str) -> None:
    (tmp_path / "gh").write_text(f"""#!/bin/sh
[ "$2" = list ] && echo "{known}" || echo "$@"
""")
    (tmp_path / "gh").chmod(0o755)
    report = load("latest")["jobs"]["report"]
    assert report["needs"] == ["test", "faults"] and report["if"] == "failure()"
    step = steps_of(report)[-1]
    environment = os.environ | step["env"] | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(does) and "failed." in done.stdout


def test_codespaces_get_a_python_that_is_tested_and_what_make_installs() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["image"].rpartition(":")[2] in load("tests")["jobs"]["linux"]["strategy"]["matrix"]["python"]
    assert container["postCreateCommand"] == "make .venv/.installed"
    assert container["containerEnv"] == load("tests")["jobs"]["linux"]["env"]
    assert "INSTALLED := $(VENV)/.installed\n" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_form_for_faults_asks_for_versions_by_a_command_that_works() -> None:
    form = (ROOT / ".github" / "ISSUE_TEMPLATE" / "fault.yml").read_text(encoding="utf-8")
    code = re.search(r"`python -c \"(.+)\"`", form)[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{PROJECT['version']} ")


def test_a_pull_request_is_compared_with_its_base_even_if_the_book_was_not_built() -> None:
    steps = load("book")["jobs"]["build"]["steps"]
    base, changes = (step for step in steps if "_build/base" in f"{step.get('with')} {step.get('run')}")
    assert base["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert base["if"] == changes["if"] == "${{ !cancelled() && github.event_name == 'pull_request' }}"
    assert f"BASE={base['with']['path']} " in changes["run"]


def test_no_pull_request_waits_for_the_weekly_reports() -> None:
    for name in ("latest", "colab"):
        assert set(load(name)[True]) == {"schedule", "workflow_dispatch"}


@pytest.mark.parametrize(("tag", "status"), [(f"v{PROJECT['version']}", 0), (PROJECT["version"], 1), ("v99.0", 1)])
def test_a_tag_that_is_not_the_version_is_not_released(tag: str, status: int) -> None:
    code = commands(load("release"))["build"][1]
    environment = os.environ | {"GITHUB_REF_NAME": tag}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert (f"The tag is {tag}" in done.stderr) == bool(status)


# What they report


def test_versions_that_differ_from_the_lock_are_named() -> None:
    lock, here = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "2.1", "d": "4"}
    rows = versions.table(lock, here).splitlines()[2:]
    assert rows == ["| b | 2 | 2.1 |", "| c | 3 | none |", "| d | none | 4 |"]
    assert versions.table(lock, lock) == "All versions are those of requirements.lock."
    found = versions.installed()
    assert found["torch"].split("+") == [found["torch"]] and "vaeprivacy" not in found
    assert set(found) & set(versions.locked()) >= {"torch", "ruamel-yaml", "zizmor"}
