"""Training of the classifier with DP-SGD, on the private records themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import make_plain
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.defences.base import Defence
from vaeprivacy.dp_classifier import LINEAR_SETTINGS, DPClassifierSettings, fit_dp_classifier
from vaeprivacy.dp_sgd import check_budget, replace_one_epsilon
from vaeprivacy.scattering import scattering
from vaeprivacy.synthesizer import Release


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
    name: str = field(default="dp-sgd", init=False)

    def __post_init__(self) -> None:
        make_plain(self)
        for name, value in zip(("epsilon", "delta"), check_budget(self.epsilon, self.delta), strict=True):
            object.__setattr__(self, name, value)
        if not isinstance(self.scattering, bool):
            raise TypeError(f"scattering must be True or False, not {self.scattering!r}.")

    @property
    def local_epsilon(self) -> float:
        """Twice epsilon, whose accountant speaks of adding or removing a record; see :attr:`Defence.local_epsilon`."""
        return replace_one_epsilon(self.epsilon, self.delta)

    @property
    def total_guarantee(self) -> Indistinguishability:
        """The promise for replacing one record."""
        return Indistinguishability(self.epsilon, self.delta).group(2)

    @property
    def label(self) -> str:
        """What it is called in tables and figures."""
        return f"DP-SGD{' on scattering' if self.scattering else ''}, {self.epsilon:g}"

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
