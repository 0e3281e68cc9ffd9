"""What defences promise, brought to one form in which they can be compared."""

import math
from dataclasses import replace

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.defences import DPSGD, Defence, Framework, PriorSampling, RecordNoise
from vaeprivacy.distances import EUCLIDEAN
from vaeprivacy.dp_sgd import DPSGDTrainer
from vaeprivacy.trainers import PlainTrainer


def promised_epsilon(defence: Defence) -> float:
    """Return epsilon of what a defence promises for replacing one record by another of the same label.

    All are brought to this form, so that they can be compared: 2 R epsilon for the framework, the local epsilon of
    noise on records, and twice the epsilon of DP-SGD, whose accountant speaks of adding or removing a record. The delta
    of DP-SGD, and of Gaussian noise, is left out. A generative model that was trained on private records without
    protection is not covered, whatever the number.

    Parameters
    ----------
    defence : Defence
        With Laplace noise in Euclidean distance, or Gaussian noise of the same epsilon, if it is the framework.

    Returns
    -------
    float
        Infinite if nothing is promised.

    Raises
    ------
    ValueError
        If the framework has noise in another distance.
    """
    training = getattr(defence, "training", None)
    of_model = of_dp_sgd(training) if isinstance(training, DPSGDTrainer) else 0.0
    if isinstance(defence, DPSGD):
        return of_dp_sgd(defence)
    if isinstance(defence, RecordNoise):
        return defence.local_epsilon
    if isinstance(defence, PriorSampling):
        return math.inf if isinstance(training, PlainTrainer) else of_model
    if isinstance(defence, Framework) and defence.epsilon is not None:
        if defence.mechanism == "coordinate-laplace":
            raise ValueError(
                "Noise on coordinates has its epsilon in Manhattan distance, for which the ball is another."
            )
        radius = defence.radius or EUCLIDEAN.typical_norm(defence.vae.latent_dim)
        return 2 * radius * defence.epsilon + of_model
    return math.inf


def of_dp_sgd(training: DPSGD | DPSGDTrainer) -> float:
    """Return epsilon of replacing one record: twice that of adding or removing one.

    Delta becomes (1 + e^epsilon) delta by this; from 1 on, nothing is promised, and epsilon is infinite.
    """
    delta = (1 + math.exp(training.epsilon)) * training.delta
    return 2 * training.epsilon if delta < 1 else math.inf


def whole_promise(defence: Defence) -> Indistinguishability | None:
    """Return what a defence promises for all that it publishes: for replacing one record, label and models included.

    Parameters
    ----------
    defence : Defence
        Any.

    Returns
    -------
    Indistinguishability or None
        (epsilon, delta)-differential privacy (:eq:`whole-release` of the guarantee chapter, for the framework); None if
        something is not covered, or the noise has no epsilon.
    """
    if isinstance(defence, DPSGD):
        return Indistinguishability(defence.epsilon, defence.delta).group(2)
    model = getattr(defence, "training", PlainTrainer()).coverage
    if not model.covered:
        return None
    if isinstance(defence, PriorSampling):
        return model.replace_one
    if not isinstance(defence, Framework) or defence.labels is None or defence.epsilon is None:
        return None
    synthesizer = defence.synthesizer(None, n_features=1)  # of any number, the promise is the same
    guarantee = synthesizer.mechanism.guarantee(synthesizer.radius)
    if not isinstance(guarantee.per_unit, Indistinguishability):
        return None
    return replace(guarantee, labels=defence.labels.measure, model=model).whole_release()
