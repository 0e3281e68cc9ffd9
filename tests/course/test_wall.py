"""The wall: what hostile submissions try costs only themselves, as any user, and honest ones do not notice it."""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from course.attacks import ATTACKS, HANGS, KINDS, LARGE, RIGHT, hang, submission
from course.other_user import run_as
from course.test_gradebook import folder, grade  # noqa: F401
from course.test_hostile import SOURCE

from vaeprivacy.course import gradebook, wall
from vaeprivacy.course.graded import MOST_BEGUN, Graded
from vaeprivacy.course.report import wall_sentence
from vaeprivacy.course.sandbox import Student
from vaeprivacy.course.submissions import find_submissions
from vaeprivacy.course.variants import Variant

KEY = "the key of the teacher, and of nobody else"
# Runs as some user, builds a wall around a Python without the hook, and lets it attack: nothing but the wall is tried.
OUTSIDE = """
import json, subprocess, sys
from vaeprivacy.course import wall
folder, layers = sys.argv[1], sys.argv[2].split("+")
if not wall.works(layers): sys.exit("no such wall")
inside = [*wall.around(layers, folder), sys.executable, "-I", "-c", sys.argv[3], wall.__file__, folder, *layers]
done = subprocess.run(inside, cwd=folder, input=sys.stdin.read(), capture_output=True, text=True)
print(done.stdout if done.returncode == 0 else [done.returncode, done.stderr])
"""
INSIDE = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("wall", sys.argv[1])
wall = importlib.util.module_from_spec(spec)
spec.loader.exec_module(wall)
wall.go_behind(sys.argv[3:], sys.argv[2], wall.readable_folders())
names = {}
exec(sys.stdin.read(), names)
print(json.dumps([names["fine"], names["won"], names["said"]]))
"""
USERS = ("own", "nobody") if hasattr(os, "getuid") and os.getuid() == 0 else ("own",)
# Only what works here, so that nothing is skipped: a machine without bubblewrap has Landlock, or the other way round.
LAYERS = ["+".join(tools) for tools in wall.WALLS[1:] if sys.platform == "linux" and wall.works(tools)] or ["none"]


@pytest.fixture
def place():
    """Return a folder that every user may use, with a key, grades and a student's folder."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for each in (place / "graded", place / "student", place / "out"):
            each.mkdir()
        (place / "teacher.key").write_text(KEY)
        (place / "graded" / "1.json").write_text('{"questions": [], "points": 1}')
        subprocess.run(["chmod", "-R", "a+rwX", place], check=True)
        yield place


def behind(layers: str, user: str, place: Path, code: str) -> list:
    """Run code behind a wall only, and return its names `fine`, `won` and `said`."""
    command = [sys.executable, "-c", OUTSIDE, str(place / "student"), layers, INSIDE]
    done = run_as(user, command, input=code, cwd=place)
    if layers == "none" or "no such wall" in done.stderr:
        pytest.skip(f"{user} can build no wall of {layers} here.")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def daemons() -> list[psutil.Process]:
    """Return processes that an attack has left."""
    found = [each for each in psutil.process_iter(["cmdline"]) if "a daemon that stays" in str(each.info["cmdline"])]
    for each in found:
        each.kill()
    return found


HONEST = """
import asyncio, os, pathlib, shutil, socket, sqlite3, tempfile, threading, time
import numpy as np, torch
fine = []
np.save("a.npy", np.arange(5)); shutil.copy2("a.npy", "b.npy"); os.rename("b.npy", "c.npy"); os.chmod("c.npy", 0o600)
fine.append(np.load("c.npy", mmap_mode="r").tolist())
with tempfile.TemporaryDirectory() as name: pathlib.Path(name, "x").write_text("x")
sqlite3.connect("data.db").execute("create table t(x)")
threads = [threading.Thread(target=fine.append, args=(i,)) for i in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
asyncio.run(asyncio.sleep(0))
os.kill(os.getpid(), 0)
open(os.devnull, "w").write("x"); open("/dev/urandom", "rb").read(3)
torch.set_num_threads(2); fine.append(float(torch.ones(500, 500).matmul(torch.ones(500, 500)).mean()))
fine.append(bool(os.path.expanduser("~")) and time.localtime().tm_year > 2000)
"""


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("layers", LAYERS)
def test_a_wall_alone_lets_honest_code_work_and_nothing_through(layers, user, place):
    assert all(sum(name.startswith(f"{kind} ") for name in ATTACKS) == 3 for kind in KINDS)
    code = submission(list(ATTACKS), key=place / "teacher.key", out=place / "out" / "x", graded=place / "graded")
    fine, won, said = behind(layers, user, place, HONEST + code + MORE)
    assert fine == [[0, 1, 2, 3, 4], 0, 1, 2, 500.0, True]
    assert won == []
    # The others raised an error; these only found nothing: its own folder, one process, a shell that did not start.
    assert set(ATTACKS) - set(said) <= {"A3 links", "A8 joblib", "A9 collector"}
    assert (place / "teacher.key").read_text() == KEY
    assert list((place / "out").iterdir()) == []
    assert (place / "graded" / "1.json").read_text() == '{"questions": [], "points": 1}'
    assert daemons() == []


MORE = """
for path in ("/proc/sys/vm/swappiness", "/proc/self/oom_score_adj", "/dev/shm/x", "/tmp/x", "/sys/x"):
    try: open(path, "r+" if os.path.exists(path) else "w"); won.append(path)
    except OSError: pass
mode = os.stat(sys.executable).st_mode
os.chmod(sys.executable, 0)
if os.stat(sys.executable).st_mode != mode: won.append("chmod")
"""
COMMAND = """
import vaeprivacy.course.sandbox as sandbox
from vaeprivacy.cli.app import app
sandbox.READ_SECONDS = 3
app()
"""
SHOWS = SOURCE.replace('"Twice 3 is 6."', "f\"Twice 3 is 6, not {student.call('double', 3)}\"")


@pytest.mark.parametrize("user", USERS)
def test_a_class_with_hostile_students_keeps_its_grades(user, place):
    files, honest = place / "small", [str(number) for number in range(1, 4)]
    (place / "coursework").mkdir()
    (place / "coursework" / "small.py").write_text(SHOWS)
    (files / "in-a-folder").mkdir(parents=True)
    for student in honest:
        (files / f"{student}.py").write_text(RIGHT)
    graded = place / "small-grades" / "graded"
    code = submission(list(ATTACKS), key=place / "teacher.key", out=place / "out" / "x", graded=graded)
    (files / "hostile.py").write_text(code)
    # Reading goes on until it is stopped: one of the slow ones is enough for another user.
    hangs = [what for what in HANGS if user == "own" or what not in ("B2 magics", "B2 quotes")]
    for what in hangs:
        hang(files / f"{what.replace(' ', '-')}.py", what)
    for path, what in zip(
        (files / "B3-a.py", files / "B3-b.ipynb", files / "in-a-folder" / "x.py"), LARGE, strict=True
    ):
        hang(path, what)
    subprocess.run(["chmod", "-R", "a+rwX", place], check=True)
    options = ["course", "grade", files, "--coursework", place / "coursework", "--key", place / "teacher.key"]
    done = run_as(user, [sys.executable, "-c", COMMAND, *map(str, options)], cwd=place, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = {row["student"]: row for row in json.loads((place / "small-grades" / "grades.json").read_text())}
    assert {student: rows[student]["points"] for student in honest} == dict.fromkeys(honest, 3)
    told = " ".join(done.stderr.split())
    if "run behind a wall" not in done.stdout:
        pytest.skip("There is no wall here.")
    assert "not [[], {" in rows["hostile"]["questions"][0]["feedback"][0]
    assert "hostile is to be looked at: it tried" in told
    assert not any(f"{student} is to be looked at" in told for student in honest)
    assert all("3" in str(rows[f"B1-{what}"]["points"]) for what in ("aliases", "merges", "long"))
    assert len(rows) == len(honest) + 1 + len(hangs) + len(LARGE)
    assert all(rows[student]["points"] == 0 and rows[student]["notes"] for student in ("B3-a", "B3-b", "in-a-folder"))
    assert (place / "teacher.key").read_text() == KEY and list((place / "out").iterdir()) == []
    assert daemons() == []


def test_numbers_of_system_calls_are_those_of_libseccomp():
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("There is no libseccomp here.")
    tables = ",".join([wall.REFUSED, wall.PRETENDED, *wall.IF])
    for name, *numbers in (each.split() for each in tables.split(",")):
        for column, token in wall.ARCHITECTURES.values():
            found = library.seccomp_syscall_resolve_name_arch(token, name.encode())
            assert found == int(numbers[column]) if numbers[column] != "-" else found < 0, name


def test_where_there_is_no_wall_the_teacher_is_told(folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(wall, "found", lambda: ())
    assert [row["points"] for row in grade(folder)] == [3, 3, 3]
    assert "Accidents only" in (folder.parent / "grades" / "report.md").read_text()
    assert "Accidents only" in wall_sentence(()) and "bubblewrap" in wall_sentence(())


def test_a_wall_is_named_in_the_report(folder):  # noqa: F811
    grade(folder)
    assert wall_sentence(wall.found()) in (folder.parent / "grades" / "report.md").read_text()
    assert wall_sentence(("Landlock", "seccomp")) == "Submissions run behind a wall of Landlock and seccomp."


def test_grades_that_somebody_changed_are_made_again(folder):  # noqa: F811
    grade(folder)
    path = folder.parent / "grades" / "graded" / "2.json"
    for old, new in (('"points": 1.0', '"points": 1000.0'), ('"signature": "', '"signature": "f')):
        text = path.read_text()
        path.write_text(text.replace(old, new))
        assert path.read_text() != text
        told = []
        assert [row["points"] for row in grade(folder, remark=told.append)] == [3, 3, 3]
        assert any("2.json was not written by the grader" in each for each in told)
    other = json.loads((path.parent / "1.json").read_text())
    path.write_text(json.dumps(other))  # another student's grade, with its signature
    told = []
    grade(folder, remark=told.append)
    assert any("2.json" in each for each in told)


def test_who_was_graded_when_the_grader_was_killed_is_named_and_comes_last(folder, monkeypatch):  # noqa: F811
    path, order = folder / "1.py", []
    mark = Graded(folder.parent / "grades", b"k" * 16)
    original = gradebook.grade_one
    monkeypatch.setattr(gradebook, "grade_one", lambda a, s, p, **o: order.append(s) or original(a, s, p, **o))
    mark.begin("1", gradebook.fingerprint(path, b"s", b"k" * 16))
    told = []
    assert [row["points"] for row in grade(folder, remark=told.append, jobs=1)] == [3, 3, 3]
    assert order == ["2", "3", "1"] and any("while 1 was graded" in each for each in told)
    assert not list((folder.parent / "grades" / "graded").glob("*.begun"))
    path.write_text(f"# another\n{RIGHT}")
    for _ in range(MOST_BEGUN):
        mark.begin("1", gradebook.fingerprint(path, b"s", b"k" * 16))
    first = grade(folder)[0]
    assert first["points"] == 0 and "it is not run again" in first["notes"][0]
    (folder.parent / "grades" / "graded" / "1.json").unlink()
    assert grade(folder)[0]["points"] == 3


def test_grades_in_a_folder_of_python_are_remarked(folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(wall, "readable_folders", lambda: [str(folder.parent)])
    told = []
    grade(folder, remark=told.append)
    assert any("is in a folder of Python's" in each for each in told)


def test_a_mark_of_another_file_does_not_count(folder):  # noqa: F811
    for _ in range(MOST_BEGUN):
        Graded(folder.parent / "grades", b"k" * 16).begin("1", "of a file that was handed in before")
    told = []
    assert grade(folder, remark=told.append)[0]["points"] == 3 and not any("while 1" in each for each in told)


DEEP = "import os\nfor _ in range(1200):\n    os.mkdir('d')\n    os.chdir('d')\n"
FULL = "import time\nfor i in range(60):\n    open(f'{i}', 'wb').write(bytes(15 * 2**20))\ntime.sleep(5)\n"


@pytest.mark.parametrize(("code", "incident"), [(DEEP, ""), (FULL, "512 MiB")])
def test_a_folder_is_deleted_whatever_is_in_it(code, incident, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Student([code + "x = 1"], [], variant=Variant("a", "1")) as student:
        try:
            assert student.value("x") == 1
        except Exception as error:
            assert incident and incident in str(error)
    assert incident in "".join(student.incidents)
    assert list(tmp_path.iterdir()) == []


def test_links_are_no_submissions(tmp_path):
    (tmp_path / "secret").write_text("the key")
    (tmp_path / "in" / "2").mkdir(parents=True)
    (tmp_path / "in" / "1.py").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "2" / "x.py").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "3").symlink_to(tmp_path)
    found, refused = find_submissions(tmp_path / "in")
    assert found == {"2": None} and "link" in refused["1.py"] and "link" in refused["3"]
