"""The membership game: models attacked through what they say, their release and their VAE, for all kinds of targets."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from vaeprivacy.attacks import ATTACKS, Candidates, Knowledge, ShadowFit, Shadows, ShadowTarget, run_attacks
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE

#: Who attacks a classifier: what the names of attacks begin with, and what this adversary knows beside its shadows.
ADVERSARIES = {"": "", "adaptive_": ", recipe", "reconstructed_": ", recipe, encoder and decoder"}
#: Attacks on a release take long, and the models of a pool are all alike: one of them will do.
ATTACKED_RELEASES = (0,)
Found = dict[str, tuple[torch.Tensor, float]]


@dataclass(frozen=True)
class Game:
    """What attacks on all models of a pool, or on one target, have in common.

    Attributes
    ----------
    candidates : Candidates
        Records whose membership is in question.
    population : Candidates or None
        The adversary's own.
    seed : int
        Decides the random numbers of the attacks that need some.
    image_shape : tuple of int or None
        Height and width of a record's image; None if records are no images.
    every : bool
        Run all attacks, not only the strongest of each kind.
    """

    candidates: Candidates
    population: Candidates | None
    seed: int
    image_shape: tuple[int, ...] | None = None
    every: bool = False

    @classmethod
    def on(cls, pool: Pool, *, every: bool) -> "Game":
        """Return the game on the models of a pool."""
        records = [pool.records(part) for part in (pool.candidates, pool.population)]
        return cls(*records, pool.seed, pool.data.image_shape, every)

    def attack_classifier(
        self,
        *,
        shadows: Shadows,
        log_posteriors: torch.Tensor,
        black_box: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
        copying: bool,
    ) -> Found:
        """Attack a classifier through what it says.

        Parameters
        ----------
        shadows : Shadows
            What the adversary's models say about candidates and then population.
        log_posteriors : torch.Tensor
            What the target says about them (or about the candidates only), shape (records, classes).
        black_box : mapping
            The target as a black box, by field of :class:`~vaeprivacy.attacks.base.Knowledge`; empty if it cannot be
            queried with other records.
        copying : bool
            Run only the attacks to which it matters whether shadow models copy the defence.
        """
        n = len(self.candidates.y)
        candidates = replace(self.candidates, log_posteriors=log_posteriors[:n], shadows=shadows.about(slice(n)))
        population = self.population
        if population is not None:
            known = log_posteriors[n:] if len(log_posteriors) > n else None
            population = replace(population, log_posteriors=known, shadows=shadows.about(slice(n, None)))
        knowledge = Knowledge(population=population, shadows=candidates.shadows, **black_box)
        wanted = (
            name
            for name, attack in ATTACKS.items()
            if attack.looks_at == "classifier" and (attack.few or self.every) and (attack.by_shadows or not copying)
        )
        return self._run(wanted, knowledge, candidates)

    def attack_release(self, release: Release, *, synthesizer: Synthesizer | None) -> Found:
        """Attack what a target was trained on.

        Parameters
        ----------
        release : Release
            What is published.
        synthesizer : Synthesizer or None
            What made it of the members, known to the adversary; None if its records are not made of single members.
        """
        wanted = (
            name
            for name, attack in ATTACKS.items()
            if attack.looks_at == "release"
            and (self.every or (attack.few if synthesizer is not None else attack.few_on_samples))
        )
        knowledge = Knowledge(population=self.population, release=release, synthesizer=synthesizer)
        return self._run(wanted, knowledge, self.candidates)

    def seeing(self, x: torch.Tensor) -> "Game":
        """Return the game on features in place of records, shape (candidates and then population, features)."""
        n = len(self.candidates.y)
        population = None if self.population is None else replace(self.population, x=x[n:])
        return replace(self, candidates=replace(self.candidates, x=x[:n]), population=population, image_shape=None)

    def attack_vae(
        self, x: torch.Tensor, *, synthesizer: Synthesizer, references: Sequence[VAE], in_references: torch.Tensor
    ) -> Found:
        """Attack the VAE behind a target by comparing it with others.

        Parameters
        ----------
        x : torch.Tensor
            Candidates as the VAE sees them, shape (records, features).
        synthesizer : Synthesizer
            With the VAE of the target.
        references : sequence of VAE
            VAEs of the adversary.
        in_references : torch.Tensor
            Which of these was trained on which candidate, shape (references, candidates), bool.
        """
        wanted = (
            name
            for name, attack in ATTACKS.items()
            if attack.looks_at == "encoder and decoder" and (attack.few or self.every)
        )
        knowledge = Knowledge(synthesizer=synthesizer, reference_vaes=references)
        return self._run(wanted, knowledge, replace(self.candidates, x=x, in_references=in_references))

    def attack_both(self, knowledge: Knowledge, candidates: Candidates) -> Found:
        """Attack release and VAE together, with weights learnt on the shadow models that `knowledge` has."""
        return self._run(["combined"], knowledge, candidates)

    def _run(self, names: Iterable[str], knowledge: Knowledge, candidates: Candidates) -> Found:
        """Run those of some attacks that are possible."""
        options = {"seed": self.seed, "image_shape": self.image_shape}
        return dict(run_attacks(names, knowledge=knowledge, candidates=candidates, **options))


def adversaries(pool: Pool, *, undefended: bool) -> Iterator[tuple[str, Shadows, Shadows]]:
    """Yield who attacks the classifiers of a pool.

    Parameters
    ----------
    pool : Pool
        The pool.
    undefended : bool
        Also the adversary whose shadow models are trained without the defence.

    Yields
    ------
    prefix, shadows, targets
        The key in :data:`ADVERSARIES`, the pool of the adversary, and what the targets say to its queries.
    """
    if undefended:
        yield "", pool.undefended.shadows[0], pool.shadows[0]
    if pool.defence.name != "none":
        for prefix, of_mode in zip(list(ADVERSARIES)[1:], pool.shadows, strict=False):
            yield prefix, of_mode, of_mode


def attack_target(
    pool: Pool, target: int, *, every: bool, n_targets: int, undefended: bool = True, combined: bool = False
) -> tuple[Found, dict[str, ShadowFit]]:
    """Run all attacks on one model of a pool.

    Parameters
    ----------
    pool : Pool
        The pool.
    target : int
        Number of the model.
    every : bool
        All attacks, not only the strongest of each kind.
    n_targets : int
        How many models of the pool are attacked, from the first on.
    undefended : bool
        See :func:`adversaries`.
    combined : bool
        Also attack release and VAE together, if both are published and the release is made of single members.

    Returns
    -------
    found, fits
        Scores and threshold of each attack; for each adversary, whether its shadow models behave like the target.
    """
    game, y, is_member = Game.on(pool, every=every), pool.data.y[pool.candidates].cpu(), pool.is_member[target]
    found, fits = {}, {}
    for prefix, shadows, targets in adversaries(pool, undefended=undefended):
        said, theirs = targets.log_posteriors[target], shadows.without(target)
        black_box = pool.black_box(target, n_targets=n_targets) if every and not prefix else {}
        options = {"shadows": theirs, "log_posteriors": said, "black_box": black_box, "copying": bool(prefix)}
        found |= {f"{prefix}{name}": value for name, value in game.attack_classifier(**options).items()}
        fits[prefix] = ShadowFit.between(theirs.about(slice(len(y))), said[: len(y)], y, is_member)
    if "release" in pool.defence.publishes and target in ATTACKED_RELEASES:
        seen = game.seeing(pool.features_of_queries) if pool.defence.releases_features else game
        found |= seen.attack_release(pool.release(target), synthesizer=pool.synthesizer(target))
    if "vae" in pool.defence.publishes:
        found |= _attack_vae(pool, target, game)
    both = "vae" in pool.defence.publishes and pool.synthesizer(target) is not None
    if combined and both and target in ATTACKED_RELEASES:
        found |= game.attack_both(*combined_knowledge(pool, target, game))
    return found, fits


def _attack_vae(pool: Pool, target: int, game: Game) -> Found:
    """Attack the VAE behind one model of a pool by comparing it with others of the pool."""
    synthesizer = pool.synthesizer(target) or Synthesizer(None, pool.defence.vae, vae=pool.vae(target))
    others, candidates = pool.others(target), game.candidates
    return game.attack_vae(
        pool.defence.vae_records(candidates.x, candidates.labels, n_classes=pool.data.n_classes),
        synthesizer=synthesizer,
        references=[pool.references.vae(number) for number in others],
        in_references=pool.is_member[others],
    )


def combined_knowledge(pool: Pool, target: int, game: Game) -> tuple[Knowledge, Candidates]:
    """Return what an adversary of one model knows of its release and VAE, and of those of its shadow models.

    The references of a shadow model are shadow models, too: neither the target nor its complement, so that nothing
    depends on whose records the target was trained on, but what it published.
    """
    shadows = pool.others(target)

    def known(number: int) -> tuple[Knowledge, Candidates]:
        references = [each for each in pool.others(number) if each in shadows]
        knowledge = Knowledge(
            population=game.population,
            release=pool.release(number),
            synthesizer=pool.synthesizer(number),
            reference_vaes=[pool.references.vae(each) for each in references],
        )
        return knowledge, replace(game.candidates, in_references=pool.is_member[references])

    learnt_on = []
    for number in shadows:
        knowledge, candidates = known(number)
        learnt_on.append(ShadowTarget(knowledge=knowledge, candidates=candidates, is_member=pool.is_member[number]))
    knowledge, candidates = known(target)
    return replace(knowledge, shadow_targets=learnt_on), candidates


def attack_pool(
    pool: Pool, targets: Sequence[int], *, every: bool, undefended: bool = True, combined: bool = False
) -> dict[str, np.ndarray]:
    """Attack each of some models of a pool.

    Parameters
    ----------
    pool : Pool
        The pool.
    targets : sequence of int
        Numbers of models, from the first on.
    every, undefended, combined
        As for :func:`attack_target`.

    Returns
    -------
    dict
        For each attack, the ``targets/`` that it was run on, one row of ``scores/`` for each of them, shape (targets,
        candidates), and the ``thresholds/`` above which it says "member": arrays named by these words and the attack's
        name. For each adversary, ``shadow_fit/`` and its prefix, the numbers of a
        :class:`~vaeprivacy.attacks.shadow_fit.ShadowFit` for each target. And ``is_member``, shape (models,
        candidates).
    """
    arrays: dict[str, list[Any]] = {}
    for target in targets:
        options = {"every": every, "undefended": undefended, "combined": combined}
        found, fits = attack_target(pool, target, n_targets=len(targets), **options)
        for name, (scores, threshold) in found.items():
            for what, value in (("scores", scores.numpy()), ("thresholds", threshold), ("targets", target)):
                arrays.setdefault(f"{what}/{name}", []).append(value)
        for prefix, fit in fits.items():
            arrays.setdefault(f"shadow_fit/{prefix}", []).append(fit.numbers)
    return {"is_member": pool.is_member.numpy(), **{name: np.stack(values) for name, values in arrays.items()}}
