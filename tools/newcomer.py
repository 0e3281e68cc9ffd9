"""Is the wheel enough? Install it alone into a new environment, and do there what a newcomer does, on the digits.

Then the same with the extra "course": make an assignment, and grade its solution. It takes minutes, most of them for
PyTorch (TORCH_INDEX: see install.py). ``tests/test_packaging.py`` runs the same lines without a new environment.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from install import ROOT, torch_requirement

#: What a program does: fit, release, attack, audit.
PROGRAM = """
import torch
import vaeprivacy as vp

print(vp.__file__, vp.__version__)
data = vp.load("digits")
parts = vp.split(data.y, n_members=60, n_reference=60, n_test=60, generator=vp.seeded_generator(0, "split"))
x, y = data.x[parts.members], data.y[parts.members]
settings = vp.VAESettings(latent_dim=2, hidden=16, epochs=2)
synthesizer = vp.Synthesizer(vp.EuclideanLaplace(2.0), settings).fit(x, y, generator=vp.seeded_generator(0, "vae"))
release = synthesizer.release(x, y, generator=vp.SYSTEM_ENTROPY)
print(release.guarantee)
small, generator = vp.ClassifierSettings(hidden=16, epochs=2), vp.seeded_generator(0, "target")
target = vp.fit_classifier(release.x, release.y, small, n_classes=10, generator=generator)
candidates = data.x[parts.candidates], data.y[parts.candidates]
log_posteriors = vp.predict(target, candidates[0])
loss = log_posteriors[torch.arange(len(log_posteriors)), candidates[1]]
print(vp.auc(loss, parts.is_member))
print(vp.audit_release(synthesizer, x, y, generator=vp.seeded_generator(0, "audit")))
"""
#: What the command does.
COMMANDS = (
    "--version",
    "--help",
    "data digits",
    "run --dataset digits --members 20 --models 4",
    "attack runs --shadows 2",
    "audit --n 100 --dimension 2",
)
#: What it does with the extra "course".
COURSE = (
    "course make metric-privacy --student 1 --output given --format py --solution",
    "course check given/metric_privacy.py",
    "course grade submissions --assignment metric-privacy",
)
MADE, SUBMISSION = Path("given", "metric_privacy.py"), Path("submissions", "1.py")


def run(*command: str | Path, folder: Path) -> None:
    """Run a command in a folder, without what would let Python see this repository; end if it fails."""
    print(">", *command, flush=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([str(part) for part in command], cwd=folder, env=environment, check=True)


def main() -> None:
    """Build the wheel, install it, and run everything; the first thing that fails ends it."""
    index = ["--index-url", os.environ["TORCH_INDEX"]] if os.environ.get("TORCH_INDEX") else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        copy = folder / "copy"  # a build in the repository would leave files there
        shutil.copytree(ROOT / "vaeprivacy", copy / "vaeprivacy", ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / file, copy)
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, copy, folder=folder)
        run(sys.executable, "-m", "venv", folder / "venv", folder=folder)
        install, [wheel] = (python, "-m", "pip", "install", "--quiet"), folder.glob("*.whl")
        run(*install, *index, torch_requirement(newest=False), folder=folder)
        run(*install, wheel, folder=folder)
        run(python, "-c", PROGRAM, folder=folder)
        for line in COMMANDS:
            run(python, "-m", "vaeprivacy", *line.split(), folder=folder)
        run(*install, f"{wheel}[course]", folder=folder)
        for line in COURSE:
            if "grade" in line:
                (folder / SUBMISSION.parent).mkdir()
                (folder / MADE).rename(folder / SUBMISSION)
            run(python, "-m", "vaeprivacy", *line.split(), folder=folder)


if __name__ == "__main__":
    main()
