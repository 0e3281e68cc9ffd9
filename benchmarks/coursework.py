"""How long does a class take? Thirty submissions of each assignment, three of them hostile, graded by the command.

The submissions are solutions of thirty variants; one of the hostile ones loops, one asks for 50 GB, one ends its
process. Run it with `make benchmark-coursework`; with `--assignment NAME`, what was recorded of the others is kept.
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


def write_submissions(name: str, folder: Path, n: int) -> None:
    """Write solutions for students 1 to n; the first ones end with something hostile."""
    assignment = find_assignment(name)
    folder.mkdir()
    for number in range(1, n + 1):
        variant = assignment.variant(str(number), key=TRIAL_KEY)
        text = student_version(assignment, variant, suffix="py", solution=True)
        extra = HOSTILE[number - 1] if number <= len(HOSTILE) else ""
        (folder / f"{number}.py").write_text(f"{text}\n# %%\n{extra}\n", encoding="utf-8")


def grade(name: str, folder: Path) -> dict[str, Any]:
    """Grade a folder by the command, and return seconds and how many submissions got all points."""
    command = [sys.executable, "-m", "vaeprivacy", "course", "grade", str(folder)]
    begin = time.perf_counter()
    done = {"capture_output": True, "check": True, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
    subprocess.run([*command, "--assignment", name], **done)
    seconds = time.perf_counter() - begin
    rows = json.loads((folder.with_name(f"{folder.name}-grades") / GRADES).read_text(encoding="utf-8"))
    whole = sum(row["points"] == row["possible"] for row in rows)
    return {"seconds": round(seconds, 1), "submissions": len(rows), "with_all_points": whole}


def main() -> None:
    """Time all assignments and write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--assignment", action="append", help="Only this one; may be given more than once.")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "coursework.json")
    options = parser.parse_args()
    found = {}
    if options.assignment and options.output.is_file():
        found = json.loads(options.output.read_text(encoding="utf-8"))["assignments"]
    with tempfile.TemporaryDirectory() as folder:
        for name in options.assignment or find_assignments():
            write_submissions(name, Path(folder) / name, options.submissions)
            found[name] = grade(name, Path(folder) / name)
            print(f"{name}: {found[name]}")
    record = {"machine": hardware(), "jobs": 2, "assignments": found}
    options.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
