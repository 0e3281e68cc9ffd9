"""How good are synthetic tables of TabularSynthesizer, beside MST and AIM, the field's synthesizers of marginals?

Two tables that come with statsmodels: `fair` (1,000 members, on the splits of moments.yaml's runs) and `randhie` (the
RAND health insurance experiment, 5,000 members; the label is whether a person saw a doctor). All get the same members,
(epsilon, delta) and public bounds and levels. MST and AIM run in an environment of their own and with the epsilon of
benchmarks/marginals.py, which says why; they need ranges in parts, and get 16 equal ones. Classifiers are trained on
the synthetic rows and tested on fresh real ones. The step `show` takes rows of `fair` that are in marginals.csv, which
has the same members, classifier and promise, so `fit` needs only the other table. What made the table of the book:

    python benchmarks/own_tables.py export
    python -m venv other && other/bin/pip install torch==2.13.0 smartnoise-synth==1.0.8
    other/bin/python benchmarks/own_tables.py fit --tables randhie --synthesizers mst aim
    python benchmarks/own_tables.py score --output vaeprivacy/reporting/results/own_tables.csv
    python benchmarks/own_tables.py show --output vaeprivacy/reporting/results/own_tables.csv
"""

import argparse
import itertools
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from marginals import DELTA, EPSILONS, SEEDS, synthetic_rows
from marginals import splits as splits_of_fair

TABLES, PARTS = ("fair", "randhie"), 16
FOLDER = Path("runs") / "own_tables"
STUDENTS = ("network", "logistic", "boosted trees")


@cache
def table(name: str) -> pd.DataFrame:
    """Return a table with its label in the column "label"."""
    from statsmodels.datasets import fair, randhie

    frame = (fair if name == "fair" else randhie).load_pandas().data.reset_index(drop=True)
    asked = "affairs" if name == "fair" else "mdvis"
    return frame.drop(columns=asked).assign(label=np.where(frame[asked] > 0, "yes", "no"))


@cache
def schema(name: str) -> object:
    """Return what counts as public: bounds and levels of the whole table; occupations are categories."""
    from vaeprivacy.estimators import ColumnSchema, Schema, draft_schema

    def public(column: ColumnSchema) -> ColumnSchema:
        if column.name.startswith("occupation"):
            return ColumnSchema(column.name, "category", levels=tuple(range(1, 7)))
        return column

    return Schema(tuple(map(public, draft_schema(table(name)).columns))).declared_public()


def splits(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return members and fresh records."""
    if name == "fair":
        _, members, fresh = splits_of_fair(seed)
        return members.numpy(), fresh.numpy()
    order = np.random.default_rng(seed).permutation(len(table(name)))
    return order[:5000], order[5000:15_000]


def codec(name: str) -> object:
    """Return the codec of a table."""
    from vaeprivacy.estimators.codec import Codec

    return Codec.of(table(name), schema(name))


def parts(cells: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Return cells of ranges as 16 equal parts."""
    wide = np.array(sizes) > 2 * PARTS
    return np.where(wide, cells.astype(np.int64) * PARTS // np.array(sizes), cells)


def export() -> None:
    """Write the members of each table and seed as parts, and the number of parts of each column."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        sizes, cells = codec(name).sizes, codec(name).encode(table(name))
        divided = pd.DataFrame(parts(cells, sizes), columns=table(name).columns)
        for seed in SEEDS:
            divided.iloc[splits(name, seed)[0]].to_csv(FOLDER / f"{name}-members-{seed}.csv", index=False)
        number = [PARTS if size > 2 * PARTS else size for size in sizes]
        levels = {column: np.arange(PARTS * 2) % n for column, n in zip(divided, number, strict=True)}
        pd.DataFrame(levels).to_csv(FOLDER / f"{name}-levels.csv", index=False)


def fit(synthesizers: list[str], tables: list[str], seeds: list[int]) -> None:
    """Make synthetic rows with MST and AIM; to be run where smartnoise-synth is."""
    for synthesizer, seed, name, epsilon in itertools.product(synthesizers, seeds, tables, EPSILONS):
        output = FOLDER / f"{synthesizer}-{name}-{epsilon:g}-{seed}.csv"
        if output.exists():
            continue
        levels, members = (pd.read_csv(FOLDER / f"{name}-{what}.csv") for what in ("levels", f"members-{seed}"))
        synthetic_rows(synthesizer, members, levels, epsilon).to_csv(output, index=False)
        print(output, flush=True)


def releases(name: str, seed: int, epsilon: float) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the synthesizers that there are rows of, and the cells of these; the members themselves come last."""
    from vaeprivacy.estimators import TabularSynthesizer
    from vaeprivacy.randomness import seeded_generator

    members = table(name).iloc[splits(name, seed)[0]]
    generator, how = seeded_generator(seed, "noise"), {"schema": schema(name), "label": "label", "delta": DELTA}
    ours = TabularSynthesizer(epsilon=epsilon, generator=generator, **how).fit(members).sample(len(members))
    yield "ours", codec(name).encode(ours)
    sizes = np.array(codec(name).sizes)
    for synthesizer in ("mst", "aim"):
        path = FOLDER / f"{synthesizer}-{name}-{epsilon:g}-{seed}.csv"
        if path.exists():
            rows, within = pd.read_csv(path).to_numpy(), np.random.default_rng(seed).random((len(members), len(sizes)))
            yield synthesizer, np.where(sizes > 2 * PARTS, (rows + within) * sizes / PARTS, rows).astype(np.uint16)
    yield "members", codec(name).encode(members)


def aucs(cells: np.ndarray, name: str, seed: int) -> dict[str, float]:
    """Return the AUC on fresh records of each classifier that is trained on rows."""
    import torch
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    from vaeprivacy.classifiers import ClassifierSettings, fit_classifier, predict
    from vaeprivacy.randomness import seeded_generator

    of, label = codec(name), len(codec(name).sizes) - 1
    features, fresh = of.part(range(label)), of.encode(table(name).iloc[splits(name, seed)[1]])
    x, y = features.to_unit(cells[:, :label]), cells[:, label].astype(np.int64)
    x_fresh, y_fresh = features.to_unit(fresh[:, :label]), fresh[:, label]
    generator = seeded_generator(seed, "student")
    network = fit_classifier(x, torch.from_numpy(y), ClassifierSettings(), n_classes=2, generator=generator)
    scores = {"network": predict(network, x_fresh)[:, 1].numpy()}
    trees = HistGradientBoostingClassifier(max_depth=3, max_iter=50, random_state=seed)
    for student, model in {"logistic": LogisticRegression(max_iter=1000), "boosted trees": trees}.items():
        scores[student] = model.fit(x.numpy(), y).predict_proba(x_fresh.numpy())[:, 1]
    return {student: round(roc_auc_score(y_fresh, score), 4) for student, score in scores.items()}


def score(output: Path, tables: list[str], seeds: list[int]) -> None:
    """Complete the table."""
    import torch
    from table import Table

    torch.set_num_threads(1)
    found = Table(output, ["table", "epsilon", "seed", "synthesizer", "student"])
    for name, seed, epsilon in itertools.product(tables, seeds, EPSILONS):
        here = {"table": name, "epsilon": epsilon, "seed": seed}
        for synthesizer, cells in releases(name, seed, epsilon):
            if synthesizer not in set(found.of(**here).synthesizer):
                row = here | {"synthesizer": synthesizer}
                found.add(row | {"student": student, "auc": auc} for student, auc in aucs(cells, name, seed).items())


def show(output: Path) -> None:
    """Print means over seeds, and by how much others are better than ours (95% intervals of paired differences)."""
    from scipy import stats

    keys = ["table", "student", "epsilon"]
    found, of_fair = pd.read_csv(output), pd.read_csv(output.with_name("marginals.csv"))
    earlier = of_fair.rename(columns={"utility": "auc"}).assign(table="fair", student="network")
    found = pd.concat([found, earlier]).drop_duplicates([*keys, "seed", "synthesizer"])
    wide = found.pivot(index=[*keys, "seed"], columns="synthesizer", values="auc").reset_index()
    for here, rows in wide.groupby(keys):
        parts = [f"{here[0]:8} {here[1]:13} epsilon {here[2]:g}: ours {rows.ours.mean():.3f}"]
        for other in [other for other in ("mst", "aim", "members") if other in rows]:
            pairs = rows.dropna(subset=["ours", other])
            if len(pairs) > 1:
                gap = pairs[other] - pairs.ours
                half = stats.t.ppf(0.975, len(gap) - 1) * gap.std() / len(gap) ** 0.5
                low, high = gap.mean() - half, gap.mean() + half
                parts.append(
                    f"{other} {pairs[other].mean():.3f} ({gap.mean():+.3f}, {low:+.3f} to {high:+.3f}, {len(gap)})"
                )
        print("; ".join(parts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["export", "fit", "score", "show"])
    parser.add_argument("--output", type=Path, help="the table, of the steps `score` and `show`")
    parser.add_argument("--synthesizers", nargs="+", default=["mst", "aim"], choices=["mst", "aim"])
    parser.add_argument("--tables", nargs="+", default=TABLES, choices=TABLES)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    given = parser.parse_args()
    if given.step in ("score", "show") and given.output is None:
        sys.exit("Give the table as --output.")
    if given.step == "export":
        export()
    elif given.step == "fit":
        fit(given.synthesizers, given.tables, given.seeds)
    elif given.step == "score":
        score(given.output, given.tables, given.seeds)
    else:
        show(given.output)
