"""How long does a class take? Thirty submissions of each assignment, three of them hostile, graded by the command.

The submissions are solutions of thirty variants; one of the hostile ones loops, one asks for 50 GB, one ends its
process. With `--attack`, three more, who are to be named, end the grader, change the others' grades, and hang whoever
reads their file; then the thirty have nothing hostile, and nothing is recorded. Run it with
`make benchmark-coursework`; with `--assignment NAME`, what was recorded of the others is kept.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from vaeprivacy.compute.provenance import hardware
from vaeprivacy.course.assignments import find_assignment, find_assignments, student_version
from vaeprivacy.course.gradebook import GRADES
from vaeprivacy.course.variants import TRIAL_KEY

HERE = Path(__file__).parent
HOSTILE = ["while True: pass", "np.ones(50 * 2**27)", "import os; os._exit(0)"]

ATTACKS = {
    "kills": "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(os.getppid()), 9)",
    "forges": "import pyarrow\nfor n in range(1, 31):\n    pyarrow.OSFile(f'{graded}/{{n}}.json', 'wb').write(b'')",
    "hangs": "while True: pass",
}


def write_attacks(folder: Path) -> None:
    """Write submissions that attack the grader; the head of each is a bomb of YAML."""
    bomb = [f"#   a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 10)}]" for i in range(9)]
    head = "\n".join(["# ---", "# jupyter:", *bomb, "# ---", "# %%"])
    graded = folder.with_name(f"{folder.name}-grades") / "graded"
    for name, code in ATTACKS.items():
        (folder / f"{name}.py").write_text(f"{head}\n{code.format(graded=graded)}\n", encoding="utf-8")


def write_submissions(name: str, folder: Path, n: int, *, attack: bool) -> None:
    """Write solutions for students 1 to n; the first ones end with something hostile, or others attack the grader."""
    assignment = find_assignment(name)
    folder.mkdir()
    for number in range(1, n + 1):
        variant = assignment.variant(str(number), key=TRIAL_KEY)
        text = student_version(assignment, variant, suffix="py", solution=True)
        extra = HOSTILE[number - 1] if number <= len(HOSTILE) and not attack else ""
        (folder / f"{number}.py").write_text(f"{text}\n# %%\n{extra}\n", encoding="utf-8")
    if attack:
        write_attacks(folder)


def grade(name: str, folder: Path, *, attack: bool) -> dict[str, Any]:
    """Grade a folder by the command, and return seconds and how many submissions got all points."""
    command = [sys.executable, "-m", "vaeprivacy", "course", "grade", str(folder)]
    begin = time.perf_counter()
    done = {"capture_output": True, "check": True, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
    told = subprocess.run([*command, "--assignment", name], **done, text=True).stderr
    seconds = time.perf_counter() - begin
    rows = json.loads((folder.with_name(f"{folder.name}-grades") / GRADES).read_text(encoding="utf-8"))
    whole = sum(row["points"] == row["possible"] for row in rows)
    found = {"seconds": round(seconds, 1), "submissions": len(rows), "with_all_points": whole}
    named = [row["student"] for row in rows if f"{row['student']} is to be looked at" in told]
    return found | ({"named": named} if attack else {})


def main() -> None:
    """Time all assignments and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--assignment", action="append", help="Only this one; may be given more than once.")
    parser.add_argument("--attack", action="store_true", help="Add three students who attack the grader.")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "coursework.json")
    options = parser.parse_args()
    found = {}
    if options.assignment and options.output.is_file():
        found = json.loads(options.output.read_text(encoding="utf-8"))["assignments"]
    with tempfile.TemporaryDirectory() as folder:
        for name in options.assignment or find_assignments():
            write_submissions(name, Path(folder) / name, options.submissions, attack=options.attack)
            found[name] = grade(name, Path(folder) / name, attack=options.attack)
            print(f"{name}: {found[name]}")
    if options.attack:
        return
    record = {"machine": hardware(), "jobs": 2, "assignments": found}
    options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
