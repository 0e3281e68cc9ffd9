"""Settings of the framework tried on your own records: train pools through it, attack them, measure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch

from vaeprivacy.arrays import check_labels, check_unit_records
from vaeprivacy.classifiers import ClassifierSettings
from vaeprivacy.compute.checkpoints import fingerprint
from vaeprivacy.compute.parallel import in_parallel
from vaeprivacy.datasets import Dataset, draw_balanced_memberships, stratified_parts
from vaeprivacy.defences import Framework, NoDefence
from vaeprivacy.experiments.game import attack_pool
from vaeprivacy.experiments.pool import Pool
from vaeprivacy.experiments.runs import attack_rows, class_auc
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.trainers import PlainTrainer, PublicTrainer, Trainer
from vaeprivacy.vae import VAESettings

LEAST_RECORDS = 100
HELD_OUT = 10  # one in so many records is held out to choose a setting by, and as many again to report its utility


def try_settings(
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    epsilons: Iterable[float],
    latent_dims: Iterable[int] = (16,),
    radii: Iterable[float | None] = (None,),
    seeds: Sequence[int] = (0, 1, 2),
    n_models: int = 8,
    trainer: Trainer | None = None,
    vae: VAESettings | None = None,
    classifier: ClassifierSettings | None = None,
    on_public_records: bool = False,
    n_jobs: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Try each combination of epsilon, latent dimension and radius: train through the framework, attack, and measure.

    For each seed, a fifth of the records is held out: one half of it to choose by, the other to report utility on. Each
    model of a pool is trained through the framework on one half of the other records, and attacked by adversaries that
    know the defence and have the rest of the pool as shadow models. Nothing is kept in files.

    Parameters
    ----------
    x, y : torch.Tensor
        Records, shape (records, features), at least 100, values in [0, 1], and labels from 0, shape (records,).
    epsilons, radii : iterable of float
        Metric-privacy parameters, per unit of latent distance, and radii of the ball (None: root of the dimension).
    latent_dims : iterable of int
        Dimensions of the code; each has VAEs of its own, which take most of the time.
    seeds, n_models : sequence of int, int
        One split each, at least two, over which intervals are; number of models in each pool, even, and at least 4.
    trainer, vae, classifier : Trainer, VAESettings, ClassifierSettings, optional
        Who trains encoder and decoder (by default on the private records, without protection); their other settings;
        size and training of the classifier.
    on_public_records : bool
        State that `x` are public records, so that the search costs the private ones nothing.
    n_jobs, progress : int, bool
        Number of processes (-1 takes one per core), and whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row a setting, seed and attack, with the columns of :func:`vaeprivacy.experiments.sweeps.tidy`, and
        ``validation_accuracy``, ``validation_auc``, ``radius``, ``on_public_records`` and what is ``promised`` to any
        two records (:meth:`vaeprivacy.defences.base.Defence.promised_epsilon`).

    Raises
    ------
    TypeError, ValueError
        If the records are too few or not in [0, 1], labels do not fit, or a setting is impossible.
    """
    x, y = _checked(x, y, seeds=seeds, n_models=n_models, trainer=trainer)
    trainer, vae = trainer or PlainTrainer(), vae or VAESettings()
    tried = _settings(epsilons, radii, [replace(vae, latent_dim=dim) for dim in latent_dims], trainer=trainer)
    classifier = classifier or ClassifierSettings()
    pools = [draw_pool(x, y, seed=seed, n_models=n_models, classifier=classifier) for seed in seeds]
    tasks = [partial(try_on, pool, defences) for pool, defences in product(pools, tried)]
    found = list(in_parallel(tasks, n_jobs=n_jobs, title="settings" if progress else ""))
    return pd.DataFrame([row for rows in found for row in rows]).assign(on_public_records=on_public_records)


def _settings(
    epsilons: Iterable[float], radii: Iterable[float | None], vaes: Iterable[VAESettings], *, trainer: Trainer
) -> list[list[Framework]]:
    """Return all combinations; those of one latent dimension together, since they share their VAEs."""
    pairs = list(product(epsilons, radii))
    tried = [[Framework(epsilon, radius=radius, trainer=trainer, vae=vae) for epsilon, radius in pairs] for vae in vaes]
    if not any(tried):
        raise ValueError("There is nothing to try: give at least one epsilon, one latent dimension and one radius.")
    return tried


def _checked(
    x: torch.Tensor, y: torch.Tensor, *, seeds: Sequence[int], n_models: int, trainer: Trainer | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return records and labels, if a search can be made with them and the rest."""
    x = check_unit_records(x)
    y = check_labels(y, of=x)
    if len(x) < LEAST_RECORDS:
        raise ValueError(
            f"There must be one label a record and at least {LEAST_RECORDS} records, not {len(x)} records and {len(y)} "
            "labels."
        )
    if y.min() < 0 or len(y.unique()) < 2:
        raise ValueError("Labels must be whole numbers from 0, of at least two classes.")
    if len(set(seeds)) < 2:
        raise ValueError("Give at least two different seeds: one trial does not tell how much another would differ.")
    if n_models < 4 or n_models % 2:
        raise ValueError(f"n_models must be even and at least 4, not {n_models}.")
    if isinstance(trainer, PublicTrainer):
        raise ValueError(
            "A search trains encoder and decoder on the records that it is given. With public records at hand, search "
            "on those (on_public_records=True), and give PublicTrainer() to the synthesizer afterwards."
        )
    return x, y


def draw_pool(x: torch.Tensor, y: torch.Tensor, *, seed: int, n_models: int, classifier: ClassifierSettings) -> Pool:
    """Split records, and draw the halves that models are trained on.

    Parameters
    ----------
    x, y : torch.Tensor
        Records, shape (records, features), and their labels, shape (records,).
    seed : int
        Decides all that is random.
    n_models : int
        Number of models, even.
    classifier : ClassifierSettings
        Size and training of the classifier.

    Returns
    -------
    Pool
        Not defended yet. Its population are the records held out: first those to choose a setting by, then as many on
        which utility is reported.
    """
    n_held = len(y) // HELD_OUT
    n_candidates = 2 * ((len(y) - 2 * n_held) // 2)  # even, so that all halves have the same size
    sizes = [n_candidates, n_held, n_held]
    candidates, validation, test = stratified_parts(y, sizes, generator=seeded_generator(seed, "trial split"))
    generator = seeded_generator(seed, "trial members")
    classes = tuple(str(label) for label in range(int(y[torch.cat([candidates, validation, test])].max()) + 1))
    return Pool(
        f"own records {fingerprint('', x, y)}",
        seed,
        NoDefence(),
        classifier,
        data=Dataset("own records", x, y, None, classes),
        candidates=candidates,
        population=torch.cat([validation, test]),
        public=candidates[:0],
        is_member=draw_balanced_memberships(y[candidates], n_shadows=n_models, generator=generator),
        seed_text="trial {use} {number}",
        all_at_once=True,
    )


def try_on(pool: Pool, defences: Sequence[Framework]) -> list[dict[str, Any]]:
    """Try settings on one split; return one row a setting and attack.

    Parameters
    ----------
    pool : Pool
        The split. Its store has what settings share: encoders and decoders are trained once.
    defences : sequence of Framework
        The settings.
    """
    return [row for defence in defences for row in try_setting(replace(pool, defence=defence))]


def try_setting(pool: Pool) -> list[dict[str, Any]]:
    """Train a pool through the framework, and attack each model; return one row an attack.

    The rows have the columns of :func:`vaeprivacy.experiments.sweeps.tidy` and some more, see :func:`try_settings`.
    """
    arrays = attack_pool(pool, range(pool.n_models), every=False, undefended=False)
    # Whether shadow models behave like the target is not looked at: they are trained exactly as it is.
    arrays = {name: array for name, array in arrays.items() if not name.startswith("shadow_fit/")}
    about = _about(pool) | _utilities(pool)
    return [about | {"attack": name, **metrics} for name, metrics in attack_rows(arrays).items()]


def _about(pool: Pool) -> dict[str, Any]:
    """Return what was tried, as columns of the table."""
    defence = pool.defence
    return {
        "dataset": pool.data.name,
        "defence": defence.name,
        "setting": defence.label,
        "short_label": defence.short_label,
        "full_label": defence.full_label,
        "trainer": defence.how_trained,
        "epsilon": defence.epsilon,
        "latent_dim": defence.vae.latent_dim,
        "radius": pool.synthesizer(0).radius,
        "promised": defence.promised_epsilon(int(pool.is_member[0].sum())),
        "seed": pool.seed,
        "n_members": int(pool.is_member[0].sum()),
        "n_models": pool.n_models,
    }


def _utilities(pool: Pool) -> dict[str, float]:
    """Return accuracy and AUC on each half of the records held out, averaged over models."""
    found, n = {}, len(pool.population) // 2
    plain, start = pool.shadows[0], len(pool.candidates)
    for name, place in (("validation", slice(start, start + n)), ("test", slice(start + n, None))):
        y, here = plain.y[place], plain.log_posteriors[:, place]
        found[f"{name}_accuracy"] = (here.argmax(dim=2) == y).double().mean().item()
        found[f"{name}_auc"] = float(np.mean([class_auc(of_one.numpy(), y.numpy()) for of_one in here]))
    return found
