"""The framework of Yang et al. (2022): encode, clip, perturb, decode."""

import math
from dataclasses import dataclass, field

import torch

from vaeprivacy.guarantee import Guarantee
from vaeprivacy.mechanisms import EuclideanLaplace, clip
from vaeprivacy.training import checked_records
from vaeprivacy.vae import VAE, VAESettings, fit_vae


@dataclass(frozen=True)
class Release:
    """What is published in place of the private records.

    Attributes
    ----------
    x : torch.Tensor
        Synthetic records, shape (records, features), float32, values in [0, 1].
    y : torch.Tensor
        Their labels, shape (records,): those of the originals, unchanged.
    guarantee : Guarantee or None
        What the noise promises; None if there was no noise, hence no promise.
    """

    x: torch.Tensor
    y: torch.Tensor
    guarantee: Guarantee | None


@dataclass
class Synthesizer:
    """The framework in the paper's form: a VAE, projection onto a ball, and a mechanism.

    Attributes
    ----------
    mechanism : EuclideanLaplace or None
        The noise; None releases reconstructions without noise.
    settings : VAESettings
        Sizes and training of the VAE.
    radius : float or None
        Radius of the ball. By default the square root of the latent dimension, near which the codes of the prior N(0,
        I) lie: it depends on no record (our choice).
    vae : VAE or None
        Encoder and decoder, once they are fitted.
    """

    mechanism: EuclideanLaplace | None
    settings: VAESettings = field(default_factory=VAESettings)
    radius: float | None = None
    vae: VAE | None = None

    def __post_init__(self) -> None:
        if self.radius is None:
            self.radius = math.sqrt(self.settings.latent_dim)

    def fit(
        self, x: torch.Tensor, y: torch.Tensor, *, generator: torch.Generator, progress: bool = False
    ) -> "Synthesizer":
        """Train the VAE on records.

        Parameters
        ----------
        x : torch.Tensor
            Records, shape (records, features), values in [0, 1].
        y : torch.Tensor
            Labels, shape (records,). The paper's form ignores them here.
        generator : torch.Generator
            Source of weights, batches and samples.
        progress : bool
            Show a progress bar.

        Returns
        -------
        Synthesizer
            Itself, fitted.
        """
        _check_pairs(x, y)
        self.vae, _ = fit_vae(x, self.settings, generator=generator, progress=progress)
        return self

    @torch.no_grad()
    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mean code of each record, projected onto the ball, shape (records, latent_dim).

        Raises
        ------
        RuntimeError
            If the synthesizer is not fitted.
        """
        mean, _ = self._fitted_vae().encode(checked_records(x))
        return clip(mean, radius=self.radius)

    @torch.no_grad()
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the record that each code stands for, shape (records, features), values in [0, 1]."""
        return self._fitted_vae().decode(codes)

    def release(self, x: torch.Tensor, y: torch.Tensor, *, generator: torch.Generator) -> Release:
        """Turn private records into synthetic ones (:eq:`release` of the framework chapter).

        Parameters
        ----------
        x : torch.Tensor
            Private records, shape (records, features), values in [0, 1].
        y : torch.Tensor
            Their labels, shape (records,).
        generator : torch.Generator
            Source of the noise. A seeded one is for experiments only: whoever knows the seed can subtract the noise.
            For a real release take ``generator = torch.Generator(); generator.seed()`` and keep neither.

        Returns
        -------
        Release
            One synthetic record for each private one, in the same order.

        Raises
        ------
        RuntimeError
            If the synthesizer is not fitted.
        TypeError, ValueError
            If `x` is not a finite floating-point table, or `y` not one label a record.
        """
        _check_pairs(x, y)
        codes = self.encode(x)
        if self.mechanism is None:
            return Release(self.decode(codes), y, None)
        noisy = self.mechanism.perturb(codes, generator=generator)
        return Release(self.decode(noisy), y, self.mechanism.guarantee(self.radius))

    def _fitted_vae(self) -> VAE:
        if self.vae is None:
            raise RuntimeError("This Synthesizer has no VAE yet: call fit first, or pass a fitted one as vae=.")
        return self.vae


def _check_pairs(x: torch.Tensor, y: torch.Tensor) -> None:
    checked_records(x)
    if y.shape != (len(x),):
        raise ValueError(f"y must hold one label for each of the {len(x)} records, not have shape {tuple(y.shape)}.")
