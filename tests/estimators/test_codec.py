"""Schema and codec: what is refused, what is known, and what holds for any table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import SCHEMA, inside, people

from vaeprivacy.estimators import ColumnSchema, Schema, draft_schema, read_schema, write_schema
from vaeprivacy.estimators.codec import Codec
from vaeprivacy.randomness import seeded_generator


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ({"kind": "text"}, "the kind of column 'a' must be one of"),
        ({"kind": "number"}, "expected numbers"),
        ({"kind": "integer", "low": 3, "high": 1}, "the low one first"),
        ({"kind": "number", "low": 0, "high": float("inf")}, "expected finite bounds"),
        ({"kind": "date", "low": "soon", "high": "later"}, "expected dates"),
        ({"kind": "category"}, "0 levels"),
        ({"kind": "category", "levels": ("a", "a")}, "a level twice"),
        ({"kind": "category", "levels": tuple(range(10_000))}, "10,000 levels"),
        ({"kind": "boolean", "levels": ("yes",)}, "none, or two"),
        ({"kind": "category", "levels": ("a",), "other": "b"}, "expected one of its levels"),
    ],
)
def test_what_cannot_be_known_of_a_column_is_refused(about, sentence):
    with pytest.raises(ValueError, match=sentence):
        ColumnSchema("a", **about)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([None, None], "no value at all"),
        ([1.0, np.inf], "infinite"),
        (["a", 1], "holds both"),
        (["1", "2", "x"], "'x' among numbers"),
        ([f"id {i}" for i in range(500)], "identifiers or free text"),
    ],
)
def test_a_column_of_no_kind_is_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        draft_schema(pd.DataFrame({"a": pd.Series(values)}))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("sex", "q", "holds 'q', but the schema expects one of 'f', 'm', 'x'"),
        ("age", np.nan, "lacks a value in 1 of 2,000 records"),
        ("income", np.inf, "infinite"),
    ],
)
def test_a_value_that_the_schema_does_not_know_is_refused(name, value, sentence):
    frame = people()
    frame[name] = frame[name].astype(object if isinstance(value, str) else float)
    frame.loc[7, name] = value
    with pytest.raises(ValueError, match=sentence):
        Codec.of(frame, SCHEMA).encode(frame)


def test_a_table_with_other_columns_than_the_schema_is_refused():
    with pytest.raises(ValueError, match="lacks the column 'age'"):
        Codec.of(people().drop(columns="age"), SCHEMA)
    with pytest.raises(ValueError, match="has a column 'more'"):
        Codec.of(people().assign(more=1), SCHEMA)


def test_a_draft_finds_kinds_and_bounds_and_marks_them_as_leaks():
    draft = draft_schema(people())
    assert [column.kind for column in draft.columns] == [column.kind for column in SCHEMA.columns]
    assert (draft["age"].low, draft["age"].high, draft["income"].decimals) == (18, 90, 2)
    assert draft["children"].missing and draft["school"].ordered
    assert draft.leaks == tuple(draft.names) and draft.declared_public().leaks == () == SCHEMA.leaks


def test_a_schema_is_the_same_when_it_was_written_and_read(tmp_path):
    for schema in (SCHEMA, draft_schema(people())):
        write_schema(schema, tmp_path / "s.yaml")
        assert read_schema(tmp_path / "s.yaml") == schema
    (tmp_path / "s.yaml").write_text("columns: {a: {kind: integer, low: 1, high: 2, hihg: 3}}")
    with pytest.raises(ValueError, match=r"s\.yaml: column 'a' has 'hihg'"):
        read_schema(tmp_path / "s.yaml")


def test_values_beyond_bounds_are_moved_to_them_and_unknown_answers_to_the_level_for_others():
    schema = Schema(
        (ColumnSchema("a", "integer", low=0, high=5), ColumnSchema("b", "category", levels=("x", "o"), other="o"))
    )
    frame = pd.DataFrame({"a": [-3, 2, 99], "b": ["x", "y", "z"]})
    codec = Codec.of(frame, schema)
    made = codec.decode(codec.encode(frame), generator=seeded_generator(0, "cells"))
    assert made.a.tolist() == [0, 2, 5] and made.b.tolist() == ["x", "o", "o"]


def test_a_round_trip_gives_the_same_table_up_to_the_width_of_cells():
    frame = people()
    codec = Codec.of(frame, SCHEMA)
    cells = codec.encode(frame)
    for again in (cells, codec.from_unit(codec.to_unit(cells))):
        made = codec.decode(again, generator=seeded_generator(0, "cells"))
        assert made.dtypes.equals(frame.dtypes) and list(made) == list(frame)
        exact = ["age", "sex", "school", "smokes", "children", "constant", "label"]
        pd.testing.assert_frame_equal(made[exact], frame[exact])
        assert (made.income - frame.income).abs().max() <= 100_000 / 1024 + 0.01
        assert inside(made)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_cells_of_any_number_stand_for_values_near_it_inside_the_bounds(data):
    low = data.draw(st.floats(-1e6, 1e6))
    high = low + data.draw(st.floats(0, 1e6))
    decimals = data.draw(st.sampled_from([None, 0, 2]))
    if decimals is not None:
        low, high = round(low, decimals), round(high, decimals)
    kind = "integer" if decimals == 0 else "number"
    column = ColumnSchema("a", kind, low=low, high=high, decimals=decimals or None)
    values = data.draw(st.lists(st.floats(low, high), min_size=1, max_size=20))
    frame = pd.DataFrame({"a": np.round(values, decimals) if decimals is not None else values})
    codec = Codec.of(frame, Schema((column,)))
    made = codec.decode(codec.encode(frame), generator=seeded_generator(1, "cells"))
    assert made.a.between(low, high).all()
    assert (made.a - frame.a).abs().max() <= (high - low) / 1024 * 1.001 + column.step
