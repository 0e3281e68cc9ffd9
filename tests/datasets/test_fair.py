"""Tables as records with values in [0, 1], and back: Adult, Fair's survey, the RAND experiment, any other."""

from pathlib import Path

import numpy as np
import pandas as pd
import pooch
import pytest
import torch
from data_files import failing_with, sha256
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded

from vaeprivacy.datasets import Column, Dataset, fair, load
from vaeprivacy.datasets.fair import encode_table

TRAINING = (
    "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, "
    "United-States, <=50K\n"
    "50, ?, 83311, Bachelors, 13, Married-civ-spouse, ?, Husband, White, Male, 0, 0, 13, United-States, >50K\n"
    "\n"
)
TEST = (
    "|1x3 Cross validator\n"
    "25, Private, 226802, 11th, 7, Never-married, Sales, Own-child, Black, Female, 0, 1902, 40, Cuba, >50K.\n"
    "\n"
)
TABLE = pd.DataFrame(
    {
        "age": [20, 70, 45],
        "colour": ["red", "green", "red"],
        "income": [0.5, 2.5, 1.25],
        "grade": [1.0, 4.0, 2.0],
        "children": [0.0, 5.5, 1.0],
    }
)
X, COLUMNS = encode_table(TABLE, categorical=["colour"], ordinal=["grade", "children"])
DATA = Dataset("table", X, torch.tensor([0, 1, 0]), None, ("no", "yes"), COLUMNS)


def save_adult(folder: Path, monkeypatch: pytest.MonkeyPatch, training: str = TRAINING, test: str = TEST) -> None:
    """Write the two files of Adult into the chosen folder and take their checksums for the real ones."""
    for name, text in (("adult.data", training), ("adult.test", test)):
        (folder / name).write_text(text)
        monkeypatch.setitem(fair.ADULT_SHA256, name, sha256(text.encode()))
    monkeypatch.setenv("VAEPRIVACY_DATA", str(folder))


# Impossible input


@pytest.mark.parametrize(
    ("x", "error", "sentence"),
    [
        (torch.zeros(2, 5), ValueError, "x has 5 features, but records of table have 6."),
        (torch.zeros(6), ValueError, "must have shape"),
        (torch.full((1, 6), torch.nan), ValueError, "NaN"),
        (torch.zeros(1, 6, dtype=torch.int64), TypeError, "floating-point"),
        ([[0.0] * 6], TypeError, "floating-point"),
    ],
)
def test_what_is_no_record_of_a_table_is_refused(x: object, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        DATA.to_frame(x)


@pytest.mark.parametrize(
    ("training", "fault"),
    [
        (TRAINING.replace("39", "thirty"), "is not a table of 15 columns"),
        (TRAINING.replace("State-gov, ", ""), "is not a table of 15 columns"),
        (TRAINING.replace(">50K", "50K"), "has labels '50K'; each must be"),
        (TRAINING.replace(", >50K", ""), "has labels ''; each must be"),
        ("", "has no records"),
    ],
)
def test_a_table_that_is_not_adult_is_refused(
    training: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_adult(tmp_path, monkeypatch, training=training)
    with pytest.raises(ValueError, match=rf"adult\.data {fault}.*Delete it and get it again\. Put adult\.data"):
        load("adult")


def test_another_file_of_adult_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_adult(tmp_path, monkeypatch)
    (tmp_path / "adult.test").write_text(TEST[:-5])
    with pytest.raises(ValueError, match=r"adult\.test is not the file of Adult \(wrong SHA-256\)\. Delete it"):
        load("adult")


def test_a_failing_download_of_adult_ends_in_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooch, "retrieve", failing_with(ValueError("wrong hash")))
    with pytest.raises(FileNotFoundError, match=r"Adult's adult\.data is not in .*\(ValueError\)\. Put adult\.data"):
        load("adult")


# A known answer


def test_a_table_is_scaled_and_its_categories_become_features_in_the_order_of_its_columns() -> None:
    assert X.dtype == torch.float32
    expected = [[0, 0, 1, 0, 0, 0], [1, 1, 0, 1, 1, 1], [0.5, 0, 1, 0.375, 1 / 3, 1 / 5.5]]
    assert X.tolist() == pytest.approx(np.array(expected), abs=1e-6)
    assert list(COLUMNS) == [
        Column("age", low=20, high=70, whole=True),
        Column("colour", categories=("green", "red")),
        Column("income", low=0.5, high=2.5),
        Column("grade", low=1, high=4, whole=True, levels=(1, 2, 4)),
        Column("children", low=0, high=5.5, levels=(0, 1, 5.5)),
    ]


def test_the_records_of_a_table_lead_back_to_it() -> None:
    pd.testing.assert_frame_equal(DATA.to_frame(X), TABLE.astype({"grade": int}), check_dtype=False)


def test_synthetic_records_become_rows_that_could_be_true() -> None:
    x = torch.tensor([[0.511, 0.3, 0.2, 1.7, 0.6, 0.4], [-0.1, 0.1, 0.9, -3.0, 0.7, 0.7]])
    frame = DATA.to_frame(x.requires_grad_())
    assert frame.to_dict("list") == {
        "age": [46, 20],
        "colour": ["green", "red"],
        "income": [2.5, 0.5],
        "grade": [2, 4],
        "children": [1.0, 5.5],
    }
    assert frame["age"].dtype == frame["grade"].dtype == np.int64


def test_adult_has_the_records_of_both_files_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_adult(tmp_path, monkeypatch)
    adult = load("adult")
    assert (adult.y.tolist(), adult.class_names, adult.image_shape) == ([0, 1, 1], ("<=50K", ">50K"), None)
    frame = adult.to_frame(adult.x)
    assert list(frame.columns) == list(fair.ADULT_COLUMNS)
    assert frame["fnlwgt"].tolist() == [77516, 83311, 226802]
    assert frame["workclass"].tolist() == ["State-gov", "?", "Private"]
    assert frame.iloc[2].tolist() == [
        25, "Private", 226802, "11th", 7, "Never-married", "Sales", "Own-child", "Black", "Female", 0, 1902, 40, "Cuba",
    ]  # fmt: skip
    assert adult.x.shape == (3, sum(column.width for column in adult.columns))


def test_fair_is_the_survey_that_comes_with_statsmodels() -> None:
    fair = load("fair")
    assert (fair.x.shape, fair.y.shape, fair.x.dtype, fair.y.dtype) == ((6366, 18), (6366,), torch.float32, torch.int64)
    assert fair.y.bincount().tolist() == [4313, 2053]
    row = fair.to_frame(fair.x[:1]).iloc[0].to_dict()
    assert row == {
        "rate_marriage": 3, "age": 32, "yrs_married": 9, "children": 3, "religious": 3, "educ": 17,
        "occupation": "farming or unskilled", "occupation_husb": "managerial",
    }  # fmt: skip


def test_randhie_is_the_experiment_that_comes_with_statsmodels() -> None:
    randhie = load("randhie")
    assert (randhie.x.shape, randhie.y.bincount().tolist()) == ((20190, 10), [6308, 13882])
    from statsmodels.datasets.randhie import load_pandas

    source, frame = load_pandas().data, randhie.to_frame(randhie.x)
    assert frame["health"].value_counts().drop("excellent").to_dict() == {
        "good": source["hlthg"].sum(), "fair": source["hlthf"].sum(), "poor": source["hlthp"].sum(),
    }  # fmt: skip
    numbers = ["lncoins", "idp", "lpi", "fmde", "physlm", "disea"]
    assert np.abs(frame[numbers] - source[numbers]).max().max() < 1e-5
    # The same person has several rows, so rows that agree in everything are many.
    assert frame.duplicated().mean() > 0.5


# Properties


@pytest.mark.parametrize("name", ["fair", "randhie", "gaussian-mixture"])
def test_any_record_of_a_table_becomes_a_row_that_encodes_to_values_in_range(name: str) -> None:
    data = load(name)
    assert (data.x.min() >= 0, data.x.max() <= 1, data.image_shape) == (True, True, None)
    frame = data.to_frame(torch.rand(200, data.x.shape[1], generator=seeded()) * 3 - 1)
    assert list(frame.columns) == [column.name for column in data.columns]
    for column in data.columns:
        values = frame[column.name]
        assert (
            values.isin(column.categories).all() if column.categories else values.between(column.low, column.high).all()
        )
        assert not column.levels or values.isin(column.levels).all()


@given(rows=st.lists(st.tuples(st.integers(-(10**6), 10**6), st.sampled_from("abc"), st.floats(-1e3, 1e3)), min_size=1))
def test_every_table_leads_back_to_itself(rows: list[tuple[int, str, float]]) -> None:
    table = pd.DataFrame(rows, columns=["whole", "letter", "number"])
    x, columns = encode_table(table, categorical=["letter"])
    assert ((x >= 0) & (x <= 1)).all()
    back = Dataset("any", x, torch.zeros(len(x)), None, ("a",), columns).to_frame(x)
    assert back["whole"].tolist() == table["whole"].tolist()
    assert back["letter"].tolist() == table["letter"].tolist()
    assert back["number"].tolist() == pytest.approx(
        table["number"].tolist(), abs=1e-3 * 0.51 if columns[2].whole else 1e-3
    )
