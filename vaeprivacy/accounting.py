"""The accountants of DP-SGD: how much noise a promise needs, and what a noise promises.

There are two promises, for two kinds of pairs of data sets, and each has its own accountant. *Adding or removing* a
record is what the literature of DP-SGD states; *replacing* one is what a release promises, in which the number of
records is public. Numbers for the two must not stand side by side.
"""

import csv
import json
import warnings
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import scipy  # which loads its parts when they are first used

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_positive
from vaeprivacy.compute.extras import extra
from vaeprivacy.compute.source import installed_versions

#: Which two data sets a promise compares.
Adjacency = Literal["add or remove", "replace"]
#: The plans of the saved runs, which `tools/plans.py` writes, and the packages that they depend on.
PLANS = Path(__file__).with_name("plans.csv")
PLANNED_WITH = ("dp-accounting", "numpy", "opacus", "scipy")


def check_budget(epsilon: float, delta: float) -> tuple[float, float]:
    """Return epsilon and delta as floats if the accountants work with them.

    Raises
    ------
    TypeError
        If one is not a real number.
    ValueError
        If epsilon is not from 0.05 to 100, or delta not from 1e-10 to 0.9.
    """
    epsilon, delta = check_positive(epsilon, "epsilon"), check_positive(delta, "delta")
    if delta >= 1:
        raise ValueError(f"delta must be below 1, not {delta!r}.")
    if not 0.05 <= epsilon <= 100:
        raise ValueError(f"epsilon must be from 0.05 to 100, where the accountant works, not {epsilon!r}.")
    if not 1e-10 <= delta <= 0.9:
        raise ValueError(f"delta must be from 1e-10 to 0.9, where the accountant works, not {delta!r}.")
    return epsilon, delta


def check_adjacency(adjacency: Adjacency) -> Adjacency:
    """Return the adjacency if it is one of the two, else raise a ValueError that names them."""
    if adjacency not in get_args(Adjacency):
        raise ValueError(f"adjacency must be 'add or remove' or 'replace', not {adjacency!r}.")
    return adjacency


def dp_sgd_schedule(n: int, *, epochs: int, batch_size: int) -> tuple[float, int]:
    """Return the probability with which a step takes a record, and the number of steps.

    Both are fixed for a number of records, which is public: a promise compares mappings that have the same two.

    Parameters
    ----------
    n : int
        Number of records.
    epochs : int
        How often a record is taken, on average.
    batch_size : int
        Records a step, on average; if there are fewer, each step takes all.

    Returns
    -------
    sample_rate : float
        In (0, 1].
    steps : int
        At least 1.
    """
    sample_rate = min(1.0, batch_size / n)
    return sample_rate, max(1, round(epochs / sample_rate))


@cache
def dp_sgd_plan(
    epsilon: float, delta: float, sample_rate: float, steps: int, adjacency: Adjacency = "add or remove"
) -> tuple[float, float]:
    """Return the noise multiplier that DP-SGD needs, and the epsilon that the accountant then states.

    Parameters
    ----------
    epsilon, delta : float
        Most that may be spent.
    sample_rate : float
        Probability with which a step takes a record.
    steps : int
        Number of steps.
    adjacency : {"add or remove", "replace"}
        What epsilon and delta are for.

    Returns
    -------
    noise_multiplier : float
        Standard deviation of the noise on the sum of gradients, in units of the length to which each is clipped.
    spent : float
        At most `epsilon`, and less by at most 0.01, or at most 1% for replacing.

    Raises
    ------
    ValueError
        If `epsilon` (well below 0.05) or `delta` is too small for the accountant.
    """
    known = known_plans().get((epsilon, delta, sample_rate, steps, check_adjacency(adjacency)))
    if known:
        return known
    if adjacency == "replace":
        return _plan_for_replacing(epsilon, delta, sample_rate, steps)
    with extra("dp", work="DP-SGD"):
        from opacus.accountants import PRVAccountant
        from opacus.accountants.utils import get_noise_multiplier
    accountant = PRVAccountant()
    with warnings.catch_warnings():  # of the bound from which the accountant starts, which need not be tight
        warnings.filterwarnings("ignore", "Optimal order is the")
        warnings.filterwarnings("ignore", "divide by zero")  # if every step takes all records
        noise_multiplier = get_noise_multiplier(
            target_epsilon=epsilon, target_delta=delta, sample_rate=sample_rate, steps=steps, accountant="prv"
        )
        accountant.history = [(noise_multiplier, sample_rate, steps)]
        return noise_multiplier, float(accountant.get_epsilon(delta=delta))


@cache
def known_plans() -> dict[tuple[float, float, float, int, str], tuple[float, float]]:
    """Return the plans of the saved runs: each takes seconds to search, and a chapter that shows them needs dozens.

    Returns
    -------
    dict
        From arguments of :func:`dp_sgd_plan` to what it returns; empty where other versions of the accountants are
        installed than those that found them.
    """
    with PLANS.open(encoding="utf-8", newline="") as file:
        made_with = json.loads(file.readline().removeprefix("#"))
        if made_with != dict(zip(PLANNED_WITH, installed_versions(PLANNED_WITH), strict=True)):
            return {}
        _, *rows = csv.reader(file)
    return {
        (float(epsilon), float(delta), float(sample_rate), int(steps), adjacency): (float(noise), float(spent))
        for epsilon, delta, sample_rate, steps, adjacency, noise, spent in rows
    }


def _plan_for_replacing(epsilon: float, delta: float, sample_rate: float, steps: int) -> tuple[float, float]:
    """Search the noise multiplier from above: large ones are quick to account for."""

    def spent_by(noise_multiplier: float) -> float:
        return replacing_epsilon(delta, noise_multiplier=noise_multiplier, sample_rate=sample_rate, steps=steps)

    low = 2 * steps**0.5 * 8 / epsilon + 8  # more than is needed if every step takes all records
    while spent_by(low) < epsilon:
        low /= 1.5
    root = scipy.optimize.brentq(lambda noise: spent_by(noise) - epsilon, low, 1.5 * low, rtol=1e-4)
    noise_multiplier = root * 1.001  # on the safe side of the root
    return noise_multiplier, spent_by(noise_multiplier)


@cache
def replacing_epsilon(delta: float, *, noise_multiplier: float, sample_rate: float, steps: int) -> float:
    """Return epsilon of DP-SGD for *replacing* a record, accounted for directly (:prf:ref:`replacing-directly`).

    Each step is no easier to tell apart than (1 - q) N(0, s^2) + q N(1, s^2) from (1 - q) N(0, s^2) + q N(-1, s^2). The
    distribution of the privacy loss of this pair is composed numerically, rounded so that epsilon can only be too
    large (Doroshenko et al., arXiv 2207.04380), by the library dp-accounting.

    Parameters
    ----------
    delta : float
        Above 0 and below 1.
    noise_multiplier : float
        The standard deviation s, in units of the length to which gradients are clipped.
    sample_rate : float
        The probability q with which a step takes a record.
    steps : int
        Number of steps.
    """
    with extra("dp", work="accounting for DP-SGD"):
        from dp_accounting.pld import privacy_loss_distribution as pld
    one_step = pld.from_gaussian_mechanism(
        standard_deviation=noise_multiplier,
        sampling_prob=sample_rate,
        value_discretization_interval=1e-4 if noise_multiplier > 2 else 1e-3,  # losses are long where noise is small
        neighboring_relation=pld.NeighborRel.REPLACE_ONE,
    )
    return float(one_step.self_compose(steps).get_epsilon_for_delta(delta))


def promise_for_replacing(
    epsilon: float,
    delta: float,
    adjacency: Adjacency,
    *,
    n: int,
    epochs: int,
    batch_size: int,
    stated_delta: float | None = None,
) -> Indistinguishability:
    """Return what DP-SGD with a budget promises for replacing one of `n` records.

    Parameters
    ----------
    epsilon, delta, adjacency : float, float, {"add or remove", "replace"}
        The budget that its noise is planned for, see :func:`dp_sgd_plan`.
    n, epochs, batch_size : int
        Decide the sampling rate and the number of steps, see :func:`dp_sgd_schedule`.
    stated_delta : float, optional
        The delta at which the promise is stated; by default that of the budget.
    """
    sample_rate, steps = dp_sgd_schedule(n, epochs=epochs, batch_size=batch_size)
    noise_multiplier, _ = dp_sgd_plan(epsilon, delta, sample_rate, steps, adjacency)
    stated_delta = stated_delta or delta
    options = {"noise_multiplier": noise_multiplier, "sample_rate": sample_rate, "steps": steps}
    return Indistinguishability(replacing_epsilon(stated_delta, **options), stated_delta)
