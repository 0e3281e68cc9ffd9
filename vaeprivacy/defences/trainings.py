"""Defences that change how the classifier is trained, on the private records themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from torch import nn

from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.defences.defence import Defence
from vaeprivacy.dp_classifier import LINEAR_SETTINGS, DPClassifierSettings, fit_dp_classifier
from vaeprivacy.dp_sgd import checked_budget
from vaeprivacy.scattering import scattering
from vaeprivacy.synthesizer import Release
from vaeprivacy.training import checked_positive


@dataclass(frozen=True)
class Regularised(Defence):
    """Train the classifier so that it overfits less. What is None stays as in the run's classifier settings.

    Attributes
    ----------
    epochs : int or None
        Stop after so many passes over the records.
    weight_decay : float or None
        Factor of half the squared weights in the loss (L2 regularisation).
    label_smoothing : float or None
        Share of the label's probability that is spread over all classes, from 0 to below 1.
    relax_loss : float or None
        Target of the training loss, in nats (RelaxLoss; Chen, Yu and Fritz, arXiv 2207.05801).

    Raises
    ------
    TypeError, ValueError
        If all are None, or one has an impossible value.
    """

    seed_text: ClassVar[str] = (
        "Regularised(name='regularised', epochs={epochs}, weight_decay={weight_decay}, "
        "label_smoothing={label_smoothing}, relax_loss={relax_loss})"
    )
    epochs: int | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    relax_loss: float | None = None
    name: str = field(default="regularised", init=False)

    def __post_init__(self) -> None:
        if not self._changes():
            raise ValueError(
                "Regularised changes nothing: give epochs, weight_decay, label_smoothing or relax_loss a value."
            )
        if self.epochs is not None and (isinstance(self.epochs, bool) or not isinstance(self.epochs, int)):
            raise TypeError(f"epochs must be a whole number, not {self.epochs!r} of type {type(self.epochs).__name__}.")
        if self.epochs is not None:
            checked_positive(self.epochs, "epochs")
        self.settings(ClassifierSettings())  # refuses impossible values

    def _changes(self) -> dict[str, float]:
        fields = ("epochs", "weight_decay", "label_smoothing", "relax_loss")
        return {name: getattr(self, name) for name in fields if getattr(self, name) is not None}

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        words = {"weight_decay": "weight decay", "label_smoothing": "label smoothing", "relax_loss": "RelaxLoss"}
        return ", ".join(
            f"{value} epochs" if name == "epochs" else f"{words[name]} {value:g}"
            for name, value in self._changes().items()
        )

    def settings(self, settings: ClassifierSettings) -> ClassifierSettings:
        """Return the classifier's settings with the changes of this defence."""
        return replace(settings, **self._changes())


@dataclass(frozen=True)
class DPSGD(Defence):
    """Train the classifier with DP-SGD (Abadi et al., arXiv 1607.00133), which protects this one model.

    Attributes
    ----------
    epsilon, delta : float
        For adding or removing one record.
    scattering : bool
        Let a linear classifier look at scattering features, which depend on no record (Tramèr and Boneh, arXiv
        2011.11660), instead of a small network at the records. Only for images.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    seed_text: ClassVar[str] = "DPSGD(name='DP-SGD', epsilon={epsilon}, delta={delta}, scattering={scattering})"
    epsilon: float = 8.0
    delta: float = 1e-4
    scattering: bool = False
    name: str = field(default="DP-SGD", init=False)

    def __post_init__(self) -> None:
        for name, value in zip(("epsilon", "delta"), checked_budget(self.epsilon, self.delta), strict=True):
            object.__setattr__(self, name, value)
        if not isinstance(self.scattering, bool):
            raise TypeError(f"scattering must be True or False, not {self.scattering!r}.")

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        return f"DP-SGD{' on scattering' if self.scattering else ''}, {self.epsilon:g}"

    def features(self, x: torch.Tensor, *, image_shape: tuple[int, ...] | None) -> torch.Tensor:
        """Return the records, or their scattering features.

        Raises
        ------
        ValueError
            If there are no images to scatter.
        """
        if not self.scattering:
            return x
        if image_shape is None:
            raise ValueError("scattering=True needs images; these records are rows of a table: leave it out.")
        return scattering(x, image_shape=image_shape)

    @property
    def keeps_features(self) -> bool:
        """True for scattering features: they take longer than the training."""
        return self.scattering

    def fit_classifiers(
        self,
        releases: Sequence[Release],
        settings: ClassifierSettings,
        *,
        n_classes: int,
        generators: Sequence[torch.Generator],
    ) -> list[nn.Module]:
        """Train one classifier on each set of records, with settings of its own; see :meth:`Defence.fit_classifiers`.

        What serves DP-SGD (few large steps, a small network) is not what serves others, so `settings` are not used.
        """
        own = LINEAR_SETTINGS if self.scattering else DPClassifierSettings()
        options = {"epsilon": self.epsilon, "delta": self.delta, "n_classes": n_classes}
        return [
            fit_dp_classifier(release.x, release.y, own, generator=generator, **options)[0]
            for release, generator in zip(releases, generators, strict=True)
        ]
