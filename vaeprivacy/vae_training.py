"""Training a variational autoencoder."""

import pandas as pd
import torch

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


def checked_given_labels(y: torch.Tensor | None, settings: VAESettings, n: int) -> None:
    """Refuse labels that a conditional VAE cannot be told.

    Raises
    ------
    ValueError
        If there are none, not one a record, or one is not below ``settings.n_classes``.
    """
    if not settings.n_classes:
        return
    if y is None or y.shape != (n,) or y.min() < 0 or y.max() >= settings.n_classes:
        given = "none" if y is None else f"shape {tuple(y.shape)}, from {y.min()} to {y.max()}"
        raise ValueError(
            f"A VAE with n_classes={settings.n_classes} must be told one label a record, from 0 to "
            f"{settings.n_classes - 1}: there are {n} records, and labels: {given}."
        )


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
    checked_given_labels(y, settings, len(x))
    n_held_out = max(1, round(settings.held_out * len(x)))
    order = torch.randperm(len(x), generator=generator, device=generator.device).to(x.device)
    held_out, train = order[:n_held_out], order[n_held_out:]
    vae = new_vae(x.shape[1], settings, generator=generator).to(x.device)
    y = torch.zeros(len(x), dtype=torch.long, device=x.device) if y is None else y  # not looked at
    options = {"channel": channel, "generator": generator}
    optimizer = torch.optim.Adam(vae.parameters(), lr=settings.learning_rate, fused=True)

    best, best_epoch, best_weights, rows = -torch.inf, 0, vae.state_dict(), []
    bar = progress_bar(range(1, settings.epochs + 1), show=progress, desc="VAE", unit="epoch")
    for epoch in bar:
        in_training = _train_epoch(vae, optimizer, x[train], y[train], batch_size=settings.batch_size, **options)
        with torch.no_grad():
            out = vae.elbo(x[held_out], y[held_out], **options)
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
    total = torch.zeros(2)
    for batch in minibatches(len(x), batch_size=batch_size, generator=generator):
        batch = batch.to(x.device)
        elbo = vae.elbo(x[batch], y[batch], channel=channel, generator=generator)
        optimizer.zero_grad()
        (-elbo.value).backward()
        optimizer.step()
        total += torch.stack(elbo).detach().cpu() * len(batch)
    return Elbo(*(total / len(x)))
