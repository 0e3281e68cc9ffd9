"""One run is one configuration in, one row and its scores out.

Every stage leaves a file under one directory: VAEs, the answers of shadow models, the scores of each run's attacks.
Each file is named after all that it depends on, the package's own code included. So an interrupted sweep continues
where it stopped, and changed code never meets old files.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaeprivacy.attacks import (
    Shadows,
    ShokriAttack,
    calibrated_reconstruction_score,
    draw_memberships,
    loss_score,
    nearest_record_score,
    train_shadows,
)
from vaeprivacy.classifiers import ClassifierSettings, accuracy, fit_classifier, predict
from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, Training, checked_training
from vaeprivacy.data import Split, load, split
from vaeprivacy.mechanisms import EuclideanLaplace
from vaeprivacy.metrics import evaluate
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.storage import read_arrays, stored, write_arrays
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.training import checked_positive
from vaeprivacy.vae import VAE, VAESettings

DEFENCES = ("none", "framework")

# Runs of one process share their data set in memory.
load_once = cache(load)


@dataclass(frozen=True)
class Config:
    """All that one run depends on.

    Attributes
    ----------
    dataset : str
        Name for :func:`vaeprivacy.data.load`.
    defence : {"framework", "none"}
        Train the target on a release of the framework, or on the records themselves.
    epsilon : float or None
        Metric-privacy parameter per unit of latent distance; None releases reconstructions without noise.
    training : OnPrivateRecords, OnDisjointRecords or WithDPSGD
        How encoder and decoder are trained: on the members; on as many public records; or on the members with DP-SGD.
    seed : int
        Decides the split, all training and the noise.
    n_members : int
        Number of members, at least 10; as many non-members, and twice as many reference and test records.
    n_shadows : int
        Number of shadow models of the adversary.
    vae, classifier : VAESettings, ClassifierSettings
        Sizes and training.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    dataset: str = "fashion-mnist"
    defence: str = "framework"
    epsilon: float | None = None
    training: Training = field(default_factory=OnPrivateRecords)
    seed: int = 0
    n_members: int = 2500
    n_shadows: int = 4
    vae: VAESettings = field(default_factory=VAESettings)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)

    def __post_init__(self) -> None:
        if self.defence not in DEFENCES:
            raise ValueError(f"defence must be one of {', '.join(map(repr, DEFENCES))}, not {self.defence!r}.")
        if self.epsilon is not None:
            # As a float, so that epsilon 8 and 8.0 are the same run. A frozen dataclass sets its fields this way.
            object.__setattr__(self, "epsilon", checked_positive(self.epsilon, "epsilon"))
            if self.defence == "none":
                raise ValueError(f"Without a defence there is no noise: leave epsilon out (it is {self.epsilon:g}).")
        checked_training(self.training)
        # A VAE needs ten records, one of them held out.
        for name, least in (("n_members", 10), ("n_shadows", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be a whole number, not {value!r} of type {type(value).__name__}.")
            if value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}.")

    @property
    def label(self) -> str:
        """What the run is called in tables and figures, which is "raw data", "no noise" or the value of epsilon."""
        if self.defence == "none":
            return "raw data"
        return "no noise" if self.epsilon is None else f"{self.epsilon:g}"

    @property
    def raw(self) -> "Config":
        """The same configuration without defence, common to runs with the same raw shadow models."""
        return replace(self, defence="none", epsilon=None, vae=VAESettings(), training=OnPrivateRecords())

    @property
    def model(self) -> "Config":
        """The same configuration without noise and classifier, common to runs with the same VAEs."""
        return replace(self, defence="framework", epsilon=None, classifier=ClassifierSettings())

    @property
    def reference_model(self) -> "Config":
        """How the adversary trains VAEs to compare with: as the defender does, but on records of its own."""
        disjoint = isinstance(self.training, OnDisjointRecords)
        return replace(self.model, training=OnPrivateRecords()) if disjoint else self.model

    def split(self, y: torch.Tensor) -> Split:
        """Return the split of a data set with labels `y` that this configuration stands for."""
        n_public = self.n_members if isinstance(self.training, OnDisjointRecords) else 0
        sizes = {"n_members": self.n_members, "n_reference": 2 * self.n_members, "n_test": 2 * self.n_members}
        return split(y, **sizes, n_public=n_public, generator=seeded_generator(self.seed, "split"))

    def shadow_memberships(self, y: torch.Tensor) -> torch.Tensor:
        """Return which reference records (with labels `y`) each shadow model is trained on."""
        return draw_memberships(y, n_shadows=self.n_shadows, generator=seeded_generator(self.seed, "shadow members"))


# What no run depends on: modules that show or check.
NOT_IN_RUNS = ("figures.py", "cli.py", "audit.py", "law.py", "bug.py", "noise.py", "releases.py")


@cache
def _code() -> str:
    """Return a hash of the source of all that runs depend on."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(p.read_bytes() for p in sources if p.name not in NOT_IN_RUNS)).hexdigest()


def run_key(config: Config, stage: str = "run") -> str:
    """Return a name for what a stage computes from a configuration, the package's code and torch's version."""
    parts = json.dumps([asdict(config), stage, _code(), torch.__version__], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:20]


def framework_vae(config: Config, directory: Path, who: str) -> VAE:
    """Return the VAE of the defender ("target") or of an adversary's copy of the framework ("shadow 0", ...).

    Trained on disjoint records, which are public, the defender's VAE is everybody's.
    """
    who = "public" if isinstance(config.training, OnDisjointRecords) else who
    path = directory / "vaes" / f"{run_key(config.model, who)}.safetensors"

    def make() -> VAE:
        data = load_once(config.dataset)
        parts = config.split(data.y)
        if who.startswith("shadow"):
            number = int(who.removeprefix("shadow "))
            mine = parts.reference[config.shadow_memberships(data.y[parts.reference])[number]]
        else:
            mine = parts.public if who == "public" else parts.members
        generator = seeded_generator(config.seed, f"{who} vae")
        return config.training.fit(data.x[mine], config.vae, generator=generator)[0]

    return stored(path, make, VAE.save, VAE.load)


def reference_vaes(config: Config, directory: Path) -> list[VAE]:
    """Return the VAEs that the adversary has trained on its own records, to compare the defender's with."""
    return [framework_vae(config.reference_model, directory, f"shadow {i}") for i in range(config.n_shadows)]


def training_records(
    config: Config, directory: Path, x: torch.Tensor, y: torch.Tensor, who: str
) -> tuple[Synthesizer | None, Release]:
    """Return what the classifier of the defender or of one shadow is trained on, and the synthesizer that made it."""
    if config.defence == "none":
        return None, Release(x, y, None)
    mechanism = None if config.epsilon is None else EuclideanLaplace(config.epsilon)
    synthesizer = Synthesizer(mechanism, config.vae, vae=framework_vae(config, directory, who))
    generator = seeded_generator(config.seed, f"{who} noise {config.label}, {config.training!r}")
    return synthesizer, synthesizer.release(x, y, generator=generator)


def _fit_on(config: Config, release: Release, n_classes: int, who: str) -> torch.nn.Module:
    generator = seeded_generator(config.seed, f"{who} classifier")
    return fit_classifier(release.x, release.y, config.classifier, n_classes=n_classes, generator=generator)


def shadows(config: Config, directory: Path) -> Shadows:
    """Return the adversary's shadow models, trained with the defence of `config` on its reference records."""
    data = load_once(config.dataset)
    reference = config.split(data.y).reference
    x, y = data.x[reference], data.y[reference]

    def recipe(x: torch.Tensor, y: torch.Tensor, number: int) -> torch.nn.Module:
        who = f"shadow {number}"
        return _fit_on(config, training_records(config, directory, x, y, who)[1], data.n_classes, who)

    def make() -> dict[str, np.ndarray]:
        trained = train_shadows(x, y, is_member=config.shadow_memberships(y), recipe=recipe)
        return {name: getattr(trained, name).numpy() for name in ("log_posteriors", "y", "is_member")}

    arrays = stored(directory / "shadows" / f"{run_key(config)}.npz", make, write_arrays, read_arrays)
    return Shadows(**{name: torch.from_numpy(array) for name, array in arrays.items()})


def attack_scores(config: Config, directory: Path) -> dict[str, np.ndarray]:
    """Train the target of a run and attack it; return scores, thresholds, memberships and accuracies as arrays.

    For each attack (``loss``, ``shadow``; with the framework also ``adaptive``, ``nearest``, ``vae``) there is an array
    of one score per candidate and the threshold above which the attack says "member", under ``threshold_`` and its
    name.
    """
    data = load_once(config.dataset)
    parts = config.split(data.y)
    x, y = data.x[parts.members], data.y[parts.members]
    synthesizer, release = training_records(config, directory, x, y, "target")
    target = _fit_on(config, release, data.n_classes, "target")

    candidate_x, candidate_y = data.x[parts.candidates], data.y[parts.candidates]
    answers = predict(target, candidate_x)
    raw = shadows(config.raw, directory)
    scores = {"loss": loss_score(answers, candidate_y), "shadow": ShokriAttack().fit(raw).score(answers, candidate_y)}
    # Yeom et al.'s threshold is the average training loss, which the adversary reads off its shadow models.
    thresholds = {"loss": loss_score(raw.log_posteriors, raw.y)[raw.is_member].mean().item(), "shadow": 0.5}
    if synthesizer is not None:
        scores["adaptive"] = ShokriAttack().fit(shadows(config, directory)).score(answers, candidate_y)
        decoded = synthesizer.decode(synthesizer.encode(candidate_x))
        scores["nearest"] = nearest_record_score(decoded, candidate_y, release_x=release.x, release_y=release.y)
        references = reference_vaes(config, directory)
        scores["vae"] = calibrated_reconstruction_score(synthesizer.vae, references, candidate_x)
        # The adversary knows that half of the candidates are members.
        thresholds |= {"adaptive": 0.5, **{name: scores[name].median().item() for name in ("nearest", "vae")}}
    return {
        "is_member": parts.is_member.numpy(),
        "log_posteriors": answers.numpy(),
        "y": candidate_y.numpy(),
        "train_accuracy": np.array(accuracy(target, x, y)),
        "test_accuracy": np.array(accuracy(target, data.x[parts.test], data.y[parts.test])),
        **{name: score.numpy() for name, score in scores.items()},
        **{f"threshold_{name}": np.array(value) for name, value in thresholds.items()},
    }


def run(config: Config, *, directory: Path | str) -> dict[str, Any]:
    """Compute one run, or read it if it is there, and return its row.

    Parameters
    ----------
    config : Config
        What to run.
    directory : path-like
        Where the files of all stages live.

    Returns
    -------
    dict
        ``key``, ``config``, ``setting`` and ``training`` in words, ``train_accuracy`` (on the members' own records),
        ``test_accuracy`` and ``attacks``, which holds the metrics of each attack (see
        :func:`vaeprivacy.metrics.evaluate`).
    """
    directory = Path(directory)
    make = partial(attack_scores, config, directory)
    arrays = stored(directory / "runs" / f"{run_key(config)}.npz", make, write_arrays, read_arrays)
    attacks = [name.removeprefix("threshold_") for name in arrays if name.startswith("threshold_")]
    is_member = arrays["is_member"]
    return {
        "key": run_key(config),
        "config": asdict(config),
        "setting": config.label,
        "training": str(config.training),
        "train_accuracy": float(arrays["train_accuracy"]),
        "test_accuracy": float(arrays["test_accuracy"]),
        "attacks": {
            name: evaluate(arrays[name], is_member, threshold=float(arrays[f"threshold_{name}"])) for name in attacks
        },
    }


def run_scores(config: Config, *, directory: Path | str) -> dict[str, np.ndarray]:
    """Return the arrays that a finished run left, as described at :func:`attack_scores`."""
    return read_arrays(Path(directory) / "runs" / f"{run_key(config)}.npz")
