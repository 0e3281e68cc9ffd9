"""What tables and figures call the attacks, the tables of attacks on one target, and the controls of such tables."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike

from vaeprivacy.attacks.catalogue import attack_label, seed_name_of
from vaeprivacy.experiments.grids import config_of
from vaeprivacy.experiments.runs import run_scores, shadow_fit
from vaeprivacy.metrics import auc, evaluate, tpr_at_fpr
from vaeprivacy.randomness import seeded_generator

# Attacks that have nothing to find, measured as all others are.
SHUFFLED, COIN = "control: shuffled membership", "control: coin flip"
WEAK = "\u2020"  # a dagger
# Accuracies, averaged over the targets of a run.
LIKENESS = ["target on members", "shadows on members", "target on others", "shadows on others"]
WEAK_NOTE = f"{WEAK} weak: its shadow models do not behave like the target"


def attack_labels(results: pd.DataFrame) -> dict[str, str]:
    """Return the labels of the attacks in a table, with a dagger for those that are weak in some row.

    Parameters
    ----------
    results : pandas.DataFrame
        With a column ``attack``, and perhaps one ``weak`` (see :func:`vaeprivacy.experiments.runs.run`).
    """
    weak = set(results.attack[results.weak.astype(bool)]) if "weak" in results else set()
    return {name: attack_label(name) + (f" {WEAK}" if name in weak else "") for name in results.attack.unique()}


def attack_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return the attacks on one target as a table to read: strongest first, each metric with its interval.

    Parameters
    ----------
    results : pandas.DataFrame
        One row an attack, with the columns of :func:`vaeprivacy.experiments.sweeps.tidy`.

    Returns
    -------
    pandas.DataFrame
        By attack: what its adversary knows, AUC, TPR at 1% and at 0.1% FPR.
    """
    columns = {"auc": "AUC", "tpr_at_1_fpr": "TPR at 1% FPR", "tpr_at_0_1_fpr": "TPR at 0.1% FPR"}
    labels = attack_labels(results)
    rows = [
        {"attack": labels[row.attack], "knows": row.knowledge}
        | {
            title: f"{getattr(row, name):.3f} ({getattr(row, f'{name}_low'):.3f} to {getattr(row, f'{name}_high'):.3f})"
            for name, title in columns.items()
        }
        for row in results.sort_values("auc", ascending=False).itertuples()
    ]
    return pd.DataFrame(rows).set_index("attack")


def sweep_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of a sweep as a table to read: a line for each setting, averaged over seeds.

    Parameters
    ----------
    results : pandas.DataFrame
        As of :func:`vaeprivacy.experiments.sweeps.tidy`.

    Returns
    -------
    pandas.DataFrame
        In the order of `results`: ``data set``, ``setting``, ``VAE trained on``, its ``latent dim`` and most
        ``epochs``, ``members``, ``seeds`` that went through and ``failed`` ones, ``accuracy`` on test records, and the
        highest AUC of an attack on ``classifier``, ``release`` and ``VAE`` (of averages over seeds; missing where there
        is nothing to attack).
    """
    # What the columns do not show may differ as well, so runs are told apart by all that they depend on but the seed.
    same = results.config.map(lambda config: json.dumps({**json.loads(config), "seed": None}))
    return pd.DataFrame([_sweep_row(runs) for _, runs in results.groupby(same, sort=False)])


def _sweep_row(runs: pd.DataFrame) -> dict[str, object]:
    """Return the line of the runs that differ in their seeds only."""
    first, fine = runs.iloc[0], runs[runs.error == ""]
    row = {
        "data set": first.dataset,
        "setting": first.full_label,
        "VAE trained on": first.trainer,
    }
    row |= {"latent dim": first.latent_dim, "epochs": first.vae_epochs, "members": first.n_members}
    row["seeds"] = fine.seed.nunique()
    row |= {"failed": (runs.error != "").sum(), "accuracy": fine.drop_duplicates("seed").test_accuracy.mean()}
    targets = {"classifier": "classifier", "release": "release", "VAE": "encoder and decoder"}
    for name, target in targets.items():
        attacks = fine[fine.looks_at == target] if len(fine) else fine
        row[name] = attacks.groupby("attack").auc.mean().max() if len(attacks) else math.nan
    return row


def controls(
    scores: ArrayLike, is_member: ArrayLike, *, generator: torch.Generator
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return two attacks that have nothing to find: what they find shows what chance makes of a measurement.

    Parameters
    ----------
    scores, is_member : array-like
        Of a real attack, as in :func:`vaeprivacy.metrics.roc`.
    generator : torch.Generator
        Shuffles, and tosses the coins.

    Returns
    -------
    dict
        By control, its scores and memberships: the real scores against memberships in random order, and random scores
        against the real memberships.
    """
    scores, is_member = (np.asarray(torch.as_tensor(each).cpu()) for each in (scores, is_member))
    order = torch.randperm(len(is_member), generator=generator).numpy()
    coins = torch.rand(len(is_member), generator=generator, dtype=torch.float64).numpy()
    return {SHUFFLED: (scores, is_member[order]), COIN: (coins, is_member)}


def strengths(scores: Mapping[str, ArrayLike], is_member: ArrayLike, *, generator: torch.Generator) -> pd.DataFrame:
    """Return attacks on one target as a table to read, and under them the controls, of the strongest of the attacks.

    Parameters
    ----------
    scores : mapping of str to array-like
        By attack: one score a candidate.
    is_member : array-like
        Whether each candidate is a member, bool.
    generator : torch.Generator
        See :func:`controls`.

    Returns
    -------
    pandas.DataFrame
        By attack: ``AUC`` and ``TPR at 1% FPR``, each with its interval, as text.
    """
    strongest = max(scores.values(), key=lambda of_one: auc(of_one, is_member).value)
    attacks = {attack_label(name): (of_one, is_member) for name, of_one in scores.items()}
    attacks |= controls(strongest, is_member, generator=generator)
    rows = {name: {"AUC": auc(*each), "TPR at 1% FPR": tpr_at_fpr(*each, fpr=0.01)} for name, each in attacks.items()}
    return pd.DataFrame(rows).T.map(str)


def with_controls(results: pd.DataFrame, *, directory: Path | str) -> pd.DataFrame:
    """Return a table of runs with what only their scores tell: controls, and whether shadow models are like targets.

    Parameters
    ----------
    results : pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.sweep`.
    directory : path-like
        Where the runs left their scores.

    Returns
    -------
    pandas.DataFrame
        The runs, and after them the controls of each: for each part that attacks look at, from the scores of the
        strongest of them. Each row has the accuracies :data:`LIKENESS` of its run, too.
    """
    strongest = results.loc[results.groupby(["key", "looks_at"], sort=False).auc.idxmax()]
    rows = [row for _, attack in strongest.iterrows() for row in _controls_of_run(attack, Path(directory))]
    table = pd.concat([results, pd.DataFrame(rows)], ignore_index=True)
    texts = results.config.unique()
    fits = shadow_fit([config_of(json.loads(text)) for text in texts], directory=directory)
    return table.merge(fits[LIKENESS].assign(config=texts), on="config", how="left")


def is_control(results: pd.DataFrame) -> pd.Series:
    """Return which rows of a table are controls: for each row, whether it is one."""
    return results.attack.isin([SHUFFLED, COIN])


def _controls_of_run(attack: pd.Series, directory: Path) -> list[dict[str, object]]:
    """Return the rows of the controls of an attack: metrics are averages over the targets, as in its own row."""
    config = config_of(json.loads(attack.config))
    arrays = run_scores(config, directory=directory)
    generator = seeded_generator(config.seed, f"controls of {seed_name_of(attack.attack)}, {attack.setting}")
    found: dict[str, list[dict[str, float]]] = {SHUFFLED: [], COIN: []}
    members = arrays["is_member"][arrays[f"targets/{attack.attack}"]]
    for scores, is_member in zip(arrays[f"scores/{attack.attack}"], members, strict=True):
        for name, each in controls(scores, is_member, generator=generator).items():
            found[name].append(evaluate(*each, threshold=float(np.median(each[0]))))
    about = attack.to_dict() | {"weak": False, "knowledge": "nothing"}
    return [about | {"attack": name} | pd.DataFrame(of_each).mean().to_dict() for name, of_each in found.items()]


def made_with(table: pd.DataFrame) -> str:
    """Return in one sentence what a table of runs was made with.

    Parameters
    ----------
    table : pandas.DataFrame
        As from :func:`vaeprivacy.experiments.sweeps.tidy`.
    """
    runs = table.drop_duplicates("key")

    def values(column: str) -> str:
        return ", ".join(map(str, sorted(runs[column].unique())))

    gpus = sorted({name for name in runs.get("device", []) if isinstance(name, str) and not name.endswith("(cpu)")})
    return (
        f"{len(runs)} runs, {len(runs.seed.unique())} seeds; vaeprivacy {values('vaeprivacy')}, torch "
        f"{values('torch')}, Python {values('python')}; {values('cores')} cores of {values('processor')}"
        f"{''.join(f', {name}' for name in gpus)}; the last one finished on {runs.finished.max()[:10]}."
    )
