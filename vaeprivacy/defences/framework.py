"""The framework of Yang et al. (2022) as a defence: encode, clip, perturb, decode, train on the synthetic records."""

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_size
from vaeprivacy.defences.base import Defence
from vaeprivacy.distances import EUCLIDEAN
from vaeprivacy.mechanisms.denoisers import DENOISERS
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.mechanisms.registry import MECHANISMS
from vaeprivacy.synthesizer import Release, Synthesizer
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer, check_trainer
from vaeprivacy.vae import VAE, VAESettings


@dataclass(frozen=True)
class Framework(Defence):
    """Train the classifier on a release of the framework.

    Attributes
    ----------
    epsilon : float or None
        Metric-privacy parameter per unit of latent distance; None releases reconstructions without noise.
    mechanism : {"euclidean-laplace", "coordinate-laplace", "gaussian", "von-mises-fisher"}
        The noise. With "gaussian", epsilon is what Laplace noise of the same guarantee for any two records of the ball
        would have; delta is 1e-5. With "von-mises-fisher", codes are on the sphere instead of in the ball.
    radius : float or None
        Radius of the ball of codes; by default as for :class:`~vaeprivacy.synthesizer.Synthesizer`.
    trainer : PlainTrainer, PublicTrainer or DPSGDTrainer
        How encoder and decoder are trained: on the members; on as many public records; or on the members with DP-SGD.
    vae : VAESettings
        Their sizes and training; with its ``n_classes``, they are conditional on labels (after noise, if there is
        some).
    noise_aware : bool
        Whether encoder and decoder are trained for the noise; then each epsilon has its own.
    denoiser : {"project", "shrink", "preserve-variance", "posterior-mean", "posterior-sample"} or None
        What is done to noisy codes before they are decoded, see :mod:`vaeprivacy.mechanisms.denoisers`.
    labels : RandomisedResponse or None
        Noise for the labels; None keeps them.

    Raises
    ------
    TypeError, ValueError
        If a field has an impossible value.
    """

    seed_text: ClassVar[str] = (
        "Framework(name='framework', epsilon={epsilon}, mechanism={mechanism}, radius={radius}, training={trainer}, "
        "vae={vae}, noise_aware={noise_aware}, denoiser={denoiser}, labels={labels})"
    )
    epsilon: float | None = None
    mechanism: str = "euclidean-laplace"
    radius: float | None = None
    trainer: Trainer = field(default_factory=PlainTrainer)
    vae: VAESettings = field(default_factory=VAESettings)
    noise_aware: bool = False
    denoiser: str | None = None
    labels: RandomisedResponse | None = None
    name: str = field(default="framework", init=False)
    publishes: ClassVar[tuple[str, ...]] = ("classifier", "release", "vae")

    def __post_init__(self) -> None:
        for name in ("epsilon", "radius"):
            if getattr(self, name) is not None:
                # As a float, so that epsilon 8 and 8.0 are the same run. A frozen dataclass sets its fields this way.
                object.__setattr__(self, name, check_size(getattr(self, name), name))
        if self.mechanism not in MECHANISMS:
            raise ValueError(f"mechanism must be one of {', '.join(map(repr, MECHANISMS))}, not {self.mechanism!r}.")
        if self.denoiser is not None and self.denoiser not in DENOISERS:
            raise ValueError(
                f"denoiser must be one of {', '.join(map(repr, DENOISERS))}, or None, not {self.denoiser!r}."
            )
        if self.epsilon is None and (self.noise_aware or self.denoiser):
            raise ValueError("Without noise (epsilon None) there is nothing to be aware of and nothing to denoise.")
        if self.denoiser and self.mechanism == "von-mises-fisher":
            raise ValueError("denoiser must be None for noise on the sphere, where noisy codes are as long as codes.")
        check_trainer(self.trainer)
        self.synthesizer(None, n_features=1)  # refuses noise that cannot be computed

    @property
    def label(self) -> str:
        """What it is called in tables and figures: "no noise" or epsilon, and what is not as in the paper."""
        special = [] if self.mechanism == "euclidean-laplace" else [self.mechanism]
        special += [] if self.radius is None else [f"radius {self.radius:g}"]
        special += ["noise-aware"] if self.noise_aware else []
        special += ["conditional"] if self.vae.n_classes else []
        special += [] if self.denoiser is None else [self.denoiser]
        special += [] if self.labels is None else [f"labels {self.labels.epsilon:g}"]
        return ", ".join(["no noise" if self.epsilon is None else f"{self.epsilon:g}", *special])

    @property
    def short_label(self) -> str:
        """The label, and who trained the VAE if that is not as in the paper."""
        return ", ".join(filter(None, [self.label, self.trainer.vae_label]))

    @property
    def full_label(self) -> str:
        """The label, after the name of the defence: alone it is only an epsilon."""
        return f"framework, {'' if self.epsilon is None else 'epsilon '}{self.label}"

    @property
    def how_trained(self) -> str:
        """How encoder and decoder are trained, in words."""
        return str(self.trainer)

    def promised_epsilon(self, n: int) -> float:
        """Return 2 R epsilon, and what training adds; see :meth:`Defence.promised_epsilon`."""
        if self.epsilon is None:
            return math.inf
        radius = self.radius or EUCLIDEAN.typical_norm(self.vae.latent_dim)
        metric = MECHANISMS[self.mechanism](self.epsilon, radius).metric
        if metric != EUCLIDEAN:
            raise ValueError(
                f"The noise {self.mechanism!r} has its epsilon in {metric.name}, for which the ball is another."
            )
        model = self.trainer.coverage(n, self.vae)
        return 2 * radius * self.epsilon + (model.replace_one.epsilon if model.covered else 0.0)

    def total_guarantee(self, n: int, *, delta: float | None = None) -> Indistinguishability | None:
        """Return the promise for the whole release (:eq:`whole-release`); see :meth:`Defence.total_guarantee`."""
        model = self.trainer.coverage(n, self.vae, delta=delta)
        if not model.covered or self.labels is None or self.epsilon is None:
            return None
        synthesizer = self.synthesizer(None, n_features=1)  # of any number, the promise is the same
        guarantee = synthesizer.mechanism.guarantee(synthesizer.radius)
        if not isinstance(guarantee.per_unit, Indistinguishability):
            return None
        return replace(guarantee, labels=self.labels.measure, model=model).whole_release()

    @property
    def vae_stage(self) -> "Framework":
        """The plainest framework with the same encoder and decoder: without noise, unless they are trained for it."""
        plain = replace(self, denoiser=None, labels=None)
        return plain if self.noise_aware else replace(plain, epsilon=None, mechanism="euclidean-laplace", radius=None)

    @property
    def on_public_records(self) -> bool:
        """Whether encoder and decoder are trained on public records."""
        return isinstance(self.trainer, PublicTrainer)

    def fit_vae(self, x: torch.Tensor, y: torch.Tensor, *, n_classes: int, generator: torch.Generator) -> VAE:
        """Train encoder and decoder."""
        latent_noise = self.synthesizer(None, n_features=x.shape[1]).latent_noise
        return self.trainer.fit(x, self.vae, y=y, latent_noise=latent_noise, generator=generator)[0]

    def synthesizer(self, vae: VAE | None, *, n_features: int) -> Synthesizer:
        """Return the framework with a fitted encoder and decoder."""
        radius = self.radius or EUCLIDEAN.typical_norm(self.vae.latent_dim)
        return Synthesizer(
            None if self.epsilon is None else MECHANISMS[self.mechanism](self.epsilon, radius),
            self.vae,
            radius=self.radius,
            vae=vae,
            noise_aware=self.noise_aware,
            denoiser=None if self.denoiser is None else DENOISERS[self.denoiser],
            labels=self.labels,
        )

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, vae: VAE | None, n_classes: int, generator: torch.Generator
    ) -> Release:
        """Return synthetic records, one for each private one; see :meth:`Defence.release`."""
        return self.synthesizer(vae, n_features=x.shape[1]).release(x, y, generator=generator)
