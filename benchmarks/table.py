"""A table that a benchmark completes: what it has already is not computed again, so an interrupted run goes on."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
import torch

from vaeprivacy.compute.files import write_whole
from vaeprivacy.metrics import auc, roc


def leak(scores: torch.Tensor, is_member: torch.Tensor) -> dict[str, float]:
    """Return AUC, and the TPR at an FPR of 1 %, of scores of an attack, rounded for a table."""
    curve = roc(scores, is_member)
    tpr = curve.tpr[curve.fpr <= 0.01].max()
    return {"auc": round(auc(scores, is_member).value, 4), "tpr_at_1_fpr": round(tpr, 4)}


class Table:
    """Rows in a CSV file, told apart by some of their columns.

    Parameters
    ----------
    output : pathlib.Path
        The file; it may be there.
    keys : sequence of str
        Columns that say what was measured.
    """

    def __init__(self, output: Path, keys: Iterable[str]) -> None:
        self.output = output
        self.rows = pd.read_csv(output) if output.exists() else pd.DataFrame(columns=list(keys))

    def of(self, **here: object) -> pd.DataFrame:
        """Return the rows that have these values."""
        return self.rows[(self.rows[list(here)] == pd.Series(here)).all(axis=1)]

    def add(self, found: Iterable[Mapping[str, object]]) -> None:
        """Print rows, and append them to the file."""
        new = pd.DataFrame(found)
        print(new.to_string(index=False, header=False), flush=True)
        self.rows = pd.concat([self.rows, new], ignore_index=True)
        write_whole(self.output, lambda path: self.rows.to_csv(path, index=False))
