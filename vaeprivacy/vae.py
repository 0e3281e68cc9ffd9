"""The variational autoencoder: encoder, decoder, evidence lower bound (ELBO), training."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from vaeprivacy.training import checked_records, minibatches, mlp, progress_bar


@dataclass(frozen=True)
class VAESettings:
    """Sizes and training of a VAE (our choice: the paper's are unknown to us).

    Attributes
    ----------
    latent_dim : int
        Dimension d of the latent code.
    hidden : int
        Units of the one hidden layer of encoder and decoder.
    epochs : int
        Most passes over the training records.
    patience : int
        Training stops after this many epochs without a better held-out ELBO.
    held_out : float
        Share of the records kept for that.
    batch_size : int
        Records a gradient step.
    learning_rate : float
        Step size of Adam.

    Raises
    ------
    ValueError
        If no records are held out, or all.
    """

    latent_dim: int = 16
    hidden: int = 256
    epochs: int = 60
    patience: int = 5
    held_out: float = 0.1
    batch_size: int = 100
    learning_rate: float = 2e-3

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must be between 0 and 1, both excluded, not {self.held_out!r}.")


class Elbo(NamedTuple):
    """The two parts of the evidence lower bound, in nats per record (:eq:`elbo` of the VAE chapter)."""

    reconstruction: torch.Tensor
    kl: torch.Tensor

    @property
    def value(self) -> torch.Tensor:
        """Reconstruction minus KL, a lower bound on the log-likelihood of a record."""
        return self.reconstruction - self.kl


class VAE(nn.Module):
    """A variational autoencoder with one hidden layer on each side (Kingma and Welling, arXiv 1312.6114).

    Parameters
    ----------
    features : int
        Number of values in a record.
    latent_dim : int
        Dimension d of the latent code.
    hidden : int
        Units of the hidden layer of encoder and decoder.
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(self, features: int, *, latent_dim: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.sizes = {"features": features, "latent_dim": latent_dim, "hidden": hidden}
        self.encoder = mlp([features, hidden, 2 * latent_dim], generator=generator)
        self.decoder = mlp([latent_dim, hidden, features], generator=generator)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log-variance of the code of each record, both of shape (records, latent_dim)."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the record that each code stands for, shape (records, features), values in [0, 1]."""
        return torch.sigmoid(self.decoder(codes))

    def elbos(self, x: torch.Tensor, *, generator: torch.Generator) -> Elbo:
        """Estimate the ELBO of each record with one sample of its code (:eq:`elbo`, :eq:`kl`).

        Parameters
        ----------
        x : torch.Tensor
            Records, shape (records, features), values in [0, 1].
        generator : torch.Generator
            Source of the samples.

        Returns
        -------
        Elbo
            Of each record, shape (records,). The reconstruction term is the Bernoulli log-likelihood, with grey values
            taken as probabilities: the usual choice for such images, though not a normalised density of them.
        """
        mean, log_variance = self.encode(x)
        noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean)
        logits = self.decoder(mean + torch.exp(log_variance / 2) * noise)
        reconstruction = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
        return Elbo(reconstruction, kl)

    def elbo(self, x: torch.Tensor, *, generator: torch.Generator) -> Elbo:
        """Return the averages of :meth:`elbos` over the batch; parameters are the same."""
        return Elbo(*(part.mean() for part in self.elbos(x, generator=generator)))

    def save(self, path: Path | str) -> None:
        """Write weights and sizes to a safetensors file."""
        save_file(self.state_dict(), path, metadata={name: str(size) for name, size in self.sizes.items()})

    @classmethod
    def load(cls, path: Path | str) -> "VAE":
        """Read a VAE that :meth:`save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged or holds something else.
        """
        try:
            with safe_open(path, framework="pt") as file:
                sizes = {name: int(size) for name, size in (file.metadata() or {}).items()}
                vae = cls(**sizes, generator=torch.Generator())
                vae.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        except (SafetensorError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} is not a VAE that this package saved ({error}); fit it again.") from error
        return vae


def checked_images(x: torch.Tensor) -> torch.Tensor:
    """Return `x` if a VAE can be trained on it: a finite table of at least ten records with values in [0, 1].

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    checked_records(x)
    if x.min() < 0 or x.max() > 1 or len(x) < 10:
        raise ValueError(
            f"x must hold at least 10 records with values in [0, 1], not {len(x)} with values from {x.min():.3g} to "
            f"{x.max():.3g}; scale the features first."
        )
    return x


def fit_vae(
    x: torch.Tensor, settings: VAESettings | None = None, *, generator: torch.Generator, progress: bool = False
) -> tuple[VAE, pd.DataFrame]:
    """Train a VAE by maximising the ELBO with Adam; keep the weights of the epoch with the best held-out ELBO.

    Parameters
    ----------
    x : torch.Tensor
        Records, shape (records, features), floating point, values in [0, 1].
    settings : VAESettings, optional
        Sizes and training.
    generator : torch.Generator
        Source of weights, batches, samples and of the choice of held-out records.
    progress : bool
        Show a progress bar.

    Returns
    -------
    vae : VAE
        On the device of `x`.
    history : pandas.DataFrame
        One row an epoch: ``epoch``, ``part`` ("training" or "held out"), ``reconstruction``, ``kl`` and ``elbo``, in
        nats per record.

    Raises
    ------
    TypeError, ValueError
        If `x` is not a finite floating-point table with values in [0, 1], or has fewer than ten records.
    """
    settings = settings or VAESettings()
    checked_images(x)
    n_held_out = max(1, round(settings.held_out * len(x)))
    order = torch.randperm(len(x), generator=generator, device=generator.device).to(x.device)
    held_out, train = x[order[:n_held_out]], x[order[n_held_out:]]
    vae = VAE(x.shape[1], latent_dim=settings.latent_dim, hidden=settings.hidden, generator=generator).to(x.device)
    optimizer = torch.optim.Adam(vae.parameters(), lr=settings.learning_rate, fused=True)

    best, best_epoch, best_weights, rows = -torch.inf, 0, vae.state_dict(), []
    bar = progress_bar(range(1, settings.epochs + 1), show=progress, desc="VAE", unit="epoch")
    for epoch in bar:
        in_training = _train_epoch(vae, optimizer, train, settings.batch_size, generator)
        with torch.no_grad():
            out = vae.elbo(held_out, generator=generator)
        for part, elbo in (("training", in_training), ("held out", out)):
            rows.append([epoch, part, elbo.reconstruction.item(), elbo.kl.item(), elbo.value.item()])
        bar.set_postfix(held_out_elbo=f"{out.value:.1f}")
        if out.value > best:
            best, best_epoch = out.value, epoch
            best_weights = {name: weight.clone() for name, weight in vae.state_dict().items()}
        elif epoch - best_epoch >= settings.patience:
            break
    vae.load_state_dict(best_weights)
    return vae, pd.DataFrame(rows, columns=["epoch", "part", "reconstruction", "kl", "elbo"])


def _train_epoch(
    vae: VAE, optimizer: torch.optim.Optimizer, x: torch.Tensor, batch_size: int, generator: torch.Generator
) -> Elbo:
    """Take one pass over the records and return the average ELBO met on the way."""
    total = torch.zeros(2)
    for batch in minibatches(len(x), batch_size=batch_size, generator=generator):
        elbo = vae.elbo(x[batch.to(x.device)], generator=generator)
        optimizer.zero_grad()
        (-elbo.value).backward()
        optimizer.step()
        total += torch.stack(elbo).detach().cpu() * len(batch)
    return Elbo(*(total / len(x)))
