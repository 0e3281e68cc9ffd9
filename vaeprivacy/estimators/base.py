"""What all synthesizers of people's own records have in common: scikit-learn's habits, and the count of releases."""

import math
import warnings
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_choice
from vaeprivacy.estimators import framework
from vaeprivacy.estimators.promise import OwnGuarantee, Seen
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability, Measure
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.randomness import SYSTEM_ENTROPY, RandomSource

FORMS = ("moments", "framework", "vae")
LEAST_RECORDS = 100


class OwnSynthesizer(BaseEstimator):
    """A synthesizer with scikit-learn's habits: fit, sample, get_params, set_params, clone."""

    epsilon: float
    delta: float
    form: str
    forms = FORMS
    generator: torch.Generator | None

    @property
    def _state(self) -> Seen:
        if "_seen" not in vars(self):
            self._seen = Seen()
        return self._seen

    @property
    def releases(self) -> int:
        """How many fits are counted, those of clones included."""
        return self._state.count.made

    @property
    def source(self) -> RandomSource:
        """Where noise comes from: the operating system, or for experiments the given generator."""
        return SYSTEM_ENTROPY if self.generator is None else self.generator

    @property
    def measure(self) -> Measure:
        """What one fit promises; with ``form="framework"`` see `guarantee`."""
        if self.form == "vae":
            trainer = framework.dp_trainer(self.epsilon, self.delta)
            return Indistinguishability(trainer.epsilon, trainer.delta)
        return GaussianIndistinguishability.for_epsilon(self.epsilon, delta=self.delta)

    @property
    @abstractmethod
    def guarantee(self) -> OwnGuarantee | Guarantee:
        """What is promised; before a fit, what it will promise."""

    def _whole_guarantee(self, how: str, **about: Any) -> OwnGuarantee:
        """Return the promise for everything that is published, for as many fits as are counted."""
        planned = not self.is_fitted
        about |= {"releases": self.releases + planned, "seeded": vars(self).get("seeded_", self.generator is not None)}
        if self.form == "vae":
            whole = self.measure.repeated(about["releases"])
            return OwnGuarantee(whole, whole.delta, framework.HOW, **about)
        spent = self._state.spent + planned * self.measure.mu**2
        return OwnGuarantee(GaussianIndistinguishability(math.sqrt(spent)), self.delta, how, **about)

    @property
    def _kind(self) -> str:
        """What releases are made by: their guarantees are of one kind."""
        budget = f"with epsilon {self.epsilon:g}"
        return {
            "moments": "moments",
            "framework": f"the framework {budget}",
            "vae": f"a VAE {budget} and delta {self.delta:g}",
        }[self.form]

    @property
    def is_fitted(self) -> bool:
        """Whether there is a model to draw from."""
        return "model_" in vars(self)

    def _note(self, mark: tuple[int, int], *, new_records: bool) -> None:
        """Count a fit to records with a fingerprint, and what it cost."""
        spent = {"mu": self.measure.mu} if self.form == "moments" else {}
        self._state.note(mark, self._kind, new_records=new_records, releases=self.form != "framework", **spent)

    def _check_settings(self) -> None:
        """Refuse settings that are impossible, before any work."""
        check_choice(self.form, "form", self.forms)
        if self.generator is not None and not isinstance(self.generator, torch.Generator):
            raise TypeError(f"generator must be a torch.Generator or None, not {type(self.generator).__name__}.")
        _ = self.measure

    def _check_number(self, n: int) -> None:
        """Refuse so few records that noise hides what they hold, and a delta that would let one of them out."""
        if n < LEAST_RECORDS:
            raise ValueError(
                f"{n} records are too few: noise that hides one of them hides all that they have in common; expected "
                f"at least {LEAST_RECORDS}, and some thousands for a useful release."
            )
        if self.delta * n >= 1:
            raise ValueError(
                f"delta {self.delta:g} would permit to publish one of {n:,} records as it is; expected less than "
                f"{1 / n:.1g}."
            )

    def _check_form(self, *forms: str, instead: str) -> None:
        check_is_fitted(self, "model_")
        if self.form not in forms:
            wanted = " and ".join(f"form={form!r}" for form in forms)
            raise ValueError(f"This is for {wanted}, and this synthesizer has form={self.form!r}: {instead}")

    def save(self, path: Path | str) -> None:
        """Write the fitted model to a file, without pickle and without a fingerprint of the records.

        With ``form="framework"`` the file holds encoder and decoder. Unless they were trained with DP-SGD they are not
        covered: keep that file where the records are.

        Raises
        ------
        ValueError, OSError
            If nothing was fitted, a trainer is of another kind than those of this package, or it cannot be written.
        """
        check_is_fitted(self, "model_")
        self._write(Path(path))

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read what :meth:`save` wrote; fits of other copies of the file are not counted, and a fit says so.

        Raises
        ------
        FileNotFoundError, ValueError
            If there is no such file, or it is damaged or of another kind.
        """
        return cls._read(Path(path))

    @abstractmethod
    def _write(self, path: Path) -> None:
        """Do the work of :meth:`save`."""

    @classmethod
    @abstractmethod
    def _read(cls, path: Path) -> Self:
        """Do the work of :meth:`load`."""

    def __sklearn_is_fitted__(self) -> bool:
        return self.is_fitted

    def __sklearn_clone__(self) -> Self:
        """Return one with the same settings that shares the count and the fingerprint: no clone forgets a release."""
        copied = type(self)(**self.get_params(deep=False))
        copied._seen = self._state
        return copied

    def _warn_if_loaded(self) -> None:
        if self._state.loaded:
            warnings.warn(
                f"This {type(self).__name__} was read from a file, with {self.releases} fits on its count: fits of "
                "other copies of that file are not counted.",
                stacklevel=3,
            )
