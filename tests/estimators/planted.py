"""A table of 2,500 people, a schema that is public, and synthesizers with a planted leak: for tests and a benchmark."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from vaeprivacy.estimators import ColumnSchema, Schema, TabularSynthesizer
from vaeprivacy.estimators.measures import Measured, measure
from vaeprivacy.estimators.released_models import public_bounds, subject_of

EPSILON, MEMBERS, HELD_OUT, LABEL = 1.0, 2000, 500, "ill"
NUMBERS = ("age", "weight", "pressure", "sugar", "income")
PUBLIC = Schema(
    (
        *(ColumnSchema(name, "number", low=-40.0, high=60.0, decimals=2) for name in NUMBERS),
        ColumnSchema(LABEL, "category", levels=("no", "yes")),
    )
)


def people(seed: int) -> pd.DataFrame:
    """Return records that depend on each other and on the label."""
    random = np.random.default_rng(seed)
    z = random.standard_normal((MEMBERS + HELD_OUT, 6)) @ (np.eye(6) + 0.3)
    frame = pd.DataFrame((z[:, :5] * 5 + 10).round(2).clip(-40, 60), columns=list(NUMBERS))
    return frame.assign(**{LABEL: np.where(z[:, 5] > 0.5, "yes", "no")})


def measured(
    seed: int,
    *,
    schema: Schema = PUBLIC,
    leak: Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame] | None = None,
    seconds: float = 0.0,
) -> Measured:
    """Return what is measured on a release of 2,000 of them at epsilon 1; a leak gets members and synthetic rows."""
    frame = people(seed)
    members, held_out = frame[:MEMBERS].reset_index(drop=True), frame[MEMBERS:].reset_index(drop=True)
    synthesizer = TabularSynthesizer(epsilon=EPSILON, schema=schema, label=LABEL).fit(members)
    synthetic = synthesizer.sample(MEMBERS)
    if leak is not None:
        synthetic = leak(members, synthetic)
    subject = subject_of(synthesizer, synthetic, members=members, held_out=held_out)
    return measure(subject, generator=np.random.default_rng(seed), seconds=seconds, bounds=public_bounds(synthesizer))


def copies_rows(members: pd.DataFrame, synthetic: pd.DataFrame) -> pd.DataFrame:
    """A synthesizer that hands out its records, in another order."""
    return members.sample(len(synthetic), replace=True, random_state=0).reset_index(drop=True)


def copies_a_few_rows(members: pd.DataFrame, synthetic: pd.DataFrame) -> pd.DataFrame:
    """One that hands out a tenth of them, among rows that are right."""
    return pd.concat([synthetic, members[::10]], ignore_index=True)


def leaks_the_label(members: pd.DataFrame, synthetic: pd.DataFrame) -> pd.DataFrame:
    """One whose income is each member's own, beside the own label: whoever knows an income reads the label there."""
    return synthetic.assign(income=members["income"], **{LABEL: members[LABEL]})


def bounds_from_the_data(seed: int) -> Schema:
    """A schema whose bounds are the least and largest values of the file, called public."""
    frame = people(seed)
    columns = [
        ColumnSchema(name, "number", low=frame[name].min(), high=frame[name].max(), decimals=2) for name in NUMBERS
    ]
    return Schema((*columns, PUBLIC[LABEL]))
