"""A table with columns of every kind, and a schema of what is public of it."""

import numpy as np
import pandas as pd

from vaeprivacy.estimators import ColumnSchema, Schema

SCHEMA = Schema(
    (
        ColumnSchema("age", "integer", low=18, high=90),
        ColumnSchema("income", "number", low=0, high=100_000, decimals=2),
        ColumnSchema("score", "number", low=-1.0, high=1.0),
        ColumnSchema("sex", "category", levels=("f", "m", "x")),
        ColumnSchema("school", "category", levels=("low", "mid", "high"), ordered=True),
        ColumnSchema("since", "date", low="2020-01-01", high="2022-12-31"),
        ColumnSchema("smokes", "boolean"),
        ColumnSchema("children", "integer", low=0, high=4, missing=True),
        ColumnSchema("constant", "integer", low=1, high=1),
        ColumnSchema("label", "category", levels=("no", "yes")),
    )
)


def people(n: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return people: the older ones have the label "yes" more often, and are less often without "children"."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 91, n)
    return pd.DataFrame(
        {
            "age": age,
            "income": np.minimum(np.exp(rng.normal(8, 1, n)), 99_000).round(2),
            "score": (age - 54) / 40 + rng.normal(0, 0.05, n),
            "sex": rng.choice(["f", "m"], n),
            "school": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1096, n), unit="D"),
            "smokes": rng.random(n) < 0.3,
            "children": np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 5, n)),
            "constant": 1,
            "label": np.where(age + rng.normal(0, 15, n) > 54, "yes", "no"),
        }
    ).assign(score=lambda frame: frame.score.clip(-1, 1))


def inside(frame: pd.DataFrame) -> bool:
    """Return whether each value is one that the schema permits."""
    for column in SCHEMA.columns:
        present = frame[column.name].dropna()
        if len(present) < len(frame) and not column.missing:
            return False
        if column.kind == "category" and not set(present) <= set(column.levels):
            return False
        if column.kind in ("number", "integer") and not present.between(column.low, column.high).all():
            return False
        if column.kind == "date" and not present.between(column.low, column.high).all():
            return False
        if column.step and column.kind != "date" and not np.allclose(present, present.round(column.decimals or 0)):
            return False
    return True
