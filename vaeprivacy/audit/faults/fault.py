"""What a planted error consists of."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

Alarm = Callable[[torch.Generator], bool]
LEVEL = 1e-3  # of each statistic: how often it may raise an alarm at correct code


@dataclass(frozen=True)
class Fault:
    """An error, the check that catches it, and how often.

    Attributes
    ----------
    number : str
        Number in the table of the audit chapter.
    what : str
        The error in words.
    check : str
        Name of the statistic, audit or property that catches it.
    n : int
        Number of noise vectors, outputs or records that the check needs.
    wrong, right : callable
        Run the check on the code with the error and on the correct code; return whether it raises an alarm.
    """

    number: str
    what: str
    check: str
    n: int
    wrong: Alarm
    right: Alarm

    def rates(self, *, repetitions: int, seed: int) -> tuple[int, int]:
        """Return how often the check raises an alarm: at the error (its power), and at the correct code."""
        generators = [torch.Generator().manual_seed(seed + i) for i in range(repetitions)]
        return sum(bool(self.wrong(g)) for g in generators), sum(bool(self.right(g)) for g in generators)
