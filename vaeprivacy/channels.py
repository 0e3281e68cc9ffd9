"""What happens to a code between encoder and decoder while they are trained."""

from dataclasses import dataclass
from typing import Protocol

import torch

from vaeprivacy.mechanism import Mechanism


class Channel(Protocol):
    """What an encoder's output goes through before it meets the decoder, and what that costs in the ELBO."""

    def send(
        self, mean: torch.Tensor, log_variance: torch.Tensor, *, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the codes that the decoder gets, and what is subtracted from the log-likelihood of each record.

        Parameters
        ----------
        mean, log_variance : torch.Tensor
            What the encoder returned, shape (records, latent_dim). Gradients flow through both results.
        generator : torch.Generator
            Source of the noise.

        Returns
        -------
        codes, penalty : torch.Tensor
            Shapes (records, latent_dim) and (records,).
        """

    def noiseless(self, mean: torch.Tensor) -> torch.Tensor:
        """Return the codes that the decoder would get if there were no noise, shape (records, latent_dim)."""


@dataclass(frozen=True)
class PriorChannel:
    """The channel of a VAE: normal noise whose size the encoder chooses, kept close to the prior N(0, I)."""

    def send(
        self, mean: torch.Tensor, log_variance: torch.Tensor, *, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a sample of each code, and its Kullback-Leibler divergence from the prior (:eq:`kl`)."""
        noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
        return mean + torch.exp(log_variance / 2) * noise, kl

    def noiseless(self, mean: torch.Tensor) -> torch.Tensor:
        """Return the mean codes."""
        return mean


@dataclass(frozen=True)
class PrivateChannel:
    """The channel of a release: the projection and the noise that codes will go through (:eq:`noise-aware`).

    Nothing is subtracted: the noise is there whatever the encoder does, and the projection bounds the codes. The
    encoder's variance is not used.

    Attributes
    ----------
    mechanism : Mechanism
        The noise.
    radius : float
        Radius R that codes are projected to, in the mechanism's distance.
    """

    mechanism: Mechanism
    radius: float

    def send(
        self, mean: torch.Tensor, log_variance: torch.Tensor, *, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return noisy codes, and zeros; see :meth:`Channel.send`."""
        return self.mechanism.simulate(self.noiseless(mean), generator=generator), mean.new_zeros(len(mean))

    def noiseless(self, mean: torch.Tensor) -> torch.Tensor:
        """Return the projected codes."""
        return self.mechanism.project(mean, radius=self.radius, warn=False)


PRIOR_CHANNEL = PriorChannel()
