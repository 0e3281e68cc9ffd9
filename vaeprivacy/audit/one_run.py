"""Audit a trained classifier in one run: which of two wrong labels did each canary have?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.stats import binom
from torch import nn

from vaeprivacy.arrays import check_labels, check_records
from vaeprivacy.audit.lower_bounds import LEVEL, Audit
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.checks import check_whole
from vaeprivacy.classifiers import predict
from vaeprivacy.randomness import uniforms


def one_run_p_value(correct: int, guesses: int, *, coins: int, epsilon: float, delta: float) -> float:
    """Return how probable so many right guesses are, at most, if the promise holds.

    Steinke, Nasr and Jagielski (arXiv 2305.08846), theorem 5.2.

    Parameters
    ----------
    correct, guesses, coins : int
        Number of right guesses, of guesses, and of coins, of which some were not guessed.
    epsilon, delta : float
        The promise.
    """
    right = 1 / (1 + np.exp(-epsilon))
    # Probabilities of ending 1, 2, ... below what was found: delta buys the dearest of them.
    below = binom.pmf(correct - np.arange(1, correct + 1), guesses, right).cumsum()
    dearest = np.max(below / np.arange(1, correct + 1), initial=0.0)
    return float(min(1.0, binom.sf(correct - 1, guesses, right) + 2 * coins * delta * dearest))


def one_run_epsilon(correct: int, guesses: int, *, coins: int, delta: float, level: float = LEVEL) -> float:
    """Return a lower bound on epsilon, at a delta, from guesses about independent coins in one training.

    Parameters
    ----------
    correct, guesses, coins, delta
        As for :func:`one_run_p_value`.
    level : float
        Confidence.
    """

    def above(epsilon: float) -> float:
        return one_run_p_value(correct, guesses, coins=coins, epsilon=epsilon, delta=delta) - (1 - level)

    return 0.0 if above(0.0) >= 0 else float(brentq(above, 0.0, 50.0))


@dataclass(frozen=True)
class Canaries:
    """Records of which each gets one of two wrong labels, by a coin: two neighbouring sets for each of them.

    Attributes
    ----------
    labels : torch.Tensor
        The two labels of each canary, shape (canaries, 2).
    coins : torch.Tensor
        Which of the two it gets, shape (canaries,), 0 or 1.
    """

    labels: torch.Tensor
    coins: torch.Tensor

    @classmethod
    def of(cls, y: torch.Tensor, *, n_classes: int, generator: torch.Generator) -> "Canaries":
        """Draw two wrong labels for each record, and toss its coin; there must be at least three classes."""
        y = check_labels(y, n_classes=check_whole(n_classes, "n_classes", least=3)).cpu()
        scores = uniforms((len(y), n_classes), generator=generator)
        scores[torch.arange(len(y)), y] = -1  # never its own
        return cls(scores.topk(2, dim=1).indices, (uniforms((len(y),), generator=generator) < 0.5).long())

    @property
    def y(self) -> torch.Tensor:
        """The labels that they get, shape (canaries,)."""
        return self.labels.gather(1, self.coins[:, None])[:, 0]

    def right(self, log_posteriors: torch.Tensor, *, guesses: int) -> int:
        """Return how many of the surest guesses are right: the label that is more probable to the classifier."""
        of_labels = log_posteriors.cpu().gather(1, self.labels)
        margin = of_labels[:, 1] - of_labels[:, 0]
        surest = margin.abs().topk(guesses).indices
        return int(((margin > 0).long() == self.coins)[surest].sum())


def audit_training(
    train: Callable[[torch.Tensor, torch.Tensor], nn.Module],
    x: torch.Tensor,
    y: torch.Tensor,
    claimed: Indistinguishability,
    *,
    canaries: int,
    guesses: int,
    n_classes: int,
    generator: torch.Generator,
    level: float = LEVEL,
) -> Audit:
    """Audit the training of a classifier in one run, by canaries whose labels coins have chosen.

    The promise is for replacing one record, and a coin does just that. The adversary sees what is published, the
    trained classifier, and keeps the guesses it is surest of; their number is fixed beforehand.

    Parameters
    ----------
    train : callable
        Trains on records and labels, and returns a classifier: maps records to logits.
    x, y : torch.Tensor
        Records, shape (records, features), and labels, shape (records,).
    claimed : Indistinguishability
        The promise for replacing one record.
    canaries, guesses : int
        How many records, the first ones, are canaries; and how many of these are guessed.
    n_classes : int
        Number of classes, at least 3.
    generator : torch.Generator
        Source of wrong labels and coins.
    level : float
        Confidence.

    Raises
    ------
    TypeError, ValueError
        If records and labels do not fit each other, or there are not so many records or canaries.
    """
    x = check_records(x)
    y = check_labels(y, of=x, n_classes=n_classes).clone()
    check_whole(canaries, "canaries", least=1, most=len(x))
    check_whole(guesses, "guesses", least=1, most=canaries)
    drawn = Canaries.of(y[:canaries], n_classes=n_classes, generator=generator)
    y[:canaries] = drawn.y.to(y.device)
    correct = drawn.right(predict(train(x, y), x[:canaries]), guesses=guesses)
    measured = one_run_epsilon(correct, guesses, coins=canaries, delta=claimed.delta, level=level)
    return Audit("epsilon", claimed.epsilon, measured, guesses, level)
