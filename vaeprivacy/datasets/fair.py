"""Tables: Adult (census), Fair's survey of affairs and the RAND Health Insurance Experiment."""

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from vaeprivacy.datasets.dataset import Column, Dataset
from vaeprivacy.datasets.sources import Source

ADULT = Source(
    "adult",
    "Adult",
    "Put adult.data and adult.test, from https://archive.ics.uci.edu/dataset/2/adult, into a folder and set the "
    "environment variable VAEPRIVACY_DATA to it.",
    url="https://archive.ics.uci.edu/ml/machine-learning-databases/adult/",
)
ADULT_SHA256 = {
    "adult.data": "sha256:5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    "adult.test": "sha256:a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
}
ADULT_NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")
ADULT_COLUMNS = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship", "race",
    "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country",
)  # fmt: skip
ADULT_CLASSES = ("<=50K", ">50K")
OCCUPATIONS = {
    1: "student",
    2: "farming or unskilled",
    3: "white-collar",
    4: "teacher, nurse, artist or skilled",
    5: "managerial",
    6: "professional",
}


def encode_table(
    frame: pd.DataFrame, *, categorical: Sequence[str] = (), ordinal: Sequence[str] = ()
) -> tuple[torch.Tensor, tuple[Column, ...]]:
    """Return a table as records with values in [0, 1], and the columns that lead back.

    Ranges and lists of categories are those of all records, whoever becomes a member: they count as public.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a record.
    categorical : sequence of str
        Columns of which each answer becomes a feature; their answers are taken as strings.
    ordinal : sequence of str
        Columns of numbers of which only those that occur have a meaning.

    Returns
    -------
    x : torch.Tensor
        Shape (records, features), float32, in the order of the table's columns.
    columns : tuple of Column
        One a column of the table.
    """
    frame = frame.astype(dict.fromkeys(categorical, str))
    # One transformer a column, so that features come in the order of the columns.
    transformer = ColumnTransformer(
        [
            (name, OneHotEncoder(sparse_output=False) if name in categorical else MinMaxScaler(clip=True), [name])
            for name in frame.columns
        ]
    ).fit(frame)
    columns = []
    for name in frame.columns:
        fitted = transformer.named_transformers_[name]
        if name in categorical:
            columns.append(Column(name, categories=tuple(map(str, fitted.categories_[0]))))
        else:
            low, high = float(fitted.data_min_[0]), float(fitted.data_max_[0])
            whole = bool((frame[name] == frame[name].round()).all())
            levels = tuple(map(float, np.unique(frame[name]))) if name in ordinal else ()
            columns.append(Column(name, low=low, high=high, whole=whole, levels=levels))
    return torch.tensor(transformer.transform(frame), dtype=torch.float32), tuple(columns)


def load_adult() -> Dataset:
    """Load all 48,842 records of the census of 1994 (Becker and Kohavi, UCI repository), adult.data first.

    The label is whether a person earns more than 50,000 dollars a year. An unknown answer, "?", is a category of its
    own, so that no record is dropped. ``fnlwgt`` is the number of people that a record stands for in the census: hardly
    two records share it, which is what makes it worth attacking.
    """
    frame = pd.concat([_read_adult(name) for name in ADULT_SHA256], ignore_index=True)
    y = torch.tensor((frame.pop("income") == ADULT_CLASSES[1]).to_numpy()).long()
    x, columns = encode_table(frame, categorical=[name for name in ADULT_COLUMNS if name not in ADULT_NUMBERS])
    return Dataset("adult", x, y, None, ADULT_CLASSES, columns)


def _read_adult(name: str) -> pd.DataFrame:
    """Read one of the two files; the test file begins with a remark and has a full stop after each label."""
    path = ADULT.find(name, known_hash=ADULT_SHA256[name])
    data = path.read_bytes()
    ADULT.check(data, ADULT_SHA256[name], path=path)
    try:
        frame = pd.read_csv(
            io.BytesIO(data),
            names=[*ADULT_COLUMNS, "income"],
            dtype=dict.fromkeys(ADULT_NUMBERS, np.int64),
            index_col=False,
            skipinitialspace=True,
            comment="|",
            na_filter=False,
        )
    except ValueError as error:  # pandas' own errors are ValueErrors
        raise ADULT.refusal(path, f"is not a table of {len(ADULT_COLUMNS) + 1} columns ({error})") from error
    frame["income"] = frame["income"].astype(str).str.rstrip(".")
    strange = sorted(set(frame["income"]) - set(ADULT_CLASSES))
    if strange or frame.empty:
        labels = f"labels {', '.join(map(repr, strange[:3]))}" if strange else "no records"
        raise ADULT.refusal(path, f"has {labels}; each must be '<=50K' or '>50K'")
    return frame


def load_fair() -> Dataset:
    """Load Fair's survey of 6,366 married women (Journal of Political Economy, 1978), which comes with statsmodels.

    The label is whether a woman had any affair. All eight features are answers on scales, except for the two
    occupations, which are categories.
    """
    from statsmodels.datasets import fair  # a large package that nothing else needs

    frame = fair.load_pandas().data
    y = torch.tensor((frame.pop("affairs") > 0).to_numpy()).long()
    occupations = ["occupation", "occupation_husb"]
    for name in occupations:
        frame[name] = frame[name].map(OCCUPATIONS)
    x, columns = encode_table(
        frame, categorical=occupations, ordinal=[c for c in frame.columns if c not in occupations]
    )
    return Dataset("fair", x, y, None, ("no affair", "an affair"), columns)


def load_randhie() -> Dataset:
    """Load 20,190 person-years of the RAND Health Insurance Experiment, which come with statsmodels.

    The label is whether a person saw a doctor in that year. The same person has up to five rows, one a year of the
    experiment, and nothing says which rows belong together: a lesson on group privacy. A guarantee about one record
    is a weaker one about a person with five, and leaving out one row as "non-member" does not make its person one.
    """
    from statsmodels.datasets import randhie  # a large package that nothing else needs

    frame = randhie.load_pandas().data
    y = torch.tensor((frame.pop("mdvis") > 0).to_numpy()).long()
    # Three columns of zeros and ones are one answer; kept apart, somebody synthetic could be in good and poor health.
    health = frame[["hlthg", "hlthf", "hlthp"]].to_numpy()
    answers = np.array(["excellent", "good", "fair", "poor"])
    frame = frame.drop(columns=["hlthg", "hlthf", "hlthp"])
    frame["health"] = answers[health @ np.array([1, 2, 3])]
    x, columns = encode_table(frame, categorical=["health"], ordinal=["lncoins", "idp"])
    return Dataset("randhie", x, y, None, ("no visit", "a visit"), columns)
