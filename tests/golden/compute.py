"""What the package computed before its modules moved: small runs of everything, as arrays and texts.

``python tests/golden/compute.py`` records the fixture that ``tests/test_golden.py`` compares with. It is recorded
once: a fixture that is renewed whenever it differs compares nothing.
"""

import contextlib
import hashlib
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import scipy
import sklearn
import torch
from click import unstyle
from typer.testing import CliRunner

from vaeprivacy.attacks.catalogue import make_attack
from vaeprivacy.audit.faults import ALL_FAULTS
from vaeprivacy.audit.lower_bounds import audit_mechanism, audit_release, audit_scores
from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.classifiers import ClassifierSettings, fit_classifier, fit_classifiers, predict
from vaeprivacy.cli.app import app
from vaeprivacy.compute.devices import processor
from vaeprivacy.compute.published import PUBLISHED
from vaeprivacy.course.assignments import find_assignment, student_checks, student_version
from vaeprivacy.course.contest import Contest, make_contest, open_contest
from vaeprivacy.course.contest_entries import baseline_scores, read_scores
from vaeprivacy.course.grading import grade_submission
from vaeprivacy.course.leaderboard import Entry, as_json, as_markdown, standings
from vaeprivacy.course.variants import make_variant, read_key
from vaeprivacy.datasets import Dataset, load, split
from vaeprivacy.defences import DPSGD, Defence, Framework, NoDefence, PriorSampling, RecordNoise, Regularised
from vaeprivacy.dp_classifier import LINEAR_SETTINGS, DPClassifierSettings, fit_dp_classifier
from vaeprivacy.dp_sgd import DP_SETTINGS, DPSGDTrainer
from vaeprivacy.experiments.config import Config, draw_parts
from vaeprivacy.experiments.external import attack_files, load_arrays, load_classifier
from vaeprivacy.experiments.grids import config_of, read_grid
from vaeprivacy.experiments.proposal import propose
from vaeprivacy.experiments.runs import run, run_scores
from vaeprivacy.experiments.search import try_settings
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.mechanisms.denoisers import DENOISERS
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

CHECK_OF_GRIDS = "vaeprivacy.experiments.grids.check"  # what read_grid calls to see that the data set is there
#: Names of attacks in the fixture, by those of today where they differ.
OLD_NAMES: dict[str, str] = {
    "shokri": "shadow",
    "shokri_joint": "shadow_joint",
    "noise_robustness": "noise",
    "shift_robustness": "shift",
    "domias": "density",
    "calibrated_reconstruction": "vae",
}
#: Words of the recorded texts that are others today: names of classes, fields and modules.
NEW_WORDS: dict[str, str] = {
    "OnPrivateRecords": "PlainTrainer",
    "OnDisjointRecords": "PublicTrainer",
    "WithDPSGD": "DPSGDTrainer",
    "training must be": "trainer must be",
    "with training=": "with trainer=",
    "{training: ": "{trainer: ",
    "training: there is no": "trainer: there is no",
    "private, disjoint, dp-sgd": "private, public, dp-sgd",
    "has no generative model": "has no VAE",
    "Noise on coordinates has": "The noise 'coordinate-laplace' has",
    "training dp-sgd: epsilon": "trainer dp-sgd: epsilon",
    "'noise', 'shift',": "'noise_robustness', 'shift_robustness',",
    "'shadow_joint', 'shadow',": "'shokri_joint', 'shokri',",
    "'nearest_record', 'density',": "'nearest_record', 'domias',",
    "'calibrated_elbo', 'vae'": "'calibrated_elbo', 'calibrated_reconstruction'",
    "'digits', 'mnist', 'cifar-10', 'cifar-100', 'adult', 'purchase-100', 'texas-100', 'location-30', ": "'digits', ",
    "'fair', 'randhie', 'gaussian-mixture'": "'fair'",
    "digits, mnist, cifar-10, cifar-100, adult, purchase-100, texas-100, location-30, fair, randhie, "
    "gaussian-mixture": "digits, fair",
    "Read again: https://vaeprivacy.github.io/vaeprivacy/": f"Read again: {PUBLISHED.page('')}",
}

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COURSEWORK, RECORDS = (ROOT / "vaeprivacy" / room for room in ("course/sources", "reporting/results"))
ARRAYS, TEXTS, SEED_NAMES = HERE / "arrays.npz", HERE / "texts.json", HERE / "seed_names.json"
#: Results of one group: arrays, and texts (or lists and mappings of texts) for JSON. Those whose names begin with
#: "exact" are compared only on the machine where they were recorded.
Results = dict[str, Any]

SMALL = VAESettings(latent_dim=3, hidden=16, epochs=3)
CONDITIONAL = replace(SMALL, n_classes=10)
CONVOLUTIONAL = replace(SMALL, architecture="convolutional", epochs=1)
CLASSIFIER = ClassifierSettings(hidden=16, epochs=3)
RESNET = ClassifierSettings(hidden=4, epochs=1, architecture="resnet9")
RUN = Config(dataset="digits", n_members=24, n_models=4, classifier=CLASSIFIER)


def seed_name(defence: Defence) -> str:
    """Return the text of a defence with which its noise is seeded."""
    return defence.seed_name


def seeded(seed: int = 0) -> torch.Generator:
    """Return a seeded generator."""
    return torch.Generator().manual_seed(seed)


@cache
def digits() -> Dataset:
    """Return the images that come with scikit-learn."""
    return load("digits")


@cache
def _shared_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()


def shared_folder() -> Path:
    """Return a folder for files that several runs share, so that what they have in common is trained once."""
    return Path(_shared_folder().name)


@contextlib.contextmanager
def empty_folder() -> Iterator[Path]:
    """Work in an empty folder."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield Path(folder)


def processor_numbers() -> list[str]:
    """Return family and model of the processor, whose name does not tell generations apart on some rented machines."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").split("\n\n")[0].splitlines() if info.exists() else []
    parts = [[part.strip() for part in line.split(":", 1)] for line in lines]
    return [" ".join(part) for part in parts if part[0] in ("cpu family", "model")]


def machine() -> dict[str, str]:
    """Return what the last digits depend on."""
    return {
        "processor": f"{processor()}, {', '.join(processor_numbers())}",
        "capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "pandas": pd.__version__,
    }


# Runs: defences attacked

RUNS: dict[str, Config] = {
    "none, all attacks": replace(RUN, defence=NoDefence(), attacks="all"),
    "no noise": replace(RUN, defence=Framework(vae=SMALL)),
    "framework, all attacks": replace(RUN, defence=Framework(4.0, vae=SMALL), attacks="all"),
    "conditional": replace(
        RUN,
        defence=Framework(4.0, vae=CONDITIONAL, denoiser="posterior-mean", labels=RandomisedResponse(2.0, 10)),
        n_targets=2,
    ),
    "gaussian": replace(RUN, defence=Framework(4.0, "gaussian", vae=SMALL)),
    "coordinates": replace(RUN, defence=Framework(4.0, "coordinate-laplace", radius=2.0, vae=SMALL)),
    "sphere": replace(RUN, defence=Framework(4.0, "von-mises-fisher", vae=SMALL)),
    "noise-aware": replace(RUN, defence=Framework(4.0, vae=SMALL, noise_aware=True)),
    "disjoint": replace(RUN, defence=Framework(4.0, trainer=PublicTrainer(), vae=SMALL)),
    "few disjoint": replace(RUN, n_members=60, defence=Framework(4.0, trainer=PublicTrainer(0.5, 5), vae=SMALL)),
    "VAE with DP-SGD": replace(RUN, defence=Framework(4.0, trainer=DPSGDTrainer(8.0), vae=SMALL)),
    "prior, all attacks": replace(RUN, defence=PriorSampling(vae=SMALL), attacks="all"),
    "conditional prior": replace(RUN, defence=PriorSampling(vae=CONDITIONAL)),
    "prior with DP-SGD": replace(RUN, defence=PriorSampling(DPSGDTrainer(8.0), SMALL)),
    "record noise, all attacks": replace(RUN, defence=RecordNoise(), attacks="all"),
    "label smoothing": replace(RUN, defence=Regularised(label_smoothing=0.1)),
    "RelaxLoss": replace(RUN, defence=Regularised(relax_loss=0.5, epochs=2)),
    "DP-SGD": replace(RUN, defence=DPSGD()),
    "scattering": replace(RUN, defence=DPSGD(scattering=True)),
    "convolutional": replace(RUN, n_members=20, defence=Framework(4.0, vae=CONVOLUTIONAL), classifier=RESNET),
    "two targets": replace(RUN, seed=1, defence=Framework(4.0, vae=SMALL), n_targets=2, n_population=30),
}


def old(attack: str | None) -> str | None:
    """Return the name that an attack has in the fixture."""
    if not attack:
        return attack
    prefix = next((prefix for prefix in ("adaptive_", "reconstructed_") if attack.startswith(prefix)), "")
    name = attack.removeprefix(prefix)
    return prefix.replace("reconstructed_", "through_") + OLD_NAMES.get(name, name)


def joined(arrays: dict[str, np.ndarray], what: str) -> Results:
    """Return arrays ``what/name`` as one, in the order of their names, and the number of values of each."""
    found = {old(name.removeprefix(what)) or "": array for name, array in arrays.items() if name.startswith(what)}
    found, what = dict(sorted(found.items())), what.replace("shadow_fit/", "likeness/")
    return {
        what: np.concatenate([array.ravel() for array in found.values()]),
        f"parts of {what}": {name: list(array.shape) for name, array in found.items()},
    }


def row_results(rows: dict[str, dict[str, Any]]) -> Results:
    """Return rows of metrics by attack, as numbers and as texts."""
    rows = dict(sorted((old(name) or "", row) for name, row in rows.items()))
    kinds = {name: isinstance(value, str | bool) for name, value in next(iter(rows.values())).items()}
    words = [name for name, is_word in kinds.items() if is_word]
    numbers = [name for name, is_word in kinds.items() if not is_word]
    return {
        "row: numbers": np.array([[row[name] for name in numbers] for row in rows.values()], dtype=float),
        "row: metrics": numbers,
        "row: words": {name: [row[word] for word in words] for name, row in rows.items()},
    }


def of_run(config: Config) -> Results:
    """Return the scores of a run, and its row."""
    row, arrays = run(config, directory=shared_folder()), run_scores(config, directory=shared_folder())
    with_parts = ("scores/", "thresholds/", "targets/", "shadow_fit/")
    results = {name: array for name, array in arrays.items() if not name.startswith(with_parts)}
    for what in with_parts:
        results |= joined(arrays, what)
    results["attacks in their order"] = [old(name) for name in row["attacks"]]
    utilities = ("train_accuracy", "test_accuracy", "test_auc")
    results["row: utilities"] = np.array([row[name] for name in utilities])
    results["row"] = {name: row[name] for name in ("setting", "trainer", "n_targets")}
    results["row"]["shadows"] = {old(prefix): sentence for prefix, sentence in row["shadows"].items()}
    results["row"]["training"] = results["row"].pop("trainer")
    return results | row_results(row["attacks"])


# Tables


def of_table(table: pd.DataFrame, *, without: tuple[str, ...] = ()) -> Results:
    """Return the columns of a table: numbers as arrays, others as texts."""
    kept = [name for name in table.columns if name not in without]
    table, kept = table.rename(columns={"trainer": "training"}), ["training" if n == "trainer" else n for n in kept]
    if "defence" in table:
        table = table.assign(defence=table.defence.map(lambda name: OLD_DEFENCES.get(name, name)))
    results: Results = {"columns": kept, "rows": len(table)}
    numbers = [name for name in kept if table[name].dtype.kind in "iuf"]
    results["columns of numbers"] = numbers
    results["numbers"] = table[numbers].to_numpy(dtype=float)
    for name in (name for name in kept if name not in numbers):
        values = [None if pd.isna(value) else value for value in table[name].tolist()]
        values = [old(value) for value in values] if name == "attack" else values
        # Most columns are the same for many rows: each value, and how often it comes one after the other.
        runs: list[list[Any]] = []
        for value in values:
            if runs and runs[-1][0] == value:
                runs[-1][1] += 1
            else:
                runs.append([value, 1])
        results[f"column {name}"] = runs
    return results


def of_sweep() -> Results:
    """Return the table of a sweep."""
    configs = [RUNS["none, all attacks"], RUNS["framework, all attacks"]]
    with tempfile.TemporaryDirectory() as folder:
        table = sweep(
            [replace(config, attacks="few") for config in configs], directory=folder, n_jobs=1, progress=False
        )
        origin = ("python", "torch", "numpy", "vaeprivacy", "processor", "cores", "threads", "device", "finished")
        return of_table(table, without=("key", "config", "seconds", "short_label", "full_label", *origin))


def of_search() -> Results:
    """Return what a search for a setting finds, and what is proposed."""
    table = try_settings(
        digits().x[:120], digits().y[:120], epsilons=[1.0, 8.0], latent_dims=[2], seeds=[0, 1], n_models=4,
        vae=VAESettings(hidden=16, epochs=3), classifier=CLASSIFIER, progress=False,
    )  # fmt: skip
    proposal = propose(table, max_auc=1.0)
    # The attacks on the VAE stood before those on the release then, and labels had no columns of their own.
    run, last = (table.attack == table.attack[0]).cumsum(), table.looks_at == "release"
    table = table.loc[pd.DataFrame({"run": run, "last": last}).sort_values(["run", "last"], kind="stable").index]
    table = table.reset_index(drop=True).drop(columns=["short_label", "full_label"])
    return of_table(table) | {
        "proposal": str(proposal),
        "what looks at encoder and decoder": str(propose(table, max_auc=1.0, looks_at="encoder and decoder")),
        "by AUC": str(propose(table, max_auc=1.0, measure="auc")),
        "cost": str(proposal.cost),
        "none": refused(partial(propose, table, max_auc=0.51)),
    }


# Files


def of_files() -> Results:
    """Return the scores of attacks on arrays, with a target and with its answers only."""
    parts = split(digits().y, n_members=40, n_reference=40, n_test=40, generator=seeded())
    x, y = digits().x, digits().y
    settings = ClassifierSettings(hidden=16, epochs=8)
    target = fit_classifier(x[parts.members], y[parts.members], settings, n_classes=10, generator=seeded(1))
    synthesizer = Synthesizer(EuclideanLaplace(4.0), SMALL).fit(x[parts.members], y[parts.members], generator=seeded(2))
    release = synthesizer.release(x[parts.members], y[parts.members], generator=seeded(3))
    arrays = {"x": x[parts.candidates], "y": y[parts.candidates], "is_member": parts.is_member}
    reference = {"reference_x": x[parts.reference], "reference_y": y[parts.reference]}
    answers = {"log_posteriors": predict(target, arrays["x"])}
    results: Results = {}
    for what, given, model in (
        ("target", arrays | reference | {"release_x": release.x, "release_y": release.y}, target),
        ("answers", arrays | answers, None),
    ):
        with empty_folder() as folder:
            options = {"n_shadows": 4, "epochs": 5, "image_shape": (8, 8), "seed": 0, "directory": folder}
            found = attack_files(given, model, **options)
        these = {name: found[name] for name in ("is_member",)}
        for each in ("scores/", "thresholds/", "targets/", "shadow_fit/"):
            these |= joined(found, each)
        results |= {f"{what}: {name}": value for name, value in these.items()}
    return results


# Synthesizers and training


def of_release(release: Release) -> Results:
    """Return what is released, and what is promised."""
    return {"x": release.x.numpy(), "y": release.y.numpy(), "guarantee": str(release.guarantee)}


SYNTHESIZERS: dict[str, Synthesizer] = {
    "paper": Synthesizer(EuclideanLaplace(2.0), SMALL),
    "no noise": Synthesizer(None, SMALL),
    "gaussian": Synthesizer(Gaussian(1.0), SMALL, radius=2.0),
    "coordinates": Synthesizer(CoordinateLaplace(2.0), SMALL, radius=2.0),
    "sphere": Synthesizer(VonMisesFisher(2.0, 1.5), SMALL, radius=1.5),
    "conditional": Synthesizer(
        EuclideanLaplace(2.0), CONDITIONAL, denoiser=DENOISERS["posterior-mean"], labels=RandomisedResponse(2.0, 10)
    ),
    "noise-aware": Synthesizer(EuclideanLaplace(2.0), SMALL, noise_aware=True),
    "disjoint": Synthesizer(EuclideanLaplace(2.0), SMALL, trainer=PublicTrainer(), labels=RandomisedResponse(2.0, 10)),
    "DP-SGD": Synthesizer(
        EuclideanLaplace(2.0),
        replace(DP_SETTINGS, latent_dim=3, hidden=16, epochs=3),
        trainer=DPSGDTrainer(8.0),
        labels=RandomisedResponse(2.0, 10),
    ),
}


def of_synthesizers() -> Results:
    """Return releases of the paper's framework and of its variants."""
    x, y, others = digits().x[:50], digits().y[:50], slice(50, 100)
    results: Results = {}
    for name, unfitted in SYNTHESIZERS.items():
        synthesizer = replace(unfitted)
        fitted = (digits().x[others], digits().y[others]) if name == "disjoint" else (x, y)
        synthesizer.fit(*fitted, generator=seeded(1))
        found = of_release(synthesizer.release(x, y, generator=seeded(2)))
        found["codes"] = synthesizer.encode(x, y).numpy()
        results |= {f"{name}: {what}": value for what, value in found.items()}
        if name == "paper":
            again = synthesizer.release(x, y, generator=seeded(3), shuffle=False)
            results |= {f"second release: {what}": value for what, value in of_release(again).items()}
    for name, denoiser in DENOISERS.items():
        denoised = Synthesizer(EuclideanLaplace(1.0), SMALL, denoiser=denoiser).fit(x, y, generator=seeded(1))
        results[f"{name}: x"] = denoised.release(x, y, generator=seeded(2)).x.numpy()
    from_system = replace(SYNTHESIZERS["disjoint"]).fit(x, y, generator=seeded(1))
    results["promise of the system's entropy"] = str(from_system.release(digits().x[others], y).guarantee)
    return results


class StopError(Exception):
    """Stands for whatever interrupts a training."""


def weights_of(model: torch.nn.Module) -> np.ndarray:
    """Return all weights of a model as one array."""
    return torch.cat([weight.flatten() for weight in model.state_dict().values()]).numpy()


def of_vaes() -> Results:
    """Return weights and histories of VAEs, one of them interrupted."""
    x, y = digits().x[:60], digits().y[:60]
    results: Results = {}
    for name, settings in (("plain", SMALL), ("conditional", CONDITIONAL), ("convolutional", CONVOLUTIONAL)):
        vae, history = fit_vae(x, settings, y=y, generator=seeded(1))
        results |= {f"{name}: {what}": value for what, value in of_table(history).items()}
        results[f"{name}: weights"] = weights_of(vae)

    def stop(history: pd.DataFrame) -> None:
        if history.epoch.max() == 2:
            raise StopError

    with empty_folder() as folder:
        with contextlib.suppress(StopError):
            fit_vae(x, SMALL, y=y, generator=seeded(1), checkpoint=folder / "vae.ckpt", on_epoch=stop)
        vae, history = fit_vae(x, SMALL, y=y, generator=seeded(1), checkpoint=folder / "vae.ckpt")
    uninterrupted = fit_vae(x, SMALL, y=y, generator=seeded(1))
    same = np.array_equal(weights_of(vae), weights_of(uninterrupted[0])) and history.equals(uninterrupted[1])
    return results | {"interrupted: weights": weights_of(vae), "interrupted: as if it had not been": str(same)}


def of_classifiers() -> Results:
    """Return weights and answers of classifiers, trained together, alone and with DP-SGD."""
    x, y = digits().x[:60], digits().y[:60]
    results: Results = {}
    for name, settings in (
        ("plain", CLASSIFIER),
        ("regularised", replace(CLASSIFIER, weight_decay=0.01, label_smoothing=0.1)),
        ("RelaxLoss", replace(CLASSIFIER, relax_loss=0.5)),
        ("resnet9", RESNET),
        ("bfloat16", replace(CLASSIFIER, precision="bfloat16")),
    ):
        generators = [seeded(seed) for seed in (1, 2)]
        subsets = [torch.arange(40), torch.arange(20, 60)]
        models = fit_classifiers(x, y, settings, subsets=subsets, n_classes=10, generators=generators)
        for number, model in enumerate(models):
            results[f"{name} {number}: weights"] = weights_of(model)
            results[f"{name} {number}: answers"] = predict(model, x).numpy()
    for name, settings, centred in (("small", DPClassifierSettings(hidden=16, epochs=3), x), ("linear", None, x - 0.5)):
        settings = settings or replace(LINEAR_SETTINGS, epochs=3)
        options = {"epsilon": 4.0, "delta": 1e-4, "n_classes": 10, "generator": seeded(1)}
        model, spent = fit_dp_classifier(centred, y, settings, **options)
        results |= {f"DP-SGD, {name}: weights": weights_of(model), f"DP-SGD, {name}: spent": repr(spent)}
    return results


# Audits

MECHANISMS = {
    "euclidean": EuclideanLaplace(0.5),
    "coordinates": CoordinateLaplace(0.5),
    "gaussian": Gaussian(2.0),
}


def of_audits() -> Results:
    """Return what audits measure, p-values of noise, and how often planted errors are caught."""
    results: Results = {}
    for name, mechanism in MECHANISMS.items():
        audits = [
            audit_mechanism(mechanism, radius=2.0, dimension=d, n=1000, generator=seeded(d), level=0.99) for d in (1, 2)
        ]
        results[f"{name}: measured"] = np.array([[audit.claimed, audit.measured] for audit in audits])
        results[f"{name}: sentences"] = [str(audit) for audit in audits]
        p = noise_p_values(mechanism.sample(500, 4, generator=seeded(4)), mechanism)
        results |= {f"{name}: p-values": np.array(list(p.values())), f"{name}: statistics": list(p)}
        results[f"{name}: noise"] = mechanism.sample(20, 3, generator=seeded(5)).numpy()
    on_sphere = VonMisesFisher(2.0, 1.5)
    codes = on_sphere.project(torch.randn(20, 3, generator=seeded(6)), radius=1.5)
    results["sphere: noisy codes"] = on_sphere.perturb(codes, generator=seeded(7)).numpy()
    x, y = digits().x[:60], digits().y[:60]
    synthesizer = Synthesizer(EuclideanLaplace(2.0), SMALL).fit(x, y, generator=seeded(1))
    audit = audit_release(synthesizer, x, y, generator=seeded(2))
    results["release: measured"] = np.array([audit.claimed, audit.measured, audit.n, audit.level])
    results["release: sentence"] = str(audit)
    # Number 21 takes its noise from the system's entropy, and its right code has no seed to guess.
    results["planted"] = {bug.number: [bug.what, bug.check, bug.n] for bug in ALL_FAULTS}
    results["planted: rates"] = np.array([bug.rates(repetitions=3, seed=5) for bug in ALL_FAULTS])
    return results


# Coursework

KEY = b"the key of the golden files"
WRONG = {
    "measure-a-leak": "def loss_scores(p, y):\n    return -p[np.arange(len(y)), y]\n",
    "metric-privacy": "def euclidean_laplace(n, d, epsilon, rng):\n    return rng.laplace(0, 1 / epsilon, (n, d))\n",
}


def sha256(value: str | bytes) -> str:
    """Return the beginning of a hash."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()[:16]


def without_imports(text: str) -> str:
    """Return a text without the package's own names, which may change, and with a space for each white space."""
    imports = r"^[ \t]*(?:from|import) vaeprivacy[\w.]*(?: import (.+))?$"
    for line in re.findall(imports, text, flags=re.MULTILINE):
        for name in filter(None, re.split(r"\W+", line)):
            text = re.sub(rf"(?<!import )\b{name}\b", "imported", text)
    return " ".join(re.sub(imports, "", text, flags=re.MULTILINE).split())


def of_assignment(name: str) -> Results:
    """Return a student's variant of an assignment, and the points of a few submissions to it."""
    assignment = find_assignment(name, folder=COURSEWORK)
    variant = assignment.variant("7", key=KEY)
    results: Results = {f"{file}: {what}": a for file, arrays in variant.files.items() for what, a in arrays.items()}
    if name == "shadow-models":  # answers of a model that is trained so long that roundings add up
        results["exact answers of the target"] = results.pop("target.npz: candidate_log_posteriors")
    results["constants"] = {name: str(value) for name, value in variant.constants.items()}
    texts = {
        "notebook": student_version(assignment, variant, suffix="ipynb"),
        "empty": student_version(assignment, variant, suffix="py"),
        "solution": student_version(assignment, variant, suffix="py", solution=True),
        "checks": student_checks(assignment),
    }
    results |= {f"exact hash of {what}": sha256(without_imports(text)) for what, text in texts.items()}
    results["exact hash of hidden parts"] = sha256(
        json.dumps({k: str(v) for k, v in variant.hidden.items()}, sort_keys=True)
    )
    submissions = {"empty": texts["empty"]}
    if name in WRONG:
        submissions |= {"solution": texts["solution"], "wrong": f"{texts['solution']}\n\n# %%\n{WRONG[name]}"}
    for what, text in submissions.items():
        with empty_folder() as folder:
            (folder / "7.py").write_text(text, encoding="utf-8")
            grade = grade_submission(assignment, folder / "7.py", variant)
        results[f"{what}: points"] = np.array([[each.points, each.possible, each.by_hand] for each in grade.questions])
        results[f"{what}: feedback"] = {each.name: each.feedback for each in grade.questions}
        results[f"{what}: notes"] = grade.notes
    return results


def of_contest() -> Results:
    """Return what a small contest hands out, and the board of three entries and the baselines."""
    contest = Contest("golden", "digits", n_practice=100, n_final=100, epsilon=90.0)
    with empty_folder() as folder:
        make_contest(contest, folder / "golden", key=KEY, generator=seeded(1))
        opened = open_contest(folder / "golden")
        files = sorted(path.name for path in (folder / "golden").iterdir())
        example = read_scores(folder / "golden" / "example.csv", contest)
        readme = (folder / "golden" / "README.md").read_text(encoding="utf-8")
    baselines = baseline_scores(opened)
    entries = [Entry(name, scores, baseline=True) for name, scores in baselines.items()]
    coins = torch.rand(100, generator=seeded(2)).numpy()
    entries += [Entry("guesses", coins), Entry("example", example)]
    entries += [Entry("half", coins + 0.1 * next(reversed(baselines.values())))]
    hidden = contest.hidden(KEY)
    table = standings(entries, hidden[100:])
    release = opened.knowledge.release
    return {
        "files": files,
        "README": readme,
        "proof": contest.proof_of(KEY),
        "hidden": hidden,
        "log_posteriors": opened.candidates.log_posteriors.numpy(),
        "release: x": release.x.numpy(),
        "release: y": release.y.numpy(),
        **{f"baseline {name}": scores for name, scores in baselines.items()},
        "board": as_markdown(contest, table, {"broken.csv": "No scores."}),
        "board as JSON": as_json(contest, table, {}),
    }


# Texts

COMMANDS = (
    "", "data", "run", "sweep", "attack", "audit", "course", "course make", "course check", "course grade",
    "course export", "course contest", "course contest make", "course contest rank",
)  # fmt: skip
GRID = """
dataset: digits
n_members: 24
n_models: 4
defence: [none, {framework: {epsilon: 4, vae: {latent_dim: 3, hidden: 16, epochs: 3}}}]
classifier: {hidden: 16, epochs: 3}
"""


def command(*arguments: str) -> str:
    """Return what the command prints, after its exit status."""
    plain = {"COLUMNS": "120", "TERM": "dumb", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, list(arguments), env=plain)
    output = re.sub(r"[\w ]+: +\d+%\|[^\]\n]*\][\r\n]*", "", unstyle(result.output))  # no bars, which tell the time
    output = "\n".join(line.rstrip() for line in output.splitlines())
    return f"exit status {result.exit_code}\n{output}"


def of_help() -> Results:
    """Return the help of each command."""
    return {f"vaeprivacy {name}".strip(): command(*name.split(), "--help") for name in COMMANDS}


def of_commands() -> Results:
    """Return what commands print that do something, or are asked for what is impossible."""
    with empty_folder() as folder:
        (folder / "grid.yaml").write_text(GRID)
        (folder / "wrong.yaml").write_text("seed: 1\nseed: 2\n")
        (folder / "key").write_bytes(KEY)
        (folder / "short").write_text("short")
        lines = (
            "data digits", "data x", "run --epsilon -1", "run --epsilon nan", "run --dataset x",
            "run --dataset digits --members 1000", "run --dataset digits --members 5",
            "run --dataset digits --models 5", "run --defence prayer", "run --defence none --epsilon 1",
            "run --defence regularised", "sweep none.yaml", "sweep wrong.yaml",
            "sweep grid.yaml --jobs 1 --directory runs", "sweep grid.yaml --jobs 1 --directory runs",
            "attack none.npz", "attack . --directory out", "attack runs --key zzz",
            "audit --epsilon 0", "audit --radius nan", "audit --mechanism pixie-dust",
            "audit --n 200 --dimension 2", "audit --mechanism gaussian --n 200 --dimension 2",
            f"course make contest --student 1 --output out --coursework {COURSEWORK}",
            f"course make metric-privacy --student a/b --output out --coursework {COURSEWORK}",
            f"course make metric-privacy --student 7 --output made --key key --coursework {COURSEWORK}",
            f"course make metric-privacy --student 7 --output out --key short --coursework {COURSEWORK}",
            "course check none.py", "course check made/metric_privacy.ipynb",
            "course grade none", "course contest rank . --contest .",
            "course contest make contest --key key --dataset digits --final 101",
        )  # fmt: skip
        found = {f"{number}: {line}": command(*line.split()) for number, line in enumerate(lines, start=1)}
    return {name.replace(str(COURSEWORK), "..."): text.replace(str(COURSEWORK), "...") for name, text in found.items()}


def refused(call: Callable[[], Any]) -> str:
    """Return the kind and the sentence of the error that a call ends with."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def of_errors() -> Results:
    """Return what is said to impossible arguments."""
    x, y = digits().x[:100], digits().y[:100]
    vae = VAE(64, latent_dim=3, hidden=16, generator=seeded(5))
    ready = Synthesizer(EuclideanLaplace(1.0), SMALL, vae=vae)
    search = partial(try_settings, epsilons=[1.0], progress=False)
    calls: dict[str, Callable[[], Any]] = {
        "framework, epsilon": lambda: Framework(-1.0),
        "framework, epsilon as text": lambda: Framework("8"),
        "framework, mechanism": lambda: Framework(1.0, mechanism="loud"),
        "framework, denoiser": lambda: Framework(1.0, denoiser="loud"),
        "framework, nothing to denoise": lambda: Framework(denoiser="project"),
        "framework, denoiser on the sphere": lambda: Framework(1.0, "von-mises-fisher", denoiser="project"),
        "framework, a name as training": lambda: Framework(trainer="private"),
        "share": lambda: PublicTrainer(share=2),
        "classes without labels": lambda: PublicTrainer(first_classes=5).kept(4),
        "budget, epsilon": lambda: DPSGDTrainer(0.01),
        "budget, delta": lambda: DPSGDTrainer(8.0, delta=2.0),
        "no generative model": lambda: NoDefence().fit_vae(x, y, n_classes=10, generator=seeded()),
        "VAE settings, held out": lambda: VAESettings(held_out=1.0),
        "VAE settings, architecture": lambda: VAESettings(architecture="rnn"),
        "classifier settings, smoothing": lambda: ClassifierSettings(label_smoothing=1),
        "classifier settings, both": lambda: ClassifierSettings(label_smoothing=0.1, relax_loss=0.5),
        "regularised by nothing": lambda: Regularised(),
        "regularised, epochs": lambda: Regularised(epochs=1.5),
        "scattering": lambda: DPSGD(scattering=1),
        "scattering of a table": lambda: DPSGD(scattering=True).features(x, image_shape=None),
        "record noise": lambda: RecordNoise(-1.0),
        "mechanism, epsilon": lambda: EuclideanLaplace(0.0),
        "mechanism, sigma": lambda: Gaussian(float("nan")),
        "randomised response": lambda: RandomisedResponse(1.0, 1),
        "labels that are no numbers": lambda: RandomisedResponse(1.0, 3).perturb(y.float(), generator=seeded()),
        "data set": lambda: load("x"),
        "config, defence": lambda: Config(defence="none"),
        "config, attacks": lambda: Config(attacks="some"),
        "config, members": lambda: Config(n_members=5),
        "config, members as text": lambda: Config(n_members="5"),
        "config, models": lambda: Config(n_models=5),
        "config, targets": lambda: Config(n_models=4, n_targets=9),
        "config, records": lambda: draw_parts(digits().y, Config("digits", n_members=1000)),
        "config, public records": lambda: draw_parts(
            digits().y, Config("digits", Framework(trainer=PublicTrainer()), n_members=400, n_population=900)
        ),
        "sweep": lambda: sweep([replace(RUN, dataset="x")], directory="out", n_jobs=1, progress=False),
        "attack": lambda: make_attack("x", seed=0, image_shape=None),
        "records, values": lambda: fit_vae(2 * x, SMALL, generator=seeded()),
        "records, shape": lambda: fit_vae(x[0], SMALL, generator=seeded()),
        "records, type": lambda: fit_vae(x.long(), SMALL, generator=seeded()),
        "conditional without labels": lambda: fit_vae(x, CONDITIONAL, generator=seeded()),
        "DP-SGD, convolutional": lambda: DPSGDTrainer(8.0).fit(x, CONVOLUTIONAL, generator=seeded()),
        "labels, type": lambda: fit_classifier(x, y.float(), n_classes=10, generator=seeded()),
        "labels, number": lambda: fit_classifier(x, y[:5], n_classes=10, generator=seeded()),
        "subsets": lambda: fit_classifiers(
            x, y, subsets=[torch.arange(4), torch.arange(5)], n_classes=10, generators=[seeded(), seeded()]
        ),
        "synthesizer, not fitted": lambda: Synthesizer(None).release(x, y),
        "synthesizer, labels": lambda: ready.release(x, y[:5]),
        "synthesizer, noise-aware without noise": lambda: Synthesizer(None, noise_aware=True),
        "synthesizer, denoiser without noise": lambda: Synthesizer(None, denoiser=DENOISERS["project"]),
        "synthesizer, not disjoint": lambda: (
            replace(SYNTHESIZERS["disjoint"]).fit(x, y, generator=seeded()).release(x, y)
        ),
        "audit without epsilon": lambda: audit_release(
            replace(ready, mechanism=Gaussian(1.0)), x, y, generator=seeded()
        ),
        "audit of too few": lambda: audit_scores(np.zeros(19), np.zeros(19), Indistinguishability(1.0)),
        "promise of coordinates": lambda: Framework(1.0, "coordinate-laplace").promised_epsilon(2500),
        "search, values": lambda: search(2 * x, y),
        "search, records": lambda: search(x[:50], y[:50]),
        "search, seeds": lambda: search(x, y, seeds=[0]),
        "search, models": lambda: search(x, y, n_models=5),
        "search, training": lambda: search(x, y, trainer=PublicTrainer()),
        "search, nothing": lambda: search(x, y, epsilons=[]),
        "proposal, limit": lambda: propose(pd.DataFrame(), max_auc=0.5),
        "proposal, measure": lambda: propose(pd.DataFrame(), max_auc=0.6, measure="f1"),
        "files, nothing to attack": lambda: attack_files(
            {"x": x, "y": y, "is_member": y > 4},
            None,
            n_shadows=4,
            epochs=1,
            image_shape=None,
            seed=0,
            directory=Path("out"),
        ),
        "student": lambda: make_variant("a", "../1", key=KEY, make=lambda public, secret: {}),
        "contest": lambda: Contest("small", n_final=101),
    }
    with empty_folder() as folder:
        (folder / "text").write_text("no arrays")
        (folder / "text.npz").write_text("no arrays")
        (folder / "short").write_text("short")
        np.savez(folder / "poor.npz", x=np.zeros((4, 2)), y=np.zeros(4))
        np.savez(folder / "uneven.npz", x=np.zeros((4, 2)), y=np.zeros(3), is_member=np.zeros(4))
        calls |= {
            "no file of arrays": lambda: load_arrays(Path("none.npz")),
            "broken file of arrays": lambda: load_arrays(Path("text.npz")),
            "poor file of arrays": lambda: load_arrays(Path("poor.npz")),
            "uneven arrays": lambda: load_arrays(Path("uneven.npz")),
            "no target": lambda: load_classifier(Path("none.safetensors")),
            "broken target": lambda: load_classifier(Path("text")),
            "broken VAE": lambda: VAE.load("text"),
            "broken checkpoint": lambda: fit_vae(x, SMALL, generator=seeded(), checkpoint=Path("text")),
            "no key": lambda: read_key(Path("none")),
            "short key": lambda: read_key(Path("short")),
            "no grid": lambda: read_grid("none.yaml"),
        }
        grids = (
            "", "- 3", "a: [", "seed: 1\nseed: 2", "seeds: [0]", "seed: []", "seed: one", "n_members: 5",
            "n_members: 450", "n_models: 3", "attacks: most", "dataset: mnist-1d", "defence: prayer", "defence: {}",
            "defence: {framework: {epsilon: [2, -1]}}", "defence: {framework: {epsilon: none}}",
            "defence: {framework: {mechanism: loud}}", "defence: {framework: {labels: {epsilon: 1}}}",
            "defence: {framework: {trainer: open}}", "defence: {framework: {trainer: dp-sgd}}",
            "defence: {framework: {vae: {size: 4}}}", "defence: {framework: {vae: {hidden: 0}}}",
            "defence: {dp-sgd: {scattering: 1}}", "defence: regularised", "classifier: 128",
            "classifier: {hidden: wide}", "- {dataset: digits, n_members: 100}\n- {seeds: 1}",
        )  # fmt: skip
        for number, text in enumerate(grids):
            fields = "".join(
                f"{line}\n" for line in ("dataset: digits", "n_members: 100") if line.split(":")[0] not in text
            )
            whole = text if text in grids[:3] or text.startswith("- ") else fields + text
            (folder / f"{number}.yaml").write_text(whole)
            calls[f"grid {text!r}"] = partial(read_grid, f"{number}.yaml")
        said = {name: refused(call) for name, call in calls.items()}
    # What a reader of files says of a broken one is its own affair.
    return {name: re.sub(r"\(.*\)", "(...)", text) if "broken" in name else text for name, text in said.items()}


# What seeds noise

DEFENCES: tuple[Defence, ...] = (
    NoDefence(),
    Framework(),
    Framework(8),
    Framework(2.0, "gaussian", 3.0, PublicTrainer(), VAESettings(latent_dim=3)),
    Framework(2.0, "coordinate-laplace"),
    Framework(2.0, "von-mises-fisher", trainer=PublicTrainer(0.5, 5)),
    Framework(trainer=DPSGDTrainer(4, delta=1e-7)),
    Framework(2.0, trainer=PublicTrainer(), noise_aware=True, labels=RandomisedResponse(1.0, 10)),
    Framework(2.0, trainer=DPSGDTrainer(4.0), labels=RandomisedResponse(1.0, 10)),
    Framework(2.0, vae=VAESettings(n_classes=10), denoiser="posterior-mean"),
    PriorSampling(),
    PriorSampling(DPSGDTrainer(4.0), VAESettings(n_classes=10)),
    PriorSampling(PublicTrainer()),
    RecordNoise(8.0, radius=2.0),
    Regularised(epochs=4, weight_decay=0.01),
    Regularised(relax_loss=0.5),
    DPSGD(2.0, scattering=True),
    DPSGD(),
)


def of_promises() -> Results:
    """Return what seeds the noise of some defences, what they are called, and what they promise."""
    results: Results = {}
    for defence in DEFENCES:
        try:
            promised = repr(defence.promised_epsilon(2500))
        except ValueError as error:
            promised = str(error)
        results[seed_name(defence)] = {
            "label": defence.label,
            "how trained": defence.how_trained,
            "publishes": ["model" if part == "vae" else part for part in defence.publishes],
            "promised": promised,
            "whole promise": str(defence.total_guarantee(2500)),
            "as JSON": json.dumps(in_old_words(asdict(defence))),
        }
    return results


#: Names of defences and trainers in the fixture, by those of today.
OLD_DEFENCES = {"record-noise": "record noise", "dp-sgd": "DP-SGD"}
OLD_TRAINERS = {"private": "private records", "public": "disjoint records", "dp-sgd": "DP-SGD"}


def in_old_words(defence: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a defence with the names and in the words of the fixture."""
    found = {("training" if name == "trainer" else name): value for name, value in defence.items()}
    found["name"] = OLD_DEFENCES.get(found["name"], found["name"])
    if "training" in found:
        found["training"] = found["training"] | {"name": OLD_TRAINERS[found["training"]["name"]]}
    return found


def in_new_words(defence: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a defence of the fixture with the names and in the words of today."""
    new_defences, new_trainers = ({new: now for now, new in each.items()} for each in (OLD_DEFENCES, OLD_TRAINERS))
    found = {("trainer" if name == "training" else name): value for name, value in defence.items()}
    found["name"] = new_defences.get(found["name"], found["name"])
    if "trainer" in found:
        found["trainer"] = found["trainer"] | {"name": new_trainers[found["trainer"]["name"]]}
    return found


def saved_row() -> dict[str, Any]:
    """Return a configuration as it stands in saved runs."""
    return asdict(Config())


def name_of_saved(row: dict[str, Any], defence: dict[str, Any]) -> str:
    """Return what seeds the noise of a defence that stands in a saved run.

    Parameters
    ----------
    row : dict
        As of :func:`saved_row`.
    defence : dict
        The defence's fields, which take the place of those in the row.
    """
    return seed_name(config_of({**row, "defence": in_new_words(json.loads(json.dumps(defence)))}).defence)


def names_in_records() -> list[tuple[dict[str, Any], str]]:
    """Return all defences of saved runs, as JSON, and what seeds their noise."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(RECORDS.glob("*.parquet")):
        for text in pd.read_parquet(path, columns=["config"]).config.unique():
            defence = in_old_words(json.loads(text)["defence"])
            found[json.dumps(defence, sort_keys=True)] = defence
    return [(found[text], name_of_saved(saved_row(), found[text])) for text in sorted(found)]


def names_in_grids() -> dict[str, list[str]]:
    """Return what seeds the noise of each defence of the grids of records, in their order."""
    with patch(CHECK_OF_GRIDS):  # without the data sets
        grids = {path.name: read_grid(path) for path in sorted(RECORDS.glob("*.yaml"))}
    return {name: list(dict.fromkeys(seed_name(each.defence) for each in configs)) for name, configs in grids.items()}


# The fixture

GROUPS: dict[str, Callable[[], Results]] = {
    **{f"run, {name}": partial(of_run, config) for name, config in RUNS.items()},
    "sweep": of_sweep,
    "search": of_search,
    "files": of_files,
    "synthesizers": of_synthesizers,
    "VAEs": of_vaes,
    "classifiers": of_classifiers,
    "audits": of_audits,
    **{
        f"assignment, {name}": partial(of_assignment, name)
        for name in ("measure-a-leak", "metric-privacy", "shadow-models", "private-release", "attack-release")
    },
    "contest": of_contest,
    "help": of_help,
    "commands": of_commands,
    "errors": of_errors,
    "promises": of_promises,
}
#: Groups of which all values are kept. Of larger arrays of others, there are a hash and every seventh value (or fewer).
WHOLE = ("run, none, all attacks", "run, framework, all attacks", "run, conditional")
KEPT_WHOLE, STEP, KEPT = 64, 7, 256


def parted(results: Results) -> tuple[dict[str, np.ndarray], Results]:
    """Return arrays and texts of a group."""
    arrays = {name: value for name, value in results.items() if isinstance(value, np.ndarray)}
    return arrays, json.loads(json.dumps({name: value for name, value in results.items() if name not in arrays}))


def step_of(group: str, size: int) -> int:
    """Return which values of an array are kept: all (1), or every so many."""
    return 1 if group in WHOLE or size <= KEPT_WHOLE else max(STEP, size // KEPT)


def digest(array: np.ndarray) -> str:
    """Return a hash of an array: its type, its shape and its values."""
    return sha256(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())


def without_numbers(value: Any) -> Any:
    """Return a text, or those of lists and mappings, with a sign in place of each number."""
    if isinstance(value, dict):
        return {without_numbers(name): without_numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_numbers(each) for each in value]
    if isinstance(value, str):
        return re.sub(r"\s+", " ", re.sub(r"[-+]?\d[\d,]*\.?\d*(e[-+]?\d+)?|\b(nan|inf)\b", "#", value))
    return "#" if isinstance(value, int | float) and not isinstance(value, bool) else value


def written(value: Any) -> str:
    """Return JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def record() -> None:
    """Compute all groups, and write the fixture."""
    kept: dict[str, np.ndarray] = {}
    texts: dict[str, Any] = {"machine": machine(), "texts": {}, "arrays": {}}
    for group, compute in GROUPS.items():
        arrays, texts["texts"][group] = parted(compute())
        # In one array a group and type: an archive of thousands of small ones is mostly names.
        texts["arrays"][group] = {}
        samples: dict[str, list[np.ndarray]] = {}
        for name, array in arrays.items():
            sample = array.ravel()[:: step_of(group, array.size)]
            texts["arrays"][group][name] = [str(array.dtype), list(array.shape), digest(array)]
            samples.setdefault(str(array.dtype), []).append(sample)
        kept |= {f"{group}/{kind}": np.concatenate(each) for kind, each in samples.items()}
    np.savez_compressed(ARRAYS, **kept)
    TEXTS.write_text(json.dumps(texts, ensure_ascii=False, indent=0), encoding="utf-8")
    names = {"row": saved_row(), "records": names_in_records(), "grids": names_in_grids()}
    SEED_NAMES.write_text(written(names), encoding="utf-8")


if __name__ == "__main__":
    os.environ.pop("VAEPRIVACY_DATA", None)
    torch.set_num_threads(1)
    record()
    sys.stdout.write("".join(f"{path.name}: {path.stat().st_size:,} bytes\n" for path in (ARRAYS, TEXTS, SEED_NAMES)))
