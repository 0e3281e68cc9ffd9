"""How fast is a shadow-model attack? By us, by a plain PyTorch loop, and by the Adversarial Robustness Toolbox (ART).

Same target, records, architecture, epochs and batch size for all. Every job is a process of its own, so that its peak
memory is its own; the jobs take turns, in another order each round, and a ratio is that of two jobs of one round. Run
it with `make benchmark-attacks`; what is done is kept if it is interrupted.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file
from torch import nn

from vaeprivacy import attacks as mia
from vaeprivacy.attacks import Attack, Candidates, ClassifierRecipe, Knowledge, Shadows, train_shadows
from vaeprivacy.classifiers import ClassifierSettings, fit_classifier, predict
from vaeprivacy.compute.array_files import read_arrays, write_arrays
from vaeprivacy.compute.devices import processor
from vaeprivacy.compute.files import append_row, read_rows
from vaeprivacy.compute.parallel import in_parallel
from vaeprivacy.datasets import load, split
from vaeprivacy.experiments.external import load_classifier
from vaeprivacy.metrics import auc, tpr_at_fpr
from vaeprivacy.randomness import seeded_generator

Row = dict[str, Any]
MEMBERS, CLASSES = 2500, 10
SETTINGS = ClassifierSettings()  # of the target and of every shadow model
OUTPUT = Path(__file__).parent / "results" / "attacks"
#: What one round does: tool, shadow models, threads of the process, and models that we stack or ART's attack models.
JOBS = [
    ("matmul", 0, 1, ""), ("step", 0, 1, ""),
    ("ours", 8, 1, "4"), ("plain", 8, 1, ""), ("plain", 8, 2, ""), ("art", 8, 2, "rf nn"),
    ("ours", 64, 1, "4"), ("plain", 64, 2, ""),
    ("ours", 32, 1, "1"), ("ours", 32, 1, "4"), ("ours", 32, 1, "8"),
]  # fmt: skip
#: In the first round only: six minutes, and a quarter of an hour with ART's attack network, which is left out.
ONCE = [("art", 64, 2, "rf")]


# What every tool gets, and what it leaves


def prepare(folder: Path) -> None:
    """Train the target, and leave it and the records as files."""
    data = load("fashion-mnist")
    sizes = {"n_members": MEMBERS, "n_reference": 2 * MEMBERS, "n_test": 1000}
    parts = split(data.y, **sizes, generator=seeded_generator(0, "split"))
    options = {"n_classes": CLASSES, "generator": seeded_generator(0, "target")}
    target = fit_classifier(data.x[parts.members], data.y[parts.members], SETTINGS, **options)
    save_file(target.state_dict(), folder / "target.safetensors")
    records = torch.cat([parts.reference, parts.candidates])
    arrays = {"x": data.x[records], "y": data.y[records], "is_member": parts.is_member}
    write_arrays({name: tensor.numpy() for name, tensor in arrays.items()}, folder / "records.npz")


class Inputs:
    """The target, its candidates, and the adversary's reference records (the first of `x`), from their files."""

    def __init__(self, folder: Path) -> None:
        arrays = {name: torch.from_numpy(array) for name, array in read_arrays(folder / "records.npz").items()}
        self.x, self.y, self.is_member = arrays["x"], arrays["y"], arrays["is_member"]
        self.target = load_classifier(folder / "target.safetensors")

    def halves(self, shadows: int, seed: int) -> torch.Tensor:
        """Return which shadow model is trained on which record; no candidate is in any."""
        generator = seeded_generator(seed, "shadow members")
        of_reference = mia.draw_memberships(self.y[: 2 * MEMBERS], n_shadows=shadows, generator=generator)
        return F.pad(of_reference, (0, len(self.is_member)))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the wall seconds of a call, and its result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_mb() -> float:
    """Return the peak resident memory of this process (Linux; getrusage would count that of its parent as well)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def attack_row(seconds: float, scores: torch.Tensor, inputs: Inputs) -> Row:
    """Return the time of an attack, its AUC and its TPR at 1% FPR with their intervals."""
    scores, is_member = scores.double().numpy(), inputs.is_member.numpy()
    return {
        "seconds": seconds,
        "auc": list(auc(scores, is_member)),
        "tpr_at_1_fpr": list(tpr_at_fpr(scores, is_member, fpr=0.01)),
    }


# Ours


def our_attack(attack: Attack, inputs: Inputs, shadows: Shadows) -> torch.Tensor:
    """Ask the target, fit an attack and score the candidates."""
    sides = []
    for part in (slice(None, 2 * MEMBERS), slice(2 * MEMBERS, None)):
        x, about = inputs.x[part], shadows.about(part)
        sides.append(Candidates(x=x, y=about.y, log_posteriors=predict(inputs.target, x), shadows=about))
    population, candidates = sides
    return attack.fit(Knowledge(shadows=population.shadows, population=population)).score(candidates)


def with_attacks(shadows: Shadows, inputs: Inputs) -> Row:
    """Run our attacks on the answers of shadow models, one after the other."""
    attacks = {
        "Shokri": mia.ShokriAttack(),
        "LiRA offline": mia.LiRA(online=False),
        "RMIA offline": mia.RMIA(online=False),
    }
    rows = {}
    for name, attack in attacks.items():
        rows[name] = attack_row(*timed(partial(our_attack, attack, inputs, shadows)), inputs)
    return rows


def tiny_training() -> None:
    """Train one small model: the first step of a process loads much of PyTorch."""
    generator = torch.Generator().manual_seed(0)
    settings = ClassifierSettings(hidden=2, epochs=1)
    fit_classifier(torch.rand(10, 2), torch.arange(10) % 2, settings, n_classes=2, generator=generator)


def run_ours(inputs: Inputs, shadows: int, seed: int, models_at_once: str) -> Row:
    """Train shadow models with the package, a thread a core, and attack with them."""
    halves = inputs.halves(shadows, seed)
    recipe = ClassifierRecipe(CLASSES, seed, SETTINGS)
    options = {"is_member": halves, "recipe": recipe, "models_at_once": int(models_at_once), "n_jobs": -1}
    train, answers = timed(partial(train_shadows, inputs.x, inputs.y, **options))
    return {"train": train, "attacks": with_attacks(answers, inputs)}


# A plain loop


def plain_model(x: torch.Tensor, y: torch.Tensor) -> nn.Sequential:
    """Train one model as a PyTorch tutorial does."""
    model = nn.Sequential(nn.Linear(x.shape[1], SETTINGS.hidden), nn.ReLU(), nn.Linear(SETTINGS.hidden, CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.learning_rate)
    for _ in range(SETTINGS.epochs):
        for batch in torch.randperm(len(x)).split(SETTINGS.batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    return model


def run_plain(inputs: Inputs, shadows: int, seed: int, _: str) -> Row:
    """Train shadow models one after the other, and attack with them as we do."""
    halves = inputs.halves(shadows, seed)
    models = (plain_model(inputs.x[half], inputs.y[half]) for half in halves)
    train, answers = timed(lambda: torch.stack([predict(model, inputs.x) for model in models]))
    return {"train": train, "attacks": with_attacks(Shadows(answers, inputs.y, halves), inputs)}


# ART


def art_classifier(model: nn.Sequential) -> Any:
    """Wrap a model for ART, with a `fit` that trains as we do: ShadowModels gives no choice but ten epochs."""
    from art.estimators.classification import PyTorchClassifier

    class Classifier(PyTorchClassifier):
        def fit(self, x: np.ndarray, y: np.ndarray, **options: Any) -> None:
            super().fit(x, y, batch_size=SETTINGS.batch_size, nb_epochs=SETTINGS.epochs, **options)

    optimizer = torch.optim.Adam(model.parameters(), lr=SETTINGS.learning_rate)
    return Classifier(model, nn.CrossEntropyLoss(), (model[0].in_features,), CLASSES, optimizer=optimizer)


def run_art(inputs: Inputs, shadows: int, seed: int, attack_models: str) -> Row:
    """Train shadow models with ART, and attack with its attack models."""
    from art.attacks.inference.membership_inference import MembershipInferenceBlackBox, ShadowModels

    target, n = art_classifier(inputs.target), 2 * MEMBERS
    x, y = inputs.x.numpy(), np.eye(CLASSES, dtype=np.float32)[inputs.y]  # one-hot, as ART wants it
    models = ShadowModels(target, num_shadow_models=shadows, random_state=seed)
    train, (members, others) = timed(lambda: models.generate_shadow_dataset(x[:n], y[:n]))

    def attack(kind: str) -> torch.Tensor:
        black_box = MembershipInferenceBlackBox(target, attack_model_type=kind)
        black_box.fit(members[0], members[1], others[0], others[1], members[2], others[2])
        return torch.from_numpy(black_box.infer(x[n:], y[n:], probabilities=True)[:, 0])

    attacks = {}
    for kind in attack_models.split():
        attacks[kind] = attack_row(*timed(partial(attack, kind)), inputs)
    return {"train": train, "attacks": attacks}


# The machine


def matmul_rate(n: int = 2048, seconds: float = 3.0) -> float:
    """Return GFLOP/s of float32 matrix products in this thread."""
    a, b, out = torch.rand(n, n), torch.rand(n, n), torch.empty(n, n)
    torch.mm(a, b, out=out)
    start, count = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        torch.mm(a, b, out=out)
        count += 1
    return 2e-9 * n**3 * count / (time.perf_counter() - start)


def run_matmul(*_: object) -> Row:
    """Return the rate of one thread, and the sum of those of one a core at the same time."""
    tasks = [matmul_rate] * joblib.cpu_count()
    return {"one": matmul_rate(), "all": sum(in_parallel(tasks, n_jobs=-1, in_threads=True))}


def milliseconds(work: Callable[[], Any], repeats: int = 200) -> float:
    """Return the time of a call, on average over many after one to warm up."""
    work()
    return 1000 * timed(lambda: [work() for _ in range(repeats)])[0] / repeats


def run_step(inputs: Inputs, *_: object) -> Row:
    """Return the times of the parts of a step of four stacked models, in ms: what is not matrix products is memory."""
    shapes = ((4, 784, SETTINGS.hidden), (4, SETTINGS.hidden, CLASSES))
    first, second = weights = [torch.randn(shape).mul_(0.03).requires_grad_() for shape in shapes]
    optimizer = torch.optim.Adam(weights, fused=True)
    rows = iter(torch.randint(len(inputs.x), (1000, 4, SETTINGS.batch_size)))
    x, y = inputs.x[next(rows)], torch.randint(CLASSES, (4 * SETTINGS.batch_size,))
    hidden, logits = torch.rand(4, SETTINGS.batch_size, SETTINGS.hidden), torch.rand(4, SETTINGS.batch_size, CLASSES)

    def forward_and_backward() -> None:
        optimizer.zero_grad()
        F.cross_entropy((x.bmm(first).relu() @ second).flatten(0, 1), y, reduction="sum").backward()

    def products() -> None:
        with torch.no_grad():
            x.bmm(first), hidden.bmm(second), logits.bmm(second.mT), hidden.mT.bmm(logits), x.mT.bmm(hidden)

    parts = {"forward and backward": forward_and_backward, "of these, matrix products": products}
    parts |= {
        "Adam": optimizer.step,
        "taking a batch of records": lambda: inputs.x.index_select(0, next(rows).flatten()),
    }
    return {"parts": {name: milliseconds(part) for name, part in parts.items()}}


# Jobs


RUN = {"matmul": run_matmul, "step": run_step, "ours": run_ours, "plain": run_plain, "art": run_art}


def run_child(job: Sequence[Any], seed: int, folder: str) -> None:
    """Do one job in this process and print its row as the last line."""
    tool, shadows, threads, option = job
    torch.set_num_threads(threads)
    # The plain loop and ART take their random numbers from the global state, and give no other choice; ours does not.
    torch.manual_seed(seed)
    np.random.seed(seed)
    inputs = Inputs(Path(folder))
    tiny_training()
    row = RUN[tool](inputs, shadows, seed, option)
    print(json.dumps(row | {"peak_mb": peak_mb()}), flush=True)


def run_job(job: Sequence[Any], seed: int, folder: str) -> Row:
    """Do one job in a fresh process and return its row."""
    environment = os.environ | {"OMP_NUM_THREADS": str(job[2]), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, __file__, "--child", json.dumps([job, seed, folder])]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(rounds: int) -> None:
    """Do all jobs that the results lack, in another order each round."""
    done = read_rows(OUTPUT)
    machine = {
        "processor": processor(), "cores": joblib.cpu_count(), "python": platform.python_version(),
        "torch": torch.__version__,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for seed in range(rounds):
            jobs = np.roll(np.array(JOBS, dtype=object), seed, axis=0).tolist()
            for job in jobs + [list(job) for job in ONCE] * (seed == 0):
                key = json.dumps([job, seed])
                print(key, "(done before)" if key in done else "", file=sys.stderr, flush=True)
                if key not in done:
                    names = {"tool": job[0], "shadows": job[1], "threads": job[2], "option": job[3], "round": seed}
                    append_row(
                        {"key": key, **names, **run_job(job, seed, folder), "machine": machine}, directory=OUTPUT
                    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_child(*json.loads(options.child))
    else:
        measure(options.rounds)
