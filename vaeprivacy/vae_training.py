"""Training a variational autoencoder."""

from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from vaeprivacy.channels import PRIOR_CHANNEL, Channel
from vaeprivacy.training import checked_records, minibatches, progress_bar
from vaeprivacy.vae import VAE, Elbo, VAESettings


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


def labels_to_tell(y: torch.Tensor | None, settings: VAESettings, *, like: torch.Tensor) -> torch.Tensor:
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
    channel: Channel = PRIOR_CHANNEL,
    generator: torch.Generator,
    progress: bool = False,
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
        :class:`vaeprivacy.channels.PriorChannel`.
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
        If `x` is not a finite floating-point table with values in [0, 1], or has fewer than ten records; or if labels
        are to be told, and `y` is not one label a record below ``settings.n_classes``.
    """
    settings = settings or VAESettings()
    checked_images(x)
    y = labels_to_tell(y, settings, like=x)
    n_held_out = max(1, round(settings.held_out * len(x)))
    order = torch.randperm(len(x), generator=generator, device=generator.device).to(x.device)
    held_out, train = ((x[part], y[part]) for part in (order[:n_held_out], order[n_held_out:]))
    vae = new_vae(x.shape[1], settings, generator=generator).to(x.device)
    bar = progress_bar(range(1, settings.epochs + 1), show=progress, desc="VAE", unit="epoch")
    rows = _fit(vae, bar, settings, train=train, held_out=held_out, channel=channel, generator=generator)
    return vae, pd.DataFrame(rows, columns=["epoch", "part", "reconstruction", "kl", "elbo"])


def _fit(
    vae: VAE,
    epochs: "tqdm[int]",
    settings: VAESettings,
    *,
    train: tuple[torch.Tensor, torch.Tensor],
    held_out: tuple[torch.Tensor, torch.Tensor],
    **options: Any,
) -> list[list[Any]]:
    """Train a VAE, load the weights of its best epoch, and return the rows of its history."""
    optimizer = torch.optim.Adam(vae.parameters(), lr=settings.learning_rate, fused=True)
    best, best_epoch, best_weights, rows = -torch.inf, 0, vae.state_dict(), []
    for epoch in epochs:
        in_training = _train_epoch(vae, optimizer, *train, batch_size=settings.batch_size, **options)
        with torch.no_grad():
            out = vae.elbo(*held_out, **options)
        for part, elbo in (("training", in_training), ("held out", out)):
            rows.append([epoch, part, elbo.reconstruction.item(), elbo.kl.item(), elbo.value.item()])
        epochs.set_postfix(held_out_elbo=f"{out.value:.1f}")
        if out.value > best:
            best, best_epoch = out.value, epoch
            best_weights = {name: weight.clone() for name, weight in vae.state_dict().items()}
        elif epoch - best_epoch >= settings.patience:
            break
    vae.load_state_dict(best_weights)
    return rows


def new_vae(features: int, settings: VAESettings, *, generator: torch.Generator) -> VAE:
    """Return a VAE of the size that the settings ask for, not yet trained."""
    sizes = {name: getattr(settings, name) for name in ("latent_dim", "hidden", "n_classes")}
    return VAE(features, **sizes, generator=generator)


def _train_epoch(
    vae: VAE,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    batch_size: int,
    channel: Channel,
    generator: torch.Generator,
) -> Elbo:
    """Take one pass over the records and return the average ELBO met on the way."""
    total = torch.zeros(2, device=x.device)  # there until the end of the epoch: a look at it would make a GPU wait
    for batch in minibatches(len(x), batch_size=batch_size, generator=generator):
        batch = batch.to(x.device)
        elbo = vae.elbo(x[batch], y[batch], channel=channel, generator=generator)
        optimizer.zero_grad()
        (-elbo.value).backward()
        optimizer.step()
        total += torch.stack(elbo).detach() * len(batch)
    return Elbo(*(total / len(x)))
