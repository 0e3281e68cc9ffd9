"""Settings of the framework tried on records that have no name: train pools through it, attack them, measure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from vaeprivacy.adversaries import ATTACKED_RELEASES, FEW, WITH_SHADOWS, Found
from vaeprivacy.attacks import Knowledge, Records, Shadows, draw_balanced_memberships
from vaeprivacy.attacks.suite import ON_RELEASE, ON_VAE, run_attacks
from vaeprivacy.classifiers import ClassifierSettings, predict
from vaeprivacy.data import stratified_parts
from vaeprivacy.defences import Framework
from vaeprivacy.experiment import attack_rows, class_auc
from vaeprivacy.promises import promised_epsilon
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.synthesizer import Release
from vaeprivacy.vae import VAE

HELD_OUT = 10  # one in so many records is held out to choose a setting by, and as many again to report its utility


@dataclass(frozen=True)
class Trial:
    """One split of the records, on which settings are tried.

    Attributes
    ----------
    candidates : Records
        Records that models are trained on.
    held_out : Records
        Records that none is trained on: first those to choose by, then as many on which utility is reported.
    is_member : torch.Tensor
        Which model is trained on which candidate, shape (models, candidates), bool: complementary halves in pairs.
    seed : int
        The seed of split, training and noise.
    classifier : ClassifierSettings
        Size and training of the classifier.
    """

    candidates: Records
    held_out: Records
    is_member: torch.Tensor
    seed: int
    classifier: ClassifierSettings

    @property
    def n_classes(self) -> int:
        """Number of different labels."""
        return int(max(self.candidates.y.max(), self.held_out.y.max())) + 1

    def members(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return records and labels that one model is trained on."""
        mine = self.is_member[number]
        return self.candidates.x[mine], self.candidates.y[mine]

    def generator(self, use: str) -> torch.Generator:
        """Return the random numbers of one use."""
        return seeded_generator(self.seed, f"trial {use}")


def draw_trial(x: torch.Tensor, y: torch.Tensor, *, seed: int, n_models: int, classifier: ClassifierSettings) -> Trial:
    """Split records, and draw the halves that models are trained on.

    Parameters
    ----------
    x, y : torch.Tensor
        Records, shape (records, features), and their labels, shape (records,).
    seed : int
        Decides all that is random.
    n_models : int
        Number of models, even.
    classifier : ClassifierSettings
        Size and training of the classifier.
    """
    n_held = len(y) // HELD_OUT
    n_candidates = 2 * ((len(y) - 2 * n_held) // 2)  # even, so that all halves have the same size
    sizes = [n_candidates, n_held, n_held]
    candidates, validation, test = stratified_parts(y, sizes, generator=seeded_generator(seed, "trial split"))
    held_out = torch.cat([validation, test])
    generator = seeded_generator(seed, "trial members")
    is_member = draw_balanced_memberships(y[candidates], n_shadows=n_models, generator=generator)
    parts = [Records(x=x[part], y=y[part]) for part in (candidates, held_out)]
    return Trial(*parts, is_member=is_member, seed=seed, classifier=classifier)


def try_on(trial: Trial, defences: Sequence[Framework]) -> list[dict[str, Any]]:
    """Try settings on one split; return one row a setting and attack.

    Parameters
    ----------
    trial : Trial
        The split.
    defences : sequence of Framework
        Settings with the same VAE settings: encoders and decoders are trained once.
    """
    vaes = []
    for number in range(len(trial.is_member)):
        generator = trial.generator(f"vae {number}")
        vaes.append(defences[0].fit_model(*trial.members(number), n_classes=trial.n_classes, generator=generator))
    return [row for defence in defences for row in try_setting(trial, defence, vaes)]


def try_setting(trial: Trial, defence: Framework, vaes: Sequence[VAE]) -> list[dict[str, Any]]:
    """Train classifiers through the framework, one with each VAE, and attack each; return one row an attack.

    The rows have the columns of :func:`vaeprivacy.sweep.tidy` and some more, see
    :func:`vaeprivacy.choosing.try_settings`.
    """
    releases = [released(trial, defence, vaes, number) for number in range(len(vaes))]
    generators = [trial.generator(f"classifier {number}") for number in range(len(vaes))]
    options = {"n_classes": trial.n_classes, "generators": generators}
    classifiers = defence.fit_classifiers(releases, trial.classifier, **options)
    asked, y = (torch.cat([getattr(part, name) for part in (trial.candidates, trial.held_out)]) for name in "xy")
    answers = [predict(model, asked) for model in classifiers]
    through = [
        predict(model, defence.synthesizer(vae, n_features=asked.shape[1]).reconstruct(asked, y))
        for model, vae in zip(classifiers, vaes, strict=True)
    ]
    ways = {"adaptive_": torch.stack(answers), "through_": torch.stack(through)}
    arrays: dict[str, Any] = {}
    for target in range(len(vaes)):
        found = attack_answers(trial, ways, target) | attack_model(trial, defence, vaes, target)
        if target in ATTACKED_RELEASES:  # these attacks take longest
            found |= attack_release(trial, defence, vaes[target], releases[target])
        for name, (scores, threshold) in found.items():
            for what, value in (("scores", scores.numpy()), ("thresholds", threshold), ("targets", target)):
                arrays.setdefault(f"{what}/{name}", []).append(value)
    arrays = {name: np.stack(values) for name, values in arrays.items()} | {"is_member": trial.is_member.numpy()}
    about = describe(trial, defence) | utilities(trial, ways["adaptive_"])
    return [about | {"attack": name, **metrics} for name, metrics in attack_rows(arrays).items()]


def released(trial: Trial, defence: Framework, vaes: Sequence[VAE], number: int) -> Release:
    """Return what one classifier is trained on."""
    generator = trial.generator(f"noise {number} {defence!r}")
    options = {"model": vaes[number], "n_classes": trial.n_classes, "generator": generator}
    return defence.release(*trial.members(number), **options)


def attack_answers(trial: Trial, ways: dict[str, torch.Tensor], target: int) -> Found:
    """Attack one classifier by its answers, with the others as shadow models.

    Parameters
    ----------
    trial : Trial
        The split.
    ways : dict
        By the prefix of the attacks' names, what all models answer about candidates and records held out if they are
        asked in this way, shape (models, records, classes).
    target : int
        Number of the model.
    """
    n, y = len(trial.candidates.y), torch.cat([trial.candidates.y, trial.held_out.y])
    outside = torch.zeros(len(trial.is_member), len(trial.held_out.y), dtype=torch.bool)
    is_member, found = torch.cat([trial.is_member, outside], dim=1), {}
    for prefix, log_posteriors in ways.items():
        shadows = Shadows(log_posteriors, y, is_member).without(target)
        candidates, population = (
            replace(part, log_posteriors=log_posteriors[target, place], shadows=shadows.about(place))
            for part, place in ((trial.candidates, slice(n)), (trial.held_out, slice(n, None)))
        )
        knowledge = Knowledge(population=population, shadows=candidates.shadows)
        names = [name for name in WITH_SHADOWS if name in FEW]
        scores = run_attacks(names, knowledge=knowledge, candidates=candidates, seed=trial.seed, image_shape=None)
        found |= {f"{prefix}{name}": value for name, value in scores.items()}
    return found


def attack_release(trial: Trial, defence: Framework, vae: VAE, release: Release) -> Found:
    """Attack what one classifier was trained on, as if it were published together with encoder and decoder."""
    synthesizer = defence.synthesizer(vae, n_features=trial.candidates.x.shape[1])
    knowledge = Knowledge(population=trial.held_out, release=release, synthesizer=synthesizer)
    names = [name for name in ON_RELEASE if name in FEW]
    options = {"candidates": trial.candidates, "seed": trial.seed, "image_shape": None}
    return dict(run_attacks(names, knowledge=knowledge, **options))


def attack_model(trial: Trial, defence: Framework, vaes: Sequence[VAE], target: int) -> Found:
    """Attack the encoder and decoder behind one classifier by comparing them with those of others.

    The VAE of the complementary half is left out: who knew that it is one would know all members.
    """
    mine = trial.is_member[target]
    numbers = [n for n, other in enumerate(trial.is_member) if n != target and not torch.equal(other, ~mine)]
    synthesizer = defence.synthesizer(vaes[target], n_features=trial.candidates.x.shape[1])
    knowledge = Knowledge(synthesizer=synthesizer, reference_vaes=[vaes[number] for number in numbers])
    candidates = replace(trial.candidates, in_references=trial.is_member[numbers])
    names = [name for name in ON_VAE if name in FEW]
    options = {"candidates": candidates, "seed": trial.seed, "image_shape": None}
    return dict(run_attacks(names, knowledge=knowledge, **options))


def describe(trial: Trial, defence: Framework) -> dict[str, Any]:
    """Return what was tried, as columns of the table."""
    return {
        "dataset": "own records",
        "defence": defence.name,
        "setting": defence.label,
        "training": defence.how_trained,
        "epsilon": defence.epsilon,
        "latent_dim": defence.vae.latent_dim,
        "radius": defence.synthesizer(None, n_features=trial.candidates.x.shape[1]).radius,
        "promised": promised_epsilon(defence),
        "seed": trial.seed,
        "n_members": int(trial.is_member[0].sum()),
        "n_models": len(trial.is_member),
    }


def utilities(trial: Trial, answers: torch.Tensor) -> dict[str, float]:
    """Return accuracy and AUC on each half of the records held out, averaged over models.

    Parameters
    ----------
    trial : Trial
        The split.
    answers : torch.Tensor
        About candidates and records held out, shape (models, records, classes).
    """
    found, n = {}, len(trial.held_out.y) // 2
    of_held_out = answers[:, len(trial.candidates.y) :]
    for name, place in (("validation", slice(n)), ("test", slice(n, None))):
        y, here = trial.held_out.y[place], of_held_out[:, place]
        found[f"{name}_accuracy"] = (here.argmax(dim=2) == y).double().mean().item()
        found[f"{name}_auc"] = float(np.mean([class_auc(of_one.numpy(), y.numpy()) for of_one in here]))
    return found
