"""Files as people have them: one sentence for what cannot be read, and nothing half-written."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vaeprivacy.estimators import (
    ImageSynthesizer,
    draft_schema,
    read_images,
    read_parts,
    read_table,
    write_images,
    write_table,
)
from vaeprivacy.randomness import seeded_generator


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "the file is empty"),
        ("a,b\n", "there are no records"),
        ("a,a\n1,2\n", "two columns are called 'a'"),
        ("d\n2024-01-31\n31.01.2024\n", "dates in two formats"),
        ("d\n01/02/2024\n03/04/2024\n", "which number is the month"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 values"),
        (b"\x00\xff\x01", "cannot be read as CSV"),
    ],
)
def test_what_is_no_table_is_refused(content, sentence, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=sentence):
        read_table(path)


@pytest.mark.parametrize("name", ["t.parquet", "t.npz", "t.docx"])
def test_damaged_files_and_other_kinds_are_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"is no|is of the kind"):
        read_table(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / f"no {name}")


@pytest.mark.parametrize(
    "content", ["\ufeffa;v;d\n1;0,5;31.12.2024\n2;1,5;01.01.2024\n", "a,v,d\n1,0.5,2024-12-31\n2,1.5,2024-01-01\n"]
)
def test_tables_of_spreadsheets_are_read_with_numbers_and_dates(content, tmp_path):
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    frame = read_table(tmp_path / "t.csv")
    assert frame.v.tolist() == [0.5, 1.5] and frame.d.max() == pd.Timestamp("2024-12-31")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_table_in_parts_is_the_whole_table(name, tmp_path, monkeypatch):
    monkeypatch.setattr("vaeprivacy.estimators.table_files.HEAD", 200)
    frame = pd.DataFrame({"a": range(1000), "b": ["x", "007"] * 500, "d": pd.Timestamp("2024-12-31")})
    write_table(frame, tmp_path / name)
    parts = list(read_parts(tmp_path / name, schema=draft_schema(frame), rows=300))
    assert [len(part) for part in parts] == [300, 300, 300, 100]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), frame, check_dtype=False)


@pytest.fixture
def folder(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (120, 9, 12), dtype=np.uint8)
    write_images(images, np.array(["cat", "dog"] * 60), tmp_path / "own")
    return tmp_path / "own"


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (b"no picture", "no whole picture"),
        (Image.new("L", (5, 5)), "bring all images to one size"),
        (Image.new("RGBA", (12, 9), (1, 2, 3, 100)), "transparent parts"),
        (Image.fromarray(np.zeros((9, 12), dtype=np.uint16)), "over 8 bits"),
    ],
)
def test_pictures_that_do_not_fit_are_refused_by_name(picture, sentence, folder):
    path = folder / "dog" / "last.png"
    path.write_bytes(picture) if isinstance(picture, bytes) else picture.save(path)
    with pytest.raises(ValueError, match=rf"last\.png.*{sentence}"):
        read_images(folder)


def test_a_folder_of_images_is_written_and_read(folder):
    images, labels = read_images(folder)
    assert images.shape == (120, 9, 12) and labels.tolist() == ["cat"] * 60 + ["dog"] * 60
    Image.new("RGBA", (12, 9), (1, 2, 3, 255)).save(folder / "dog" / "last.png")
    assert read_images(folder)[0].shape == (121, 9, 12, 3)  # opaque, so it is one in colour
    with pytest.raises(FileExistsError):
        write_images(images, labels, folder)
    with pytest.raises(ValueError, match="no name of a folder"):
        write_images(images, np.array(["../x"] * 120), folder.parent / "new")
    assert [path.name for path in folder.parent.iterdir()] == ["own"]
    with pytest.raises(ValueError, match="no pictures in folders of classes"):
        read_images(folder / "cat")


@pytest.mark.parametrize("form", ["moments", "vae"])
@pytest.mark.parametrize("shape", [(9, 12), (3, 9, 12), (9, 12, 3)])
def test_synthetic_images_have_the_form_of_ones_own(shape, form, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (200, *shape), dtype=np.uint8)
    made = ImageSynthesizer(epsilon=2, classes=["cat", "dog"], form=form, generator=seeded_generator(0, "fit"))
    assert made.guarantee.whole_release().epsilon == pytest.approx(2)
    x, y = made.fit(images, np.array(["cat", "dog"] * 100)).sample(7)
    assert x.shape == (7, *shape) and x.dtype == np.uint8 and set(y) <= {"cat", "dog"} and made.releases == 1
    made.save(tmp_path / "m.safetensors")
    loaded = ImageSynthesizer.load(tmp_path / "m.safetensors")
    same = [each.sample(7, generator=seeded_generator(0, "rows")) for each in (made, loaded)]
    assert np.array_equal(same[0][0], same[1][0]) and np.array_equal(same[0][1], same[1][1])
    assert loaded.guarantee == made.guarantee and loaded._seen.loaded
    made.fit(images, np.array(["cat", "dog"] * 100))
    assert made.releases == 2 and 2 < made.guarantee.whole_release().epsilon <= 4
    with pytest.raises(ValueError, match="state both guarantees"):  # another form: promises of two kinds
        made.set_params(form="vae" if form == "moments" else "moments").fit(images, ["cat", "dog"] * 100)


def test_a_vae_learns_the_labels_with_the_images_and_there_is_no_framework_of_images():
    images = np.zeros((2000, 4, 4), dtype=np.uint8)
    images[::2, :2], images[1::2, 2:] = 255, 255  # cats are white above, dogs below
    made = ImageSynthesizer(epsilon=30, classes=["cat", "dog"], form="vae", generator=seeded_generator(0, "fit"))
    x, y = made.fit(images, ["cat", "dog"] * 1000).sample(500)
    above = x[:, :2].mean(axis=(1, 2)) > x[:, 2:].mean(axis=(1, 2))
    assert (above == (y == "cat")).mean() > 0.9 and 0.2 < above.mean() < 0.8
    with pytest.raises(ValueError, match=r"form must be .*moments.*vae"):
        ImageSynthesizer(epsilon=1, form="framework").fit(images)


def test_images_that_are_none_are_refused():
    with pytest.raises(ValueError, match="expected images of shape"):
        ImageSynthesizer(epsilon=2).fit(np.zeros((5, 4)))
    with pytest.raises(ValueError, match="holds 'cow'; expected one of the classes"):
        ImageSynthesizer(epsilon=2, classes=["cat"]).fit(np.zeros((200, 4, 4)), ["cow"] * 200)


def test_classes_that_were_read_from_the_labels_are_not_covered():
    images = np.random.default_rng(0).random((200, 6, 6))
    made = ImageSynthesizer(epsilon=2, generator=seeded_generator(0, "fit")).fit(images, np.arange(200) % 2)
    with pytest.raises(ValueError, match="no promise for the whole"):
        made.guarantee.whole_release()
    alone = ImageSynthesizer(epsilon=2, generator=seeded_generator(0, "fit")).fit(images)
    assert alone.guarantee.whole_release().epsilon == pytest.approx(2)
