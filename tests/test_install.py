"""What `make` installs, in which order, from where, and what it says before gigabytes come."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import install  # noqa: E402 (found by the line above)

INDEX = "https://example.org/cpu"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip is asked to install, while nothing is."""
    found: list[list[str]] = []

    def pretend(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        found.append(command[4:])
        return subprocess.CompletedProcess(command, int("--dry-run" in command))  # no wheel is at hand

    monkeypatch.setattr(subprocess, "run", pretend)
    monkeypatch.setattr(sys, "argv", ["install.py"])
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(install, "has_gpu", lambda: False)
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    return found


def test_everything_but_pytorch_is_checked_against_hashes_and_only_pytorch_comes_from_its_index(asked, monkeypatch):
    monkeypatch.setenv("TORCH_INDEX", INDEX)
    install.main()
    lock, torch, package = asked
    assert {"--require-hashes", "--no-deps", "requirements.lock"} <= set(lock)
    assert torch[-3:] == ["--index-url", INDEX, install.torch_requirement(newest=False)]
    assert package[-2:] == ["--editable", "."] and {"--no-deps", "--no-build-isolation"} <= set(package)
    assert not [part for call in asked for part in call if "extra-index" in part]


def test_the_newest_versions_are_those_of_the_package_with_pytorch_first(asked, monkeypatch):
    monkeypatch.setenv("TORCH_INDEX", INDEX)
    monkeypatch.setattr(sys, "argv", ["install.py", "--newest"])
    install.main()
    torch, package = asked
    assert INDEX in torch and "--no-deps" in torch and torch[-1].startswith("torch>=")
    assert package[-2:] == ["--editable", ".[book,test]"]


def test_who_has_no_gpu_is_told_before_anything_is_loaded(asked, capsys):
    install.main()
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "gigabytes" in said and "TORCH_INDEX" in said and "README.md" in said
    assert len(asked) == 4  # a look at what is at hand, and the three calls


@pytest.mark.parametrize("why", ["an index", "a GPU", "a wheel", "another system"])
def test_nobody_else_is_told(asked, why, monkeypatch, capsys):
    {
        "an index": lambda: monkeypatch.setenv("TORCH_INDEX", INDEX),
        "a GPU": lambda: monkeypatch.setattr(install, "has_gpu", lambda: True),
        "a wheel": lambda: monkeypatch.setattr(install, "is_at_hand", lambda requirement: True),
        "another system": lambda: monkeypatch.setattr(sys, "platform", "darwin"),
    }[why]()
    install.main()
    assert capsys.readouterr().out == ""


def test_what_pip_cannot_do_ends_it_with_pips_status(asked, monkeypatch):
    monkeypatch.setattr(install, "calls", lambda **options: [["--dry-run"], ["never"]])
    monkeypatch.setattr(install, "has_gpu", lambda: True)
    with pytest.raises(SystemExit) as stopped:
        install.main()
    assert stopped.value.code == 1 and len(asked) == 1


def test_the_installed_pytorch_is_at_hand_and_no_other():
    assert install.is_at_hand("torch")
    assert not install.is_at_hand("torch==0.0.1")


def test_pip_takes_the_lock_in_hash_mode_and_refuses_a_file_that_was_changed(tmp_path):
    # A wheel of nothing, with its hash and with another.
    package = tmp_path / "nothing"
    package.mkdir()
    (package / "pyproject.toml").write_text('[project]\nname = "nothing-at-all"\nversion = "1"\n')
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=package, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    digest = subprocess.run(
        [sys.executable, "-m", "pip", "hash", str(wheel)], capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]
    [options] = [call for call in install.calls(newest=False, index=None) if "--require-hashes" in call]
    for line, status in ((digest, 0), (digest[:-1] + "0123456789abcdef"[digest[-1] == "0"], 1)):
        (tmp_path / "requirements.lock").write_text(f"nothing-at-all==1 \\\n    {line}\n")
        command = [sys.executable, "-m", "pip", "install", *options, "--no-index", "--target", str(tmp_path / "there")]
        environment = os.environ | {"PIP_FIND_LINKS": str(tmp_path)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
    assert "HASH" in done.stderr.upper()
