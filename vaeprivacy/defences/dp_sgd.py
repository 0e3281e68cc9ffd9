"""Training of the classifier with DP-SGD, on the private records themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from vaeprivacy.accounting import check_adjacency, check_budget, promise_for_replacing
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import make_plain
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.defences.base import Defence
from vaeprivacy.dp_classifier import LINEAR_SETTINGS, DPClassifierSettings, fit_dp_classifier
from vaeprivacy.scattering import scattering
from vaeprivacy.synthesizer import Release


@dataclass(frozen=True)
class DPSGD(Defence):
    """Train the classifier with DP-SGD (Abadi et al., arXiv 1607.00133), which protects this one model.

    Attributes
    ----------
    epsilon, delta : float
        For adding or removing one record, or for replacing one: as `adjacency` says.
    scattering : bool
        Let a linear classifier look at scattering features, which depend on no record (Tramèr and Boneh, arXiv
        2011.11660), instead of a small network at the records. Only for images.
    adjacency : {"add or remove", "replace"}
        What epsilon and delta are for.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    epsilon: float = 8.0
    delta: float = 1e-4
    scattering: bool = False
    adjacency: str = "add or remove"
    name: str = field(default="dp-sgd", init=False)

    @property
    def seed_text(self) -> str:
        """The text that noise is seeded by, see :class:`~vaeprivacy.randomness.SeedNamed`."""
        special = "" if self.adjacency == "add or remove" else ", adjacency={adjacency}"
        return "DPSGD(name='DP-SGD', epsilon={epsilon}, delta={delta}, scattering={scattering}" + special + ")"

    def __post_init__(self) -> None:
        make_plain(self)
        check_adjacency(self.adjacency)
        for name, value in zip(("epsilon", "delta"), check_budget(self.epsilon, self.delta), strict=True):
            object.__setattr__(self, name, value)
        if not isinstance(self.scattering, bool):
            raise TypeError(f"scattering must be True or False, not {self.scattering!r}.")

    def total_guarantee(self, n: int, *, delta: float | None = None) -> Indistinguishability:
        """Return the promise for replacing one of `n` records; see :meth:`Defence.total_guarantee`."""
        training = {"epochs": self.training.epochs, "batch_size": self.training.batch_size}
        return promise_for_replacing(self.epsilon, self.delta, self.adjacency, n=n, stated_delta=delta, **training)

    def promised_epsilon(self, n: int) -> float:
        """Return epsilon of the promise for replacing one of `n` records; see :meth:`Defence.promised_epsilon`."""
        return self.total_guarantee(n).epsilon

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        ending = " for replacing" if self.adjacency == "replace" else ""
        return f"DP-SGD{' on scattering' if self.scattering else ''}, {self.epsilon:g}{ending}"

    @property
    def short_label(self) -> str:
        """Epsilon, and what the classifier looks at if that is not the records."""
        return f"{'scattering, ' if self.scattering else ''}{self.epsilon:g}"

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
    def training(self) -> DPClassifierSettings:
        """Size and training of the classifier."""
        return LINEAR_SETTINGS if self.scattering else DPClassifierSettings()

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
        options = {"epsilon": self.epsilon, "delta": self.delta, "adjacency": self.adjacency, "n_classes": n_classes}
        return [
            fit_dp_classifier(release.x, release.y, self.training, generator=generator, **options)[0]
            for release, generator in zip(releases, generators, strict=True)
        ]
