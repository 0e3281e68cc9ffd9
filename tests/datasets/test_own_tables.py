"""Readers' own tables: CSV files as people and spreadsheets save them, what is refused and what comes in."""

from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import save

from vaeprivacy.datasets import from_csv

X = np.array([[0.0, 0.25], [0.5, 0.75], [1.0, 0.125]])
Y = np.array([0, 1, 1])
NAN = float("nan")
GREY = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(np.uint8)
PEOPLE = "age,colour,member,label\n20,red,True,no\n70,green,False,yes\n45,red,True,no\n"
GERMAN = "age;colour;member;label\r\n20,5;red;True;no\r\n70,25;green;False;yes\r\n45;red;True;no\r\n"
RUNNING = Path(__file__).resolve().parents[2] / "book" / "running.md"


# Impossible input


def without(column: int) -> str:
    """Return the table of people with an empty field in the last line."""
    *lines, last = PEOPLE.splitlines()
    fields = last.split(",")
    fields[column] = ""
    return "\n".join([*lines, ",".join(fields)])


@pytest.mark.parametrize(
    ("text", "options", "fault"),
    [
        ("", {}, ": the file is empty; expected a line of names of columns"),
        ("age,colour,member,label\n", {}, ": there are no records"),
        (PEOPLE + "20,red,True,no,no\n", {}, r": .* no table .*\(line 5 has 5 values, the first one 4\); save it anew"),
        (PEOPLE.encode("utf-16-le"), {}, " cannot be read as CSV: save it as 'CSV UTF-8' in your spreadsheet"),
        (PEOPLE.replace("red", "r\xfct").encode("latin-1"), {}, " cannot be read as CSV: save it as 'CSV UTF-8'"),
        (PEOPLE + '"20,red\n', {}, r": this is no table with a record in each line \(a quote has no end\)"),
        (PEOPLE.replace("age", "label"), {}, ": two columns are called 'label'; give each a name of its own"),
        (PEOPLE.replace("age", ""), {}, ": column 1 has no name in the first line; give it one, or leave it out"),
        (GERMAN.replace("20,5", "1,234").replace("70,25", "4,500"), {}, ": 1,234 may be a fraction or thousands"),
        (PEOPLE.replace("20,", '"20,5",'), {}, ": column 'age' holds '20,5', which is no number"),
        *(
            (PEOPLE.replace("20", first).replace("70", second), {}, ": column 'age' holds whole numbers .* single prec")
            for first, second in [(f"{10**17 + 1}", f"{10**17 + 2}"), (f"{2**24 + 45}", "70")]
        ),
        (PEOPLE.replace("age,", ""), {}, ": there are more values in a line than names in the first"),
        (
            PEOPLE,
            {"label": "class"},
            ": label names a column 'class'; expected one of 'age', 'colour', 'member', 'label'",
        ),
        ("label\n0\n1\n", {}, ": there is no column beside the label 'label'"),
        (
            PEOPLE,
            {"categorical": ["color"]},
            ": categorical names a column 'color'; expected one of 'age', 'colour', 'm",
        ),
        (
            PEOPLE,
            {"categorical": ["label"]},
            ": categorical names a column 'label'; expected one of 'age', 'colour', 'm",
        ),
        (PEOPLE, {"ordinal": ["Age"]}, ": ordinal names a column 'Age'; expected one of 'age'"),
        (PEOPLE, {"categorical": "colour"}, r": categorical is the string 'colour'; .*: \['colour'\]"),
        (PEOPLE, {"categorical": []}, ": column 'colour' holds 'red', which is no number; name it in categorical"),
        (PEOPLE.replace("45", "old"), {}, ": column 'age' holds '20', which is no number"),
        (PEOPLE.replace("45", "inf"), {}, ": column 'age' holds infinite or too large numbers"),
        (
            PEOPLE.replace("45", "1e308").replace("70", "-1e308"),
            {},
            ": column 'age' holds infinite or too large numbers",
        ),
        (without(0), {}, ": column 'age' lacks a value in 1 of 3 records"),
        (without(1), {}, ": column 'colour' lacks a value in 1 of 3 records"),
        (without(3), {}, ": column 'label' lacks a value in 1 of 3 records"),
        (PEOPLE.replace("red", "NA"), {}, ": column 'colour' lacks a value in 2 of 3 records"),
        (PEOPLE.replace("yes", "no"), {}, ": column 'label' holds only the label 'no'; expected at least two classes"),
        (PEOPLE.replace("yes", "0.5").replace("no", "1"), {}, ": column 'label' holds the number 0.5; expected"),
        (
            PEOPLE,
            {"class_names": ["no", "maybe"]},
            ": column 'label' holds the label 'yes'; expected one of class_names",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    text: str | bytes, options: dict[str, object], fault: str, tmp_path: Path
) -> None:
    path = save(tmp_path, text)
    with pytest.raises((ValueError, TypeError), match=f"^{path}{fault}"):
        from_csv(path, **{"label": "label", "categorical": ["colour"], **options})


def test_of_many_columns_only_some_are_listed(tmp_path: Path) -> None:
    path = save(tmp_path, ",".join(map(str, range(600))) + "\n" + "0," * 599 + "0\n")
    with pytest.raises(ValueError, match=r"expected one of '0', '1', .*'19', \.\.\.\.$"):
        from_csv(path, label="label")


# A known answer


def test_a_table_is_scaled_by_its_own_ranges(tmp_path: Path) -> None:
    data = from_csv(str(save(tmp_path, PEOPLE)), label="label", categorical=["colour"], ordinal=["age"])
    assert (data.name, data.class_names, data.y.tolist()) == ("people", ("no", "yes"), [0, 1, 0])
    assert data.x.tolist() == [[0, 0, 1, 1], [1, 1, 0, 0], [0.5, 0, 1, 1]]
    near = torch.tensor([[0.4, 0.1, 0.2, 0.9]])
    assert data.to_frame(near).iloc[0].to_dict() == {"age": 45, "colour": "red", "member": 1}


SHEETS = {
    "a byte-order mark": GERMAN.encode("utf-8-sig"),
    "Unicode text": GERMAN.replace(";", "\t").encode("utf-16"),
    "a line for Excel": f"sep=;\r\n{GERMAN}".encode(),
    "another one for Excel": f"\ufeffSEP=|\r\n{GERMAN.replace(';', '|')}".encode(),
    "quotes": GERMAN.replace("20,5", '"20,5"').replace("red", '"red"'),
    "spaces": GERMAN.replace(";", "; "),
    "empty rows and columns": GERMAN.replace("\r\n", ";;\r\n") + ";;;;;\r\n;;;;;\r\n",
    "empty lines": f"\r\n\r\n{GERMAN}\r\n",
    "points and commas": GERMAN.replace(",", ".").replace(";", ","),
    "points and semicolons": GERMAN.replace(",", "."),
    "capitals": GERMAN.replace("True", "TRUE").replace("False", "FALSE"),
}


@pytest.mark.parametrize("what", SHEETS)
def test_a_table_is_read_as_spreadsheets_save_it(what: str, tmp_path: Path) -> None:
    data = from_csv(save(tmp_path, SHEETS[what]), label="label", categorical=["colour"])
    frame = data.to_frame(data.x)
    assert frame.age.tolist() == pytest.approx([20.5, 70.25, 45], abs=1e-5)
    assert frame.drop(columns="age").to_dict("list") == {"colour": ["red", "green", "red"], "member": [1, 0, 1]}
    assert (data.class_names, data.y.tolist()) == (("no", "yes"), [0, 1, 0])


def test_answers_stay_as_they_are_written(tmp_path: Path) -> None:
    path = save(tmp_path, PEOPLE.replace("red", "007").replace("green", "1.50"))
    data = from_csv(path, label="label", categorical=["colour", "member"])
    assert data.to_frame(data.x).colour.tolist() == ["007", "1.50", "007"]
    assert data.to_frame(data.x).member.tolist() == ["True", "False", "True"]
