"""Search the noise of DP-SGD for all saved runs and write vaeprivacy/plans.csv, or compare with it (`--check`).

A search takes up to seven seconds, and chapters that show saved runs with their promises need dozens. Two minutes.
"""

import argparse
import csv
import io
import json
import sys
from typing import Any

from vaeprivacy import accounting
from vaeprivacy.accounting import PLANNED_WITH, PLANS
from vaeprivacy.compute.files import write_whole
from vaeprivacy.compute.source import installed_versions
from vaeprivacy.experiments.grids import config_of
from vaeprivacy.reporting import load_results, result_names

COLUMNS = ("epsilon", "delta", "sample_rate", "steps", "adjacency", "noise_multiplier", "spent")
#: What the chapter on the guarantee plans by itself.
OF_CHAPTERS = [(5.0, 1e-8, 0.2, 75, "add or remove")]


def plans() -> list[tuple[Any, ...]]:
    """Search all plans anew; return the arguments of each, and the noise multiplier and epsilon that were found."""
    search, found = accounting.dp_sgd_plan, {}

    def note(*asked: Any) -> tuple[float, float]:
        found[asked] = search(*asked)
        return found[asked]

    accounting.known_plans, accounting.dp_sgd_plan = dict, note
    for asked in OF_CHAPTERS:
        note(*asked)
    texts = {text for name in result_names() for text in load_results(name, controls=True).config}
    for config in [config_of(json.loads(text)) for text in sorted(texts)]:
        config.defence.total_guarantee(config.n_members)
    return sorted((*asked, *plan) for asked, plan in found.items())


def table() -> str:
    """Return the text of the file: the versions that the plans were searched for with, and a row for each."""
    text = io.StringIO()
    print(f"#{json.dumps(dict(zip(PLANNED_WITH, installed_versions(PLANNED_WITH), strict=True)))}", file=text)
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *plans()])
    return text.getvalue()


def main() -> None:
    """Write the table, or compare it with the one that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the file is as it would be written")
    check, text = parser.parse_args().check, table()
    if check and text != PLANS.read_text(encoding="utf-8"):
        sys.exit(f"{PLANS} holds other plans than are found now: run `python tools/plans.py`.")
    if not check:
        write_whole(PLANS, lambda path: path.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main()
