"""What every attack has in common: what its adversary knows, what it is fitted on, and one score per candidate."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import torch

from vaeprivacy.arrays import check_labels, check_log_posteriors, check_memberships, check_records
from vaeprivacy.attacks.shadow import Shadows
from vaeprivacy.attacks.shadow_fit import check_about
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.vae import VAE


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Records, and what models predict for them. What an adversary does not have is None.

    Records stay on the device that they are given on, where models can be queried with them. All else is kept on the
    CPU: attacks on predictions compute there.

    Attributes
    ----------
    x : torch.Tensor
        Records, shape (records, features).
    y : torch.Tensor
        Their labels, shape (records,).
    log_posteriors : torch.Tensor or None
        The target's predictions, shape (records, classes).
    shadows : Shadows or None
        What shadow models predict for these records, and which of them were trained on which.
    in_references : torch.Tensor or None
        Which reference VAEs were trained on which of these records, shape (references, records), bool; None: none was.
    """

    x: torch.Tensor
    y: torch.Tensor
    log_posteriors: torch.Tensor | None = None
    shadows: Shadows | None = None
    in_references: torch.Tensor | None = None

    def __post_init__(self) -> None:
        x = check_records(self.x)
        said, shadows, trained = self.log_posteriors, self.shadows, self.in_references
        if said is not None:
            said = check_log_posteriors(said, of=x).cpu()
        if shadows is not None:
            check_about(shadows, x, said)
        if trained is not None:
            trained = check_memberships(trained, "in_references", shape=(None, len(x))).cpu()
        y = check_labels(self.y, of=x, n_classes=None if said is None else said.shape[1]).cpu()
        for name, value in {"x": x, "y": y, "log_posteriors": said, "in_references": trained}.items():
            object.__setattr__(self, name, value)

    @property
    def labels(self) -> torch.Tensor:
        """The labels on the device of the records, where conditional models compute."""
        return self.y.to(self.x.device)

    def to(self, device: torch.device | str) -> "Candidates":
        """Return the same with the records on a device."""
        return replace(self, x=self.x.to(device))


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """All that an adversary holds beside the candidates. What it does not have is None.

    Attributes
    ----------
    population : Candidates or None
        Records of its own, which the target was not trained on.
    shadows : Shadows or None
        Predictions of its shadow models about records of known membership, to learn from.
    query : callable or None
        The target as a black box: maps records to log-posteriors, shape (records, classes).
    query_label : callable or None
        The target as a black box that tells its predicted labels only: maps records to labels, shape (records,).
    release : Release or None
        The synthetic records.
    synthesizer : Synthesizer or None
        Encoder, decoder, projection and mechanism, but none of their random numbers.
    reference_vaes : sequence of VAE or None
        VAEs that the adversary trained as the defender did, but not on the candidates.
    shadow_targets : sequence of ShadowTarget or None
        Releases and VAEs that the adversary made as the defender did, of records that it chose, to learn from.
    """

    population: Candidates | None = None
    shadows: Shadows | None = None
    query: Callable[[torch.Tensor], torch.Tensor] | None = None
    query_label: Callable[[torch.Tensor], torch.Tensor] | None = None
    release: Release | None = None
    synthesizer: Synthesizer | None = None
    reference_vaes: Sequence[VAE] | None = None
    shadow_targets: Sequence["ShadowTarget"] | None = None  # noqa: F821 (of vaeprivacy.attacks.combined)


HELD = tuple(field.name for field in fields(Knowledge))
# What tables call the parts of an adversary's knowledge. The first two are about the candidates.
WORDS = {
    "log_posteriors": "posteriors",
    "candidate_shadows": "shadow models",
    "shadows": "shadow models",
    "population": "records",
    "query": "posteriors",
    "query_label": "labels",
    "release": "release",
    "synthesizer": "encoder and decoder",
    "reference_vaes": "VAEs of its own",
    "shadow_targets": "releases of its own",
}


class Attack(ABC):
    """An attack: fitted on what its adversary knows, it gives each candidate a score, higher for likelier members.

    Attributes
    ----------
    needs : tuple of str
        Fields of :class:`Knowledge` without which it cannot be fitted; ``log_posteriors`` and ``candidate_shadows``
        stand for what :class:`Candidates` must hold when candidates are scored.
    threshold : float or None
        The attack itself says "member" above it. None: it only ranks, and the adversary says "member" above the
        median, because it knows that half of the candidates are members.
    """

    needs: ClassVar[tuple[str, ...]]
    threshold: float | None = None

    @classmethod
    def knowledge(cls) -> str:
        """Return what the adversary must know, in words, for the tables."""
        return ", ".join(dict.fromkeys(WORDS[need] for need in cls.needs))

    @classmethod
    def by_shadows(cls) -> bool:
        """Return whether it learns from shadow models, and so needs them to behave like the target."""
        return bool({"shadows", "candidate_shadows"} & set(cls.needs))

    def missing(self, knowledge: Knowledge, candidates: Candidates) -> list[str]:
        """Return what an adversary lacks for this attack: nothing, if it can be run."""
        return self._lacking(knowledge) + self._without_predictions(candidates)

    def fit(self, knowledge: Knowledge) -> "Attack":
        """Learn what can be learnt before a candidate is seen, and return the attack itself.

        Parameters
        ----------
        knowledge : Knowledge
            What the adversary holds.

        Raises
        ------
        ValueError
            If the adversary does not know what this attack needs.
        """
        self._refuse_without(self._lacking(knowledge), "knowledge")
        self._fit(knowledge)
        return self

    def score(self, candidates: Candidates) -> torch.Tensor:
        """Return one score per candidate, shape (candidates,), on the CPU; higher means more likely a member.

        Parameters
        ----------
        candidates : Candidates
            Records whose membership is in question, and what models predict for them.

        Raises
        ------
        ValueError
            If the candidates come without the predictions that this attack needs.
        """
        self._refuse_without(self._without_predictions(candidates), "candidates")
        return self._score(candidates).cpu()

    def _fit(self, knowledge: Knowledge) -> None:  # noqa: B027 (many attacks have nothing to learn)
        """Do the work of :meth:`fit`."""

    @abstractmethod
    def _score(self, candidates: Candidates) -> torch.Tensor:
        """Do the work of :meth:`score`."""

    def _lacking(self, knowledge: Knowledge) -> list[str]:
        return [need for need in self.needs if need in HELD and getattr(knowledge, need) is None]

    def _without_predictions(self, candidates: Candidates) -> list[str]:
        predictions = {"log_posteriors": candidates.log_posteriors, "candidate_shadows": candidates.shadows}
        return [need for need in self.needs if need in predictions and predictions[need] is None]

    def _refuse_without(self, missing: list[str], argument: str) -> None:
        if missing:
            raise ValueError(
                f"{type(self).__name__} needs {', '.join(map(repr, missing))}, which {argument} lacks: pass it, or "
                "choose an attack whose adversary knows less."
            )
