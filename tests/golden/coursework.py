"""Assignments and a contest for the golden files."""

import json
import re

import numpy as np
import torch
from golden.shared import COURSEWORK, KEY, Results, empty_folder, seeded, sha256

from vaeprivacy.course.assignments import find_assignment, student_checks, student_version
from vaeprivacy.course.contest import Contest, make_contest, open_contest
from vaeprivacy.course.contest_entries import baseline_scores, read_scores
from vaeprivacy.course.grading import grade_submission
from vaeprivacy.course.leaderboard import Entry, as_json, as_markdown, standings

WRONG = {
    "measure-a-leak": "def loss_scores(p, y):\n    return -p[np.arange(len(y)), y]\n",
    "metric-privacy": "def euclidean_laplace(n, d, epsilon, rng):\n    return rng.laplace(0, 1 / epsilon, (n, d))\n",
}


def without_imports(text: str) -> str:
    """Return a text without the package's own names, which may change, and with a space for each white space."""
    imports = r"^[ \t]*(?:from|import) vaeprivacy[\w.]*(?: import (.+))?$"
    for line in re.findall(imports, text, flags=re.MULTILINE):
        for name in filter(None, re.split(r"\W+", line)):
            text = re.sub(rf"(?<!import )\b{name}\b", "imported", text)
    return " ".join(re.sub(imports, "", text, flags=re.MULTILINE).split())


def of_assignment(name: str) -> Results:
    """Return a student's variant of an assignment, and the points of a few submissions to it."""
    assignment = find_assignment(name, folder=COURSEWORK)
    variant = assignment.variant("7", key=KEY)
    results: Results = {f"{file}: {what}": a for file, arrays in variant.files.items() for what, a in arrays.items()}
    if name == "shadow-models":  # answers of a model that is trained so long that roundings add up
        results["exact answers of the target"] = results.pop("target.npz: candidate_log_posteriors")
    results["constants"] = {name: str(value) for name, value in variant.constants.items()}
    texts = {
        "notebook": student_version(assignment, variant, suffix="ipynb"),
        "empty": student_version(assignment, variant, suffix="py"),
        "solution": student_version(assignment, variant, suffix="py", solution=True),
        "checks": student_checks(assignment),
    }
    results |= {f"exact hash of {what}": sha256(without_imports(text)) for what, text in texts.items()}
    results["exact hash of hidden parts"] = sha256(
        json.dumps({k: str(v) for k, v in variant.hidden.items()}, sort_keys=True)
    )
    submissions = {"empty": texts["empty"]}
    if name in WRONG:
        submissions |= {"solution": texts["solution"], "wrong": f"{texts['solution']}\n\n# %%\n{WRONG[name]}"}
    for what, text in submissions.items():
        with empty_folder() as folder:
            (folder / "7.py").write_text(text, encoding="utf-8")
            grade = grade_submission(assignment, folder / "7.py", variant)
        results[f"{what}: points"] = np.array([[each.points, each.possible, each.by_hand] for each in grade.questions])
        results[f"{what}: feedback"] = {each.name: each.feedback for each in grade.questions}
        results[f"{what}: notes"] = grade.notes
    return results


def of_contest() -> Results:
    """Return what a small contest hands out, and the board of three entries and the baselines."""
    contest = Contest("golden", "digits", n_practice=100, n_final=100, epsilon=90.0)
    with empty_folder() as folder:
        make_contest(contest, folder / "golden", key=KEY, generator=seeded(1))
        opened = open_contest(folder / "golden")
        files = sorted(path.name for path in (folder / "golden").iterdir())
        example = read_scores(folder / "golden" / "example.csv", contest)
        readme = (folder / "golden" / "README.md").read_text(encoding="utf-8")
    baselines = baseline_scores(opened)
    entries = [Entry(name, scores, baseline=True) for name, scores in baselines.items()]
    coins = torch.rand(100, generator=seeded(2)).numpy()
    entries += [Entry("guesses", coins), Entry("example", example)]
    entries += [Entry("half", coins + 0.1 * next(reversed(baselines.values())))]
    hidden = contest.hidden(KEY)
    table = standings(entries, hidden[100:])
    release = opened.knowledge.release
    return {
        "files": files,
        "README": readme,
        "proof": contest.proof_of(KEY),
        "hidden": hidden,
        "log_posteriors": opened.candidates.log_posteriors.numpy(),
        "release: x": release.x.numpy(),
        "release: y": release.y.numpy(),
        **{f"baseline {name}": scores for name, scores in baselines.items()},
        "board": as_markdown(contest, table, {"broken.csv": "No scores."}),
        "board as JSON": as_json(contest, table, {}),
    }
