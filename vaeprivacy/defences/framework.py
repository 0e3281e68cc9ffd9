"""The framework of Yang et al. (2022) as a defence: encode, clip, perturb, decode, train on the synthetic records."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from vaeprivacy.coverage import OnDisjointRecords, OnPrivateRecords, Training, checked_training
from vaeprivacy.defences.defence import Defence
from vaeprivacy.distances import EUCLIDEAN
from vaeprivacy.mechanisms import CoordinateLaplace, EuclideanLaplace, Gaussian, Mechanism
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.training import checked_positive
from vaeprivacy.vae import VAE, VAESettings

DELTA = 1e-5  # of Gaussian noise, for any two records of the ball


def gaussian_of_equal_budget(epsilon: float, radius: float) -> Gaussian:
    """Return Gaussian noise whose guarantee for any two records is that of Laplace noise, but for a small delta."""
    return Gaussian.for_budget(2 * radius * epsilon, delta=DELTA, radius=radius)


#: Mechanisms by name: each is made from epsilon per unit of latent distance and the radius of the ball.
MECHANISMS: dict[str, Callable[[float, float], Mechanism]] = {
    "euclidean-laplace": lambda epsilon, radius: EuclideanLaplace(epsilon),
    "coordinate-laplace": lambda epsilon, radius: CoordinateLaplace(epsilon),
    "gaussian": gaussian_of_equal_budget,
}


@dataclass(frozen=True)
class Framework(Defence):
    """Train the classifier on a release of the framework.

    Attributes
    ----------
    epsilon : float or None
        Metric-privacy parameter per unit of latent distance; None releases reconstructions without noise.
    mechanism : {"euclidean-laplace", "coordinate-laplace", "gaussian"}
        The noise. With "gaussian", epsilon is what Laplace noise of the same guarantee for any two records of the ball
        would have; delta is 1e-5.
    radius : float or None
        Radius of the ball of codes; by default as for :class:`~vaeprivacy.synthesizer.Synthesizer`.
    training : OnPrivateRecords, OnDisjointRecords or WithDPSGD
        How encoder and decoder are trained: on the members; on as many public records; or on the members with DP-SGD.
    vae : VAESettings
        Their sizes and training.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    epsilon: float | None = None
    mechanism: str = "euclidean-laplace"
    radius: float | None = None
    training: Training = field(default_factory=OnPrivateRecords)
    vae: VAESettings = field(default_factory=VAESettings)
    name: str = field(default="framework", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier", "release", "model")

    def __post_init__(self) -> None:
        for name in ("epsilon", "radius"):
            if getattr(self, name) is not None:
                # As a float, so that epsilon 8 and 8.0 are the same run. A frozen dataclass sets its fields this way.
                object.__setattr__(self, name, checked_positive(getattr(self, name), name))
        if self.mechanism not in MECHANISMS:
            raise ValueError(f"mechanism must be one of {', '.join(map(repr, MECHANISMS))}, not {self.mechanism!r}.")
        checked_training(self.training)

    @property
    def label(self) -> str:
        """What it is called in tables and figures: "no noise", or epsilon."""
        special = [] if self.mechanism == "euclidean-laplace" else [self.mechanism]
        special += [] if self.radius is None else [f"radius {self.radius:g}"]
        return ", ".join(["no noise" if self.epsilon is None else f"{self.epsilon:g}", *special])

    @property
    def how_trained(self) -> str:
        """How encoder and decoder are trained, in words."""
        return str(self.training)

    @property
    def model(self) -> "Framework":
        """The same framework without noise, which has the same encoder and decoder."""
        return replace(self, epsilon=None, mechanism="euclidean-laplace", radius=None)

    @property
    def on_public_records(self) -> bool:
        """Whether encoder and decoder are trained on public records."""
        return isinstance(self.training, OnDisjointRecords)

    def fit_model(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int, generator: torch.Generator) -> VAE:
        """Train encoder and decoder."""
        return self.training.fit(x, self.vae, generator=generator)[0]

    def synthesizer(self, model: VAE | None, *, n_features: int) -> Synthesizer:
        """Return the framework with a fitted encoder and decoder."""
        if self.epsilon is None:
            return Synthesizer(None, self.vae, radius=self.radius, vae=model)
        radius = self.radius or EUCLIDEAN.typical_norm(self.vae.latent_dim)
        return Synthesizer(MECHANISMS[self.mechanism](self.epsilon, radius), self.vae, radius=self.radius, vae=model)

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, model: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return synthetic records, one for each private one; see :meth:`Defence.release`."""
        return self.synthesizer(model, n_features=x.shape[1]).release(x, y, generator=generator)
