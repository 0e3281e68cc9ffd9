"""The adversaries of a run: each model of its pool is attacked through its answers, its release and its VAE."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch

from vaeprivacy.attacks import Knowledge, Likeness, Records, Shadows
from vaeprivacy.attacks.suite import ON_CLASSIFIER, ON_RELEASE, ON_VAE, run_attacks
from vaeprivacy.classifiers import predict
from vaeprivacy.config import Config, Parts
from vaeprivacy.stages import (
    chunks,
    encoder_of,
    fitted_classifiers,
    fitted_model,
    load_once,
    reference_vaes,
    released,
)
from vaeprivacy.synthesizer import Synthesizer

# Attacks that learn from shadow models: each is run by several adversaries.
WITH_SHADOWS = (
    "confidence", "entropy", "modified_entropy", "top_posteriors", "shadow_joint", "shadow", "lira_offline",
    "rmia_offline", "lira", "rmia",
)  # fmt: skip
FEW = {"loss", "shadow", "lira_offline", "lira", "rmia", "nearest", "likelihood", "vae"}
FEW_ON_SAMPLES = {"nearest_record", "density"}  # in place of the attacks that ask which record a synthetic one is from
# Attacks on a release take long, and the models of a pool are all alike: one of them will do.
ATTACKED_RELEASES = (0,)
# The adversaries of a run: what their attacks' names begin with, and what they know beside it.
PREFIXES = {"": "", "adaptive_": ", recipe", "through_": ", recipe, encoder and decoder"}
Found = dict[str, tuple[torch.Tensor, float]]


def others(shadows: Shadows, target: int) -> list[int]:
    """Return the models of a pool that may know nothing of the target's: all but itself and its complement."""
    complement = target + 1 if target % 2 == 0 else target - 1
    return [number for number in range(len(shadows.is_member)) if number not in (target, complement)]


def asked_records(
    config: Config, parts: Parts, *, log_posteriors: torch.Tensor, shadows: Shadows
) -> tuple[Records, Records]:
    """Return candidates and population, with what a target and its shadow models answer about each."""
    data, n = load_once(config.dataset), len(parts.candidates)
    found = []
    for records, place in ((parts.candidates, slice(n)), (parts.population, slice(n, None))):
        answers = {"log_posteriors": log_posteriors[place], "shadows": shadows.about(place)}
        found.append(Records(x=data.x[records], y=data.y[records], **answers))
    return found[0], found[1]


def asking(config: Config, directory: Path, target: int) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Return one target as a black box that can be asked about any record: fields of Knowledge."""
    chunk = next(chunk for chunk in chunks(config) if target in chunk)
    classifier = fitted_classifiers(config, directory, chunk)[chunk.index(target)]
    image_shape = load_once(config.dataset).image_shape

    def ask(x: torch.Tensor) -> torch.Tensor:
        return predict(classifier, config.defence.features(x, image_shape=image_shape))

    return {"ask": ask, "ask_label": lambda x: ask(x).argmax(dim=1)}


def scores_by_answers(
    config: Config,
    parts: Parts,
    *,
    names: Iterable[str],
    target: int,
    shadows: Shadows,
    log_posteriors: torch.Tensor,
    ask: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
) -> tuple[Found, Likeness]:
    """Attack one target by what it answers.

    Parameters
    ----------
    config, parts : Config, Parts
        The run, and its records.
    names : iterable of str
        Attacks.
    target : int
        Number of the target in its pool.
    shadows : Shadows
        The pool of the adversary, of which target and complement are left out.
    log_posteriors : torch.Tensor
        The target's answers, shape (records, classes).
    ask : mapping
        The target as a black box, see :func:`asking`; empty if it cannot be asked about other records.

    Returns
    -------
    found, likeness
        Scores and threshold of each attack, and whether the shadow models behave like the target.
    """
    is_member = shadows.is_member[target, : len(parts.candidates)]
    shadows = shadows.without(target)
    candidates, population = asked_records(config, parts, log_posteriors=log_posteriors, shadows=shadows)
    knowledge = Knowledge(population=population, shadows=candidates.shadows, **ask)
    shape = load_once(config.dataset).image_shape
    found = run_attacks(names, knowledge=knowledge, candidates=candidates, seed=config.seed, image_shape=shape)
    return dict(found), Likeness.between(candidates.shadows, candidates.log_posteriors, candidates.y, is_member)


def scores_on_release(config: Config, directory: Path, parts: Parts, *, target: int) -> Found:
    """Attack what one target was trained on, if that is published."""
    data = load_once(config.dataset)
    synthesizer, release = released(config, directory, target)
    names = set(ON_RELEASE) if config.attacks == "all" else FEW_ON_SAMPLES if synthesizer is None else FEW
    candidates, population = (Records(x=data.x[records], y=data.y[records]) for records in parts[:2])
    knowledge = Knowledge(population=population, release=release, synthesizer=synthesizer)
    shape = data.image_shape
    names = [name for name in ON_RELEASE if name in names]
    return dict(run_attacks(names, knowledge=knowledge, candidates=candidates, seed=config.seed, image_shape=shape))


def scores_on_model(
    config: Config, directory: Path, parts: Parts, *, target: int, numbers: list[int], in_references: torch.Tensor
) -> Found:
    """Attack the generative model behind one target by comparing it with others of the pool (`numbers`)."""
    data = load_once(config.dataset)
    mine = parts.candidates
    x = config.defence.seen_by_model(data.x[mine], data.y[mine], n_classes=data.n_classes)
    synthesizer = encoder_of(config, directory, target) or Synthesizer(
        None, config.defence.vae, vae=fitted_model(config, directory, target)
    )
    return dict(
        run_attacks(
            [name for name in ON_VAE if config.attacks == "all" or name in FEW],
            knowledge=Knowledge(synthesizer=synthesizer, reference_vaes=reference_vaes(config, directory, numbers)),
            candidates=Records(x=x, y=data.y[mine], in_references=in_references),
            seed=config.seed,
            image_shape=data.image_shape,
        )
    )


def attack_target(
    config: Config, directory: Path, parts: Parts, *, target: int, raw: Shadows, own: Sequence[Shadows]
) -> tuple[Found, dict[str, Likeness]]:
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
    adversaries = {"": (raw, own[0])}
    if config.defence.name != "none":
        adversaries |= {prefix: (way, way) for prefix, way in zip(("adaptive_", "through_"), own, strict=False)}
    found, alike = {}, {}
    for prefix, (shadows, asked) in adversaries.items():
        names = [name for name in (WITH_SHADOWS if prefix else ON_CLASSIFIER) if config.attacks == "all" or name in FEW]
        answers = asked.log_posteriors[target]
        ask = asking(config, directory, target) if config.attacks == "all" and not prefix else {}
        scores, alike[prefix] = scores_by_answers(
            config, parts, names=names, target=target, shadows=shadows, log_posteriors=answers, ask=ask
        )
        found |= {f"{prefix}{name}": value for name, value in scores.items()}
    if "release" in config.defence.publishes and target in ATTACKED_RELEASES:
        found |= scores_on_release(config, directory, parts, target=target)
    if "model" in config.defence.publishes:
        numbers = others(raw, target)
        halves = raw.is_member[numbers, : len(parts.candidates)]
        found |= scores_on_model(config, directory, parts, target=target, numbers=numbers, in_references=halves)
    return found, alike
