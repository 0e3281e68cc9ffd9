"""Settings of the framework tried on records that have no name: train pools through it, attack them, measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vaeprivacy.attacks import Candidates, Shadows, draw_balanced_memberships
from vaeprivacy.classifiers import ClassifierSettings, predict
from vaeprivacy.datasets import stratified_parts
from vaeprivacy.defences import Framework
from vaeprivacy.experiments.game import ATTACKED_RELEASES, WITH_SHADOWS, Found, Game, others
from vaeprivacy.experiments.promises import promised_epsilon
from vaeprivacy.experiments.runs import attack_rows, class_auc
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

    candidates: Candidates
    held_out: Candidates
    is_member: torch.Tensor
    seed: int
    classifier: ClassifierSettings

    @property
    def n_classes(self) -> int:
        """Number of different labels."""
        return int(max(self.candidates.y.max(), self.held_out.y.max())) + 1

    @property
    def game(self) -> Game:
        """What attacks on all models have in common."""
        return Game(self.candidates, self.held_out, self.is_member, self.seed)

    def members(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return records and labels that one model is trained on."""
        mine = self.is_member[number]
        return self.candidates.x[mine], self.candidates.labels[mine]

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
    parts = [Candidates(x=x[part], y=y[part]) for part in (candidates, held_out)]
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

    The rows have the columns of :func:`vaeprivacy.experiments.sweeps.tidy` and some more, see
    :func:`vaeprivacy.experiments.search.try_settings`.
    """
    releases = [released(trial, defence, vaes, number) for number in range(len(vaes))]
    generators = [trial.generator(f"classifier {number}") for number in range(len(vaes))]
    options = {"n_classes": trial.n_classes, "generators": generators}
    classifiers = defence.fit_classifiers(releases, trial.classifier, **options)
    both = trial.candidates, trial.held_out
    asked, y = torch.cat([part.x for part in both]), torch.cat([part.labels for part in both])
    answers = [predict(model, asked) for model in classifiers]
    through = [
        predict(model, defence.synthesizer(vae, n_features=asked.shape[1]).reconstruct(asked, y))
        for model, vae in zip(classifiers, vaes, strict=True)
    ]
    ways = {"adaptive_": torch.stack(answers).cpu(), "through_": torch.stack(through).cpu()}
    arrays: dict[str, Any] = {}
    for target in range(len(vaes)):
        synthesizer = defence.synthesizer(vaes[target], n_features=asked.shape[1])
        theirs = [vaes[number] for number in others(trial.is_member, target)]
        found = attack_answers(trial, ways, target)
        found |= trial.game.on_model(target=target, x=trial.candidates.x, synthesizer=synthesizer, vaes=theirs)
        if target in ATTACKED_RELEASES:  # these attacks take longest
            found |= trial.game.on_release(release=releases[target], synthesizer=synthesizer)
        for name, (scores, threshold) in found.items():
            for what, value in (("scores", scores.numpy()), ("thresholds", threshold), ("targets", target)):
                arrays.setdefault(f"{what}/{name}", []).append(value)
    arrays = {name: np.stack(values) for name, values in arrays.items()} | {"is_member": trial.is_member.numpy()}
    about = describe(trial, defence) | utilities(trial, ways["adaptive_"])
    return [about | {"attack": name, **metrics} for name, metrics in attack_rows(arrays).items()]


def released(trial: Trial, defence: Framework, vaes: Sequence[VAE], number: int) -> Release:
    """Return what one classifier is trained on."""
    generator = trial.generator(f"noise {number} {defence.seed_name}")
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
    y, outside = torch.cat([trial.candidates.y, trial.held_out.y]), torch.zeros(len(trial.held_out.y), dtype=torch.bool)
    is_member = torch.cat([trial.is_member, outside.expand(len(trial.is_member), -1)], dim=1)
    found = {}
    for prefix, log_posteriors in ways.items():
        options = {"shadows": Shadows(log_posteriors, y, is_member), "log_posteriors": log_posteriors[target]}
        scores, _ = trial.game.by_answers(WITH_SHADOWS, target=target, ask={}, **options)
        found |= {f"{prefix}{name}": value for name, value in scores.items()}
    return found


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
