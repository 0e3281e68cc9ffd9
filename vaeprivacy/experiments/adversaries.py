"""The adversaries of a run: some know of its defence and some do not, and each attacks each model of its pool."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from vaeprivacy.attacks import Candidates, ShadowFit, Shadows
from vaeprivacy.attacks.catalogue import ON_CLASSIFIER
from vaeprivacy.classifiers import predict
from vaeprivacy.experiments.config import Config, Parts
from vaeprivacy.experiments.game import ATTACKED_RELEASES, WITH_SHADOWS, Found, Game, others
from vaeprivacy.experiments.stages import (
    chunks,
    encoder_of,
    fitted_classifiers,
    fitted_model,
    load_once,
    reference_vaes,
    released,
)
from vaeprivacy.synthesizer import Synthesizer

# The adversaries of a run: what their attacks' names begin with, and what they know beside it.
PREFIXES = {"": "", "adaptive_": ", recipe", "through_": ", recipe, encoder and decoder"}


def game_of(config: Config, parts: Parts, is_member: torch.Tensor) -> Game:
    """Return what attacks on all models of a run have in common."""
    data = load_once(config.dataset)
    candidates, population = (Candidates(x=data.x[each], y=data.y[each]) for each in parts[:2])
    is_member = is_member[:, : len(parts.candidates)]
    every = config.attacks == "all"
    return Game(candidates, population, is_member, config.seed, data.image_shape, all_attacks=every)


def asking(config: Config, directory: Path, target: int) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Return one target as a black box that can be asked about any record: fields of Knowledge.

    It is trained once more, with the other targets of its chunk.
    """
    n_targets = config.n_targets or config.n_models
    chunk = next(tuple(each for each in chunk if each < n_targets) for chunk in chunks(config) if target in chunk)
    classifier = fitted_classifiers(config, directory, chunk)[chunk.index(target)]
    data = load_once(config.dataset)

    def ask(x: torch.Tensor) -> torch.Tensor:
        return predict(classifier, config.defence.features(x, image_shape=data.image_shape))

    return {"ask": ask, "ask_label": lambda x: ask(x).argmax(dim=1)}


def scores_on_model(config: Config, directory: Path, game: Game, *, target: int) -> Found:
    """Attack the generative model behind one target by comparing it with others of the pool."""
    synthesizer = encoder_of(config, directory, target) or Synthesizer(
        None, config.defence.vae, vae=fitted_model(config, directory, target)
    )
    candidates, n_classes = game.candidates, load_once(config.dataset).n_classes
    return game.on_model(
        target=target,
        x=config.defence.seen_by_model(candidates.x, candidates.labels, n_classes=n_classes),
        synthesizer=synthesizer,
        vaes=reference_vaes(config, directory, others(game.is_member, target)),
    )


def attack_target(
    config: Config, directory: Path, parts: Parts, *, target: int, raw: Shadows, own: Sequence[Shadows]
) -> tuple[Found, dict[str, ShadowFit]]:
    """Run all attacks on one model of the pool.

    Parameters
    ----------
    config, directory, parts
        The run, where its files are, and its records.
    target : int
        Number of the model.
    raw : Shadows
        The pool that was trained without defence: what an adversary has that does not know of the defence.
    own : sequence of Shadows
        The pool that was trained with the defence, one entry for each way to ask.

    Returns
    -------
    found, alike
        Scores and threshold of each attack; for each adversary, by its prefix, the likeness of its shadow models.
    """
    game = game_of(config, parts, raw.is_member)
    adversaries = {"": (raw, own[0])}
    if config.defence.name != "none":
        adversaries |= {prefix: (way, way) for prefix, way in zip(("adaptive_", "through_"), own, strict=False)}
    found, alike = {}, {}
    for prefix, (shadows, asked) in adversaries.items():
        options = {"shadows": shadows, "log_posteriors": asked.log_posteriors[target]}
        ask = asking(config, directory, target) if config.attacks == "all" and not prefix else {}
        names = WITH_SHADOWS if prefix else ON_CLASSIFIER
        scores, alike[prefix] = game.by_answers(names, target=target, ask=ask, **options)
        found |= {f"{prefix}{name}": value for name, value in scores.items()}
    if "release" in config.defence.publishes and target in ATTACKED_RELEASES:
        synthesizer, release = released(config, directory, target)
        found |= game.on_release(release=release, synthesizer=synthesizer)
    if "model" in config.defence.publishes:
        found |= scores_on_model(config, directory, game, target=target)
    return found, alike
