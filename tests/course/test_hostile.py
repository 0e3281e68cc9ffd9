"""Hostile submissions: each costs only itself, and says in its feedback what happened."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from vaeprivacy.course.assignments import SOURCES, Assignment, read_assignment
from vaeprivacy.course.gradebook import GRADES, grade_folder
from vaeprivacy.course.sandbox import AnswerError, Limits, Student, read_answer
from vaeprivacy.course.submissions import find_submissions
from vaeprivacy.course.variants import Variant

SOURCE = """
# %% [markdown]
# # Small
# %% tags=["teacher"]
def make(public, secret):
    return {"hidden": {"number": int(secret.integers(100))}}
# %% [markdown] tags=["question"] name="first" title="First" section="book/running.html"
# %% tags=["public-test"] points=1
def test_first(student, variant):
    assert student.call("double", 3) == 6, "Twice 3 is 6."
# %% [markdown] tags=["question"] name="second" title="Second" section="book/running.html"
# %% tags=["hidden-test"] points=2
def test_second(student, variant):
    assert student.call("square", 3) == 9, "The square of 3 is 9."
"""
RIGHT = "def double(x):\n    return 2 * x\n\n\ndef square(x):\n    return x * x\n"
FAST = Limits(load_seconds=6.0, call_seconds=2.0, total_seconds=20.0)


@pytest.fixture
def small(tmp_path) -> Assignment:
    path = tmp_path / "sources" / "small.py"
    path.parent.mkdir()
    path.write_text(SOURCE, encoding="utf-8")
    return read_assignment(path)


def grades_of(small: Assignment, folder: Path, codes: dict[str, str], **options: object) -> dict[str, dict]:
    """Grade submissions and return what the file of grades says, by student."""
    folder.mkdir(exist_ok=True)
    for student, code in codes.items():
        (folder / f"{student}.py").write_text(code, encoding="utf-8")
    output = folder.with_name("grades")
    given = {"output": output, "source": b"", "key": b"k" * 16, "limits": FAST, **options}
    grade_folder(small, find_submissions(folder)[0], **given)
    return {row["student"]: row for row in json.loads((output / GRADES).read_text(encoding="utf-8"))}


def of_second(first: str, imports: str = "") -> str:
    """Return a submission whose answer to the first question is hostile, and that to the second right."""
    body = "".join(f"    {line}\n" for line in first.splitlines())
    return f"{imports}\n{RIGHT}\n\ndef double(x):\n{body}    return 2 * x\n"


IN_A_FUNCTION = {
    "endless loop": ("while True: pass", "longer than 2 seconds"),
    "sleep": ("import time; time.sleep(1000)", "longer than 2 seconds"),
    "deaf loop": (
        "import signal\nfor s in (1, 2, 10, 15): signal.signal(s, signal.SIG_IGN)\nwhile True:\n    try:\n"
        "        while True: pass\n    except BaseException: pass",
        "longer than 2 seconds",
    ),
    "50 GB array": ("import numpy; numpy.ones(50 * 2**27)", "MemoryError"),
    "sys.exit": ("import sys; sys.exit(0)", "SystemExit"),
    "os._exit": ("import os; os._exit(0)", "ended itself with code 0"),
    "abort": ("import os; os.abort()", "stopped by signal"),
    "recursion": ("return double(x)", "RecursionError"),
    "fork": ("import os\nwhile True: os.fork()", "PermissionError"),
    "a shell": ("import subprocess; subprocess.run(['true'])", "PermissionError"),
    "a signal": ("import os; os.kill(os.getppid(), 9)", "PermissionError"),
    "a network": ("import socket; socket.create_connection(('127.0.0.1', 9), 1)", "PermissionError"),
    "a huge answer": ("return 'x' * 9 * 2**20", "is larger than"),
    "a huge file": ("with open('big', 'wb') as f:\n    while True: f.write(bytes(2**20))", "OSError"),
    "many files": ("for i in range(10**6): open(f'f{i}', 'w').close()", "ended itself"),
    "an object": ("return object()", "TypeError"),
    "nested lists": ("y = []\nfor _ in range(10**5): y = [y]\nreturn y", "RecursionError"),
    "a false answer file": (
        "import os\nfor i in range(99):\n    open(f'answer-{i}.json', 'w').write('[')\nos._exit(0)",
        "cannot be read",
    ),
    "a pipe for an answer": ("import os\nos.mkfifo('answer-1.json')\nos._exit(0)", "is no file"),
}  # fmt: skip


@pytest.mark.parametrize("what", IN_A_FUNCTION)
def test_a_hostile_function_costs_its_question(small, tmp_path, what):
    code, message = IN_A_FUNCTION[what]
    begin = time.monotonic()
    grade = grades_of(small, tmp_path / "in", {"1": of_second(code)})["1"]
    assert [each["points"] for each in grade["questions"]] == [0, 2]
    assert message in grade["questions"][0]["feedback"][0]
    assert time.monotonic() - begin < 20


AT_THE_TOP = {
    "endless loop": "while True: pass",
    "os._exit": "import os; os._exit(0)",
    "closed files": "import os\nfor i in range(3, 100):\n    try: os.close(i)\n    except OSError: pass\nos._exit(1)",
    "fork by C": "import ctypes, time\nfor _ in range(3): ctypes.CDLL(None).fork()\nwhile True: time.sleep(1)",
}


@pytest.mark.parametrize("what", AT_THE_TOP)
def test_a_hostile_module_costs_its_submission_and_leaves_no_process(small, tmp_path, what):
    codes = {"1": RIGHT, "2": f"{AT_THE_TOP[what]}\n{RIGHT}", "3": RIGHT}
    begin = time.monotonic()
    grades = grades_of(small, tmp_path / "in", codes, limits=replace(FAST, load_seconds=3.0))
    assert {student: grade["points"] for student, grade in grades.items()} == {"1": 3, "2": 0, "3": 3}
    assert time.monotonic() - begin < 30
    assert not [p for p in psutil.Process().children(recursive=True) if "sandbox_runner" in " ".join(p.cmdline())]


def test_sys_exit_at_the_top_costs_the_cell_only(small, tmp_path):
    grade = grades_of(small, tmp_path / "in", {"1": f"# %%\nimport sys; sys.exit()\n# %%\n{RIGHT}"})["1"]
    assert grade["points"] == 3
    assert "SystemExit" in grade["notes"][0]


def test_megabytes_of_output_cost_nothing(small, tmp_path):
    shout = "import sys\nfor _ in range(200):\n    print('x' * 2**20)\n    sys.stderr.write('y' * 2**20)"
    assert grades_of(small, tmp_path / "in", {"1": of_second(shout)})["1"]["points"] == 3


def test_files_around_a_submission_cannot_be_changed(small, tmp_path):
    folder = tmp_path / "in"
    attempts = f"""
import os, pathlib, shutil
os.path.realpath = os.fsdecode = lambda path: os.getcwd()
here = pathlib.Path({str(tmp_path)!r})
def tries():
    yield lambda: shutil.rmtree(here)
    yield lambda: os.remove(here / "in" / "2.py")
    yield lambda: open(here / "in" / "2.py", "w").write("")
    yield lambda: os.rename(here / "in", here / "out")
    yield lambda: os.rename(here / "in" / "2.py", "mine.py")
    yield lambda: os.symlink(here / "in", "link")
    yield lambda: open("../planted", "w").write("")
    yield lambda: os.truncate(here / "in" / "2.py", 0)
    yield lambda: os.chmod(here, 0)
done = []
for attempt in tries():
    try:
        attempt()
        done.append(True)
    except OSError:
        pass
def double(x):
    return len(done)
"""
    before = sorted(path.name for path in tmp_path.iterdir())
    grades = grades_of(small, folder, {"1": attempts + RIGHT.split("\n\n\n")[1], "2": RIGHT})
    assert grades["1"]["points"] == 2 and grades["2"]["points"] == 3
    assert "failed" not in grades["1"]["questions"][0]["feedback"][0]
    assert (folder / "2.py").read_text() == RIGHT
    assert sorted(path.name for path in tmp_path.iterdir() if path.name not in ("in", "grades")) == before


def test_the_graders_files_cannot_be_read(small, tmp_path):
    (tmp_path / "teacher.key").write_text("a key that nobody may see")
    wanted = [tmp_path / "teacher.key", tmp_path / "in" / "2.py", tmp_path / "sources" / "small.py"]
    wanted += [SOURCES / "measure_a_leak.py"]
    code = f"""
import os, glob
seen = []
for path in {[str(path) for path in wanted]!r} + [f"/proc/{{os.getppid()}}/environ", f"/proc/{{os.getppid()}}/mem"]:
    for look in (open, os.listdir, lambda p: os.open(p, os.O_RDONLY)):
        try:
            look(path)
            seen.append(path)
        except NotADirectoryError:
            seen.append(path)
        except OSError:
            pass
seen += [name for name in os.environ if "SECRET" in name]
def seen_files():
    return seen
"""
    with Student([code], [], variant=Variant("small", "1"), limits=FAST) as student:
        assert student.call("seen_files") == []


def test_the_teachers_environment_does_not_reach_a_submission(monkeypatch):
    monkeypatch.setenv("TEACHERS_SECRET", "1")
    with Student(["import os\nnames = sorted(os.environ)"], [], variant=Variant("small", "1")) as student:
        assert "TEACHERS_SECRET" not in student.value("names")


def test_limits_hold_in_the_process_of_a_submission():
    names = [f"RLIMIT_{name}" for name in ("AS", "CPU", "FSIZE", "CORE")]
    code = f"import resource as r\nlimits = [r.getrlimit(getattr(r, name))[1] for name in {names}]"
    code += "\nprocesses = r.getrlimit(r.RLIMIT_NPROC)[1]"
    limits = Limits(total_seconds=30, memory=2**31, file_size=2**20)
    with Student([code], [], variant=Variant("small", "1"), limits=limits) as student:
        assert student.value("limits") == [2**31, 31, 2**20, 0]
        assert 64 <= student.value("processes") < 10**5


def test_hidden_parts_are_in_no_file_of_a_submission():
    variant = Variant("small", "1", constants={"a": 1}, hidden={"secret": 12345})
    look = "import os\ntexts = [open(name).read() for name in sorted(os.listdir('.')) if name.endswith('.json')]"
    with Student([look], [], variant=variant) as student:
        texts = student.value("texts")
    assert texts and not any("12345" in text for text in texts)


def test_a_patched_torch_reaches_no_other_submission_and_no_test(small, tmp_path):
    import torch

    patch = "import builtins, json, torch\ntorch.rand = torch.ones\njson.dumps = lambda *a: '{}'\nbuiltins.len = None\n"
    before = torch.rand
    grades = grades_of(
        small, tmp_path / "in", {"1": patch + RIGHT, "2": RIGHT}, limits=replace(FAST, load_seconds=60.0)
    )
    assert torch.rand is before
    assert grades["2"]["points"] == 3


def test_an_answer_that_pretends_to_be_equal_is_not_believed(small, tmp_path):
    liar = "class Liar(int):\n    def __eq__(self, other): return True\n    def __hash__(self): return 0\n"
    code = f"{liar}\n{RIGHT}\n\ndef double(x):\n    return Liar(5)\n"
    assert grades_of(small, tmp_path / "in", {"1": code})["1"]["points"] == 2


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 10**6, b"1" * 10**5])
def test_answers_that_are_none_are_refused(tmp_path, content):
    (tmp_path / "answer").write_bytes(content)
    with pytest.raises(AnswerError):
        read_answer(tmp_path / "answer", 2**20)


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret").write_text('{"value": 1}')
    (tmp_path / "answer").symlink_to(tmp_path / "secret")
    with pytest.raises(AnswerError):
        read_answer(tmp_path / "answer", 2**20)


def test_a_submission_ends_with_its_grader():
    code = (
        "import time\nfrom vaeprivacy.course.sandbox import Student\n"
        "from vaeprivacy.course.variants import Variant\n"
        "s = Student(['x = 1'], [], variant=Variant('a', '1'))\ns.value('x')\n"
        "print(s._process.pid, flush=True)\ntime.sleep(60)\n"
    )
    grader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(grader.stdout.readline())
    grader.kill()
    grader.wait()
    for _ in range(100):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    raise AssertionError("The submission's process is still there.")


def test_all_hostile_submissions_at_once_leave_whole_grades(small, tmp_path):
    codes = {f"f{i}": of_second(code) for i, (code, _) in enumerate(IN_A_FUNCTION.values())}
    codes |= {f"t{i}": f"{code}\n{RIGHT}" for i, code in enumerate(AT_THE_TOP.values())}
    grades = grades_of(small, tmp_path / "in", {**codes, "good": RIGHT}, limits=replace(FAST, load_seconds=4.0), jobs=4)
    assert grades["good"]["points"] == 3
    assert len(grades) == len(codes) + 1
    assert all(grades[student]["points"] == (2 if student[0] == "f" else 0) for student in codes)
