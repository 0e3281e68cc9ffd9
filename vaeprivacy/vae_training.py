"""Training a variational autoencoder."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from vaeprivacy.checks import check_unit_records
from vaeprivacy.compute.checkpoints import Checkpoint, fingerprint, restore_training, training_state
from vaeprivacy.compute.progress import progress_bar
from vaeprivacy.networks import autocast, minibatches
from vaeprivacy.vae import REPARAMETERISATION, VAE, Elbo, LatentNoise, VAESettings


def condition_labels(y: torch.Tensor | None, settings: VAESettings, *, like: torch.Tensor) -> torch.Tensor:
    """Return the labels that a VAE is told in training, shape (records,); zeros stand for those it does not look at.

    Parameters
    ----------
    y : torch.Tensor or None
        Labels.
    settings : VAESettings
        Whether they are told, and how many there are.
    like : torch.Tensor
        The records.

    Raises
    ------
    ValueError
        If labels are told, and there are none, not one a record, or one is not below ``settings.n_classes``.
    """
    n, n_classes = len(like), settings.n_classes
    if n_classes and (y is None or y.shape != (n,) or y.min() < 0 or y.max() >= n_classes):
        given = "none" if y is None else f"shape {tuple(y.shape)}, from {y.min()} to {y.max()}"
        raise ValueError(
            f"A VAE with n_classes={n_classes} must be told one label a record, from 0 to {n_classes - 1}: there are "
            f"{n} records, and labels: {given}."
        )
    return torch.zeros(n, dtype=torch.long, device=like.device) if y is None else y


def fit_vae(
    x: torch.Tensor,
    settings: VAESettings | None = None,
    *,
    y: torch.Tensor | None = None,
    channel: LatentNoise = REPARAMETERISATION,
    generator: torch.Generator,
    progress: bool = False,
    checkpoint: Path | None = None,
    on_epoch: Callable[[pd.DataFrame], None] | None = None,
) -> tuple[VAE, pd.DataFrame]:
    """Train a VAE by maximising the ELBO with Adam; keep the weights of the epoch with the best held-out ELBO.

    Parameters
    ----------
    x : torch.Tensor
        Records, shape (records, features), floating point, values in [0, 1].
    settings : VAESettings, optional
        Sizes and training.
    y : torch.Tensor, optional
        Labels, shape (records,), for a conditional VAE.
    channel : Channel
        What happens to a code between encoder and decoder; by default what a VAE does, see
        :class:`vaeprivacy.vae.Reparameterisation`.
    generator : torch.Generator
        Source of weights, batches, samples and of the choice of held-out records.
    progress : bool
        Show a progress bar.
    checkpoint : pathlib.Path, optional
        File for the state of the training: if it is interrupted, the same call goes on where it stopped, and ends with
        the same weights.
    on_epoch : callable, optional
        Called after each epoch with the history so far, for example to draw it.

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
        If `x` is not a finite floating-point table with values in [0, 1], or has fewer than ten records; or if labels
        are to be told, and `y` is not one label a record below ``settings.n_classes``; or if the checkpoint is of
        another training.
    """
    settings = settings or VAESettings()
    check_unit_records(x)
    y = condition_labels(y, settings, like=x)
    about = "" if checkpoint is None else fingerprint((settings, channel), x, y, generator.get_state())
    file = Checkpoint(checkpoint, about)
    n_held_out = max(1, round(settings.held_out * len(x)))
    order = torch.randperm(len(x), generator=generator, device=generator.device).to(x.device)
    held_out, train = ((x[part], y[part]) for part in (order[:n_held_out], order[n_held_out:]))
    vae = new_vae(x.shape[1], settings, generator=generator).to(x.device)
    training = _Training(vae, settings, channel, generator)
    training.restore(file.read())
    bar = progress_bar(total=settings.epochs, initial=training.epoch, show=progress, desc="VAE", unit="epoch")
    while not training.finished:
        held_out_elbo = training.run_epoch(train, held_out)
        bar.set_postfix(held_out_elbo=f"{held_out_elbo:.1f}")
        bar.update()
        file.keep(training.state, now=training.finished)
        if on_epoch is not None:
            on_epoch(training.history)
    bar.close()
    vae.load_state_dict(training.best_weights)
    return vae, training.history


class _Training:
    """The state of a training: network, optimizer, random numbers, what has been met so far and the best weights."""

    def __init__(self, vae: VAE, settings: VAESettings, channel: LatentNoise, generator: torch.Generator) -> None:
        self.vae, self.settings, self.generator = vae, settings, generator
        self.options = {"channel": channel, "generator": generator}
        self.optimizer = torch.optim.Adam(vae.parameters(), lr=settings.learning_rate, fused=True)
        self.epoch, self.best, self.best_epoch, self.rows = 0, -math.inf, 0, []
        self.best_weights = vae.state_dict()

    @property
    def finished(self) -> bool:
        """Whether there were enough epochs, or none of the last ones was better than those before."""
        return self.epoch >= self.settings.epochs or self.epoch - self.best_epoch >= self.settings.patience

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch and part, see :func:`fit_vae`."""
        return pd.DataFrame(self.rows, columns=["epoch", "part", "reconstruction", "kl", "elbo"])

    def run_epoch(self, train: tuple[torch.Tensor, ...], held_out: tuple[torch.Tensor, ...]) -> float:
        """Take one pass over the records, and return the ELBO of those held out."""
        self.epoch += 1
        in_training = self._pass(*train)
        with torch.no_grad(), autocast(held_out[0].device, self.settings.precision):
            out = self.vae.elbo(*held_out, **self.options)
        for part, elbo in (("training", in_training), ("held out", out)):
            self.rows.append([self.epoch, part, elbo.reconstruction.item(), elbo.kl.item(), elbo.value.item()])
        if out.value.item() > self.best:
            self.best, self.best_epoch = out.value.item(), self.epoch
            self.best_weights = {name: weight.clone() for name, weight in self.vae.state_dict().items()}
        return out.value.item()

    def _pass(self, x: torch.Tensor, y: torch.Tensor) -> Elbo:
        """Take one pass over the records and return the average ELBO met on the way."""
        total = torch.zeros(2, device=x.device)  # there until the end: a look at it would make a GPU wait
        for batch in minibatches(len(x), batch_size=self.settings.batch_size, generator=self.generator):
            batch = batch.to(x.device)
            with autocast(x.device, self.settings.precision):
                elbo = self.vae.elbo(x[batch], y[batch], **self.options)
            self.optimizer.zero_grad()
            (-elbo.value).backward()
            self.optimizer.step()
            total += torch.stack(elbo).detach() * len(batch)
        return Elbo(*(total / len(x)))

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`restore` needs."""
        met = {"met": (self.epoch, self.best, self.best_epoch, self.rows), "best_weights": self.best_weights}
        return training_state(self.vae.parameters(), self.optimizer, [self.generator], **met)

    def restore(self, state: dict[str, Any] | None) -> None:
        """Go back to a state, if there is one."""
        if state is not None:
            restore_training(state, self.vae.parameters(), self.optimizer, [self.generator])
            self.epoch, self.best, self.best_epoch, self.rows = state["met"]
            self.best_weights = state["best_weights"]


def new_vae(features: int, settings: VAESettings, *, generator: torch.Generator) -> VAE:
    """Return a VAE of the size that the settings ask for, not yet trained."""
    sizes = {name: getattr(settings, name) for name in ("latent_dim", "hidden", "n_classes", "architecture")}
    return VAE(features, **sizes, generator=generator)
