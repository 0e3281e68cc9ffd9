"""How good are synthetic rows of the table `fair` from MST and AIM, the field's synthesizers of marginals?

MST (McKenna, Miklau and Sheldon, arXiv 2108.04978) and AIM (McKenna and others, arXiv 2201.12677) as smartnoise-synth
has them, which needs other versions than this project: they run in an environment of their own, over files. Their
promise is for adding or removing a row. Replacing one moves a marginal by the root of 2 as much, so they get the
epsilon whose rho is half of that of the epsilon that is compared. (Their choice of marginals would need a fourth: this
favours them.) Levels of columns are public. The rows train the classifiers that the saved runs of moments.yaml have, on
the same splits. What made the table of the book:

    python benchmarks/marginals.py export
    python -m venv other && other/bin/pip install torch==2.13.0 smartnoise-synth==1.0.8
    other/bin/python benchmarks/marginals.py fit
    python benchmarks/marginals.py score --output vaeprivacy/reporting/results/marginals.csv
"""

import argparse
import itertools
from pathlib import Path

import pandas as pd

SEEDS, EPSILONS, DELTA = (100, 101, 102, 103, 104), (1.0, 4.0, 10.0), 1e-6
SYNTHESIZERS = ("mst", "aim")
FOLDER = Path("runs") / "marginals"


def table(dataset: object) -> pd.DataFrame:
    """Return a data set's records in the words of the table, and the label."""
    return dataset.to_frame(dataset.x).assign(label=dataset.y.numpy())


def splits(seed: int) -> tuple[object, object, object]:
    """Return the data set, and the members and fresh records of a run of moments.yaml."""
    from vaeprivacy.defences import NoDefence
    from vaeprivacy.experiments.config import Config
    from vaeprivacy.experiments.pool import Pool

    pool = Pool.of(Config(dataset="fair", defence=NoDefence(), seed=seed, n_members=1000, n_models=4))
    return pool.data, pool.members(0), pool.population


def export() -> None:
    """Write the members of each seed, and all levels, as tables."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        data, members, _ = splits(seed)
        everything = table(data)
        everything.iloc[members.numpy()].to_csv(FOLDER / f"members-{seed}.csv", index=False)
    everything.to_csv(FOLDER / "levels.csv", index=False)


def synthetic_rows(name: str, members: pd.DataFrame, levels: pd.DataFrame, epsilon: float) -> pd.DataFrame:
    """Return as many rows from MST or AIM as there are members; to be run where smartnoise-synth is."""
    from scipy.optimize import brentq
    from snsynth import Synthesizer
    from snsynth.transform import LabelTransformer, TableTransformer
    from snsynth.utils import cdp_rho

    transformer = TableTransformer([LabelTransformer(nullable=False) for _ in levels.columns])
    transformer.fit(levels)
    half = cdp_rho(epsilon, DELTA) / 2
    spent = brentq(lambda each: cdp_rho(each, DELTA) - half, epsilon / 4, epsilon)
    synthesizer = Synthesizer.create(name, epsilon=spent, delta=DELTA)
    synthesizer.fit(members, transformer=transformer, preprocessor_eps=0.0)
    return synthesizer.sample(len(members))


def fit() -> None:
    """Make synthetic rows of each seed's members at each epsilon."""
    levels = pd.read_csv(FOLDER / "levels.csv").drop_duplicates()
    for name, epsilon, seed in itertools.product(SYNTHESIZERS, EPSILONS, SEEDS):
        output = FOLDER / f"{name}-{epsilon:g}-{seed}.csv"
        if not output.exists():
            members = pd.read_csv(FOLDER / f"members-{seed}.csv")
            synthetic_rows(name, members, levels, epsilon).to_csv(output, index=False)
            print(output, flush=True)


def records(rows: pd.DataFrame, everything: pd.DataFrame) -> object:
    """Return synthetic rows as records, with the ranges and levels of the whole table."""
    from vaeprivacy.datasets.dataset import encode_table

    frame = pd.concat([everything, rows])[everything.columns].drop(columns="label")
    x, _ = encode_table(frame, categorical=["occupation", "occupation_husb"])
    return x[len(everything) :]


def score(output: Path) -> None:
    """Train the classifier of the runs on the rows, and write its AUC on fresh records."""
    import torch

    from vaeprivacy.classifiers import ClassifierSettings, fit_classifier, predict
    from vaeprivacy.experiments.runs import class_auc
    from vaeprivacy.randomness import seeded_generator

    found = []
    for name, epsilon, seed in itertools.product(SYNTHESIZERS, EPSILONS, SEEDS):
        data, _, fresh = splits(seed)
        rows = pd.read_csv(FOLDER / f"{name}-{epsilon:g}-{seed}.csv")
        x, y = records(rows, table(data)), torch.tensor(rows.label.to_numpy()).long()
        generator = seeded_generator(seed, "student")
        model = fit_classifier(x, y, ClassifierSettings(), n_classes=2, generator=generator)
        auc = class_auc(predict(model, data.x[fresh]).numpy(), data.y[fresh].numpy())
        found.append({"synthesizer": name, "epsilon": epsilon, "seed": seed, "utility": round(auc, 4)})
    pd.DataFrame(found).to_csv(output, index=False)
    print(pd.DataFrame(found).groupby(["synthesizer", "epsilon"]).utility.agg(["mean", "std"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=["export", "fit", "score"])
    parser.add_argument("--output", type=Path, help="the table, of the step `score`")
    given = parser.parse_args()
    if given.step == "score":
        score(given.output)
    else:
        {"export": export, "fit": fit}[given.step]()
