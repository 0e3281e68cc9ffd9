"""Can an adversary tell members from others? The strongest attacks on a release and on the model that made it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from vaeprivacy.attacks.base import Candidates, Knowledge
from vaeprivacy.attacks.density import density_score
from vaeprivacy.attacks.domias import DensityRatio
from vaeprivacy.attacks.nearest import nearest_record_score
from vaeprivacy.estimators.measurement import Measurement, of_scores
from vaeprivacy.estimators.points import as_points
from vaeprivacy.estimators.subject import Fitted, Subject, drawn
from vaeprivacy.synthesizer import Release

GROUP = "membership"
OUTLYING = 0.1  # share of the records that are furthest from all others
FEW_SHADOWS = 8
SPREADS, MOST_LIKENED = 5.0, 2000
NEAREST = "It looks for the synthetic row nearest to a record, among those of the same label."
DENSITY = "It compares the density of synthetic rows around a record with that of real rows it has of its own."
RATIO = "It asks how likely a record is under the released model, beside models made of other records."
CALIBRATED = "It compares the distance to the nearest synthetic row with that to rows of shadow releases."


def nearest(points: np.ndarray, labels: np.ndarray, released: np.ndarray, released_labels: np.ndarray) -> np.ndarray:
    """Return scores of :func:`vaeprivacy.attacks.nearest.nearest_record_score` for arrays, shape (records,)."""
    x, y, release_x, release_y = map(torch.from_numpy, (points, labels, released, released_labels))
    return nearest_record_score(x, y, release_x=release_x, release_y=release_y).numpy()


def closest_distances(records: pd.DataFrame, release: pd.DataFrame) -> np.ndarray:
    """Return the distance of each record to the closest row of a release, shape (records,): it promises nothing."""
    points, released = as_points([records, release])
    labels = [np.zeros(len(each), dtype=np.int64) for each in (points, released)]
    return -nearest(points, labels[0], released, labels[1])


def _label_codes(frames: list[pd.DataFrame], label: str | None) -> list[np.ndarray]:
    """Return labels as numbers from 0 that mean the same in all tables; zeros if there is no label."""
    if label is None:
        return [np.zeros(len(frame), dtype=np.int64) for frame in frames]
    codes, _ = pd.factorize(pd.concat([frame[label].astype(str) for frame in frames]))
    return np.split(codes.astype(np.int64), np.cumsum([len(frame) for frame in frames])[:-1])


def without(frame: pd.DataFrame, label: str | None) -> pd.DataFrame:
    """Return the columns beside the label."""
    return frame if label is None else frame.drop(columns=label)


def attack_release(subject: Subject) -> list[Measurement]:
    """Attack synthetic rows alone: by the nearest one, also for records that stand out, and by their density."""
    frames = [subject.members, subject.held_out, subject.synthetic]
    members, others, released = as_points([without(frame, subject.class_label) for frame in frames])
    of_members, of_others, of_released = _label_codes(frames, subject.class_label)
    scores = [nearest(members, of_members, released, of_released), nearest(others, of_others, released, of_released)]
    far = [outlying(points, released) for points in (members, others)]
    few = [score[mask] for score, mask in zip(scores, far, strict=True)]
    found = [of_scores(GROUP, "nearest synthetic row", NEAREST, *scores, subject.promised)]
    if min(map(len, few)) >= FEW_SHADOWS:
        how = "The same, on the tenth of the records that lie furthest from all others."
        found.append(of_scores("worst-case records", "nearest row, outlying records", how, *few, subject.promised))
    return found + _density(members, others, released, subject)


def outlying(points: np.ndarray, released: np.ndarray) -> np.ndarray:
    """Return which points lie in the tenth furthest from the centre of the release, shape (records,), bool."""
    distance = np.linalg.norm(points - released.mean(axis=0), axis=1)
    return distance >= np.quantile(distance, 1 - OUTLYING)


def _density(members: np.ndarray, others: np.ndarray, released: np.ndarray, subject: Subject) -> list[Measurement]:
    """Return the attack by densities; half of the held-out records are the adversary's own, and no candidates."""
    # In random order: in a file that is sorted, one half may be of another kind than the other.
    generator = np.random.default_rng(0)
    own, candidates = np.array_split(generator.permutation(others), 2)
    if len(own) <= 8:
        return []
    population, release = (torch.from_numpy(each).double() for each in (own, released))
    knowledge = Knowledge(
        population=Candidates(x=population, y=torch.zeros(len(own), dtype=torch.int64)),
        release=Release(release, torch.zeros(len(release), dtype=torch.int64), None),
    )
    try:
        attack = DensityRatio().fit(knowledge)
    except (ValueError, np.linalg.LinAlgError):  # rows that lie in a plane have no density
        return []
    scores = [
        attack.score(Candidates(x=torch.from_numpy(each).double(), y=torch.zeros(len(each), dtype=torch.int64))).numpy()
        for each in (generator.permutation(members)[: len(candidates)], candidates)
    ]
    weak = f"its own records are few ({len(own)})" if len(own) < 100 else ""
    return [of_scores(GROUP, "density of the release", DENSITY, *scores, subject.promised, weak=weak)]


@dataclass(frozen=True)
class ShadowReleases:
    """Releases of other records of the same kind, as many, made in just the same way.

    Attributes
    ----------
    densities : numpy.ndarray or None
        Of each candidate under each released model, shape (shadows, candidates).
    distances : numpy.ndarray
        Minus the distance of each candidate to the nearest synthetic row, shape (shadows, candidates).
    averages : numpy.ndarray
        How likely the records of each are under it on average, shape (shadows,): whether it behaves like the target.
    """

    densities: np.ndarray | None
    distances: np.ndarray
    averages: np.ndarray


def make_shadows(subject: Subject, candidates: Subject, n: int, *, generator: np.random.Generator) -> ShadowReleases:
    """Make `n` shadow releases of as many records as the members, drawn from members and held-out records.

    Parameters
    ----------
    subject : Subject
        With the records to draw from, and a `refit`.
    candidates : Subject
        With the records that are attacked.
    n : int
        Number of releases.
    generator : numpy.random.Generator
        Draws the records.
    """
    pool = pd.concat([subject.members, subject.held_out], ignore_index=True)
    attacked = pd.concat([candidates.members, candidates.held_out], ignore_index=True)
    densities, distances, averages = [], [], []
    for _ in range(n):
        rows = drawn(pool, len(subject.members), generator=generator)
        shadow = subject.refit(rows)
        densities.append(shadow.log_density(attacked))
        averages.append(_average_density(shadow, rows))
        distances.append(_distances(attacked, shadow.sample(len(candidates.synthetic)), candidates))
    known = None if densities[0] is None else np.stack(densities)
    return ShadowReleases(known, np.stack(distances), np.array(averages))


def _average_density(fitted: Fitted, rows: pd.DataFrame) -> float:
    """Return how likely records are on average under a model made of them; NaN if it has no density."""
    found = fitted.log_density(drawn(rows, MOST_LIKENED, generator=np.random.default_rng(0)))
    return float("nan") if found is None else float(found.mean())


def _distances(pool: pd.DataFrame, released: pd.DataFrame, subject: Subject) -> np.ndarray:
    points, rows = as_points([without(frame, subject.class_label) for frame in (pool, released)])
    labels, labels_of_rows = _label_codes([pool, released], subject.class_label)
    return nearest(points, labels, rows, labels_of_rows)


def attack_with_shadows(subject: Subject, shadows: ShadowReleases) -> list[Measurement]:
    """Attack by comparison with shadow releases: distances to rows, and densities where the model is released."""
    pool = pd.concat([subject.members, subject.held_out], ignore_index=True)
    n, found = len(subject.members), []
    distance = _distances(pool, subject.synthetic, subject)
    density = None if subject.fitted is None else subject.fitted.log_density(pool)
    weak = unlike(subject, shadows)
    signals = {("likelihood ratio of the model", RATIO): (density, shadows.densities),
               ("nearest row, calibrated", CALIBRATED): (distance, shadows.distances)}  # fmt: skip
    for (name, how), (target, references) in signals.items():
        if target is not None and references is not None:
            scores = density_score(torch.from_numpy(target), torch.from_numpy(references)).numpy()
            found.append(of_scores(GROUP, name, how, scores[:n], scores[n:], subject.promised, weak=weak))
    return found


def unlike(subject: Subject, shadows: ShadowReleases) -> str:
    """Return why shadow releases make a weak attack, or nothing: they are few, or fit their own records otherwise."""
    if len(shadows.averages) < FEW_SHADOWS:
        return f"only {len(shadows.averages)} shadow releases"
    if subject.fitted is None or np.isnan(shadows.averages).any():
        return ""
    difference = _average_density(subject.fitted, subject.members) - shadows.averages.mean()
    if abs(difference) > SPREADS * shadows.averages.std(ddof=1):
        return "shadow releases do not behave like this one"
    return ""
