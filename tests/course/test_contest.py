"""The contest: made whole, hidden from whoever has not the key, and ranked from files of scores."""

import csv
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from vaeprivacy.attacks import LikelihoodRatio
from vaeprivacy.cli.app import app
from vaeprivacy.course import contest as module
from vaeprivacy.course import contest_entries
from vaeprivacy.course.contest import Contest, make_contest, open_contest, read_contest, write_scores
from vaeprivacy.course.contest_entries import COIN, LOSS, REFERENCE, baselines, read_entries, read_scores

KEY = b"a key that only the teacher has"
NAMES = (COIN, LOSS, REFERENCE)
SMALL = Contest("small", "digits", n_practice=100, n_final=600, epsilon=90.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Return the folder of a small contest, beside the key."""
    folder = tmp_path_factory.mktemp("contest")
    (folder / "key").write_bytes(KEY)
    make_contest(SMALL, folder / "small", key=KEY, generator=torch.Generator().manual_seed(1))
    return folder / "small"


def run(*arguments):
    return CliRunner().invoke(app, ["course", "contest", *map(str, arguments)])


def likelihood(made, share: float = 1.0) -> torch.Tensor:
    """Return the scores of an adversary that has read a share of the release."""
    opened = open_contest(made)
    release = opened.knowledge.release
    n = int(share * len(release.y))
    part = replace(release, x=release.x[:n], y=release.y[:n])
    return LikelihoodRatio().fit(replace(opened.knowledge, release=part)).score(opened.candidates)


def test_members_follow_from_the_key_and_are_half_of_each_part():
    hidden = SMALL.hidden(KEY)
    assert hidden[:100].sum() == 50 and hidden[100:].sum() == 300
    assert (hidden == SMALL.hidden(KEY)).all()
    assert 0.4 < (hidden == SMALL.hidden(KEY + b"!")).mean() < 0.6
    assert 0.4 < (hidden == replace(SMALL, name="other").hidden(KEY)).mean() < 0.6
    salted = replace(SMALL, salt="a").hidden(KEY)
    assert salted.sum() == hidden.sum() and 0.4 < (hidden == salted).mean() < 0.6
    assert 0.4 < (replace(SMALL, salt="b").hidden(KEY) == salted).mean() < 0.6


def test_halves_of_the_board_have_as_many_members_and_tell_nothing_of_each_other():
    public, is_member = SMALL.public_half(KEY), SMALL.hidden(KEY)[100:]
    assert public.sum() == 300 and is_member[public].sum() == is_member[~public].sum() == 150
    assert (public == SMALL.public_half(KEY)).all()
    assert 0.4 < (public == SMALL.public_half(KEY + b"!")).mean() < 0.6
    assert 0.4 < (public == is_member).mean() < 0.6


def test_contests_of_the_same_key_and_name_have_other_members(tmp_path):
    (tmp_path / "key").write_bytes(KEY)
    options = ["--key", tmp_path / "key", "--dataset", "digits", "--practice", "100", "--final", "100"]
    found = []
    for year in ("one", "two"):
        assert run("make", tmp_path / year / "spring", *options).exit_code == 0
        found.append(read_contest(tmp_path / year / "spring"))
    assert found[0].proof == found[1].proof and found[0].salt != found[1].salt
    assert 0.35 < (found[0].hidden(KEY) == found[1].hidden(KEY)).mean() < 0.65
    known = np.loadtxt(tmp_path / "two" / "spring" / "practice.csv", delimiter=",", skiprows=1, dtype=int)[:, 1]
    assert (known == found[1].hidden(KEY)[:100]).all()


def test_baselines_of_another_contest_are_not_taken(made, tmp_path, monkeypatch):
    monkeypatch.setattr(contest_entries, "open_contest", lambda folder: None)
    monkeypatch.setattr(contest_entries, "baseline_scores", lambda opened: dict.fromkeys(NAMES, next(scores)))
    scores = iter([np.zeros(600), np.ones(600), np.full(600, 2.0)])
    for contest, value in ((SMALL, 0), (replace(SMALL, salt="a"), 1), (replace(SMALL, dataset="x"), 2), (SMALL, 0)):
        assert (baselines(made, contest, output=tmp_path)[0].scores == value).all()


def test_what_is_handed_out_has_what_its_text_says_and_no_hidden_member(made):
    text = (made / "README.md").read_text()
    assert {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")} | {
        "README.md",
        "contest.json",
    } == {path.name for path in made.iterdir()}
    known = list(csv.reader((made / "practice.csv").read_text().splitlines()))
    assert [int(row[1]) for row in known[1:]] == SMALL.hidden(KEY)[:100].astype(int).tolist()
    assert set(np.load(made / "candidates.npz")) == {"x", "y", "log_posteriors"}
    assert KEY.decode() not in "".join(path.read_text() for path in made.iterdir() if path.suffix in (".json", ".md"))
    assert read_scores(made / "example.csv", SMALL).shape == (600,)


def test_the_target_was_trained_on_the_members_and_the_release_made_of_them(made):
    opened, hidden = open_contest(made), SMALL.hidden(KEY)
    right = opened.candidates.log_posteriors.argmax(dim=1) == opened.candidates.y
    assert right[hidden].double().mean() > 0.96 > right[~hidden].double().mean()
    released = opened.knowledge.release.y.bincount(minlength=10)
    assert (released == opened.candidates.y[hidden].bincount(minlength=10)).all()
    assert (opened.practice == hidden[:100]).all()
    asked = opened.knowledge.query(opened.candidates.x)
    assert torch.allclose(asked.double(), opened.candidates.log_posteriors, atol=1e-4)


def test_answers_are_fine_enough_to_tell_sure_records_apart(made):
    answers = open_contest(made).candidates.log_posteriors
    assert len(answers.max(dim=1).values.unique()) > 0.99 * len(answers)


def test_three_submissions_are_ranked_by_their_strength(made, tmp_path):
    for name, scores in (
        ("guesses", torch.rand(700, generator=torch.Generator().manual_seed(2))),
        ("reads-some", likelihood(made, share=0.3)),
        ("reads-all", likelihood(made)),
    ):
        write_scores(scores.nan_to_num(), tmp_path / f"{name}.csv")
    options = ["--contest", made, "--key", made.parent / "key", "--output", tmp_path / ".out", "--json"]
    result = run("rank", tmp_path, *options)
    assert result.exit_code == 0, result.output
    board = json.loads((tmp_path / ".out" / "leaderboard.json").read_text())
    assert json.loads(result.stdout) == board
    [line] = [line for line in result.stderr.splitlines() if "reads-all " in line]
    assert f"{board['rows'][0]['tpr']:.1%}" in line and len(line) <= 80
    ranked = {row["name"]: row for row in board["rows"]}
    order = [row["name"] for row in board["rows"] if not row["baseline"]]
    assert order == ["reads-all", "reads-some", "guesses"]
    assert [(ranked[name]["rank_best"], ranked[name]["rank_worst"]) for name in order] == [(1, 1), (2, 2), (3, 3)]
    assert ranked["reads-all"]["tpr"] == ranked[REFERENCE]["tpr"] and ranked["reads-all"]["above"] == LOSS
    assert board["refused"] == {}
    table = list(csv.DictReader((tmp_path / ".out" / "leaderboard.csv").read_text().splitlines()))
    assert [row["name"] for row in table] == [row["name"] for row in board["rows"]]
    page = (tmp_path / ".out" / "leaderboard.md").read_text()
    assert "| 1 | 1 | reads-all |" in page and "| | | *coin flip* |" in page and "1 in 300" in page


IDS = np.arange(100, 700)
GOOD = [f"{i},0.5" for i in IDS]
BROKEN = {
    "missing.csv": (["id,score", *GOOD[:-2]], "2 of 600 scores are missing, the first of candidate 698"),
    "empty.csv": ([""], "first line must be id,score"),
    "columns.csv": (["score,id", *GOOD], "first line must be id,score"),
    "twice.csv": (["id,score", *GOOD, "100,0.5"], "candidate 100 has 2 scores"),
    "nan.csv": (["id,score", *GOOD[:-1], "699,nan"], "candidate 699 is nan"),
    "infinite.csv": (["id,score", *GOOD[:-1], "699,-inf"], "candidate 699 is -inf"),
    "strange.csv": (["id,score", *GOOD, "700,1"], "no candidate 700"),
    "words.csv": (["id,score", "100,high", *GOOD[1:]], "line 2 is not"),
    "long.csv": (["id,score", *GOOD, "1" * 5000 + ",1"], "line 602 is not"),
    "overflow.csv": (["id,score", *GOOD, "1" + 400 * "0" + ",1"], "line 602 is not"),
    "fraction.csv": (["id,score", *GOOD, "100.5,1"], "line 602 is not"),
    "no id.csv": (["id,score", *GOOD, "nan,1"], "line 602 is not"),
    "three.csv": (["id,score", *GOOD, "1,2,3"], "line 602 is not"),
    "huge.csv": (["id,score" + " " * 2**23], "larger than"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_csv_file_is_refused_in_one_sentence(name, tmp_path):
    lines, message = BROKEN[name]
    (tmp_path / name).write_text("\n".join(lines))
    with pytest.raises(ValueError, match=message):
        read_scores(tmp_path / name, SMALL)


def test_csv_and_npy_files_in_any_order_are_read_and_practice_is_not_looked_at(tmp_path):
    rows = np.stack([IDS, IDS / 2], axis=1)[::-1]
    np.save(tmp_path / "a.npy", rows)
    (tmp_path / "b.csv").write_text("\ufeffID, Score\r\n5,nan\r\n" + "\r\n".join(f"{int(i)},{s}" for i, s in rows))
    (tmp_path / "c.CSV").write_text("id,score\n" + "\n".join(f"{i:.1f},{s}" for i, s in rows))
    for name in ("a.npy", "b.csv", "c.CSV"):
        assert (read_scores(tmp_path / name, SMALL) == IDS / 2).all()


@pytest.mark.parametrize(
    "array", [np.zeros(600), np.array([{"a": 1}], dtype=object), np.full((600, 2), 0.5), np.array([["a", "b"]])]
)
def test_a_broken_npy_file_is_refused(array, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=r"numbers"):
        read_scores(tmp_path / "a.npy", SMALL)


def test_a_header_that_promises_more_than_there_is_costs_no_memory(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((600, 2)))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"(600, 2), }        ", b"(60000000, 2), }   "))
    tracemalloc.start()
    with pytest.raises(ValueError, match="cannot be read"):
        read_scores(tmp_path / "a.npy", SMALL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_whatever_a_file_makes_its_reader_raise_costs_this_file_only(tmp_path, monkeypatch):
    for name in ("good", "evil"):
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,score", *GOOD]))

    def read(path, contest):
        if path.stem == "evil":
            raise OverflowError("int too large")
        return np.zeros(600)

    monkeypatch.setattr(contest_entries, "read_scores", read)
    entries, refused = read_entries(tmp_path, SMALL)
    assert [entry.name for entry in entries] == ["good"]
    assert refused == {"evil.csv": "The file cannot be read (OverflowError)."}


def test_the_board_shows_three_digits_and_on_demand_one_half(made, tmp_path):
    submissions = tmp_path / "in"
    submissions.mkdir()
    write_scores(torch.rand(700, generator=torch.Generator().manual_seed(2)), submissions / "guesses.csv")
    options = ["--contest", made, "--key", made.parent / "key", "--output", tmp_path / "out"]
    boards = {}
    for part in ("all", "public", "hidden"):
        result = run("rank", submissions, *options, "--part", part)
        assert result.exit_code == 0, result.output
        rows = json.loads((tmp_path / "out" / "leaderboard.json").read_text())["rows"]
        assert all(row[name] == round(row[name], 3) for row in rows for name in ("tpr", "auc", "auc_low", "tpr_high"))
        table = list(csv.DictReader((tmp_path / "out" / "leaderboard.csv").read_text().splitlines()))
        assert all(len(row["auc"]) <= 5 for row in table)
        boards[part] = {row["name"]: row["auc"] for row in rows}
    assert "on 300 candidates of hidden membership, the half that no board has shown" in " ".join(result.output.split())
    assert boards["public"] != boards["hidden"] != boards["all"]
    mean = (boards["public"]["guesses"] + boards["hidden"]["guesses"]) / 2
    assert boards["all"]["guesses"] == pytest.approx(mean, abs=0.02)
    assert run("rank", submissions, *options, "--part", "half").exit_code == 2


def test_broken_submissions_cost_only_themselves(tmp_path):
    (tmp_path / "good.csv").write_text("\n".join(["id,score", *GOOD]))
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "text.txt").write_text("no submission")
    (tmp_path / "folder").mkdir()
    (tmp_path / "<b>|.csv").write_text("\n".join(["id,score", *GOOD]))
    for suffix in ("csv", "npy"):
        (tmp_path / f"two.{suffix}").write_text("\n".join(["id,score", *GOOD]))
    (tmp_path / "link.csv").symlink_to(tmp_path / "good.csv")
    (tmp_path / ".hidden").write_text("")
    entries, refused = read_entries(tmp_path, SMALL)
    assert [entry.name for entry in entries] == ["good"]
    assert sorted(refused) == ["?b??.csv", "bytes.csv", "folder", "link.csv", "text.txt", "two.csv", "two.npy"]
    assert all(why.endswith(".") and "\n" not in why for why in refused.values())


def test_a_contest_is_there_whole_or_not_at_all_and_never_overwritten(tmp_path, monkeypatch):
    def broken(*_, **__):
        raise OSError("The disk is full.")

    options = {"key": KEY, "generator": torch.Generator().manual_seed(0)}
    monkeypatch.setattr(module, "_write_texts", broken)
    with pytest.raises(OSError, match="disk"):
        make_contest(SMALL, tmp_path / "c", **options)
    assert not (tmp_path / "c").exists()
    (tmp_path / "c").mkdir()
    with pytest.raises(FileExistsError, match="must not change"):
        make_contest(SMALL, tmp_path / "c", **options)


def test_mistakes_of_the_teacher_are_told_in_a_sentence(made, tmp_path):
    write_scores(torch.rand(700), tmp_path / "one.csv")
    (tmp_path / "other").write_text("a key of another teacher")
    (tmp_path / "none").mkdir()
    key = ["--key", made.parent / "key"]
    for arguments, message in (
        (["rank", tmp_path, "--contest", made, "--key", tmp_path / "other"], "not the one"),
        (["rank", tmp_path, "--contest", tmp_path, *key], "has no contest.json"),
        (["rank", tmp_path / "none", "--contest", made, *key], "holds no submissions"),
        (["rank", tmp_path / "nowhere", "--contest", made, *key], "There is no folder"),
        (["make", tmp_path / "c", *key, "--final", "101"], "even number"),
        (["make", tmp_path / "c", *key, "--dataset", "digits"], "need 12,500 records"),
        (["make", tmp_path / "c", *key, "--dataset", "none"], "no data set 'none'"),
        (["make", made, *key, "--dataset", "digits"], "exists"),
        (["make", tmp_path / "c", *key, "--epsilon", "-1"], "epsilon"),
    ):
        result = run(*arguments)
        assert result.exit_code == 2 and message in result.output, result.output
    assert not (tmp_path / "c").exists()
