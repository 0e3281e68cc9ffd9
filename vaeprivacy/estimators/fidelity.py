"""What the release is good for: models trained on it and tested on real records, its columns, and their pairs."""

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vaeprivacy.estimators.membership import without
from vaeprivacy.estimators.points import as_numbers, as_points, as_words, is_number
from vaeprivacy.estimators.subject import Subject, drawn
from vaeprivacy.intervals import Estimate, share
from vaeprivacy.metrics import auc

MOST_TRAINED = 10_000
BINS = 20


def models(*, images: bool) -> Mapping[str, object]:
    """Return the models that are trained on synthetic rows, by name, not yet fitted.

    Of pixels boosting would take minutes, so that it is left out.
    """
    boosting = {"gradient boosting": HistGradientBoostingClassifier(max_iter=60, random_state=0)}
    return {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
        "random forest": RandomForestClassifier(50, min_samples_leaf=3, random_state=0, n_jobs=1),
    } | ({} if images else boosting)


def train_synthetic_test_real(subject: Subject, *, generator: np.random.Generator) -> pd.DataFrame:
    """Train on synthetic rows and, as often, on real ones; test both on the held-out records.

    Returns
    -------
    pandas.DataFrame
        One row a model and source, with columns ``model``, ``trained on`` ("real", "synthetic"), ``measure``
        ("AUC" with two classes, else "accuracy"), ``value``, ``low`` and ``high``. Of a label that is a number with
        many values, what is predicted is whether it is above its median. Empty without a label, or if the held-out
        records are of one class.
    """
    if subject.label is None or subject.held_out[subject.label].nunique() < 2:
        return pd.DataFrame(columns=["model", "trained on", "measure", "value", "low", "high"])
    n = min(MOST_TRAINED, len(subject.members), len(subject.synthetic))
    frames = [drawn(subject.members, n, generator=generator), drawn(subject.synthetic, n, generator=generator)]
    frames.append(drawn(subject.held_out, MOST_TRAINED, generator=generator))
    *train, test = as_points([without(frame, subject.label) for frame in frames])
    classes, what = [frame[subject.label] for frame in frames], ""
    if subject.class_label is None:
        median, what = classes[0].median(), " of being above the median"
        classes = [column > median for column in classes]
    *labels, truth = [column.astype(str).to_numpy() for column in classes]
    rows = []
    for name, model in models(images=subject.images).items():
        for source, x, y in zip(("real", "synthetic"), train, labels, strict=True):
            measure, found = _tested(model, x, y, test, truth)
            rows.append({"model": name, "trained on": source, "measure": measure + what, **found._asdict()})
    return pd.DataFrame(rows)


def _tested(model: object, x: np.ndarray, y: np.ndarray, test: np.ndarray, truth: np.ndarray) -> tuple[str, Estimate]:
    classes = sorted(set(truth))
    if len(set(y)) < 2:  # a release that lost a class
        return ("AUC", Estimate(0.5, 0.5, 0.5)) if len(classes) == 2 else ("accuracy", share(int((truth == y[0]).sum()),
                                                                                          of=len(truth)))  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = model.fit(x, y)
    if len(classes) == 2 and set(fitted.classes_) == set(classes):
        return "AUC", auc(fitted.predict_proba(test)[:, 1], truth == fitted.classes_[1])
    return "accuracy", share(int((fitted.predict(test) == truth).sum()), of=len(truth))


def marginals(real: pd.DataFrame | None, synthetic: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the distribution of each column: by column a table with the shares of each bin or category.

    Numbers are in bins of equal width, beside a few at the ends. Bins are made of the synthetic rows alone, so that
    without `real` nothing is read but the release.

    Parameters
    ----------
    real : pandas.DataFrame or None
        Records, or None for the public card.
    synthetic : pandas.DataFrame
        The release.
    """
    return {str(name): _marginal(None if real is None else real[name], synthetic[name]) for name in synthetic.columns}


def _marginal(real: pd.Series | None, synthetic: pd.Series) -> pd.DataFrame:
    columns = {"synthetic": synthetic} | ({} if real is None else {"real": real})
    many = is_number(synthetic) and synthetic.nunique() > BINS
    if many:
        numbers = as_numbers(synthetic.dropna())
        edges = np.unique(np.linspace(*np.quantile(numbers, (0.005, 0.995)), BINS + 1))
        edges[[0, -1]] = -np.inf, np.inf
        columns = {name: pd.cut(as_numbers(each), edges) for name, each in columns.items()}
    else:
        columns = {name: as_words(each) for name, each in columns.items()}
    shares = {name: each.value_counts(normalize=True, sort=False) for name, each in columns.items()}
    table = pd.DataFrame(shares).fillna(0.0)
    if many:
        return table
    key = pd.to_numeric if is_number(synthetic) else None
    return table.sort_index(key=key and (lambda index: key(index, errors="coerce"))).head(BINS)


def distances_of_marginals(tables: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """Return the total variation between real and synthetic shares, by column: half of the summed differences."""
    return {name: float((table["real"] - table["synthetic"]).abs().sum() / 2) for name, table in tables.items()}


def correlations(frame: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's correlation of each pair of columns; words count by their place in the alphabet."""
    numbers = {str(name): as_numbers(column) for name, column in frame.items()}
    return pd.DataFrame(numbers).corr(method="spearman").fillna(0.0)
