"""Training a variational autoencoder."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vaeprivacy.arrays import check_labels, check_unit_records
from vaeprivacy.compute.checkpoints import Checkpoint
from vaeprivacy.compute.progress import progress_bar
from vaeprivacy.networks import autocast, minibatches
from vaeprivacy.vae import REPARAMETERISATION, VAE, Elbo, LatentNoise, VAESettings

if TYPE_CHECKING:
    import pandas as pd


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
    TypeError, ValueError
        If labels are told, and there are none, or labels are not one whole number a record, below
        ``settings.n_classes`` if they are told.
    """
    n, n_classes = len(like), settings.n_classes
    if y is not None:
        return check_labels(y, of=like, n_classes=n_classes or None)
    if n_classes:
        raise ValueError(
            f"A VAE with n_classes={n_classes} must be told one label a record, from 0 to {n_classes - 1}: there are "
            f"{n} records, and labels: none."
        )
    return torch.zeros(n, dtype=torch.long, device=like.device)


def fit_vae(
    x: torch.Tensor,
    settings: VAESettings | None = None,
    *,
    y: torch.Tensor | None = None,
    latent_noise: LatentNoise = REPARAMETERISATION,
    generator: torch.Generator,
    progress: bool = False,
    checkpoint: Path | None = None,
    on_epoch: "Callable[[pd.DataFrame], None] | None" = None,
) -> "tuple[VAE, pd.DataFrame]":
    """Train a VAE by maximising the ELBO with Adam; keep the weights of the epoch with the best held-out ELBO.

    Parameters
    ----------
    x : torch.Tensor
        Records, shape (records, features), floating point, values in [0, 1].
    settings : VAESettings, optional
        Sizes and training.
    y : torch.Tensor, optional
        Labels, shape (records,), for a conditional VAE.
    latent_noise : LatentNoise
        What happens to a code between encoder and decoder.
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
        If `x` is not a finite table of ten records or more with values in [0, 1]; if the VAE is conditional, and `y` is
        not one label a record below ``settings.n_classes``; or if the checkpoint is of another training.
    """
    settings = settings or VAESettings()
    x = check_unit_records(x)
    y = condition_labels(y, settings, like=x)
    options = {"latent_noise": latent_noise, "generator": generator}
    return _train(x, y, settings, progress=progress, checkpoint=checkpoint, on_epoch=on_epoch, **options)


def _train(
    x: torch.Tensor,
    y: torch.Tensor,
    settings: VAESettings,
    *,
    progress: bool,
    checkpoint: Path | None,
    on_epoch: "Callable[[pd.DataFrame], None] | None",
    **options: Any,
) -> "tuple[VAE, pd.DataFrame]":
    """Do the work of :func:`fit_vae`; the options are those of the ELBO, `latent_noise` and `generator`."""
    generator = options["generator"]
    about = ((settings, options["latent_noise"]), x, y, generator.get_state())
    n_held_out = max(1, round(settings.held_out * len(x)))
    order = torch.randperm(len(x), generator=generator, device=generator.device).to(x.device)
    held_out, train = ((x[part], y[part]) for part in (order[:n_held_out], order[n_held_out:]))
    vae = new_vae(x.shape[1], settings, generator=generator).to(x.device)
    optimizer = torch.optim.Adam(vae.parameters(), lr=settings.learning_rate, fused=True)
    file = Checkpoint(checkpoint, about, optimizer, [generator])
    rows, best = file.resume() or ([], {"epoch": 0, "elbo": -math.inf, "weights": vae.state_dict()})
    done = len(rows) // 2
    bar = {"show": progress, "initial": done, "total": settings.epochs, "desc": "VAE", "unit": "epoch"}
    epochs = progress_bar(range(done + 1, settings.epochs + 1), **bar)
    for epoch in epochs:
        if epoch - best["epoch"] > settings.patience:  # none of so many epochs was better than those before
            break
        met = _epoch(vae, optimizer, train, settings, **options)
        with torch.no_grad(), autocast(x.device, settings.precision):
            unseen = vae.elbo(*held_out, **options)
        rows += [_row(epoch, "training", met), _row(epoch, "held out", unseen)]
        if unseen.value.item() > best["elbo"]:
            weights = {name: weight.clone() for name, weight in vae.state_dict().items()}
            best = {"epoch": epoch, "elbo": unseen.value.item(), "weights": weights}
        epochs.set_postfix(held_out_elbo=f"{unseen.value.item():.1f}")
        file.keep((rows, best), now=epoch in (settings.epochs, best["epoch"] + settings.patience))
        if on_epoch is not None:
            on_epoch(_history(rows))
    vae.load_state_dict(best["weights"])
    return vae, _history(rows)


def _epoch(
    vae: VAE,
    optimizer: torch.optim.Optimizer,
    records: tuple[torch.Tensor, torch.Tensor],
    settings: VAESettings,
    **options: Any,
) -> Elbo:
    """Take one pass over the records and return the average ELBO met on the way."""
    x, y = records
    total = torch.zeros(2, device=x.device)  # there until the end: a look at it would make a GPU wait
    for batch in minibatches(len(x), batch_size=settings.batch_size, generator=options["generator"]):
        batch = batch.to(x.device)
        with autocast(x.device, settings.precision):
            elbo = vae.elbo(x[batch], y[batch], **options)
        optimizer.zero_grad()
        (-elbo.value).backward()
        optimizer.step()
        total += torch.stack(elbo).detach() * len(batch)
    return Elbo(*(total / len(x)))


def _row(epoch: int, part: str, elbo: Elbo) -> list[Any]:
    return [epoch, part, elbo.reconstruction.item(), elbo.kl.item(), elbo.value.item()]


def _history(rows: list[list[Any]]) -> "pd.DataFrame":
    import pandas as pd  # only here: who releases records need not wait for it

    return pd.DataFrame(rows, columns=["epoch", "part", "reconstruction", "kl", "elbo"])


def new_vae(features: int, settings: VAESettings, *, generator: torch.Generator) -> VAE:
    """Return a VAE of the size that the settings ask for, not yet trained."""
    sizes = {name: getattr(settings, name) for name in ("latent_dim", "hidden", "n_classes", "architecture")}
    return VAE(features, **sizes, generator=generator)
