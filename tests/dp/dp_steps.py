"""What the tests of DP-SGD share: small settings, the weights of a VAE, and what each step of a training met."""

from dataclasses import replace
from typing import NamedTuple

import torch

from vaeprivacy.vae import VAE, VAESettings

SETTINGS = VAESettings(latent_dim=3, hidden=16, epochs=3, batch_size=20)
ONE_STEP = replace(SETTINGS, epochs=1, batch_size=1000)  # one step, which takes every record


def weights(vae: VAE) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in vae.parameters()])


class Steps(NamedTuple):
    """What each step of a training met: its batch, the gradient that Adam got, and the noise, in standard normals."""

    batches: list[torch.Tensor]
    gradients: list[torch.Tensor]
    noise: list[torch.Tensor]
