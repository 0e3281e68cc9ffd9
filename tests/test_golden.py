"""What the package computes is what it computed before its modules moved, to the last digit on the same machine."""

import json
import re
from typing import Any

import numpy as np
import pytest
from golden import compute, names, shared
from golden.texts import NEW_WORDS

from vaeprivacy import intervals

TEXTS = json.loads(shared.TEXTS.read_text(encoding="utf-8"))
SEED_NAMES = json.loads(shared.SEED_NAMES.read_text(encoding="utf-8"))
#: Elsewhere, sums are rounded otherwise: this share of the values of an array must be close.
CLOSE, TOLERANCE = 0.99, 1e-3


def recorded(group: str) -> dict[str, tuple[str, tuple[int, ...], str, np.ndarray]]:
    """Return the arrays of a group: type, shape, hash, and the values that were kept."""
    found, places = {}, {}
    with np.load(shared.ARRAYS) as arrays:
        for name, (kind, shape, digest) in TEXTS["arrays"][group].items():
            start, size = places.get(kind, 0), int(np.prod(shape))
            n = len(range(0, size, compute.step_of(group, size)))
            found[name] = (kind, tuple(shape), digest, arrays[f"{group}/{kind}"][start : start + n])
            places[kind] = start + n
    return found


def near(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return which values are close to each other; not-a-number is close to itself."""
    return np.isclose(one.astype(float), other.astype(float), rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)


def difference(
    array: np.ndarray,
    was: tuple[str, tuple[int, ...], str, np.ndarray],
    step: int,
    parts: dict[str, list[int]],
    *,
    exact: bool,
) -> str:
    """Return how an array differs from the recorded one, or nothing.

    Parameters
    ----------
    array : numpy.ndarray
        What is computed now.
    was : tuple
        Type, shape, hash, and the values that were kept.
    step : int
        Which were: every so many.
    parts : dict
        Names and shapes of the arrays that it was put together of, if any.
    exact : bool
        Whether close is not enough.
    """
    kind, shape, digest, kept = was
    if (str(array.dtype), array.shape) != (kind, shape):
        return f"is {array.dtype} of shape {array.shape}, and was {kind} of shape {shape}"
    sample = array.ravel()[::step]
    if exact:
        same = (sample == kept) | ((sample != sample) & (kept != kept))
        if same.all():
            return "" if step == 1 or compute.digest(array) == digest else "differs in values that were not kept"
        wrong = np.flatnonzero(~same)
        how_far = np.nanmax(np.abs(sample.astype(float) - kept.astype(float)))
        of_part = [name for name, size in parts.items() for _ in range(int(np.prod(size)))]
        where = dict.fromkeys(of_part[step * place] if of_part else f"place {step * place}" for place in wrong)
        some = ", ".join(list(where)[:8])
        return f"differs in {len(wrong)} of {len(kept)} values, by up to {how_far:.3g}, such as {some}"
    share = near(sample, kept).mean() if len(kept) else 1.0
    # A small array may have one value that is not: a count that a rounding has changed by one.
    enough = share >= CLOSE or (1 - share) * len(kept) < 1.5
    return "" if enough else f"is close to what it was in {share:.1%} of {len(kept)} values only"


def in_words_of_today(text: Any) -> Any:
    """Return a recorded text with the names that things have today; lines and frames of a terminal do not count."""
    if not isinstance(text, str):
        return text
    text = " ".join(re.sub("[─│╭╮╰╯]", " ", text).split())
    for old, new in NEW_WORDS.items():
        text = text.replace(old, new)
    return text


def changed(now: Any, was: Any, where: str) -> list[str]:
    """Return where texts, or lists and mappings of texts, differ, with what they are and were."""
    if isinstance(now, dict) and isinstance(was, dict):
        was = {in_words_of_today(name): value for name, value in was.items()}
        now = {in_words_of_today(name): value for name, value in now.items()}
        lost = [f"{where} lacks {name!r}" for name in was if name not in now]
        new = [f"{where} has {name!r}, which it had not" for name in now if name not in was]
        both = [line for name in was if name in now for line in changed(now[name], was[name], f"{where} / {name}")]
        return lost + new + both
    if isinstance(now, list) and isinstance(was, list) and len(now) == len(was):
        pairs = enumerate(zip(now, was, strict=True))
        return [line for place, pair in pairs for line in changed(*pair, f"{where} [{place}]")]
    return [] if in_words_of_today(now) == in_words_of_today(was) else [f"{where}\n     is {now!r}\n    was {was!r}"]


@pytest.fixture(autouse=True)
def intervals_of_large_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the fixture was recorded, intervals of all sizes were those of large samples, as they are without limits."""
    monkeypatch.setattr(intervals, "FEW", 0)
    monkeypatch.setattr(intervals, "MANY", 0)


@pytest.fixture(scope="module")
def exact() -> bool:
    """Whether this is the machine on which the fixture was recorded."""
    return compute.machine() == TEXTS["machine"]


def test_no_group_is_left_out() -> None:
    assert list(TEXTS["texts"]) == list(compute.GROUPS)


@pytest.mark.parametrize("group", compute.GROUPS)
def test_what_is_computed_is_as_it_was(group: str, exact: bool) -> None:
    arrays, texts = compute.parted(compute.GROUPS[group]())
    was, texts_were = recorded(group), TEXTS["texts"][group]
    if not exact:
        texts, texts_were = (
            compute.without_numbers({name: text for name, text in each.items() if not name.startswith("exact")})
            for each in (texts, texts_were)
        )
    problems = changed(texts, texts_were, "text")
    problems += [f"array {name!r} is missing" for name in was if name not in arrays]
    problems += [f"array {name!r} is new" for name in arrays if name not in was]
    for name, array in arrays.items():
        if name in was and (exact or not name.startswith("exact")):
            parts = TEXTS["texts"][group].get(f"parts of {name}", {})
            found = difference(array, was[name], compute.step_of(group, array.size), parts, exact=exact)
            problems += [f"array {name!r} {found}"] if found else []
    how = "" if exact else " (this is another machine than the recorded one, so what is close counts as the same)"
    assert not problems, f"{group}{how}:\n  " + "\n  ".join(problems)


@pytest.mark.parametrize("number", range(len(SEED_NAMES["records"])))
def test_saved_runs_are_read_as_they_were_and_seed_the_same_noise(number: int) -> None:
    defence, name = SEED_NAMES["records"][number]
    assert names.name_of_saved(SEED_NAMES["row"], defence) == name


def test_no_saved_run_is_left_out() -> None:
    assert [[defence, name] for defence, name in names.names_in_records()] == SEED_NAMES["records"]


def test_the_grids_of_records_seed_the_same_noise() -> None:
    assert names.names_in_grids() == SEED_NAMES["grids"]
