"""Audit the whole fit of noisy moments: runs on two neighbouring sets of records, told apart as well as can be."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from vaeprivacy.audit.lower_bounds import LEVEL, Audit, audit_scores
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability

#: Gives a noisy answer to a query: the name of a sum, and its true value.
Answer = Callable[[str, torch.Tensor], torch.Tensor]
#: A fit on one set of records, which gets at them only by such queries.
Fit = Callable[[Answer], object]


def log_ratios(worlds: tuple[Fit, Fit], truth: int, sigma: Mapping[str, float], answer: Answer) -> dict[str, float]:
    """Run the fit on one of two sets of records, and return what each answer says for the second set.

    An answer is normal noise around the sum that is asked for, and a later sum depends on earlier answers. Both are
    known to whoever knows both sets, so the log-likelihood ratio of each answer is known exactly. No test is better
    (Neyman and Pearson); it is the answer, projected on the direction in which the two sums differ.

    Parameters
    ----------
    worlds : tuple of callable
        The fit on the first and on the second set of records.
    truth : int
        Which of the two is run, 0 or 1.
    sigma : mapping
        Standard deviation that the noise on each sum should have.
    answer : callable
        Adds the noise.
    """
    told: dict[str, torch.Tensor] = {}
    asked: tuple[dict[str, torch.Tensor], ...] = ({}, {})

    def first_time(name: str, sums: torch.Tensor) -> torch.Tensor:
        asked[truth][name], told[name] = sums, answer(name, sums)
        return told[name]

    def again(name: str, sums: torch.Tensor) -> torch.Tensor:
        asked[1 - truth][name] = sums
        return told[name]

    worlds[truth](first_time)
    worlds[1 - truth](again)
    distance = [
        {name: ((told[name] - sums) / sigma[name]).square().sum().item() for name, sums in w.items()} for w in asked
    ]
    return {name: (distance[0][name] - distance[1][name]) / 2 for name in told}


def audit_fit(
    worlds: tuple[Fit, Fit],
    steps: Mapping[str, tuple[Sequence[str], float]],
    *,
    sigma: Mapping[str, float],
    answer: Answer,
    n: int,
    level: float = LEVEL,
) -> dict[str, Audit]:
    """Audit a fit, step by step: a lower bound on the mu of the trade-off curve, beside the promised one.

    The threshold of the log-likelihood ratio is chosen on half of the runs; Clopper and Pearson's bounds for both of
    its errors come from the other half (:func:`~vaeprivacy.audit.lower_bounds.audit_scores`).

    Parameters
    ----------
    worlds, sigma, answer
        As for :func:`log_ratios`.
    steps : mapping
        By name, the sums that are audited together, and the mu that is promised for them.
    n : int
        Number of runs on each of the two sets of records, at least 20.
    level : float
        Confidence of each bound.
    """
    runs = [[log_ratios(worlds, truth, sigma, answer) for _ in range(n)] for truth in (0, 1)]
    return {
        step: audit_scores(
            *(np.array([sum(each[name] for name in names) for each in of_one]) for of_one in runs),
            GaussianIndistinguishability(mu),
            level=level,
        )
        for step, (names, mu) in steps.items()
    }
