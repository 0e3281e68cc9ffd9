"""The variational autoencoder: encoder, decoder, evidence lower bound (ELBO)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)
from torch import nn

from vaeprivacy.checks import check_choice, check_sizes, make_plain
from vaeprivacy.compute.array_files import read_tensors, reading, write_tensors
from vaeprivacy.compute.files import write_whole
from vaeprivacy.convolutional import ConvolutionalEncoder, convolutional_decoder
from vaeprivacy.networks import PRECISIONS, init_weights, mlp
from vaeprivacy.randomness import SeedNamed


@dataclass(frozen=True)
class VAESettings(SeedNamed):
    """Sizes and training of a VAE (our choice: the paper's are unknown to us).

    Attributes
    ----------
    latent_dim : int
        Dimension d of the latent code.
    hidden : int
        Units of the one hidden layer of encoder and decoder (of the last one, if they are convolutional).
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
    n_classes : int
        Number of labels, if encoder and decoder are conditional on the label of a record; 0: they are not.
    architecture : {"mlp", "convolutional"}
        Multilayer perceptrons, or convolutional networks for images (:mod:`vaeprivacy.convolutional`).
    precision : {"float32", "bfloat16"}
        Precision of the products in training. Weights and their updates stay in float32.

    Raises
    ------
    ValueError
        If no records are held out, or all, or `n_classes` is negative, or there is no such architecture or precision.
    """

    seed_text: ClassVar[str] = (
        "VAESettings(latent_dim={latent_dim}, hidden={hidden}, epochs={epochs}, patience={patience}, "
        "held_out={held_out}, batch_size={batch_size}, learning_rate={learning_rate}, n_classes={n_classes}, "
        "architecture={architecture}, precision={precision})"
    )
    latent_dim: int = 16
    hidden: int = 256
    epochs: int = 60
    patience: int = 5
    held_out: float = 0.1
    batch_size: int = 100
    learning_rate: float = 2e-3
    n_classes: int = 0
    architecture: str = "mlp"
    precision: str = "float32"

    def __post_init__(self) -> None:
        make_plain(self)
        check_choice(self.architecture, "architecture", ("mlp", "convolutional"))
        check_choice(self.precision, "precision", PRECISIONS)
        check_sizes(self, "latent_dim", "hidden", "epochs", "patience", "batch_size", "n_classes")
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


class LatentNoise(Protocol):
    """What an encoder's output goes through before it meets the decoder, and what that costs in the ELBO."""

    def sample(
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

    def without_noise(self, mean: torch.Tensor) -> torch.Tensor:
        """Return the codes that the decoder would get if there were no noise, shape (records, latent_dim)."""


@dataclass(frozen=True)
class Reparameterisation:
    """The noise of a VAE: normal, of a size that the encoder chooses, kept close to the prior N(0, I)."""

    def sample(
        self, mean: torch.Tensor, log_variance: torch.Tensor, *, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a sample of each code, and its Kullback-Leibler divergence from the prior (:eq:`kl`)."""
        noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
        return mean + torch.exp(log_variance / 2) * noise, kl

    def without_noise(self, mean: torch.Tensor) -> torch.Tensor:
        """Return the mean codes."""
        return mean


REPARAMETERISATION = Reparameterisation()


class VAE(nn.Module):
    """A variational autoencoder (Kingma and Welling, arXiv 1312.6114).

    With `n_classes`, it is conditional (Sohn, Lee and Yan, 2015): encoder and decoder also get the label, as a
    one-hot vector beside their input. Without, they ignore labels.

    Parameters
    ----------
    features : int
        Number of values in a record.
    latent_dim : int
        Dimension d of the latent code.
    hidden : int
        Units of the hidden layer of encoder and decoder.
    n_classes : int
        Number of labels; 0: the VAE is not conditional.
    architecture : {"mlp", "convolutional"}
        One hidden layer on each side, or convolutions.
    generator : torch.Generator
        Source of the initial weights.
    """

    def __init__(
        self,
        features: int,
        *,
        latent_dim: int,
        hidden: int,
        n_classes: int = 0,
        architecture: str = "mlp",
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.sizes = {"features": features, "latent_dim": latent_dim, "hidden": hidden, "n_classes": n_classes}
        self.sizes["architecture"] = architecture
        if architecture == "mlp":
            self.encoder = mlp([features + n_classes, hidden, 2 * latent_dim], generator=generator)
            self.decoder = mlp([latent_dim + n_classes, hidden, features], generator=generator)
        else:
            outputs, inputs = 2 * latent_dim, latent_dim + n_classes
            self.encoder = init_weights(
                lambda: ConvolutionalEncoder(features, n_classes, hidden, outputs), generator=generator
            )
            self.decoder = init_weights(lambda: convolutional_decoder(features, inputs, hidden), generator=generator)

    def encode(self, x: torch.Tensor, y: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and log-variance of the code of each record, both of shape (records, latent_dim)."""
        # In the precision of the records, even if the networks compute in a lower one: so is the noise.
        mean, log_variance = self.encoder(self.with_labels(x, y)).to(x.dtype).chunk(2, dim=1)
        return mean, log_variance

    def logits(self, codes: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return the record that each code stands for as logits, shape (records, features)."""
        return self.decoder(self.with_labels(codes, y)).to(codes.dtype)

    def decode(self, codes: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return the record that each code stands for, shape (records, features), values in [0, 1]."""
        return torch.sigmoid(self.logits(codes, y))

    def with_labels(self, inputs: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
        """Return the input of a network: codes or records, with their one-hot labels if the VAE is conditional.

        Raises
        ------
        ValueError
            If it is conditional, and there are no labels.
        """
        n_classes = self.sizes["n_classes"]
        if not n_classes:
            return inputs
        if y is None:
            raise ValueError("This VAE is conditional: give the labels of the records, too.")
        return torch.cat([inputs, F.one_hot(y, n_classes).to(inputs)], dim=1)

    def log_likelihood(self, codes: torch.Tensor, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """Return the Bernoulli log-likelihood of each record given a code, in nats, shape (records,).

        Grey values are taken as probabilities: the usual choice for such images, though not a normalised density.
        """
        return -F.binary_cross_entropy_with_logits(self.logits(codes, y), x, reduction="none").sum(dim=1)

    def elbos(
        self,
        x: torch.Tensor,
        y: torch.Tensor | None = None,
        *,
        latent_noise: LatentNoise = REPARAMETERISATION,
        generator: torch.Generator,
    ) -> Elbo:
        """Estimate the ELBO of each record with one sample of its code (:eq:`elbo`).

        Parameters
        ----------
        x : torch.Tensor
            Records, shape (records, features), values in [0, 1].
        y : torch.Tensor, optional
            Their labels, shape (records,), for a conditional VAE.
        latent_noise : LatentNoise
            What happens to a code between encoder and decoder.
        generator : torch.Generator
            Source of the samples.

        Returns
        -------
        Elbo
            Of each record, shape (records,).
        """
        codes, kl = latent_noise.sample(*self.encode(x, y), generator=generator)
        return Elbo(self.log_likelihood(codes, x, y), kl)

    def elbo(self, x: torch.Tensor, y: torch.Tensor | None = None, **options: Any) -> Elbo:
        """Return the averages of :meth:`elbos` over the batch; parameters are the same."""
        return Elbo(*(part.mean() for part in self.elbos(x, y, **options)))

    def save(self, path: Path | str) -> None:
        """Write weights and sizes to a safetensors file, with a checksum; it is there whole or not at all."""
        about = {name: str(size) for name, size in self.sizes.items()}
        write_whole(Path(path), lambda unfinished: write_tensors(self.state_dict(), unfinished, about=about))

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
        with reading(Path(path), "is not a VAE that this package saved ({why}); fit it again."):
            weights, given = read_tensors(Path(path))
            options = {"architecture": given.pop("architecture", "mlp")}
            options |= {name: int(size) for name, size in given.items()}
            if max(options["features"], options["hidden"]) > sum(weight.numel() for weight in weights.values()):
                raise ValueError("Its sizes are not those of its weights.")  # which might not fit into memory
            vae = cls(**options, generator=torch.Generator())
            vae.load_state_dict(weights)
            if not all(weight.isfinite().all() for weight in weights.values()):
                raise ValueError("Some weights are not finite.")
        return vae


def check_finite(values: torch.Tensor, what: str) -> torch.Tensor:
    """Return what encoder or decoder computed, if all of it is finite.

    Raises
    ------
    FloatingPointError
        If some values are infinite or NaN.
    """
    wrong = int((~torch.isfinite(values)).sum())
    if wrong:
        raise FloatingPointError(
            f"{wrong} of {values.numel()} values of the {what} are not finite, so nothing is released: encoder and "
            "decoder are broken, or cannot take noise of this size. Fit again, or take less noise."
        )
    return values
