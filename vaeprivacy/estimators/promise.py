"""What a synthesizer of people's own records promises, and what counts how often it was fitted to the same ones."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.guarantee import ReleaseCount
from vaeprivacy.randomness import SYSTEM_ENTROPY
from vaeprivacy.whole_guarantee import WholeGuarantee


@dataclass(frozen=True)
class OwnGuarantee(WholeGuarantee):
    """A promise for everything that is published of somebody's own records.

    Attributes
    ----------
    releases : int
        How many fits it is for, all together; `measure` is that of all.
    unit : str
        The column that says whose a row is; empty if each row counts as a person of its own.
    not_covered : tuple of str
        Columns whose bounds or levels were read from the records: of these nothing is promised.
    what : str
        What a record is.
    """

    releases: int = 1
    unit: str = ""
    not_covered: tuple[str, ...] = ()
    what: str = "row"

    def whole_release(self, *, delta: float = 0.0) -> Indistinguishability:
        """Return the (epsilon, delta) of replacing one record; by default at the delta of the guarantee.

        Raises
        ------
        ValueError
            If bounds or levels were read from the records: then nothing is promised for the whole.
        """
        if self.not_covered:
            raise ValueError(
                f"Bounds or levels of {self._columns()} were read from the records: there is no promise for the whole "
                "release. Replace them in the schema by public ones, and delete 'from_data: true'."
            )
        return self.given_schema(delta=delta)

    def given_schema(self, *, delta: float = 0.0) -> Indistinguishability:
        """Return the (epsilon, delta) of replacing one record by another that leaves the schema as it is."""
        return super().whole_release(delta=delta)

    def _columns(self) -> str:
        shown = ", ".join(map(repr, self.not_covered[:5]))
        return shown if len(self.not_covered) <= 5 else f"{shown} and {len(self.not_covered) - 5} more"

    def __str__(self) -> str:
        sentences = []
        if self.not_covered:
            total = self.given_schema()
            sentences.append(
                f"Not covered: bounds and levels of {self._columns()}, which were read from the records. So there is "
                f"no promise for the whole release. Given the schema, it is ({total.epsilon:g}, {total.delta:.3g})-"
                f"differentially private for replacing one record. {self.how}"
            )
        else:
            sentences.append(super().__str__())
        if self.releases > 1:
            sentences.append(f"This is for all {self.releases} fits together, as if all were to the same records.")
        if self.unit:
            sentences.append(f"A record is one row of each {self.unit!r}, drawn at random: the others were not used.")
        else:
            several = f"of whoever has several {self.what}s, each is protected by itself"
            sentences.append(f"A record is one {self.what}: {several}.")
        return " ".join(sentences)


@dataclass
class Seen:
    """Which records a synthesizer and its clones were fitted to, how often, and what that cost: shared by all clones.

    The fingerprint is kept in memory only: whoever had it, or a hash in a file, could test a guess of all records.

    Attributes
    ----------
    count : ReleaseCount
        How many releases there were.
    spent : float
        The sum of their mu^2, whatever the epsilon of each was.
    kind : str
        What they all were: a promise has one form.
    fingerprint : tuple of int or None
        Number and hashes of the records of the last fit, in whatever order; None before the first one.
    loaded : bool
        Whether it was read from a file: other copies of that file are not counted.
    """

    count: ReleaseCount = field(default_factory=ReleaseCount)
    spent: float = 0.0
    kind: str = ""
    fingerprint: tuple[int, int] | None = None
    loaded: bool = False

    def __deepcopy__(self, memo: dict) -> "Seen":
        return self

    def __reduce__(self) -> tuple:
        """Leave the fingerprint out of whatever is pickled, as out of files."""
        return Seen, (ReleaseCount(self.count.made), self.spent, self.kind, None, True)

    def check(self, fingerprint: tuple[int, int], kind: str, *, new_records: bool) -> None:
        """Refuse records as new ones that are those of the last fit, and releases that cannot be added to earlier ones.

        Raises
        ------
        ValueError
            If they are such.
        """
        if new_records and fingerprint == self.fingerprint:
            raise ValueError(
                "new_records=True, but these are the records of the last fit: fit without it, and the guarantee counts "
                "both fits."
            )
        if self.count.made and not new_records and kind != self.kind:
            raise ValueError(
                f"{self.count.made} releases by {self.kind} are counted, to which one by {kind} cannot be added: make "
                "a new synthesizer, and state both guarantees."
            )

    def note(
        self, fingerprint: tuple[int, int], kind: str, *, new_records: bool, releases: int = 0, mu: float = 0.0
    ) -> None:
        """Keep what was fitted to what, how many releases that is, and what they cost; new records count from 0."""
        if new_records:
            self.count.made, self.spent = 0, 0.0
        self.count.made += releases
        self.spent += mu**2
        self.fingerprint, self.kind, self.loaded = fingerprint, kind, self.loaded and not new_records


def fingerprint(part: pd.DataFrame, before: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """Return the number of records and the sum of their hashes, the same in whatever order they stand.

    The key of the hashes is the process's own and kept nowhere.
    """
    hashes = pd.util.hash_pandas_object(part, index=False, hash_key=KEY).to_numpy()
    return before[0] + len(part), (before[1] + int(hashes.sum(dtype=np.uint64))) % 2**64


KEY = "".join(chr(ord("a") + int(word % 26)) for word in SYSTEM_ENTROPY.words(16))
