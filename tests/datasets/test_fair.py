"""Tables as records with values in [0, 1], and back: Fair's survey, and any other."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seeding import seeded

from vaeprivacy.datasets import Column, Dataset, load
from vaeprivacy.datasets.dataset import encode_table

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


def test_without_statsmodels_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.datasets", None)
    with pytest.raises(ImportError, match=r"^The data set fair needs statsmodels, which is not installed: pip install"):
        load("fair")


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


def test_columns_may_have_any_name() -> None:
    # Names that scikit-learn reserves for itself.
    x, columns = encode_table(TABLE.rename(columns={"age": "n_jobs", "colour": "a__b"}), categorical=["a__b"])
    assert torch.equal(x, X)
    assert [column.name for column in columns] == ["n_jobs", "a__b", "income", "grade", "children"]


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


def test_fair_is_the_survey_that_comes_with_statsmodels() -> None:
    fair = load("fair")
    assert (fair.x.shape, fair.y.shape, fair.x.dtype, fair.y.dtype) == ((6366, 18), (6366,), torch.float32, torch.int64)
    assert fair.y.bincount().tolist() == [4313, 2053]
    row = fair.to_frame(fair.x[:1]).iloc[0].to_dict()
    assert row == {
        "rate_marriage": 3, "age": 32, "yrs_married": 9, "children": 3, "religious": 3, "educ": 17,
        "occupation": "farming or unskilled", "occupation_husb": "managerial",
    }  # fmt: skip


# Properties


def test_any_record_of_a_table_becomes_a_row_that_encodes_to_values_in_range() -> None:
    data = load("fair")
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
