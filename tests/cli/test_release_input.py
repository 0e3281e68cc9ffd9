"""What people really have, through the command: one sentence and nothing written, or a release with its card."""

import datetime
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from vaeprivacy.cli import release_work
from vaeprivacy.cli.app import app
from vaeprivacy.estimators import TabularSynthesizer, measures, write_images
from vaeprivacy.reporting import card_figures

RANDOM = np.random.default_rng(0)
N = 160
Make = Callable[[], str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in; no models are trained on releases, and no pictures drawn."""
    monkeypatch.setattr(measures, "train_synthetic_test_real", lambda subject, generator: pd.DataFrame())
    monkeypatch.setattr(card_figures, "drawn", lambda figure: "data:,")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def release(*arguments: str) -> Result:
    """Run the command, with no minutes for releases made anew."""
    return CliRunner().invoke(app, ["release", *arguments, "--epsilon", "4", "--measure-minutes", "0"])


def files(folder: Path) -> list[str]:
    """Return the names of all files and folders below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def people(n: int = N, **more: object) -> pd.DataFrame:
    """Return a table of people, with more columns."""
    table = {"age": RANDOM.integers(18, 90, n), "weight": RANDOM.normal(70, 9, n).round(1)}
    return pd.DataFrame({**table, "ill": np.where(np.arange(n) % 3, "no", "yes"), **more})


def table(n: int = N, *, sep: str = ",", name: str = "d.csv", decimal: str = ".", **more: object) -> Make:
    """Return what writes the table to a file and returns its name."""

    def make() -> str:
        people(n, **more).to_csv(name, index=False, sep=sep, decimal=decimal)
        return name

    return make


def parquet(**more: object) -> Make:
    def make() -> str:
        people(**more).to_parquet("d.parquet")
        return "d.parquet"

    return make


def npz(**arrays: np.ndarray) -> Make:
    def make() -> str:
        np.savez("d.npz", **arrays)
        return "d.npz"

    return make


def pictures(n: int = N, shape: tuple[int, ...] = (6, 6), spoil: Callable[[Path], object] | None = None) -> Make:
    """Return what writes images of two classes, spoils one file, and returns the name of the folder."""

    def make() -> str:
        images = RANDOM.integers(0, 256, (n, *shape), dtype=np.uint8)
        write_images(images, np.array(["cat", "dog"])[np.arange(n) % 2], "pictures")
        if spoil is not None:
            spoil(Path("pictures", "cat", "000001.png"))
        return "pictures"

    return make


GREY = RANDOM.integers(0, 256, (N, 6, 6), dtype=np.uint8)
HALF = np.arange(N) % 2
WIDE, ALPHA = Image.new("L", (9, 6)), Image.new("RGBA", (6, 6), (0, 0, 0, 9))
MISTAKES = {
    "two formats of dates": (table(day=["2024-12-31", "31.12.2024"] * (N // 2)), [], "dates in two formats"),
    "decimal commas in quotes": (table(x=["0,5", "1,5"] * (N // 2)), [], "save numbers with a point"),
    "two decimal marks": (table(sep=";", decimal=",", x=["0,5", "1.5"] * (N // 2)), [], "save numbers with a point"),
    "a mark a column": (table(sep=";", x=["0,5", "1,5"] * (N // 2)), [], "holds numbers as text"),
    "mixed types": (table(x=[*range(N - 1), "tall"]), [], "holds 'tall' among numbers"),
    "infinite": (table(x=[*np.arange(N - 1.0), np.inf]), [], "infinite numbers"),
    "NaN only": (table(x=np.nan), [], "no value at all"),
    "one class": (table(ill="yes"), ["--label", "ill"], "has one class"),
    "20 rows": (table(20), [], "without the 4 that would be held out (--no-measure holds none out)"),
    "10,000 categories": (table(x=[f"text {i}" for i in range(N)]), [], "identifiers or free text"),
    "spreadsheet": (table(name="d.xlsx"), [], "save a spreadsheet as 'CSV UTF-8'"),
    "no file": (lambda: "nothing.csv", [], "There is no nothing.csv"),
    "label of a number": (table(), ["--label", "weight"], "give bins"),
    "unit and label": (table(), ["--label", "ill", "--unit", "ill"], "both 'ill'"),
    "few synthetic rows": (table(), ["--rows", "5"], "--rows is 5; expected at least 20"),
    "few persons": (table(who=np.arange(N) // 4), ["--unit", "who"], "40 persons are too few"),
    "rows for each record": (table(), ["--rows", "50", "--per-record"], "--rows is not for --per-record"),
    "duration": (parquet(x=pd.to_timedelta(np.arange(N), unit="s")), [], "expected numbers, words, dates"),
    "no labels": (npz(x=GREY), [], "expected arrays called 'x' and 'y'"),
    "few labels": (npz(x=GREY, y=HALF[:5]), [], "expected a label for each of 160 images"),
    "beyond 1": (npz(x=GREY * 1.0, y=HALF), [], "expected 0 to 1"),
    "four channels": (npz(x=GREY[..., None].repeat(4, axis=3), y=HALF), [], "expected 1 channel or 3"),
    "label no folder": (npz(x=GREY, y=np.array(["a/b", "c"])[HALF]), [], "'a/b' is no name of a folder"),
    "images, label": (pictures(), ["--label", "cat"], "--label is for tables"),
    "images, each": (pictures(), ["--per-record"], "--per-record is for tables"),
    "other sizes": (pictures(spoil=WIDE.save), [], "bring all images to one size"),
    "alpha channel": (pictures(spoil=ALPHA.save), [], "transparent parts"),
    "corrupt image": (pictures(spoil=lambda path: path.write_bytes(b"no")), [], "no whole picture"),
    "few images": (pictures(30), [], "30 records are too few"),
    "one image": (pictures(1), [], "X holds 1 images"),
    "large images": (pictures(2, shape=(300, 300)), [], "make all images smaller"),
}


@pytest.mark.parametrize(("make", "options", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_bad_input_is_one_sentence_with_status_2_and_nothing_is_written(
    folder: Path, make: Make, options: list[str], sentence: str
) -> None:
    data = make()
    before = files(folder)
    result = release(data, *options)
    assert result.exit_code == 2, result.output
    assert sentence in result.output.splitlines()[-1]
    assert files(folder) == before


def test_a_holdout_of_another_kind_is_refused_before_anything_is_written(folder: Path) -> None:
    data = table()()
    for name, frame, sentence in [
        ("columns.csv", people().drop(columns="age"), "has other columns than d.csv"),
        ("levels.csv", people(ill="maybe"), "levels.csv: column 'ill' holds 'maybe'"),
        ("few.csv", people(5), "few.csv has 5 records"),
    ]:
        frame.to_csv(name, index=False)
        before = files(folder)
        result = release(data, "--holdout", name)
        assert (result.exit_code, files(folder)) == (2, before) and sentence in result.output


def test_of_a_holdout_one_row_of_each_person_is_taken(folder: Path) -> None:
    table(who=np.arange(N))()
    people(80, who=np.arange(80) // 4).to_csv("few.csv", index=False)
    people(76, who=np.arange(76) // 4).to_csv("fewer.csv", index=False)
    assert "20 are held out" in release("d.csv", "--unit", "who", "--holdout", "few.csv").output
    assert (
        "fewer.csv has 19 records; expected at least 20"
        in release("d.csv", "--unit", "who", "--holdout", "fewer.csv", "-o", "other").output
    )


def test_a_folder_is_no_table_for_a_schema() -> None:
    result = CliRunner().invoke(app, ["schema", pictures()()])
    assert result.exit_code == 2 and "images need no schema" in result.output


DOORS = {
    "dates, decimals, missing values": (
        parquet(
            day=[datetime.date(2024, 1, 1 + i % 28) for i in range(N)],
            cost=[Decimal("0.5") + i % 4 for i in range(N)],
            flag=pd.array([True, None] * (N // 2), dtype="boolean"),
        ),
        "ill",
    ),
    "0/1 floats": (table(flag=(np.arange(N) % 2).astype(float)), "flag"),
    "class with one record": (table(ill=["rare", *["no", "yes"] * (N // 2 - 1), "no"]), "ill"),
    "decimal commas": (table(sep=";", decimal=","), "ill"),
    "arrays": (npz(x=RANDOM.normal(size=(N, 3)), y=HALF), "label"),
}


@pytest.mark.parametrize(("make", "label"), DOORS.values(), ids=DOORS)
def test_tables_go_through_with_the_columns_that_they_have(folder: Path, make: Make, label: str) -> None:
    result = release(make(), "--label", label)
    assert result.exit_code == 0, result.output
    made = pd.read_csv(folder / "out" / "synthetic.csv")
    assert len(made) == N - N // 5 and label in made
    assert json.loads((folder / "out" / "card.json").read_text())["promise"]["epsilon"] is None  # nothing was public


@pytest.mark.parametrize(
    ("make", "mode"), [(npz(x=RANDOM.random((N, 6, 6, 3)), y=HALF), "RGB"), (pictures(), "L")], ids=["arrays", "folder"]
)
def test_images_go_through_from_arrays_and_folders(folder: Path, make: Make, mode: str) -> None:
    result = release(make())
    assert result.exit_code == 0, result.output
    made = list((folder / "out" / "synthetic").glob("*/*.png"))
    assert len(made) == N - N // 5 and len({path.parent.name for path in made}) == 2
    with Image.open(made[0]) as image:
        assert (image.size, image.mode) == ((6, 6), mode)
    limits = json.loads((folder / "out" / "card.json").read_text())["limits"]
    assert "To study fine detail: the model knows only coarse patterns of each class." in limits


def test_one_row_for_each_record_is_released_once_and_says_what_it_leaves_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*given: object, **options: object) -> None:
        raise KeyboardInterrupt

    arguments = (table()(), "--label", "ill", "--per-record")
    with monkeypatch.context() as patched:
        patched.setattr(release_work, "measure", stop)
        assert release(*arguments).exit_code == 130
    kept = pd.read_csv(folder / "out-owner" / "rows.csv")
    result = release(*arguments)
    assert result.exit_code == 0, result.output
    pd.testing.assert_frame_equal(pd.read_csv(folder / "out" / "synthetic.csv"), kept)
    assert TabularSynthesizer.load(folder / "out-owner" / "model.safetensors").releases == 1
    card = json.loads((folder / "out" / "card.json").read_text())
    assert "Not covered: the labels" in card["promise"]["sentence"] and "one made of each record" in card["about"]
    assert card["promise"]["facts"]["Not covered"].endswith(
        "age, weight, ill: bounds or levels were read from the records"
    )
    assert any("each row was made of one record" in limit for limit in card["limits"])


def test_of_each_person_one_row_is_used_and_the_promise_says_so(folder: Path) -> None:
    data = table(4 * N, who=np.arange(4 * N) // 4)()
    result = release(data, "--label", "ill", "--unit", "who")
    assert result.exit_code == 0, result.output
    card = json.loads((folder / "out" / "card.json").read_text())
    assert "A record is one row of each 'who'" in card["promise"]["sentence"]
    assert card["promise"]["facts"]["Protected"].startswith("one row of each 'who'")
    parts = pd.read_csv(folder / "out-owner" / "split.csv").part
    assert parts.value_counts().to_dict() == {"member": N - N // 5, "held out": N // 5, "not used": 3 * N}
    assert not (parts != "not used").groupby(np.arange(4 * N) // 4).sum().ne(1).any()
    made = pd.read_csv(folder / "out" / "synthetic.csv")
    assert "who" not in made and len(made) == N - N // 5
