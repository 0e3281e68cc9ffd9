"""Empirical lower bounds on epsilon: what a mechanism, or a whole release, demonstrably leaks.

An audit can only convict. A lower bound above the claim proves the claim wrong, up to the level of confidence; one
below it proves nothing.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import stats

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.distances import clip
from vaeprivacy.gaussian_bounds import Measure
from vaeprivacy.mechanisms.base import Mechanism
from vaeprivacy.randomness import RandomSource, uniforms
from vaeprivacy.synthesizer import Synthesizer

LEVEL = 0.95


@dataclass(frozen=True)
class Audit:
    """What was claimed, and what was found.

    Attributes
    ----------
    parameter : str
        ``"epsilon"`` or, for Gaussian noise, ``"mu"``.
    claimed : float
        Upper bound that the guarantee states.
    measured : float
        Lower bound that holds with confidence `level`.
    n : int
        Number of outputs that were looked at.
    level : float
        Confidence.
    """

    parameter: str
    claimed: float
    measured: float
    n: int
    level: float = LEVEL

    @property
    def violated(self) -> bool:
        """Whether the claim is refuted."""
        return self.measured > self.claimed

    def __str__(self) -> str:
        verdict = "REFUTED" if self.violated else "not refuted"
        shown = f"{self.claimed:.3f}" if self.claimed < 1e6 else f"{self.claimed:.3g}"
        return (
            f"claimed {self.parameter} {shown}, measured at least {self.measured:.3f} "
            f"({100 * self.level:g}% confidence, {self.n:,} outputs): {verdict}"
        )


def rate_bounds(hits: ArrayLike, n: int, *, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return Clopper and Pearson's bounds for a rate: the true one lies above the lower bound with confidence `level`,
    and below the upper one with the same.

    Parameters
    ----------
    hits : array-like of int
        Number of hits, any shape.
    n : int
        Number of trials.
    level : float
        Confidence of each of the two.
    """
    hits = np.asarray(hits)
    low = np.where(hits > 0, stats.beta.ppf(1 - level, np.maximum(hits, 1), n - hits + 1), 0.0)
    high = np.where(hits < n, stats.beta.ppf(level, hits + 1, np.maximum(n - hits, 1)), 1.0)
    return low, high


def epsilon_lower_bound(
    true_positives: ArrayLike, false_positives: ArrayLike, n: int, *, delta: float = 0.0, level: float = LEVEL
) -> np.ndarray:
    """Return a lower bound on epsilon from the counts of one distinguishing event (:eq:`audit-bound`).

    Jagielski, Ullman and Oprea (arXiv 2006.07709): epsilon is at least log((TPR - delta) / FPR), and with the event's
    complement log((1 - FPR - delta) / (1 - TPR)). Each rate is replaced by the bound on its unfavourable side, with
    half of the error probability for each.

    Parameters
    ----------
    true_positives, false_positives : array-like of int
        How often the event happened under the one and under the other distribution.
    n : int
        Number of outputs from each.
    delta : float
        The delta of the claim.
    level : float
        Confidence.

    Returns
    -------
    numpy.ndarray
        At least 0, shape of the counts.
    """
    # The other side of each rate would flatter the mechanism.
    tpr_low, _ = rate_bounds(true_positives, n, level=(1 + level) / 2)
    _, fpr_high = rate_bounds(false_positives, n, level=(1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        event = np.log(np.maximum(tpr_low - delta, 0.0) / fpr_high)
        complement = np.log(np.maximum(1 - fpr_high - delta, 0.0) / (1 - tpr_low))
    return np.maximum(np.maximum(event, complement), 0.0)


def mu_lower_bound(
    true_positives: ArrayLike, false_positives: ArrayLike, n: int, *, level: float = LEVEL
) -> np.ndarray:
    """Return a lower bound on mu for Gaussian noise: the distance of the quantiles of TPR and FPR.

    Nasr et al. (arXiv 2302.07956), section 4; parameters as in :func:`epsilon_lower_bound`.
    """
    tpr_low, _ = rate_bounds(true_positives, n, level=(1 + level) / 2)
    _, fpr_high = rate_bounds(false_positives, n, level=(1 + level) / 2)
    with np.errstate(invalid="ignore"):
        return np.maximum(np.nan_to_num(stats.norm.ppf(tpr_low) - stats.norm.ppf(fpr_high), neginf=0.0), 0.0)


def audit_scores(first: ArrayLike, second: ArrayLike, claimed: Measure, *, level: float = LEVEL) -> Audit:
    """Audit a claim about two distributions by scores of outputs from each.

    The event "score above a threshold" is chosen on the first half of the outputs, and its bound is computed on the
    second: a threshold chosen on the outputs that it is then judged by would find leaks that are not there.

    Parameters
    ----------
    first, second : array-like
        Scores of independent outputs of the two distributions, shape (n,) each, with the second ones higher by
        tendency.
    claimed : Indistinguishability or GaussianIndistinguishability
        The claim.
    level : float
        Confidence.

    Raises
    ------
    ValueError
        If the shapes differ, or there are fewer than 20 outputs of each.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape or first.ndim != 1 or len(first) < 20:
        raise ValueError(
            "An audit needs as many scores of either distribution, at least 20, not arrays of shapes "
            f"{first.shape} and {second.shape}."
        )
    half = len(first) // 2
    thresholds = np.unique(np.quantile(np.concatenate([first[:half], second[:half]]), np.linspace(0, 1, 401)))
    # Stricter than the level: of many thresholds, one with a few lucky counts should not be the best.
    bounds = _bound(first[:half], second[:half], thresholds, claimed, 0.999)
    best = thresholds[[int(np.argmax(bounds))]]
    measured = float(_bound(first[half:], second[half:], best, claimed, level)[0])
    epsilon = isinstance(claimed, Indistinguishability)
    return Audit(
        "epsilon" if epsilon else "mu", claimed.epsilon if epsilon else claimed.mu, measured, 2 * len(first), level
    )


def _bound(first: np.ndarray, second: np.ndarray, thresholds: np.ndarray, claimed: Measure, level: float) -> np.ndarray:
    n = len(second)
    # Outputs above each threshold, from their ranks.
    false_positives = len(first) - np.searchsorted(np.sort(first), thresholds, side="right")
    true_positives = n - np.searchsorted(np.sort(second), thresholds, side="right")
    if isinstance(claimed, Indistinguishability):
        return epsilon_lower_bound(true_positives, false_positives, n, delta=claimed.delta, level=level)
    return mu_lower_bound(true_positives, false_positives, n, level=level)


def furthest_codes(mechanism: Mechanism, *, radius: float, dimension: int, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two codes at opposite ends of the ball, each `n` times: two tensors of shape (n, dimension), float64."""
    code = torch.zeros(1, dimension, dtype=torch.float64)
    code[0, 0] = 1.0
    code *= radius / mechanism.metric.norm(code)
    return (-code).expand(n, -1), code.expand(n, -1)


def audit_mechanism(
    mechanism: Mechanism,
    *,
    radius: float,
    dimension: int,
    n: int,
    generator: RandomSource,
    claimed: Measure | None = None,
    level: float = LEVEL,
) -> Audit:
    """Audit clipping and noise together, by the best distinguisher there is.

    Many noisy copies of two codes at opposite ends of the ball are told apart by their likelihood ratio. The bound
    approaches the claim as `n` grows in one and two dimensions; in 16 it stays far below (see the audit chapter), so
    audit epsilon in few dimensions, and test the distribution in all (:mod:`vaeprivacy.audit.noise_tests`).

    Parameters
    ----------
    mechanism : Mechanism
        The noise.
    radius : float
        Radius of the ball.
    dimension : int
        Dimension of the codes.
    n : int
        Outputs for each of the two codes.
    generator : torch.Generator or SystemEntropy
        Source of the noise.
    claimed : Indistinguishability or GaussianIndistinguishability, optional
        The claim; by default the mechanism's own for any two codes in the ball.
    level : float
        Confidence.
    """
    claimed = claimed or mechanism.guarantee(radius).any_two_records
    ends = furthest_codes(mechanism, radius=radius, dimension=dimension, n=n)
    scores = []
    for codes in ends:
        # Twice too long: it is for clipping to bring them back into the ball.
        noisy = mechanism.perturb(
            clip(2 * codes, radius=radius, metric=mechanism.metric, warn=False), generator=generator
        )
        scores.append(mechanism.log_likelihood(noisy, ends[1]) - mechanism.log_likelihood(noisy, ends[0]))
    return audit_scores(*scores, claimed, level=level)


def one_run_lower_bound(correct: int, guesses: int, *, level: float = LEVEL) -> float:
    """Return a lower bound on epsilon from guesses about independent coins, one a record, in a single release.

    Steinke, Nasr and Jagielski (arXiv 2305.08846), theorem 5.2 with delta = 0: each guess is right with a probability
    of at most e^epsilon / (1 + e^epsilon). Abstaining on some records is allowed.

    Parameters
    ----------
    correct, guesses : int
        Number of right guesses, and of all.
    level : float
        Confidence.
    """
    low = float(rate_bounds(correct, guesses, level=level)[0])
    return math.inf if low >= 1 else max(0.0, math.log(low / (1 - low)) if low > 0 else 0.0)


def audit_release(
    synthesizer: Synthesizer,
    x: torch.Tensor,
    y: torch.Tensor,
    *,
    generator: torch.Generator,
    share: float = 0.2,
    level: float = LEVEL,
) -> Audit:
    """Audit a whole release in one run: which of two records was each synthetic record made from?

    Each record is paired with the one whose code is furthest from its own; a coin decides which of the two goes in. The
    adversary, who holds encoder and decoder, guesses by which of their portraits without noise the synthetic record is
    nearer to, and keeps the guesses it is surest of.

    Parameters
    ----------
    synthesizer : Synthesizer
        A fitted synthesizer with noise.
    x : torch.Tensor
        Records, shape (records, features).
    y : torch.Tensor
        Their labels, shape (records,), which go in with either of the two.
    generator : torch.Generator
        Source of the coins and of the noise.
    share : float
        Share of the rows that are guessed.
    level : float
        Confidence.

    Raises
    ------
    ValueError
        If the mechanism has no epsilon: then it can be audited alone.
    """
    codes = synthesizer.encode(x, y)
    other = x[torch.cdist(codes, codes).argmax(dim=1)]
    coins = (uniforms((len(x),), generator=generator) < 0.5).to(x.device)
    release = synthesizer.release(torch.where(coins[:, None], other, x), y, generator=generator, shuffle=False)
    # The adversary sees this one release, so its promise is that of one, however many were made before.
    claim = release.guarantee and replace(release.guarantee, releases=1).any_two_records
    if not isinstance(claim, Indistinguishability):
        raise ValueError("A release can be audited in one run only if its noise has an epsilon, as Laplace noise has.")
    to_own, to_other = ((release.x - synthesizer.reconstruct(r, y)).norm(dim=1) for r in (x, other))
    margin = to_own - to_other
    surest = margin.abs().topk(max(1, round(share * len(margin)))).indices
    correct = int(((margin > 0) == coins)[surest].sum())
    return Audit("epsilon", claim.epsilon, one_run_lower_bound(correct, len(surest), level=level), len(surest), level)
