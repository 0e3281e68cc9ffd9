"""What runs in Jupyter from top to bottom gets its points; what can have no effect here is noted."""

import json

import jupytext
import nbformat
import pytest
from course.answers import solution_of, variant_of

from vaeprivacy.course.assignments import SOURCES, read_assignment, student_checks
from vaeprivacy.course.grading import grade_submission
from vaeprivacy.course.sandbox import Limits, Student
from vaeprivacy.course.sandbox_cells import _cells_of_version_4, _read_by_jupytext
from vaeprivacy.course.variants import Variant

LEAK = "measure-a-leak"


def asked(tmp_path, cells: list[str], name: str = "answer", *, suffix: str = "ipynb") -> tuple[object, Student]:
    """Return the value of a variable of a notebook, and the submission."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    path = tmp_path / f"1.{suffix}"
    jupytext.write(notebook, path, fmt="ipynb" if suffix == "ipynb" else "py:percent")
    with Student.of(path, variant=Variant("a", "1"), limits=Limits(memory=2**33)) as student:
        return student.value(name), student


BLACK = """import numpy as np
n = 5
rows = (
    np.arange(n, 2 * n)
    % n
)
answer = rows.tolist()"""
COLAB = """try:
    import vaeprivacy.no_such_module
except ImportError:
    %pip install -q vaeprivacy
    !git clone https://example.org/x
answer = [0, 1, 2, 3, 4]"""
TEXT = '''text = """
%matplotlib inline
!ls
%%bash
?"""
answer = [0, 1, 2, 3, 4] if "%matplotlib" in text and "!ls" in text and text.endswith("?") else text'''
WAITS = """import asyncio
async def five():
    await asyncio.sleep(0.01)
    return [0, 1, 2, 3, 4]
task = asyncio.ensure_future(five()) if False else None
answer = await five()"""
FIVE = "answer = [0, 1, 2, 3, 4]"
RUNS = {  # cells that run in Jupyter, and what is noted of them
    "a line that begins with % inside of brackets": ([BLACK], []),
    "Colab's first cell": ([COLAB], ["%pip install -q vaeprivacy", "!git clone https://example.org/x"]),
    "a text with lines like magics": ([TEXT], []),
    "display": ([f"display(1)\ndisplay(1, metadata={{}})\n{FIVE}"], []),
    "Jupyter's own names beside a figure": (
        [f"from IPython.display import display\nimport matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\n{FIVE}"],
        [],
    ),
    "folders for a while": (
        [f"import tempfile\nwith tempfile.TemporaryDirectory() as f: open(f'{{f}}/x', 'w').close()\n{FIVE}"],
        [],
    ),
    "get_ipython": ([f"get_ipython().run_line_magic('matplotlib', 'inline')\nget_ipython().ask_exit\n{FIVE}"], []),
    "old magic calls": ([f"get_ipython().magic('load_ext autoreload')\nget_ipython().kernel\n{FIVE}"], []),
    "get_ipython of IPython": (
        [f"from IPython import get_ipython\nget_ipython().run_line_magic('pip', 'x')\n{FIVE}"],
        ["%pip x"],
    ),
    "display of IPython": ([f"from IPython.display import display, HTML\ndisplay(HTML('x'))\n{FIVE}"], []),
    "await at the top": ([WAITS], []),
    "await in a loop over cells": (
        ["import asyncio\nlock = asyncio.Lock()", f"async with lock:\n    {FIVE}", "await asyncio.sleep(0)"],
        [],
    ),
    "async for at the top": (
        ["async def each():\n    for i in range(5):\n        yield i", "answer = [i async for i in each()]"],
        [],
    ),
    "help": (["import numpy as np\nnp.mean?\n?np.sum\nnp.mean??", FIVE], []),
    "help above an answer": ([f"len?\n{FIVE}"], []),
    "magics and a continued line": (
        [f"%config InlineBackend.figure_format = \\\n    'svg'\n%matplotlib inline\n{FIVE}"],
        [],
    ),
    "a timed cell": ([f"%%time\n{FIVE}"], []),
    "a captured cell with a magic": ([f"%%capture\n%pip install x\n{FIVE}"], ["%pip install x"]),
    "a timed line": (["%time answer = [0, 1, 2, 3, 4]"], []),
    "a timed line that waits": (["import asyncio\n%time await asyncio.sleep(0)", FIVE], []),
    "a measured cell": (["%%timeit -n 1\nraise ValueError", FIVE], []),
    "output of a command": (
        [f"files = !ls\nwhere = %pwd\n{FIVE} if files == [] and where is None else 0"],
        ["!ls", "%pwd"],
    ),
    "a shell's cell": (["%%bash\nls -l | grep (", FIVE], ["%%bash"]),
    "pip without a sign": (["pip install numpy", FIVE], ["%pip install numpy"]),
    "a module that is written": (
        [
            "%%writefile helper.py\nvalue = 5",
            "%%writefile -a helper.py\n\nmore = 0",
            "import helper\nanswer = list(range(helper.more, helper.value))",
        ],
        [],
    ),
    "a cell that is moved in": ([f"    x = 1\n    {FIVE}"], []),
    "prompts": ([">>> answer = [0, 1, 2,\n...           3, 4]"], []),
    "the main module": (["if __name__ == '__main__':\n    answer = [0, 1, 2, 3, 4]"], []),
    "pickles": (
        ["import pickle\nclass A:\n    five = [0, 1, 2, 3, 4]", "answer = pickle.loads(pickle.dumps(A())).five"],
        [],
    ),
    "annotations that come later": (
        ["from __future__ import annotations", f"def f(x: NotYet) -> Other: ...\n{FIVE}"],
        [],
    ),
    "data classes": (
        [
            "from __future__ import annotations\nfrom dataclasses import dataclass",
            "@dataclass\nclass A:\n    x: list\nanswer = A([0, 1, 2, 3, 4]).x",
        ],
        [],
    ),
    "its own source": (
        [
            "def f():\n    return [0, 1, 2, 3, 4]",
            "import inspect\nanswer = f() if 'return [0' in inspect.getsource(f) else 0",
        ],
        [],
    ),
    "several processes of joblib": (
        ["from joblib import Parallel, delayed", "answer = Parallel(n_jobs=4)(delayed(int)(i) for i in range(5))"],
        [],
    ),
    "all processors of joblib": (
        [
            "from joblib import Parallel, delayed",
            "answer = Parallel(n_jobs=-1, backend='multiprocessing')(delayed(int)(i) for i in range(5))",
        ],
        [],
    ),
    "a semicolon": (["import numpy as np\nnp.ones(3);", f"{FIVE};"], []),
    "an empty cell and comments": (["", "# %matplotlib is nice", FIVE], []),
}


@pytest.mark.parametrize("what", RUNS)
def test_what_runs_in_jupyter_runs_here(tmp_path, what):
    cells, notes = RUNS[what]
    answer, student = asked(tmp_path, cells)
    assert (answer, student.errors) == ([0, 1, 2, 3, 4], [])
    assert student.notes == notes


@pytest.mark.parametrize("what", ["Colab's first cell", "help", "a timed cell", "await at the top", "a shell's cell"])
def test_the_same_as_a_python_file(tmp_path, what):
    answer, student = asked(tmp_path, RUNS[what][0], suffix="py")
    assert (answer, student.errors) == ([0, 1, 2, 3, 4], [])


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("this is no Python", "SyntaxError"),
        ("pip = 5\nthis is no Python", "SyntaxError"),
        ("%time 1 / 0", "ZeroDivisionError"),
        ("%%time\nx = 1 / 0", "ZeroDivisionError"),
        ("import asyncio\nawait asyncio.sleep(0)\n1 / 0", "ZeroDivisionError: division by zero (cell 1, line 3)"),
        ("!ls\nno_such_name", "NameError"),
        ("x = (1,", "SyntaxError"),
    ],
)
def test_what_fails_in_jupyter_fails_here_and_costs_its_cell_only(tmp_path, cell, error):
    answer, student = asked(tmp_path, [cell, "answer = 1"])
    assert answer == 1 and len(student.errors) == 1 and error in student.errors[0]


def test_scikit_learn_may_ask_for_all_processors_and_starts_none(tmp_path):
    code = """
import os
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
import numpy as np
x, y = np.random.rand(40, 2), np.arange(40) % 2
model = RandomForestClassifier(10, n_jobs=-1).fit(x, y)
scores = cross_val_score(model, x, y, cv=2, n_jobs=2)
children = open(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read() if os.path.exists("/proc/self") else ""
answer = [len(scores), children]
"""
    assert asked(tmp_path, [code])[0] == [2, ""]


def test_python_without_magics_does_not_wait_for_ipython():
    names = "('IPy' 'thon', 'asyncio', 'torch', 'vaeprivacy')"
    code = f"import sys\nanswer = [name for name in {names} if name in sys.modules]"
    with Student([code], [], variant=Variant("a", "1")) as student:
        assert student.value("answer") == []


FIRST = "display(1)\nget_ipython()\n%matplotlib inline\n!pip install vaeprivacy\nimport numpy as np\n"


def graded(tmp_path, code: str, name: str = LEAK):
    path = tmp_path / "1001.py"
    path.write_text(code, encoding="utf-8")
    return grade_submission(read_assignment(SOURCES / f"{name.replace('-', '_')}.py"), path, variant_of(name))


def test_a_whole_solution_with_all_that_jupyter_knows_gets_all_points(tmp_path):
    cells = f"# %%\n{FIRST}\n# %%\nimport asyncio\nawait asyncio.sleep(0)\n\n{solution_of(LEAK)}"
    grade = graded(tmp_path, cells.replace("# %%\ncandidate_scores", "# %%\n# %time\ncandidate_scores"))
    assert grade.points == grade.possible
    assert len(grade.notes) == 1 and "`!pip install vaeprivacy` does nothing here" in grade.notes[0]


OWN = "from vaeprivacy.metrics import auc as a, roc as r\n"
OWN += "auc = lambda *x: a(*x).value\nroc = lambda *x: (r(*x).fpr, r(*x).tpr)"
USES = {
    "its metrics": (LEAK, OWN, "vaeprivacy"),
    "inside of a function": (
        LEAK,
        "def auc(*x):\n    import vaeprivacy.metrics as m\n    return m.auc(*x).value",
        "vaeprivacy",
    ),
    "by name": (LEAK, "import importlib\nm = importlib.import_module('vaeprivacy' + '.metrics')", "vaeprivacy"),
    "from the root": ("shadow-models", "from vaeprivacy import LiRA", "vaeprivacy.attacks"),
    "the engine of the course": ("private-release", "import vaeprivacy.course.linear_vae", "vaeprivacy.course"),
    "what is allowed": ("shadow-models", "from vaeprivacy.metrics import auc\nimport vaeprivacy.synthesizer", ""),
    "Colab's question whether it is there": (
        LEAK,
        "try:\n    import vaeprivacy\nexcept ImportError:\n    %pip install x",
        "",
    ),
}


@pytest.mark.parametrize("what", USES)
def test_the_packages_own_solution_is_noted_as_the_assignment_says(tmp_path, what):
    name, code, package = USES[what]
    grade = graded(tmp_path, f"{solution_of(name)}\n\n# %%\n{code}\n", name)
    noted = [note for note in grade.notes if "asks to do without" in note]
    assert len(noted) == bool(package) and all(f"`{package}`" in note for note in noted)
    assert not [note for note in grade.notes if "failed" in note]
    assert grade.points == grade.possible


def test_students_see_what_is_noted_in_their_own_check(tmp_path):
    assignment = read_assignment(SOURCES / "measure_a_leak.py")
    (tmp_path / "checks.py").write_text(student_checks(assignment), encoding="utf-8")
    assert read_assignment(tmp_path / "checks.py").not_to_use == assignment.not_to_use == ("vaeprivacy",)
    assert read_assignment(tmp_path / "checks.py").limits == assignment.limits


def test_what_a_process_says_of_itself_is_not_trusted(tmp_path):
    code = """
import json, os
open("part", "w").write(json.dumps({"value": 5, "notes": {"a": 1}, "uses": [["vaeprivacy"], "numpy", 3]}))
os.rename("part", "answer-0.json")  # whole, or the grader might find an empty file
os._exit(0)
"""
    with Student([code], [], variant=Variant("a", "1"), noted=("vaeprivacy",)) as student:
        student._start()
    assert (student.errors, student.notes, student.uses) == ([], [], set())
    assert json.dumps(student.notes) == "[]"


CELLS = [
    {"cell_type": "code", "source": ["x = 1\n", "%time y = 2\n", "é = '\u2028'"], "metadata": {}, "outputs": []},
    {"cell_type": "markdown", "source": "<!-- answer: one -->\n", "metadata": {}, "attachments": {}},
    {"cell_type": "raw", "source": [], "metadata": {"tags": ["active-py"]}},
]
NOW = {"cells": CELLS, "metadata": {"kernelspec": {"name": "x"}}, "nbformat": 4, "nbformat_minor": 4}


@pytest.mark.parametrize("notebook", [NOW, NOW | {"nbformat_minor": 0}, NOW | {"more": 1, "metadata": {}}])
def test_a_notebook_is_read_as_jupytext_reads_it(notebook):
    text = json.dumps(notebook)
    found = _cells_of_version_4(text)
    assert found == _read_by_jupytext(text, is_notebook=True) and len(found) == 3


OLD = {"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1", "language": "python", "outputs": []}]}]}


@pytest.mark.parametrize(
    "text",
    [
        "no notebook",
        "[]",
        "[" * 10**5,
        json.dumps({"cells": CELLS}),
        json.dumps(NOW | {"cells": [{"cell_type": "code", "source": 1}]}),
        json.dumps(OLD | {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}}),
    ],
    ids=["words", "a list", "nested", "no version", "a number", "version 3"],
)
def test_what_is_no_notebook_of_today_is_left_to_jupytext(text):
    assert _cells_of_version_4(text) == []
