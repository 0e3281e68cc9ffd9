"""What ``vaeprivacy release`` and ``vaeprivacy card`` do, step by step. It imports what it needs at once.

The owner's folder keeps what may not be lost or done twice: what was ordered, which records are held out, and the
released model. So an interrupted command goes on without a second release. What is to be published is put together
in a folder there, and moved to its place when all of it is done.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from vaeprivacy.cli.own_records import (
    SPLIT,
    Records,
    fit,
    measured,
    new_model,
    parted,
    read_records,
    read_synthetic,
    split,
    write_synthetic,
)
from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.files import check_new, check_writable, write_whole
from vaeprivacy.compute.provenance import versions
from vaeprivacy.estimators import ImageSynthesizer, TabularSynthesizer, read_table, write_table
from vaeprivacy.estimators.measures import Measured, measure
from vaeprivacy.estimators.released_models import as_known, public_bounds, subject_of
from vaeprivacy.estimators.subject import LEAST
from vaeprivacy.reporting.card import Released, owner_card, public_card, write_card

FAILED, ABOVE = 1, 3
UNFINISHED, WITHHELD, ORDER = "unfinished", "withheld", "order.json"
MODEL, ROWS = "model.safetensors", "rows.csv"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What is to be released; the options of `vaeprivacy release`."""

    data: Path
    schema: Path | None
    label: str | None
    epsilon: float
    delta: float
    rows: int | None
    unit: str | None
    bins: int | None
    per_record: bool
    drop: tuple[str, ...]
    holdout: Path | None
    measure: bool
    output: Path
    owner: Path

    @property
    def text(self) -> str:
        """The order as a file keeps it, with the hash of the schema and of the data, which are the owner's."""
        about = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        about |= {"data hash": file_hash(self.data), "schema hash": self.schema_hash}
        return json.dumps({name: about[name] for name in about if name not in ("output", "owner")}, indent=1)

    @property
    def schema_hash(self) -> str:
        """SHA-256 of the schema, or nothing if there is none."""
        return "" if self.schema is None else file_hash(self.schema)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file; of a folder that of the names and hashes of the files in it."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        listed = [(each.relative_to(path).as_posix(), file_hash(each)) for each in files]
        return hashlib.sha256(repr(listed).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_release(order: Order, *, minutes: float, max_auc: float | None, say: Say) -> int:
    """Make a release with its cards; return the exit status of the command.

    Parameters
    ----------
    order : Order
        What is wanted.
    minutes : float
        For releases that are made anew.
    max_auc : float or None
        Highest AUC that the strongest attack may have, at the upper end of its interval.
    say : callable
        Told what is being done.
    """
    with extra("card", work="A privacy card"):
        import jinja2  # noqa: F401 (better to know before any work)
        import matplotlib  # noqa: F401
    check_new(order.output)
    for folder in (order.output, order.owner):
        check_writable(folder)
    check_order(order)
    records = read_records(order)
    parts = split(order, records)
    members, held_out = parted(records, parts)
    say(f"{records.size:,} records: {len(members):,} go into the release, {len(held_out):,} are held out.")
    model = model_of(order, records, parts, say=say)
    synthetic = synthetic_rows(order, records, model, members)
    folder = fresh(order.owner / UNFINISHED)
    write_synthetic(synthetic, records, folder)
    released = about(order, records, synthetic, model)
    write_card(*public_card(released), folder)
    status = 0
    if order.measure:
        status = judge(released, records, members, held_out, model, order, minutes=minutes, max_auc=max_auc, say=say)
    return handed_over(folder, order, status, say=say)


def check_order(order: Order) -> None:
    """Refuse options that do not fit each other, and an owner's folder that keeps another order.

    Raises
    ------
    FileNotFoundError, ValueError
        If it is such, or a file is not there.
    """
    for path in (order.data, order.schema, order.holdout):
        if path is not None and not path.exists():
            raise FileNotFoundError(f"There is no {path}; give the path of a file or folder.")
    if order.per_record and order.rows:
        raise ValueError("--rows is not for --per-record, which makes one row for each record.")
    if order.measure and order.rows and order.rows < LEAST:
        raise ValueError(f"--rows is {order.rows}; expected at least {LEAST} to measure, or --no-measure.")
    path = order.owner / ORDER
    if path.exists() and path.read_text(encoding="utf-8") != order.text:
        raise ValueError(
            f"{order.owner} belongs to another release, of other records or with other options: choose another "
            "--owner, or delete that folder."
        )


def model_of(order: Order, records: Records, parts: pd.DataFrame, *, say: Say) -> TabularSynthesizer | ImageSynthesizer:
    """Return the fitted model, which is fitted once and then kept: a second fit would be a second release.

    The order and the split are kept with it, and not before: after a mistake nothing is left.
    """
    path = order.owner / MODEL
    if path.exists():
        say("The model was fitted before: it is read, and no second release is made.")
        return (TabularSynthesizer if records.image_shape is None else ImageSynthesizer).load(path)
    model = new_model(order, records)
    say(f"The promise: {model.guarantee}")
    fit(model, records, parted(records, parts)[0])
    write_whole(order.owner / ORDER, partial(Path.write_text, data=order.text, encoding="utf-8"))
    write_whole(order.owner / SPLIT, partial(parts.to_csv, index=False))
    model.save(path)
    return model


def synthetic_rows(
    order: Order, records: Records, model: TabularSynthesizer | ImageSynthesizer, members: pd.DataFrame
) -> pd.DataFrame:
    """Return what is released: rows drawn from the model, or one for each member, which are made once and kept."""
    if not order.per_record:
        return as_known(model, records.label).sample(order.rows or len(members))
    kept = order.owner / ROWS
    if kept.exists():
        return read_table(kept, schema=records.schema)
    made = model.release(members)
    model.save(order.owner / MODEL)  # with this release on its count
    write_table(made, kept)
    return made


def fresh(folder: Path) -> Path:
    """Return an empty folder; what an interrupted command left there is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def about(
    order: Order, records: Records, synthetic: pd.DataFrame, model: TabularSynthesizer | ImageSynthesizer
) -> Released:
    """Return what the cards are about."""
    found = versions()
    provenance = {
        "Made with": f"vaeprivacy {found['vaeprivacy']}, Python {found['python']}, NumPy {found['numpy']}",
        "Noise": "from the operating system's entropy; there is no seed",
        "Schema": schema_text(order, records),
        "Asked for": f"epsilon {order.epsilon:g}, delta {order.delta:g}",
    }
    return Released(
        order.data.stem or "records", synthetic, model.guarantee, order.epsilon, records.label, order.unit, provenance,
        records.image_shape, order.measure, () if records.schema is None else records.schema.leaks,
    )  # fmt: skip


def schema_text(order: Order, records: Records) -> str:
    """Return where what is public of the records comes from."""
    if records.image_shape is not None:
        return "the names of the classes are those of folders, and taken to be public"
    return f"SHA-256 {order.schema_hash}" if order.schema else "none was given: it was drafted from the records"


def judge(
    released: Released,
    records: Records,
    members: pd.DataFrame,
    held_out: pd.DataFrame,
    model: TabularSynthesizer | ImageSynthesizer,
    order: Order,
    *,
    minutes: float,
    max_auc: float | None,
    say: Say,
) -> int:
    """Measure a release and write the owner's card; return the exit status."""
    parts = {"members": measured(members, order.unit), "held_out": measured(held_out, order.unit)}
    subject = subject_of(model, released.synthetic, **parts, label=records.label)
    found = measure(
        subject, generator=np.random.default_rng(), seconds=60 * minutes, bounds=public_bounds(model),
        progress=lambda what: say(f"Measuring: {what}."),
    )  # fmt: skip
    write_card(*owner_card(released, found, subject.members, folders=(order.output, order.owner)), order.owner)
    return verdict_of(found, max_auc, order.owner, say=say)


def verdict_of(found: Measured, max_auc: float | None, owner: Path, *, say: Say) -> int:
    """Say what was found; return the exit status."""
    strongest = found.strongest
    if strongest is not None:
        say(f"The strongest attack ({strongest.name}) has an AUC of {strongest.auc}; 0.5 is a guess.")
    say(f"The owner's card, which must not be published, is {owner / 'owner-card.html'}.")
    if found.exceeding:
        say(f"Beyond the promise: {', '.join(each.name for each in found.exceeding[:5])}.")
        return FAILED
    if max_auc is not None and strongest is not None and strongest.auc.high > max_auc:
        say(f"The AUC may be as high as {strongest.auc.high:.3f}, which is above {max_auc:g}.")
        return ABOVE
    return 0


def handed_over(folder: Path, order: Order, status: int, *, say: Say) -> int:
    """Move a finished release to its place, or to where it is withheld; return the status."""
    place = order.output if status == 0 else order.owner / WITHHELD
    if status:
        shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(folder, place)
    say(f"The release is {place}." if status == 0 else f"The release is withheld: it stands in {place}.")
    if order.measure and status == 0:
        say("Publish that folder only.")
    return status


def measure_again(output: Path, against: Path, owner: Path, *, minutes: float, max_auc: float | None, say: Say) -> int:
    """Measure the records in a release again, with the split and the model of the owner; return the exit status.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such release, or the records are others.
    """
    for kept in (owner / MODEL, owner / SPLIT, owner / ORDER):
        if not kept.is_file():
            raise FileNotFoundError(f"There is no {kept}: name the owner's folder of this release with --owner.")
    order = order_of(kept, output=output, owner=owner)
    if file_hash(against) != json.loads(kept.read_text(encoding="utf-8"))["data hash"]:
        raise ValueError(f"{against} is not the file that the release was made of: give that one.")
    records = read_records(order)
    parts = split(order, records)
    members, held_out = parted(records, parts)
    if len(held_out) < LEAST:
        raise ValueError("The release was made with --no-measure: no records are held out to compare with.")
    model = model_of(order, records, parts, say=say)
    released = about(order, records, read_synthetic(records, output), model)
    return judge(released, records, members, held_out, model, order, minutes=minutes, max_auc=max_auc, say=say)


def order_of(path: Path, *, output: Path, owner: Path) -> Order:
    """Return the order that was kept in a file."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    paths = {name: kept[name] and Path(kept[name]) for name in ("data", "schema", "holdout")}
    plain = {
        name: kept[name] for name in ("label", "epsilon", "delta", "rows", "unit", "bins", "per_record", "measure")
    }
    return Order(**paths, **plain, drop=tuple(kept["drop"]), output=output, owner=owner)
