"""How many models are trained at once: as many as gain something, and as memory holds."""

import torch

from vaeprivacy.classifiers import ClassifierSettings, new_classifier
from vaeprivacy.devices import memory_of
from vaeprivacy.stacking import memory_of_training

#: On a CPU, more perceptrons gain nothing (benchmarks/attacks.py), and convolutions lose (benchmarks/device.py).
ON_CPU = {"mlp": 4, "resnet9": 1}


def models_at_once(x: torch.Tensor, settings: ClassifierSettings, *, n_classes: int) -> int:
    """Return how many classifiers to train in one call of :func:`vaeprivacy.classifiers.fit_classifiers`.

    On a GPU, these are as many as half of its memory holds.

    Parameters
    ----------
    x : torch.Tensor
        Records, shape (records, features), on the device to train on.
    settings : ClassifierSettings
        Size and training.
    n_classes : int
        Number of outputs.
    """
    if x.device.type == "cpu":
        return ON_CPU[settings.architecture]
    return models_that_fit(x.shape[1], settings, n_classes=n_classes, memory=memory_of(x.device) // 2)


def models_that_fit(features: int, settings: ClassifierSettings, *, n_classes: int, memory: int) -> int:
    """Return how many models can be trained at once in so much memory; at least 1.

    Parameters
    ----------
    features : int
        Values in a record.
    settings : ClassifierSettings
        Size and training.
    n_classes : int
        Number of outputs.
    memory : int
        Bytes beside those of the records themselves.
    """
    network = new_classifier(features, settings, n_classes=n_classes, generator=torch.Generator())
    return max(1, memory // memory_of_training(network, features, batch_size=settings.batch_size))
