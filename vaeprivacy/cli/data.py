"""``vaeprivacy data``: find a data set, and say where it is."""

from typing import Annotated

import typer

from vaeprivacy.cli.errors import reports_errors
from vaeprivacy.cli.names import DATASETS

WITHOUT_FILES = {"digits": "inside scikit-learn", "fair": "inside statsmodels"}


@reports_errors()
def data(dataset: Annotated[str, typer.Argument(help=f"One of {', '.join(DATASETS)}.")] = "fashion-mnist") -> None:
    """Find a data set, download it if need be, check it and say where it is."""
    from vaeprivacy.datasets import find_fashion_mnist, load

    records = load(dataset)
    if dataset == "fashion-mnist":
        where = str(find_fashion_mnist("train-images-idx3-ubyte").parent)
    else:
        where = WITHOUT_FILES.get(dataset, "from its files")
    print(f"{dataset}: {len(records.x):,} records, {records.x.shape[1]} features, {records.n_classes} classes; {where}")
