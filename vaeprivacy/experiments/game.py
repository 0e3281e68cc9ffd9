"""The membership game on one model of a pool: it is attacked through its answers, its release and its VAE."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from vaeprivacy.attacks import Candidates, Knowledge, ShadowFit, Shadows
from vaeprivacy.attacks.catalogue import ON_RELEASE, ON_VAE, run_attacks
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE

# Attacks that learn from shadow models: each is run by several adversaries.
WITH_SHADOWS = (
    "confidence", "entropy", "modified_entropy", "top_posteriors", "shadow_joint", "shadow", "lira_offline",
    "rmia_offline", "lira", "rmia",
)  # fmt: skip
FEW = {"loss", "shadow", "lira_offline", "lira", "rmia", "nearest", "likelihood", "vae"}
FEW_ON_SAMPLES = {"nearest_record", "density"}  # in place of the attacks that ask which record a synthetic one is from
# Attacks on a release take long, and the models of a pool are all alike: one of them will do.
ATTACKED_RELEASES = (0,)
Found = dict[str, tuple[torch.Tensor, float]]


def others(is_member: torch.Tensor, target: int) -> list[int]:
    """Return the models of a pool that may know nothing of the target's: all but itself and its complement.

    Whoever knew that a model was trained on the complementary half would know all members.

    Parameters
    ----------
    is_member : torch.Tensor
        Which model was trained on which record, shape (models, records); pairs of neighbours are complementary.
    target : int
        Number of the target.
    """
    complement = target + 1 if target % 2 == 0 else target - 1
    return [number for number in range(len(is_member)) if number not in (target, complement)]


@dataclass(frozen=True)
class Game:
    """What attacks on all models of a pool have in common.

    Attributes
    ----------
    candidates, population : Records
        Records whose membership is in question, and the adversary's own.
    is_member : torch.Tensor
        Which model was trained on which candidate, shape (models, candidates), bool.
    seed : int
        Decides the random numbers of the attacks that need some.
    image_shape : tuple of int or None
        Height and width of a record's image; None if records are no images.
    all_attacks : bool
        Run all attacks, not only the strongest of each kind.
    """

    candidates: Candidates
    population: Candidates
    is_member: torch.Tensor
    seed: int
    image_shape: tuple[int, ...] | None = None
    all_attacks: bool = False

    def by_answers(
        self,
        names: Iterable[str],
        *,
        target: int,
        shadows: Shadows,
        log_posteriors: torch.Tensor,
        ask: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
    ) -> tuple[Found, ShadowFit]:
        """Attack one target by what it answers.

        Parameters
        ----------
        names : iterable of str
            Attacks; of these, the few strongest or all.
        target : int
            Number of the target in its pool.
        shadows : Shadows
            The pool of the adversary, about candidates and then population; target and complement are left out.
        log_posteriors : torch.Tensor
            The target's answers about the same records, shape (records, classes).
        ask : mapping
            The target as a black box, by field of :class:`~vaeprivacy.attacks.base.Knowledge`; empty if it cannot be
            asked about other records.

        Returns
        -------
        found, likeness
            Scores and threshold of each attack, and whether the shadow models behave like the target.
        """
        shadows, n = shadows.without(target), len(self.candidates.y)
        candidates, population = (
            replace(records, log_posteriors=log_posteriors[place], shadows=shadows.about(place))
            for records, place in ((self.candidates, slice(n)), (self.population, slice(n, None)))
        )
        knowledge = Knowledge(population=population, shadows=candidates.shadows, **ask)
        alike = ShadowFit.between(candidates.shadows, candidates.log_posteriors, candidates.y, self.is_member[target])
        return self._run(names, FEW, knowledge, candidates), alike

    def on_release(self, *, release: Release, synthesizer: Synthesizer | None) -> Found:
        """Attack what a target was trained on.

        Parameters
        ----------
        release : Release
            What is published.
        synthesizer : Synthesizer or None
            What made it of the members, known to the adversary; None if its records are not made of single members.
        """
        few = FEW if synthesizer is not None else FEW_ON_SAMPLES
        knowledge = Knowledge(population=self.population, release=release, synthesizer=synthesizer)
        return self._run(ON_RELEASE, few, knowledge, self.candidates)

    def on_model(self, *, target: int, x: torch.Tensor, synthesizer: Synthesizer, vaes: Sequence[VAE]) -> Found:
        """Attack the generative model behind one target by comparing it with others.

        Parameters
        ----------
        target : int
            Number of the target in its pool.
        x : torch.Tensor
            Candidates as the generative model sees them, shape (records, features).
        synthesizer : Synthesizer
            With the generative model of the target.
        vaes : sequence of VAE
            Those of :func:`others` of the pool.
        """
        in_references = self.is_member[others(self.is_member, target)]
        candidates = replace(self.candidates, x=x, in_references=in_references)
        return self._run(ON_VAE, FEW, Knowledge(synthesizer=synthesizer, reference_vaes=vaes), candidates)

    def _run(self, names: Iterable[str], few: set[str], knowledge: Knowledge, candidates: Candidates) -> Found:
        """Run those of some attacks that are wanted and possible."""
        wanted = [name for name in names if self.all_attacks or name in few]
        options = {"seed": self.seed, "image_shape": self.image_shape}
        return dict(run_attacks(wanted, knowledge=knowledge, candidates=candidates, **options))
