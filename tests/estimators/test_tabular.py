"""Synthetic tables: impossible settings, the promise and its count, and rows that are always inside the schema."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from people import SCHEMA, inside, people
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.dp_sgd import DP_SETTINGS, DPSGDTrainer
from vaeprivacy.estimators import ImageSynthesizer, TabularSynthesizer, draft_schema
from vaeprivacy.estimators.copula import CopulaSettings, correlation, cut, fit_copula
from vaeprivacy.estimators.framework import dp_trainer
from vaeprivacy.estimators.histograms import DEPTH, counts, halved, halves, simplex
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.randomness import seeded_generator
from vaeprivacy.trainers import PublicTrainer


def synthesizer(**settings):
    return TabularSynthesizer(**({"epsilon": 4, "schema": SCHEMA, "label": "label"} | settings))


@pytest.fixture(scope="module")
def fitted():
    return synthesizer(epsilon=1000, generator=seeded_generator(0, "fit")).fit(people())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epsilon": -1}, "epsilon must be positive"),
        ({"delta": 0.0}, "delta must be above 0"),
        ({"delta": 0.01}, "publish one of 2,000 records"),
        ({"form": "copy"}, "form must be one of"),
        ({"label": "nothing"}, "label is 'nothing'"),
        ({"label": "age"}, "give bins"),
        ({"unit": "who"}, "unit is 'who'"),
        ({"drop": ["who"]}, "drop names a column 'who'"),
    ],
)
def test_impossible_settings_are_refused_and_nothing_is_counted(settings, sentence):
    made = synthesizer(**settings)
    with pytest.raises(ValueError, match=sentence):
        made.fit(people())
    assert made.releases == 0 and not made.is_fitted


def test_tables_without_a_promise_worth_anything_are_refused():
    with pytest.raises(ValueError, match="20 records are too few"):
        synthesizer().fit(people(20))
    one_class = people().assign(label="yes")
    with pytest.raises(ValueError, match="has one class"):
        synthesizer(schema=draft_schema(one_class)).fit(one_class)
    with pytest.raises(NotFittedError):
        synthesizer().sample(5)
    with pytest.raises(ValueError, match=r"call sample\(n\)"):
        synthesizer(generator=seeded_generator(0, "fit")).fit(people()).release(people())


def test_the_promise_is_stated_before_anything_is_computed():
    stated = synthesizer().guarantee
    assert stated.whole_release().epsilon == pytest.approx(4) and stated.releases == 1
    assert synthesizer().fit(people()).guarantee == stated
    assert "operating system" in str(stated) and "seeded" in str(synthesizer(generator=torch.Generator()).guarantee)


def test_bounds_from_the_records_leave_no_promise_for_the_whole():
    with pytest.warns(UserWarning, match="read from the records"):
        drafted = synthesizer(schema=None).fit(people())
    with pytest.raises(ValueError, match="no promise for the whole"):
        drafted.guarantee.whole_release()
    assert str(drafted.guarantee).startswith("Not covered: bounds and levels of 'age'")
    assert drafted.guarantee.given_schema().epsilon == pytest.approx(4)


def test_fits_of_clones_are_counted_at_what_each_cost():
    first = synthesizer(epsilon=4).fit(people())
    second = clone(first).set_params(epsilon=1)
    assert second.guarantee.releases == 2
    second.fit(people(seed=1))
    mu = [GaussianIndistinguishability.for_epsilon(epsilon, delta=1e-6).mu for epsilon in (4, 1)]
    for each in (first, second):
        assert each.releases == 2 and each.guarantee.measure.mu == pytest.approx(math.hypot(*mu))
    with pytest.raises(ValueError, match="these are the records of the last fit"):
        second.fit(people(seed=1).sample(frac=1, random_state=0), new_records=True)
    assert second.fit(people(seed=2), new_records=True).releases == 1
    with pytest.raises(ValueError, match="cannot be added"):
        clone(second).set_params(form="framework").fit(people(seed=3))


def test_files_hold_the_model_and_no_fingerprint_and_say_that_copies_are_not_counted(fitted, tmp_path):
    fitted.save(tmp_path / "m.safetensors")
    loaded = TabularSynthesizer.load(tmp_path / "m.safetensors")
    same = [each.sample(50, generator=seeded_generator(0, "rows")) for each in (fitted, loaded)]
    pd.testing.assert_frame_equal(*same)
    assert loaded.guarantee == fitted.guarantee and loaded._seen.fingerprint is None
    assert pickle.loads(pickle.dumps(fitted._seen)).fingerprint is None
    with pytest.warns(UserWarning, match="other copies of that file are not counted"):
        assert loaded.fit(people()).releases == 2
    (tmp_path / "m.safetensors").write_bytes(b"no model")
    with pytest.raises(ValueError, match="is no synthesizer"):
        TabularSynthesizer.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("epsilon", [0.1, 4])
def test_sampled_rows_look_like_the_table_and_are_always_inside_the_schema(epsilon):
    frame = people()
    rows = synthesizer(epsilon=epsilon, generator=seeded_generator(1, "fit")).fit(frame).sample(3000)
    assert rows.dtypes.equals(frame.dtypes) and list(rows) == list(frame) and len(rows) == 3000
    assert list(rows.school.cat.categories) == ["low", "mid", "high"] and inside(rows)


def test_with_hardly_any_noise_rows_have_the_tables_histograms_and_correlations(fitted):
    frame, rows = people(), fitted.sample(20_000, generator=seeded_generator(0, "rows"))
    for name in ("sex", "school", "smokes", "label"):
        gap = (rows[name].value_counts(normalize=True) - frame[name].value_counts(normalize=True)).abs().max()
        assert gap < 0.02
    assert rows.children.isna().mean() == pytest.approx(frame.children.isna().mean(), abs=0.02)
    assert rows[["age", "score"]].corr().iloc[0, 1] > 0.95 * frame[["age", "score"]].corr().iloc[0, 1]
    older = [table.groupby("label").age.mean() for table in (frame, rows)]
    assert np.allclose(*older, atol=1)
    assert rows.income.median() == pytest.approx(frame.income.median(), rel=0.05)


def test_the_same_generator_gives_the_same_rows():
    made = [synthesizer(generator=seeded_generator(5, "fit")).fit(people()).sample(20) for _ in range(2)]
    pd.testing.assert_frame_equal(*made)


def test_arrays_parts_and_labels_apart_are_the_same_as_one_table():
    frame = people()
    parts = synthesizer(generator=seeded_generator(5, "fit")).fit(iter([frame[:700], frame[700:]])).sample(20)
    whole = synthesizer(generator=seeded_generator(5, "fit")).fit(frame.drop(columns="label"), frame.label).sample(20)
    pd.testing.assert_frame_equal(parts, whole)
    x = torch.rand(300, 3, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning):
        assert list(TabularSynthesizer(epsilon=4).fit(x, torch.arange(300) % 2).sample(5)) == [
            *("column 1", "column 2", "column 3"),
            "label",
        ]


def test_of_each_person_one_row_is_used():
    frame = people().assign(who=np.arange(2000) // 4)
    made = synthesizer(unit="who", generator=seeded_generator(0, "fit")).fit(frame)
    assert made._seen.fingerprint[0] == 500 and "who" not in made.sample(5)
    assert "one row of each 'who'" in str(made.guarantee)


def test_the_framework_gives_one_row_for_one_and_says_what_it_leaves_out():
    made = synthesizer(form="framework", generator=seeded_generator(0, "fit")).fit(people(300))
    assert made.releases == 0
    rows = made.release(people(300))
    assert len(rows) == 300 and inside(rows) and made.releases == 1
    assert rows.label.value_counts().equals(people(300).label.value_counts())
    assert "Not covered: the labels" in str(made.guarantee) and "Not covered: what encoder" in str(made.guarantee)


@pytest.mark.parametrize("trainer", [None, DPSGDTrainer(8.0)])
def test_the_framework_is_saved_with_its_model_and_its_count(trainer, tmp_path):
    path, frame = tmp_path / "m.safetensors", people(300)
    made = synthesizer(form="framework", trainer=trainer, generator=seeded_generator(0, "fit")).fit(frame)
    made.release(frame)
    made.save(path)
    loaded = TabularSynthesizer.load(path)
    assert loaded.guarantee == made.guarantee and loaded.trainer == made.model_.trainer
    with pytest.warns(UserWarning, match="other copies of that file are not counted"):
        same = [each.release(frame, generator=seeded_generator(1, "noise")) for each in (made, loaded)]
    pd.testing.assert_frame_equal(*same)
    assert loaded.releases == 2 and "2 were made" in str(loaded.guarantee)
    loaded.save(path)
    assert TabularSynthesizer.load(path).releases == 2


def test_a_vae_with_dp_sgd_is_covered_whole_drawn_from_freely_and_saved(tmp_path):
    path, frame = tmp_path / "m.safetensors", people(400)
    made = synthesizer(form="vae", epsilon=4, generator=seeded_generator(0, "fit"))
    stated = made.guarantee
    assert stated.whole_release() == Indistinguishability(4.0, 1e-6) and stated.releases == 1
    assert made.fit(frame).guarantee == stated and made.releases == 1
    rows = made.sample(500, generator=seeded_generator(1, "rows"))
    assert rows.dtypes.equals(frame.astype({"children": float}).dtypes) and inside(rows) and len(rows) == 500
    made.save(path)
    loaded = TabularSynthesizer.load(path)
    pd.testing.assert_frame_equal(loaded.sample(500, generator=seeded_generator(1, "rows")), rows)
    assert loaded.guarantee == stated
    with pytest.warns(UserWarning, match="other copies of that file are not counted"):
        assert loaded.fit(frame).guarantee.whole_release() == Indistinguishability(8.0, 2e-6)
    with pytest.raises(ValueError, match="cannot be added"):
        clone(loaded).set_params(epsilon=1).fit(frame)
    with pytest.raises(ValueError, match=r"call sample\(n\)"):
        made.release(frame)
    with pytest.raises(ValueError, match="give no trainer"):
        synthesizer(form="vae", trainer=DPSGDTrainer(8.0)).fit(frame)


def test_what_trains_that_vae_promises_no_more_than_is_stated():
    for epsilon, n in [(0.5, 100), (4.0, 400), (4.0, 5000)]:
        promise = dp_trainer(epsilon, 1e-6).coverage(n, DP_SETTINGS).replace_one
        assert promise.epsilon <= epsilon and promise.delta == 1e-6


def test_a_file_of_the_framework_that_is_damaged_or_of_another_kind_is_one_sentence(tmp_path):
    path = tmp_path / "m.safetensors"
    made = synthesizer(form="framework", generator=seeded_generator(0, "fit")).fit(people(300))
    made.save(path)
    whole = path.read_bytes()
    for content in (whole[:-50], whole[:-50] + bytes(50), b"", b"no model"):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"m\.safetensors is no synthesizer that this version can read \(.*\); fit"
        ):
            TabularSynthesizer.load(path)
    made.model_.vae.save(path)  # a VAE alone
    with pytest.raises(ValueError, match="is no synthesizer"):
        TabularSynthesizer.load(path)
    with pytest.raises(ValueError, match="is no synthesizer of images"):
        ImageSynthesizer.load(path)
    made.model_.trainer = PublicTrainer()
    with pytest.raises(ValueError, match=r"Only what PlainTrainer\(\) or DPSGDTrainer"):
        made.save(path)


def random_cells(n: int = 400) -> tuple[np.ndarray, np.ndarray, list[int]]:
    rng = np.random.default_rng(0)
    sizes = [3, 1024, 7, 200]
    return (
        np.stack([rng.integers(0, size, n) for size in sizes], axis=1).astype(np.uint16),
        rng.integers(0, 3, n),
        sizes,
    )


def test_no_replaced_record_moves_sums_by_more_than_is_proved():
    cells, y, sizes = random_cells()
    rng = np.random.default_rng(1)
    for _ in range(50):
        other, label = np.array([rng.integers(0, size) for size in sizes], dtype=np.uint16), int(rng.integers(0, 3))
        changed, y_changed = cells.copy(), y.copy()
        changed[0], y_changed[0] = other, label
        of_halves = [np.linalg.norm(halves(cells[:, j], sizes[j]) - halves(changed[:, j], sizes[j])) for j in (1, 3)]
        assert np.linalg.norm(of_halves) <= math.sqrt(2 * 2 * DEPTH) + 1e-9
        of_counts = [
            np.linalg.norm(counts(cells[:, j], y, sizes[j], 3) - counts(changed[:, j], y_changed, sizes[j], 3))
            for j in range(4)
        ]
        assert np.linalg.norm(of_counts) <= math.sqrt(2 * 4) + 1e-9
        h, g = cut(rng.normal(size=(1, 4)) * 3)[0], cut(rng.normal(size=(1, 4)) * 3)[0]
        assert np.linalg.norm(np.outer(h, h) - np.outer(g, g)) <= math.sqrt(2) and np.linalg.norm(h) <= 1
    # The worst pair is reached: the record is in other cells everywhere.
    assert np.linalg.norm(halves(np.array([0]), 1024) - halves(np.array([1023]), 1024)) == math.sqrt(2 * DEPTH)


def test_the_budget_is_spent_once_whatever_a_table_has():
    moves = {"halves": 2 * DEPTH, "pooled": 2, "by class": 2, "histograms": 2}
    for columns, wide, classes in [(1, 0, 1), (1, 1, 2), (5, 0, 2), (5, 3, 1), (20, 20, 10)]:
        sigma = CopulaSettings().deviations(0.7, columns=columns, wide=wide, classes=classes)
        times = {"halves": wide, "histograms": columns}
        spent = sum(moves[name] * times.get(name, 1) / deviation**2 for name, deviation in sigma.items())
        assert spent == pytest.approx(0.7**2)


def test_nothing_gets_out_but_through_noise(monkeypatch):
    # With the noise replaced by zeros times the sums, two tables of one shape give one and the same model.
    monkeypatch.setattr("vaeprivacy.estimators.copula.with_noise", lambda sums, deviation, generator: 0 * sums + 1)
    cells, y, sizes = random_cells()
    options = {"sizes": sizes, "ordered": [False, True, True, True], "n_classes": 3, "mu": 1.0}
    one, other = (
        fit_copula(table, labels, generator=seeded_generator(0, "noise"), **options)
        for table, labels in ((cells, y), (cells[::-1] // 2, (y + 1) % 3))
    )
    for name in ("starts", "orders", "histograms"):
        assert all(np.array_equal(a, b) for a, b in zip(getattr(one, name), getattr(other, name), strict=True))
    assert np.array_equal(one.classes, other.classes) and np.array_equal(one.correlations, other.correlations)


def test_pieces_have_their_known_answers():
    assert np.allclose(simplex(np.array([0.5, 0.7, -0.2])), [0.4, 0.6, 0.0])
    sums = halves(np.array([0, 0, 1023]), 1024)
    assert sums[:2].tolist() == [2, 1] and sums[2:6].tolist() == [2, 0, 0, 1] and len(sums) == 2 ** (DEPTH + 1) - 2
    starts = halved(halves(np.repeat(np.arange(64), 100), 1024), 1024, least=500)
    assert starts[-1] == 1024 and np.diff(starts).min() >= 1 and (starts < 64).sum() >= 8
    assert np.linalg.eigvalsh(correlation(np.full((4, 4), -0.9) + 0.9 * np.eye(4))).min() > 0
