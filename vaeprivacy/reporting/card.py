"""The privacy card of a release: one page for whoever gets the rows, and one for the owner's eyes only."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.files import write_whole
from vaeprivacy.estimators.fidelity import correlations, distances_of_marginals, marginals
from vaeprivacy.estimators.measures import Measured
from vaeprivacy.estimators.membership import closest_distances
from vaeprivacy.estimators.released_models import promised_measure
from vaeprivacy.estimators.subject import drawn
from vaeprivacy.guarantee import Guarantee
from vaeprivacy.reporting.card_texts import (
    CHOICE,
    DELETION,
    FOR_OWNERS,
    NOT_MEASURED,
    limits,
    promise_texts,
    reading,
    verdict,
)  # fmt: skip
from vaeprivacy.whole_guarantee import WholeGuarantee

MOST_DEMONSTRATED = 1000
HEAD = ("risk", "attack", "advantage", "95% interval", "allowed", "AUC", "p", "remark")


@dataclass(frozen=True)
class Released:
    """What a card is about.

    Attributes
    ----------
    name : str
        What the release is called.
    synthetic : pandas.DataFrame
        Its rows.
    guarantee : OwnGuarantee or Guarantee
        What was promised.
    epsilon : float
        What was asked for.
    label, unit : str or None
        The column to be predicted, and the one that says whose a row is.
    provenance : mapping of str to str
        Versions, seed policy, hash of the schema.
    image_shape : tuple of int or None
        Of images, height and width, in colour with channels first.
    measured : bool
        Whether it is measured before it is published, and withheld if it fails.
    leaks : tuple of str
        Columns whose bounds or levels were read from the records, if the guarantee does not name them.
    """

    name: str
    synthetic: pd.DataFrame
    guarantee: WholeGuarantee | Guarantee
    epsilon: float
    label: str | None = None
    unit: str | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    image_shape: tuple[int, ...] | None = None
    measured: bool = True
    leaks: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """What is released, in words."""
        if self.image_shape is None:
            each = ", one made of each record" if isinstance(self.guarantee, Guarantee) else ""
            return f"rows of {self.synthetic.shape[1]} columns{each}"
        return "images of " + " x ".join(map(str, self.image_shape[-2:])) + " pixels"


Figures = dict[str, dict[str, str]]


def public_card(released: Released) -> tuple[dict[str, Any], Figures]:
    """Return the contents of the card to publish, and its figures: nothing but the release and its promise is read."""
    card = _common(released) | {
        "owner": False,
        "title": f"Privacy card of {released.name}",
        "about": f"{len(released.synthetic):,} synthetic {released.what}.",
        "measured": {"reading": FOR_OWNERS if released.measured else NOT_MEASURED},
        "file": "card.json",
    }
    figures = _common_figures(released, card) | _looks(released, None)
    return card, figures


def owner_card(
    released: Released, measured: Measured, real: pd.DataFrame, *, folders: tuple[Path, Path]
) -> tuple[dict[str, Any], Figures]:
    """Return the contents of the owner's card, and its figures.

    Parameters
    ----------
    released : Released
        What was published.
    measured : Measured
        What was found about it.
    real : pandas.DataFrame
        The members.
    folders : tuple of pathlib.Path
        The release, and the owner's own: what is to be deleted in the end.
    """
    from vaeprivacy.reporting import card_figures as draw

    measure = promised_measure(released.guarantee)
    card = _common(released) | {
        "owner": True,
        "title": f"Owner's card of {released.name}",
        "about": f"{len(real):,} records went into {len(released.synthetic):,} synthetic {released.what}.",
        "verdict": verdict(measured, measure),
        "measured": {"reading": reading(measured), "notes": measured.notes, "table": leaks_table(measured),
                     "leaks": [_plain(asdict(each)) for each in measured.leaks]},
        "deletion": DELETION.format(release=folders[0], owner=folders[1]),
        "file": "owner-card.json",
    }  # fmt: skip
    figures = _common_figures(released, card) | _looks(released, real)
    figures["leaks"] = {
        "source": draw.drawn(draw.leaks_figure(measured.leaks, measured.exceeding)),
        "alt": f"Dots with intervals, one an attack. {card['verdict']['title']} {card['verdict']['text']}",
        "caption": "How much more often adversaries are right about members than about records that were held out.",
    }
    if len(measured.utility):
        figures["utility"] = {
            "source": draw.drawn(draw.utility_figure(measured.utility)),
            "alt": "; ".join(f"{row.model} trained on {row[2]} rows: {row.value:.3f}" for row in
                             measured.utility.itertuples(index=False)),
            "caption": "Models trained on real and on synthetic rows, tested on records that neither has seen.",
        }  # fmt: skip
    card["cost"] = _cost_tables(released, measured, real)
    return card, figures


def _common(released: Released) -> dict[str, Any]:
    """Return what both cards say."""
    images = released.image_shape is not None
    about = {"unit": released.unit or "", "rows": len(released.synthetic), "images": images, "leaks": released.leaks}
    promise = promise_texts(released.guarantee, **about)
    return {
        "promise": promise,
        "limits": limits(released.guarantee, images=images),
        "choice": CHOICE.format(epsilon=released.epsilon, releases=promise["releases"]),
        "provenance": dict(released.provenance),
    }


def _common_figures(released: Released, card: dict[str, Any]) -> Figures:
    """Return the picture of the promise and that of a planted copy, of which the text joins the card."""
    from vaeprivacy.reporting import card_figures as draw

    figures, measure = {}, promised_measure(released.guarantee)
    if measure.max_tpr(0.0) < 1:
        figures["promise"] = {
            "source": draw.drawn(draw.promise_figure(measure)),
            "alt": f"A curve above the diagonal of guesses: any attack has an AUC of at most {measure.max_auc():.3f}.",
            "caption": "What the promise allows: of the members, the share that the best attack may find.",
        }
    before, after = planted_copy(released.synthetic)
    card["closest"] = closest_text(before, after)
    figures["closest"] = {
        "source": draw.drawn(draw.closest_figure(before, after)),
        "alt": "Two histograms of distances to the closest row that cannot be told apart, with the same median.",
        "caption": "Distances to the closest row, before and after one record was copied into the release.",
    }
    return figures


def planted_copy(synthetic: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return distances of records to the closest row of a release, and those after one record is copied into it.

    Half of the synthetic rows play the records, the other half the release: no private record is needed.
    """
    rows = drawn(synthetic, 2 * MOST_DEMONSTRATED, generator=np.random.default_rng(0))
    records, release = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    copied = pd.concat([release, records[:1]])
    return closest_distances(records, release), closest_distances(records, copied)


def closest_text(before: np.ndarray, after: np.ndarray) -> str:
    """Return what a planted copy shows about the distance to the closest record."""
    return (
        f"A release is often called private because its rows are far from all records. Here {len(before):,} synthetic "
        f"rows play the records, others the release, and one record is copied into it as it is. The median distance to "
        f"the closest row is {np.median(before):.3f} before and {np.median(after):.3f} after, the 5% quantile "
        f"{np.quantile(before, 0.05):.3f} and {np.quantile(after, 0.05):.3f}. Yet everything about that one person is "
        "in the release. An average over all records does not see the one whose record was published, and a large "
        "distance promises nothing about the next release."
    )


def _looks(released: Released, real: pd.DataFrame | None) -> Figures:
    """Return pictures of columns and their pairs, or of images; of synthetic ones alone, or beside real ones."""
    from vaeprivacy.reporting import card_figures as draw

    beside = "" if real is None else ", beside real ones"
    if released.image_shape is not None:
        pixels = released.synthetic.drop(columns=released.label) if released.label else released.synthetic
        classes = released.synthetic[released.label] if released.label else pd.Series("images", pixels.index)
        rows = {
            str(name): pixels[classes == name].head(8).to_numpy(np.float32) for name in sorted(classes.unique())[:12]
        }
        return {"images": {"source": draw.drawn(draw.images_figure(rows, released.image_shape)),
                           "alt": "Rows of small synthetic images, one row a class: " + ", ".join(rows),
                           "caption": "Synthetic images of each class, the first ones of the release."}}  # fmt: skip
    tables, synthetic = marginals(real, released.synthetic), correlations(released.synthetic)
    far = "" if real is None else f" The largest distance is {max(distances_of_marginals(tables).values()):.2f}."
    return {
        "marginals": {
            "source": draw.drawn(draw.marginals_figure(tables)),
            "alt": f"Histograms of synthetic columns{beside}: {', '.join(list(tables)[:12])}.{far}",
            "caption": f"Columns of the release{beside}. Numbers ascend from left to right, in bins of equal width.",
        },
        "correlations": {
            "source": draw.drawn(draw.correlations_figure(synthetic, None if real is None else correlations(real))),
            "alt": f"Correlations of pairs of synthetic columns{beside}.",
            "caption": f"Spearman's correlation of each pair of columns{beside}.",
        },
    }


def leaks_table(measured: Measured) -> dict[str, Any]:
    """Return all measurements as a table, those with the smallest p-values first."""
    rows = []
    for each in sorted(measured.leaks, key=lambda each: each.p_value):
        value, low, high = each.advantage
        of_ranks = f"{each.auc.value:.3f}" if each.auc else ""
        remark = f"weak: {each.weak}" if each.weak else ""
        rows.append([each.group, each.name, f"{value:.3f}", f"{low:.3f} to {high:.3f}", f"{each.allowed:.3f}", of_ranks,
                     f"{each.p_value:.2g}", remark])  # fmt: skip
    return {"caption": "What adversaries find out", "head": list(HEAD), "rows": rows}


def _cost_tables(released: Released, measured: Measured, real: pd.DataFrame) -> list[dict[str, Any]]:
    tables = []
    if len(measured.utility):
        rows = [[row.model, row[1], row.measure, f"{row.value:.3f}", f"{row.low:.3f} to {row.high:.3f}"] for row in
                measured.utility.itertuples(index=False)]  # fmt: skip
        tables.append({"caption": "Models, tested on held-out records", "rows": rows,
                       "head": ["model", "trained on", "measure", "value", "95% interval"]})  # fmt: skip
    if released.image_shape is None:
        distances = distances_of_marginals(marginals(real, released.synthetic))
        rows = [[name, f"{value:.3f}"] for name, value in sorted(distances.items(), key=lambda item: -item[1])]
        tables.append({"caption": "Total variation between real and synthetic columns", "head": ["column", "distance"],
                       "rows": rows})  # fmt: skip
    return tables


def _plain(value: Any) -> Any:
    """Return nested values as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def page(card: Mapping[str, Any], figures: Figures) -> str:
    """Return a card as one page of HTML that needs nothing else.

    Raises
    ------
    ImportError
        If Jinja is missing.
    """
    with extra("card", work="A privacy card"):
        import jinja2
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = (resources.files("vaeprivacy.reporting") / "card.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(card={"verdict": None, "cost": []} | dict(card), figures=figures)


def write_card(card: Mapping[str, Any], figures: Figures, folder: Path) -> None:
    """Write a card's page and, beside it, the same in numbers; each is there whole or not at all."""
    path = folder / str(card["file"])
    text, numbers = page(card, figures), json.dumps(_plain(card), indent=1, ensure_ascii=False, allow_nan=False)
    for place, content in ((path.with_suffix(".html"), text), (path, numbers)):
        write_whole(place, partial(Path.write_text, data=content, encoding="utf-8"))
