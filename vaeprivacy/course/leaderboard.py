"""Who is ahead, and how sure is it? Scores of a contest as ranks, with intervals, and as texts."""

import json
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vaeprivacy.course.contest import FPR, Contest
from vaeprivacy.metrics import LEVEL, auc, tpr_at_fpr

RESAMPLES = 1000
DIGITS = 3  # of what is shown
BOARD = ("rank", "could be", "name", f"TPR at {FPR:.0%} FPR", "AUC", "surely above")  # columns to read
PARTS = {"all": "", "public": ", the public half of them", "hidden": ", the half that no board has shown"}


@dataclass(frozen=True)
class Entry:
    """One row of a leaderboard: scores of the final candidates, shape (n_final,), by a team or a baseline."""

    name: str
    scores: np.ndarray
    baseline: bool = False


def resample_rates(
    scores: np.ndarray, is_member: np.ndarray, *, fpr: float, rng: np.random.Generator, resamples: int = RESAMPLES
) -> np.ndarray:
    """Return true-positive rates at a false-positive rate in resamples of the candidates, the same for all entries.

    Parameters
    ----------
    scores : numpy.ndarray
        Shape (entries, candidates).
    is_member : numpy.ndarray
        Shape (candidates,), bool.
    fpr : float
        False-positive rate.
    rng : numpy.random.Generator
        Draws the resamples, of members and of non-members.
    resamples : int
        Their number.

    Returns
    -------
    numpy.ndarray
        Shape (entries, resamples).
    """
    members, others = np.flatnonzero(is_member), np.flatnonzero(~is_member)
    of_members = rng.choice(members, (resamples, len(members)))
    of_others = rng.choice(others, (resamples, len(others)))
    place = len(others) - 1 - int(np.floor(fpr * len(others) + 1e-9))  # of the highest non-member not to be accused
    rates = []
    for of_entry in scores:
        threshold = np.partition(of_entry[of_others], place, axis=1)[:, place]
        rates.append((of_entry[of_members] > threshold[:, None]).mean(axis=1))
    return np.stack(rates)


def surely_above(rates: np.ndarray, resampled: np.ndarray) -> np.ndarray:
    """Return which entries are surely above which others.

    Two entries are told apart if their difference is more than z times its standard deviation over the resamples. With
    all pairs compared, z is so large that at most one time in twenty any of them is told apart by chance (Bonferroni).

    Parameters
    ----------
    rates : numpy.ndarray
        Measured rates, shape (entries,).
    resampled : numpy.ndarray
        As from :func:`resample_rates`.

    Returns
    -------
    numpy.ndarray
        Shape (entries, entries), bool: whether the first is above the second.
    """
    n = len(rates)
    above = np.zeros((n, n), dtype=bool)
    z = stats.norm.ppf(1 - (1 - LEVEL) / 2 / max(1, n * (n - 1) // 2))
    for i, j in combinations(range(n), 2):
        difference, spread = rates[i] - rates[j], (resampled[i] - resampled[j]).std()
        above[i, j], above[j, i] = difference > z * spread, -difference > z * spread
    return above


def standings(entries: list[Entry], is_member: np.ndarray) -> pd.DataFrame:
    """Return the leaderboard, best first.

    Parameters
    ----------
    entries : list of Entry
        Teams and baselines.
    is_member : numpy.ndarray
        Of the final candidates, shape (n_final,), bool.

    Returns
    -------
    pandas.DataFrame
        Columns ``rank`` (equal rates share one; none for baselines), ``rank_best`` and ``rank_worst`` (ranks that fit
        to what :func:`surely_above` tells), ``name``, ``baseline``, ``tpr`` and ``auc`` with ``_low`` and ``_high``,
        and ``above``: the best baseline that the entry is surely above, if any.
    """
    found = [(tpr_at_fpr(each.scores, is_member, fpr=FPR), auc(each.scores, is_member)) for each in entries]
    rates = np.array([tpr.value for tpr, _ in found])
    scores = np.stack([each.scores for each in entries])
    above = surely_above(rates, resample_rates(scores, is_member, fpr=FPR, rng=np.random.default_rng(0)))
    taking_part = np.array([not each.baseline for each in entries])
    rows = []
    for i, (entry, (tpr, area)) in enumerate(zip(entries, found, strict=True)):
        beaten = [j for j in np.flatnonzero(above[i]) if entries[j].baseline]
        rows.append(
            {
                "rank": None if entry.baseline else 1 + int((rates[taking_part] > rates[i]).sum()),
                "rank_best": None if entry.baseline else 1 + int(above[taking_part, i].sum()),
                "rank_worst": None if entry.baseline else int(taking_part.sum() - above[i, taking_part].sum()),
                "name": entry.name,
                "baseline": entry.baseline,
                **{f"tpr{end}": value for end, value in zip(("", "_low", "_high"), tpr, strict=True)},
                **{f"auc{end}": value for end, value in zip(("", "_low", "_high"), area, strict=True)},
                "above": entries[max(beaten, key=lambda j: rates[j])].name if beaten else "",
            }
        )
    table = pd.DataFrame(rows).astype({"rank": "Int64", "rank_best": "Int64", "rank_worst": "Int64"})
    return table.sort_values(["tpr", "auc"], ascending=False, ignore_index=True)


def rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a leaderboard to be shown: with all digits, random scores could be added up by how much each helps."""
    return table.round({f"{name}{end}": DIGITS for name in ("tpr", "auc") for end in ("", "_low", "_high")})


def part_of(entries: list[Entry], chosen: np.ndarray) -> list[Entry]:
    """Return entries with the scores of some of the candidates only, bool, shape (n_final,)."""
    return [replace(entry, scores=entry.scores[chosen]) for entry in entries]


def as_markdown(
    contest: Contest, table: pd.DataFrame, refused: dict[str, str], *, n_ranked: int | None = None, part: str = "all"
) -> str:
    """Return the leaderboard as Markdown, with what could not be ranked, and why.

    Parameters
    ----------
    contest : Contest
        What was ranked.
    table : pandas.DataFrame
        As :func:`standings` returns it.
    refused : dict of str to str
        What could not be ranked, and why.
    n_ranked : int, optional
        How many candidates decided; by default all of hidden membership.
    part : {"all", "public", "hidden"}
        Which these are.
    """
    n_ranked = n_ranked or contest.n_final
    others = n_ranked // 2
    lines = [
        f"# Leaderboard of {contest.name}",
        "",
        f"True-positive rate at {FPR:.0%} false-positive rate on {n_ranked:,} candidates of hidden "
        f"membership{PARTS[part]}. Of {others:,} non-members, {int(FPR * others)} may be accused; the smallest rate "
        f"that can be told from none is 1 in {others:,}. Intervals: 95%, over the choice of candidates.",
        "",
        f"| {' | '.join(BOARD)} |",
        "|---|---|---|---|---|---|",
        *[
            f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"
            for cells in board(table, mark="*").to_numpy()
        ],
        "",
        "*Could be*: the ranks that fit to the data, for all pairs at once (a bootstrap of the candidates, 95%). Who "
        "has a rank in common is not told apart. Rows in italics are baselines, which have no rank.",
    ]
    if refused:
        lines += ["", "## Not ranked", "", *[f"- {name}: {why}" for name, why in refused.items()]]
    return "\n".join(lines) + "\n"


def board(table: pd.DataFrame, *, mark: str = "") -> pd.DataFrame:
    """Return a leaderboard as a table to read, of texts; `mark` stands around the names of baselines."""
    return pd.DataFrame([_cells(row, mark) for row in table.to_dict("records")], columns=BOARD)


def _cells(row: dict[str, Any], mark: str) -> list[str]:
    """Return the texts of one line of the board."""
    tpr = f"{row['tpr']:.1%} ({row['tpr_low']:.1%} to {row['tpr_high']:.1%})"
    area = f"{row['auc']:.3f} ({row['auc_low']:.3f} to {row['auc_high']:.3f})"
    if row["baseline"]:
        return ["", "", f"{mark}{row['name']}{mark}", tpr, area, row["above"]]
    best, worst = row["rank_best"], row["rank_worst"]
    could_be = f"{best}" if best == worst else f"{best} to {worst}"
    return [f"{row['rank']}", could_be, row["name"], tpr, area, row["above"]]


def as_json(contest: Contest, table: pd.DataFrame, refused: dict[str, str]) -> str:
    """Return all of it for programs."""
    rows = json.loads(table.to_json(orient="records"))
    return json.dumps({"contest": contest.name, "rows": rows, "refused": refused}, indent=1) + "\n"
