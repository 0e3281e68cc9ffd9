"""Help, commands and error sentences for the golden files."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from golden.shared import (
    CONDITIONAL,
    CONVOLUTIONAL,
    COURSEWORK,
    KEY,
    RUN,
    SMALL,
    SYNTHESIZERS,
    Results,
    command,
    digits,
    empty_folder,
    refused,
    seeded,
)

from vaeprivacy.attacks.catalogue import make_attack
from vaeprivacy.audit.lower_bounds import audit_release, audit_scores
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.classifiers import ClassifierSettings, fit_classifier, fit_classifiers
from vaeprivacy.compute.published import PUBLISHED
from vaeprivacy.course.contest import Contest
from vaeprivacy.course.variants import make_variant, read_key
from vaeprivacy.datasets import load
from vaeprivacy.defences import DPSGD, Framework, NoDefence, RecordNoise, Regularised
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.experiments.config import Config, draw_parts
from vaeprivacy.experiments.external import attack_files, load_arrays, load_classifier
from vaeprivacy.experiments.grids import read_grid
from vaeprivacy.experiments.proposal import propose
from vaeprivacy.experiments.search import try_settings
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.mechanisms.denoisers import DENOISERS
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import EuclideanLaplace
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.synthesizer import Synthesizer
from vaeprivacy.trainers import PublicTrainer
from vaeprivacy.vae import VAE, VAESettings
from vaeprivacy.vae_training import fit_vae

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
    "'likelihood', 'reconstruction',": "'likelihood', 'combined', 'reconstruction',",
    "'few', 'all', not": "'few', 'all', 'combined', not",
    "'digits', 'mnist', 'cifar-10', 'cifar-100', 'adult', 'purchase-100', 'texas-100', 'location-30', ": "'digits', ",
    "'fair', 'randhie', 'gaussian-mixture'": "'fair'",
    "digits, mnist, cifar-10, cifar-100, adult, purchase-100, texas-100, location-30, fair, randhie, "
    "gaussian-mixture": "digits, fair",
    "Read again: https://vaeprivacy.github.io/vaeprivacy/": f"Read again: {PUBLISHED.page('')}",
}


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


#: Calls that are refused, by what the fixture calls them.
Calls = dict[str, Callable[[], Any]]


def wrong_settings(x: torch.Tensor, y: torch.Tensor) -> Calls:
    """Return settings of defences, trainers and mechanisms that are impossible."""
    return {
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
    }


def wrong_runs_and_records(x: torch.Tensor, y: torch.Tensor) -> Calls:
    """Return runs that are impossible, and records that nothing is trained on."""
    return {
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
    }


def wrong_releases_and_searches(x: torch.Tensor, y: torch.Tensor) -> Calls:
    """Return what synthesizers, audits, searches and coursework refuse."""
    vae = VAE(64, latent_dim=3, hidden=16, generator=seeded(5))
    ready = Synthesizer(EuclideanLaplace(1.0), SMALL, vae=vae)
    search = partial(try_settings, epsilons=[1.0], progress=False)
    return {
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


def wrong_files(folder: Path, x: torch.Tensor) -> Calls:
    """Write files that are broken, and return how they are read, and some that are not there."""
    (folder / "text").write_text("no arrays")
    (folder / "text.npz").write_text("no arrays")
    (folder / "short").write_text("short")
    np.savez(folder / "poor.npz", x=np.zeros((4, 2)), y=np.zeros(4))
    np.savez(folder / "uneven.npz", x=np.zeros((4, 2)), y=np.zeros(3), is_member=np.zeros(4))
    return {
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


def wrong_grids(folder: Path) -> Calls:
    """Write grids that say what is impossible, and return how they are read."""
    calls: Calls = {}
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
    return calls


def of_errors() -> Results:
    """Return what is said to impossible arguments."""
    x, y = digits().x[:100], digits().y[:100]
    calls = wrong_settings(x, y) | wrong_runs_and_records(x, y) | wrong_releases_and_searches(x, y)
    with empty_folder() as folder:
        calls |= wrong_files(folder, x) | wrong_grids(folder)
        said = {name: refused(call) for name, call in calls.items()}
    # What a reader of files says of a broken one is its own affair.
    return {name: re.sub(r"\(.*\)", "(...)", text) if "broken" in name else text for name, text in said.items()}
