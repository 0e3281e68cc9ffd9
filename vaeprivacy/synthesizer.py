"""The framework of Yang et al. (2022): encode, clip, perturb, decode."""

import copy
from dataclasses import dataclass, field, replace

import torch

from vaeprivacy.arrays import check_labels, check_records, check_unit_records
from vaeprivacy.checks import check_size
from vaeprivacy.distances import EUCLIDEAN, Metric, clip
from vaeprivacy.guarantee import NOT_COVERED, Guarantee, ModelCoverage, ReleaseCount
from vaeprivacy.mechanisms.base import AdditiveNoise, Mechanism
from vaeprivacy.mechanisms.denoisers import Denoiser
from vaeprivacy.mechanisms.randomised_response import RandomisedResponse
from vaeprivacy.randomness import SYSTEM_ENTROPY, RandomSource, uniforms
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer, check_trainer
from vaeprivacy.vae import REPARAMETERISATION, VAE, LatentNoise, VAESettings, check_finite
from vaeprivacy.whole_guarantee import WholeGuarantee


@dataclass(frozen=True)
class MechanismNoise:
    """What a release does to codes: the projection and the noise that codes will go through (:eq:`noise-aware`).

    The noise is there whatever the encoder does, and the projection bounds the codes. Its variance is not used.

    Attributes
    ----------
    mechanism : Mechanism
        The noise.
    radius : float
        Radius R that codes are projected to, in the mechanism's distance.
    """

    mechanism: Mechanism
    radius: float

    def sample(
        self, mean: torch.Tensor, log_variance: torch.Tensor, *, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return noisy codes, and zeros; see :meth:`LatentNoise.sample`."""
        return self.mechanism.simulate(self.without_noise(mean), generator=generator), mean.new_zeros(len(mean))

    def without_noise(self, mean: torch.Tensor) -> torch.Tensor:
        """Return the projected codes."""
        return self.mechanism.project(mean, radius=self.radius, warn=False)


@dataclass(frozen=True)
class Release:
    """What is published in place of the private records.

    Attributes
    ----------
    x : torch.Tensor
        Synthetic records, shape (records, features), float32, values in [0, 1].
    y : torch.Tensor
        Their labels, shape (records,): those of the originals, unchanged unless the synthesizer has noise for labels.
    guarantee : Guarantee, WholeGuarantee or None
        What the noise promises; None if there was no noise, hence no promise.
    """

    x: torch.Tensor
    y: torch.Tensor
    guarantee: Guarantee | WholeGuarantee | None

    def __post_init__(self) -> None:
        x = check_records(self.x)
        for name, value in {"x": x, "y": check_labels(self.y, of=x)}.items():
            object.__setattr__(self, name, value)

    def to(self, device: torch.device | str) -> "Release":
        """Return the release with its tensors on a device."""
        return replace(self, x=self.x.to(device), y=self.y.to(device))


@dataclass
class Synthesizer:
    """The framework, composed of a VAE, a projection onto a ball, a mechanism, and noise for labels.

    The paper's form, as far as we know it, has the defaults: encoder and decoder trained on the private records,
    labels kept.

    Attributes
    ----------
    mechanism : Mechanism or None
        The noise; None releases reconstructions without noise.
    settings : VAESettings
        Sizes and training of the VAE.
    radius : float or None
        Radius of the ball, in the mechanism's distance. By default about the norm of a code of the prior N(0, I), which
        is the root of the latent dimension for the Euclidean distance: it depends on no record (our choice).
    vae : VAE or None
        Encoder and decoder, once they are fitted.
    trainer : PlainTrainer, PublicTrainer or DPSGDTrainer
        How :meth:`fit` trains them.
    noise_aware : bool
        Whether :meth:`fit` trains encoder and decoder for the noise: through projection and mechanism, with new noise
        at each step (:class:`~vaeprivacy.synthesizer.MechanismNoise`).
    denoiser : Denoiser or None
        What is done to noisy codes before they are decoded: post-processing, which changes no promise.
    labels : RandomisedResponse or None
        Noise for the labels; None keeps them.
    coverage : ModelCoverage
        What the guarantee may say about encoder and decoder: set by :meth:`fit`, or by whoever passes a fitted `vae`.
    trained_on : frozenset of bytes
        With :class:`~vaeprivacy.trainers.PublicTrainer`, the records that :meth:`fit` saw; others are kept nowhere.
    releases : ReleaseCount
        Number of noisy releases made so far, shared by all copies. Each new one of the same records costs its epsilon
        again, and the guarantee counts them as if all were, with the same noise; see :meth:`for_new_records`.
    """

    mechanism: Mechanism | None
    settings: VAESettings = field(default_factory=VAESettings)
    radius: float | None = None
    vae: VAE | None = None
    trainer: Trainer = field(default_factory=PlainTrainer)
    noise_aware: bool = False
    denoiser: Denoiser | None = None
    labels: RandomisedResponse | None = None
    coverage: ModelCoverage = NOT_COVERED
    trained_on: frozenset[bytes] = field(default=frozenset(), repr=False)
    releases: ReleaseCount = field(default_factory=ReleaseCount, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_trainer(self.trainer)
        if self.radius is None:
            self.radius = self.metric.typical_norm(self.settings.latent_dim)
        self.radius = check_size(self.radius, "radius")
        if self.noise_aware and self.mechanism is None:
            raise ValueError("noise_aware=True needs a mechanism, for whose noise encoder and decoder are trained.")
        if self.denoiser is not None and not isinstance(self.mechanism, AdditiveNoise):
            raise ValueError(f"A denoiser needs a mechanism that adds noise, which {self.mechanism!r} does not.")

    def to(self, device: torch.device | str) -> "Synthesizer":
        """Return a copy whose encoder and decoder are on a device."""
        return replace(self, vae=None if self.vae is None else copy.deepcopy(self.vae).to(device))

    def for_new_records(self) -> "Synthesizer":
        """Return a copy that counts releases from 0: for records of which no release was made."""
        return replace(self, releases=ReleaseCount())

    @property
    def metric(self) -> Metric:
        """The distance between codes: the mechanism's, or the Euclidean one if there is no noise."""
        return EUCLIDEAN if self.mechanism is None else self.mechanism.metric

    def fit(
        self, x: torch.Tensor, y: torch.Tensor, *, generator: RandomSource, progress: bool = False
    ) -> "Synthesizer":
        """Train the VAE on records.

        Parameters
        ----------
        x : torch.Tensor
            Records, shape (records, features), values in [0, 1]: the private ones, or with
            :class:`~vaeprivacy.trainers.PublicTrainer` others, which :meth:`release` will refuse.
        y : torch.Tensor
            Labels, shape (records,), ignored unless ``settings.n_classes`` makes the VAE conditional.
        generator : torch.Generator or SystemEntropy
            Source of weights, batches, samples and the noise of DP-SGD.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Synthesizer
            Itself, fitted.
        """
        x = check_unit_records(x)
        y = check_labels(y, of=x, n_classes=self.settings.n_classes or None)
        options = {"y": y, "latent_noise": self.latent_noise, "generator": generator, "progress": progress}
        self.vae, self.coverage = self.trainer.fit(x, self.settings, **options)
        self.trained_on = _rows(x) if isinstance(self.trainer, PublicTrainer) else frozenset()
        return self

    @property
    def latent_noise(self) -> LatentNoise:
        """What codes go through while encoder and decoder are trained."""
        return MechanismNoise(self.mechanism, self.radius) if self.noise_aware else REPARAMETERISATION

    @torch.no_grad()
    def encode(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return the mean code of each record, projected onto the ball, shape (records, latent_dim).

        Parameters
        ----------
        x : torch.Tensor
            Records, shape (records, features), values in [0, 1].
        y : torch.Tensor, optional
            Their labels, shape (records,), for a conditional VAE.

        Raises
        ------
        RuntimeError, FloatingPointError
            If the synthesizer is not fitted, or its encoder gives codes that are not finite.
        """
        vae, x = self._fitted_vae(), check_records(x, features=self._size("features"))
        if y is not None:
            y = check_labels(y, of=x, n_classes=self._size("n_classes"))
        mean, _ = vae.encode(x, y)
        check_finite(mean, "codes of records")
        project = clip if self.mechanism is None else self.mechanism.project
        return project(mean, radius=self.radius, warn=not self.noise_aware)  # which uses the whole ball

    @torch.no_grad()
    def decode(self, codes: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return the record that each code (and label) stands for, shape (records, features), values in [0, 1]."""
        return self._fitted_vae().decode(codes, y)

    def reconstruct(self, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return each record as encoder and decoder render it, without noise, shape (records, features)."""
        return self.decode(self.encode(x, y), y)

    def release(
        self, x: torch.Tensor, y: torch.Tensor, *, generator: RandomSource = SYSTEM_ENTROPY, shuffle: bool = True
    ) -> Release:
        """Turn private records into synthetic ones (:eq:`release` of the framework chapter).

        Parameters
        ----------
        x : torch.Tensor
            Private records, shape (records, features), values in [0, 1].
        y : torch.Tensor
            Their labels, shape (records,).
        generator : SystemEntropy or torch.Generator
            Source of the noise. A seeded one is for experiments: whoever guesses the seed can subtract the noise.
        shuffle : bool
            Put the synthetic records into random order: the order of the originals may link them to a list of persons.
            Without it, row i comes from record i.

        Returns
        -------
        Release
            One synthetic record for each private one.

        Raises
        ------
        RuntimeError, FloatingPointError
            If the synthesizer is not fitted, or a value of the release would not be finite: then nothing is released.
        TypeError, ValueError
            If `x` is not a table with values in [0, 1] like that of :meth:`fit`, `y` not one label a record, or some of
            the records are, value for value, those that encoder and decoder were trained on as disjoint ones.
        """
        x = check_unit_records(x, least=1, features=self._size("features"))
        y = check_labels(y, of=x, n_classes=self._size("n_classes"))
        reported = y if self.labels is None else self.labels.perturb(y, generator=generator)
        codes = self.encode(x, reported)  # the true label must not enter: only the noisy one may
        self._check_disjoint(x)
        if self.mechanism is not None:
            codes = self.mechanism.perturb(codes, generator=generator)
            if self.denoiser is not None:
                options = {"mechanism": self.mechanism, "radius": self.radius, "generator": generator}
                codes = self.denoiser.denoise(codes, **options)
        if shuffle:
            order = uniforms((len(x),), generator=generator).argsort().to(x.device)
            codes, reported = codes[order], reported[order]
        synthetic = check_finite(self.decode(codes, reported), "synthetic records")
        if self.mechanism is None:
            return Release(synthetic, reported, None)
        self.releases.made += 1
        guarantee = replace(
            self.mechanism.guarantee(self.radius),
            labels=None if self.labels is None else self.labels.measure,
            model=self.coverage,
            releases=self.releases.made,
            seeded=isinstance(generator, torch.Generator),
        )
        return Release(synthetic, reported, guarantee)

    def _check_disjoint(self, x: torch.Tensor) -> None:
        shared = len(self.trained_on & _rows(x)) if self.trained_on else 0
        if shared:
            raise ValueError(
                f"{shared} of the {len(x)} records to release are among those that encoder and decoder were trained "
                "on, which were to be disjoint: release others, or fit with trainer=PlainTrainer() or DPSGDTrainer()."
            )

    def _size(self, name: str) -> int | None:
        """Number of features or classes that records must be of; None if there is no VAE that minds."""
        return None if self.vae is None else self.vae.sizes[name] or None

    def _fitted_vae(self) -> VAE:
        if self.vae is None:
            raise RuntimeError("This Synthesizer has no VAE yet: call fit first, or pass a fitted one as vae=.")
        return self.vae


def _rows(x: torch.Tensor) -> frozenset[bytes]:
    """Return the records of a table as a set."""
    return frozenset(row.tobytes() for row in (x.detach() + 0.0).cpu().numpy())  # -0.0 + 0.0 is 0.0
