"""The landing page's picture: garments dissolve as the noise grows, and what attacks find falls with them.

It is a table, so that it can be read on a phone, aloud, without scripts and on paper. ``dissolving.js`` plays it,
column by column. All of it comes from ``explorer.json``: see ``tools/explorer.py``.
"""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from explorer import RECORD, guarantee_of
from PIL import Image

#: What dissolves: a shoe, a bag and trousers, of the six pictures that are kept; the side of one.
GARMENTS, SIDE = (3, 4, 5), 28
LATENT_DIM = 16
#: The line that marks its place on a page.
PLACE = "<!-- dissolving -->"
#: The attack of each adversary, as in the chapter on the epsilon sweep.
ATTACKS = {
    "the synthetic records": "likelihood",
    "the classifier": "reconstructed_rmia",
    "encoder and decoder": "calibrated_reconstruction",
}


def put_into(page: Path) -> None:
    """Put the picture into a page, in the place of its line ``<!-- dissolving -->``.

    Raises
    ------
    ValueError
        If the page has no such line, or several.
    """
    before, *after = page.read_text(encoding="utf-8").split(f"\n{PLACE}\n")
    if len(after) != 1:
        raise ValueError(f"{page.name} needs the line {PLACE} once; it has it {len(after)} times.")
    table = html(json.loads(RECORD.read_text(encoding="utf-8")))
    page.write_text(f"{before}\n```{{raw}} html\n{table}```\n{after[0]}", encoding="utf-8")


def html(record: dict[str, Any]) -> str:
    """Return the table of a record (see :func:`explorer.keep`): a column for real records, and one for each epsilon."""
    steps = steps_of(record)
    noisy = [step for step in steps if step["epsilon"] is not None]
    epsilons = [f"{step['epsilon']:g}" for step in noisy]
    any_two = [f"{guarantee_of(step).any_two_records.epsilon:g}" for step in noisy]
    names = ["real records", "the same, encoded and decoded", *(f"the same at epsilon {each}" for each in epsilons)]
    pictures = [f'<i role="img" aria-label="A shoe, a bag and trousers: {name}"></i>' for name in names]
    rows = [row("Epsilon for any two records", ["", "", *any_two]), row("Three garments", pictures)]
    for place, attack in ATTACKS.items():
        found = [bar(area(step, attack), least=0.5, form=".2f") for step in steps]
        rows.append(row(f"Attack on {place}: AUC", ["", *found]))
    used = [bar(each["accuracy"][0], least=0, form=".0%") for each in (record["raw"], *steps)]
    rows.append(row("Accuracy of the classifier", used, kind="useful"))
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("real", "no noise", *epsilons))
    groups = f'<td colspan="2"></td><th colspan="{len(noisy)}" scope="colgroup">epsilon</th>'
    frames = strip([record["originals"], *(step["picture"] for step in steps)])
    return (
        f'<div class="dissolving" style="--frames: url(data:image/png;base64,{frames}); --count: {len(steps) + 1}">\n'
        f"<table>\n<thead>\n<tr>{groups}</tr>\n<tr>{heads}</tr>\n</thead>\n{''.join(rows)}</table>\n"
        '<button type="button" hidden>Play again</button>\n</div>\n<script src="../_static/dissolving.js"></script>\n'
    )


def steps_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what was measured with Euclidean Laplace noise: first without noise, then with ever more."""
    asked = [one for one in record["settings"] if one["latent_dim"] == LATENT_DIM]
    asked = [one for one in asked if one["mechanism"] in (None, "euclidean-laplace")]
    return sorted(asked, key=lambda one: -(one["epsilon"] or float("inf")))


def area(step: dict[str, Any], attack: str) -> float:
    """Return the AUC of an attack. Without noise there is no likelihood ratio: the nearest record finds everything."""
    return step["attacks"].get(attack, step["attacks"]["nearest"])["auc"][0]


def row(name: str, cells: Sequence[str], *, kind: str = "") -> str:
    """Return a row of the table under its name, which takes the whole width: a phone has no room beside it."""
    data = "".join(f'<td style="--step: {step}">{cell}</td>' for step, cell in enumerate(cells))
    head = f'<tr><th colspan="{len(cells)}" scope="rowgroup">{name}</th></tr>'
    return f'<tbody class="{kind}">\n{head}\n<tr>{data}</tr>\n</tbody>\n'


def bar(value: float, *, least: float, form: str) -> str:
    """Return a number over a bar, which begins at the least that it can be."""
    return f'<b style="--share: {max(0, (value - least) / (1 - least)):.3f}">{value:{form}}</b>'


def strip(pictures: Sequence[str]) -> str:
    """Return the garments of some pictures (PNG in base64) as one PNG: a frame for each, one below the other."""
    frames = [Image.open(io.BytesIO(base64.b64decode(picture))).convert("L") for picture in pictures]
    joined = Image.new("L", (SIDE, SIDE * len(GARMENTS) * len(frames)), "white")
    tops = range(0, joined.height, SIDE)
    for top, (frame, garment) in zip(tops, ((f, g) for f in frames for g in GARMENTS), strict=True):
        joined.paste(frame.crop((garment * SIDE, 0, (garment + 1) * SIDE, SIDE)), (0, top))
    file = io.BytesIO()
    joined.quantize(16).save(file, "PNG", bits=4, optimize=True)
    return base64.b64encode(file.getvalue()).decode()
