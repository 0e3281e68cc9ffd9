"""What tables and figures call the attacks, and the table of attacks on one target."""

import json
import math

import pandas as pd

from vaeprivacy.comparison import compared
from vaeprivacy.metrics import Estimate

ATTACKS = {
    "gap": "label right or wrong",
    "noise": "robustness to noise",
    "shift": "robustness to shifts",
    "highest_posterior": "highest posterior",
    "loss": "loss threshold",
    "confidence": "confidence, per class",
    "entropy": "entropy, per class",
    "modified_entropy": "modified entropy, per class",
    "top_posteriors": "ML-Leaks, top 3",
    "shadow_joint": "Shokri, joint",
    "shadow": "Shokri, per class",
    "lira_offline": "LiRA offline",
    "rmia_offline": "RMIA offline",
    "lira": "LiRA online",
    "rmia": "RMIA online",
    "nearest_record": "nearest record",
    "density": "density ratio (DOMIAS)",
    "nearest": "nearest to reconstruction",
    "likelihood": "likelihood ratio",
    "reconstruction": "reconstruction",
    "elbo": "ELBO",
    "calibrated_elbo": "ELBO, calibrated",
    "vae": "reconstruction, calibrated",
}
ADVERSARIES = {"adaptive_": ", adaptive", "through_": ", adaptive, through"}
WEAK = "\u2020"  # a dagger
WEAK_NOTE = f"{WEAK} weak: its shadow models do not behave like the target"


def attack_label(name: str) -> str:
    """Return what tables and figures call an attack: its name in words, and what its adversary copies."""
    for prefix, words in ADVERSARIES.items():
        if name.startswith(prefix):
            return ATTACKS[name.removeprefix(prefix)] + words
    return ATTACKS.get(name, name)


def attack_labels(results: pd.DataFrame) -> dict[str, str]:
    """Return the labels of the attacks in a table, with a dagger for those that are weak in some row.

    Parameters
    ----------
    results : pandas.DataFrame
        With a column ``attack``, and perhaps one ``weak`` (see :func:`vaeprivacy.experiment.run`).
    """
    weak = set(results.attack[results.weak.astype(bool)]) if "weak" in results else set()
    return {name: attack_label(name) + (f" {WEAK}" if name in weak else "") for name in results.attack.unique()}


def attack_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return the attacks on one target as a table to read: strongest first, each metric with its interval.

    Parameters
    ----------
    results : pandas.DataFrame
        One row an attack, with the columns of :func:`vaeprivacy.sweep.tidy`.

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
        As of :func:`vaeprivacy.sweep.tidy`.

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
        "setting": full_setting(first.defence, first.setting),
        "VAE trained on": first.training,
    }
    row |= {"latent dim": first.latent_dim, "epochs": first.vae_epochs, "members": first.n_members}
    row["seeds"] = fine.seed.nunique()
    row |= {"failed": (runs.error != "").sum(), "accuracy": fine.drop_duplicates("seed").test_accuracy.mean()}
    targets = {"classifier": "classifier", "release": "release", "VAE": "encoder and decoder"}
    for name, target in targets.items():
        attacks = fine[fine.looks_at == target] if len(fine) else fine
        row[name] = attacks.groupby("attack").auc.mean().max() if len(attacks) else math.nan
    return row


def scale_table(results: pd.DataFrame) -> pd.DataFrame:
    """Return what defences cost and what attacks find for each number of members, with intervals over seeds.

    Parameters
    ----------
    results : pandas.DataFrame
        As of :func:`vaeprivacy.sweep.tidy`, with runs on raw data and of the framework.

    Returns
    -------
    pandas.DataFrame
        A line for each setting, and for each number of ``members`` beside it: ``accuracy`` on test records, and the AUC
        of the strongest attack on ``classifier`` and on ``release``, as text.
    """
    cells: dict[tuple[str, int], dict[str, str]] = {}
    for looks_at in ("classifier", "release"):
        for row in compared(results, looks_at=looks_at).itertuples():
            cell = cells.setdefault((full_setting(row.defence, row.setting), row.n_members), {})
            cell["accuracy"] = str(Estimate(row.utility, row.utility_low, row.utility_high))
            cell[looks_at] = str(Estimate(row.leakage, row.leakage_low, row.leakage_high))
    table = pd.DataFrame.from_dict(cells, orient="index").fillna("")
    return table.rename_axis(["setting", "members"]).reset_index()


def full_setting(defence: str, setting: str) -> str:
    """Return what a run is called where other defences stand beside it: the framework's label is an epsilon only.

    Parameters
    ----------
    defence, setting : str
        Name and label of its defence.
    """
    if defence != "framework":
        return setting
    return f"framework, {setting}" if setting.startswith("no noise") else f"framework, epsilon {setting}"
