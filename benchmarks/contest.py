"""How long does a contest take, and are submissions of different strength told apart? By the commands, from end to end.

Three teams: one flips coins; one trains shadow models and asks the classifier (LiRA); one reads the release
besides. Run it with `make benchmark-contest`; it writes benchmarks/results/contest.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from vaeprivacy.attacks import ClassifierRecipe, LikelihoodRatio, LiRA, train_shadows
from vaeprivacy.compute.provenance import hardware
from vaeprivacy.course.contest import open_contest, write_scores
from vaeprivacy.datasets import draw_balanced_memberships
from vaeprivacy.randomness import seeded_generator

RECORD = Path(__file__).parent / "results" / "contest.json"
N_SHADOWS = 8


def course(*arguments: object) -> float:
    """Run a command of the contest; return how many seconds it took."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", "vaeprivacy.cli.app", "course", "contest", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    return round(time.perf_counter() - begin, 1)


def take_part(contest: Path, folder: Path) -> None:
    """Write the submissions of the three teams."""
    opened = open_contest(contest)
    x, y = opened.candidates.x, opened.candidates.y
    halves = draw_balanced_memberships(y, n_shadows=N_SHADOWS, generator=seeded_generator(1, "shadow members"))
    recipe = ClassifierRecipe(opened.candidates.log_posteriors.shape[1], 1)
    shadows = train_shadows(x, y, is_member=halves, recipe=recipe)
    asks = LiRA().fit(replace(opened.knowledge, shadows=shadows)).score(replace(opened.candidates, shadows=shadows))
    reads = LikelihoodRatio().fit(opened.knowledge).score(opened.candidates)
    folder.mkdir()
    coins = torch.rand(len(y), generator=seeded_generator(1, "coins"))
    for name, scores in {"guesses": coins, "asks": asks, "asks-and-reads": asks + reads}.items():
        write_scores(scores, folder / f"{name}.csv")


def main() -> None:
    """Make a contest, take part three times, rank, and write the record."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "key").write_text(os.urandom(32).hex())
        made = course("make", folder / "contest", "--key", folder / "key")
        take_part(folder / "contest", folder / "submissions")
        rank = ["rank", folder / "submissions", "--contest", folder / "contest", "--key", folder / "key"]
        ranked, again = course(*rank), course(*rank)
        board = folder / "submissions-ranked"
        page = (board / "leaderboard.md").read_text(encoding="utf-8")
        rows = json.loads((board / "leaderboard.json").read_text(encoding="utf-8"))["rows"]
    seconds = {"make": made, "rank": ranked, "rank_again": again}
    record = {"machine": hardware(), "shadow_models": N_SHADOWS, "seconds": seconds, "rows": rows}
    record["table"] = [line for line in page.splitlines() if line.startswith("|")]
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(page, seconds, sep="\n")


if __name__ == "__main__":
    main()
