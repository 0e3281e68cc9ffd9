"""Draw README's picture: records dissolve as the noise grows; under them what attacks find and a classifier is worth.

It is the figure of the chapter "Results" in a small form. Nothing is trained: the records come from ``explorer.json``,
the curves from the saved runs of the chapter.
"""

import base64
import io
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from common import ROOT
from dissolving import SIDE, steps_of
from explorer import RECORD
from PIL import Image

from vaeprivacy.experiments import grid
from vaeprivacy.reporting import figures, in_one_picture, load_results, runs_of

PICTURE = ROOT / ".github" / "in-one-picture.png"
EPSILONS = (16.0, 8.0, 4.0, 2.0, 1.0)
#: Of the members that ``explorer.json`` has pictures of, those that are drawn: a shoe and a bag.
GARMENTS = (3, 4)


def records(picture: str) -> torch.Tensor:
    """Return the garments of a row of pictures (PNG in base64, ink on white) as records, shape (garments, features)."""
    row = 1 - np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("L"), dtype=np.float32) / 255
    return torch.from_numpy(np.stack([row[:, SIDE * one : SIDE * (one + 1)].reshape(-1) for one in GARMENTS]))


def draw() -> bytes:
    """Return the picture as PNG."""
    figures.use_style()
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    kept = {step["epsilon"]: records(step["picture"]) for step in steps_of(record)}
    rows = {"raw data": records(record["originals"]), "no noise": kept[None]}
    rows |= {f"{epsilon:g}": kept[epsilon] for epsilon in EPSILONS}
    saved = pd.concat([load_results("variants"), load_results("defences")]).drop_duplicates(["config", "attack"])
    figure = in_one_picture(rows, runs_of(saved, grid(seeds=range(5), epsilons=list(EPSILONS))), (SIDE, SIDE))
    drawn, file = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, dpi=125, facecolor="white")
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    PICTURE.write_bytes(draw())
    print(f"{PICTURE.relative_to(ROOT)} is drawn, {PICTURE.stat().st_size / 1000:.0f} kB.")
