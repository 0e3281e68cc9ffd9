"""What the package computed before its modules moved: small runs of everything, as arrays and texts.

``python -m golden.compute``, in ``tests``, records the fixture that ``tests/test_golden.py`` compares with. It is
recorded once: a fixture that is renewed whenever it differs compares nothing.
"""

import contextlib
import json
import os
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
import sklearn
import torch
from golden.coursework import of_assignment, of_contest
from golden.names import names_in_grids, names_in_records, of_promises, saved_row
from golden.runs import RUNS, joined, of_run, of_search, of_sweep, of_table
from golden.shared import (
    ARRAYS,
    CLASSIFIER,
    CONDITIONAL,
    CONVOLUTIONAL,
    RESNET,
    SEED_NAMES,
    SMALL,
    SYNTHESIZERS,
    TEXTS,
    Results,
    digits,
    empty_folder,
    seeded,
    sha256,
)
from golden.texts import of_commands, of_errors, of_help

from vaeprivacy.audit.faults import ALL_FAULTS
from vaeprivacy.audit.lower_bounds import audit_mechanism, audit_release
from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.classifiers import ClassifierSettings, fit_classifier, fit_classifiers, predict
from vaeprivacy.compute.devices import processor
from vaeprivacy.datasets import split
from vaeprivacy.dp_classifier import LINEAR_SETTINGS, DPClassifierSettings, fit_dp_classifier
from vaeprivacy.experiments.external import attack_files
from vaeprivacy.mechanisms.denoisers import DENOISERS
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import CoordinateLaplace, EuclideanLaplace
from vaeprivacy.mechanisms.von_mises_fisher import VonMisesFisher
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae_training import fit_vae


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
