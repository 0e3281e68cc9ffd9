"""Defences against membership inference, all with one interface: the framework, and what it is compared with."""

from vaeprivacy.defences.defence import Defence, NoDefence
from vaeprivacy.defences.framework import Framework
from vaeprivacy.defences.generative import PriorSampling, RecordNoise
from vaeprivacy.defences.trainings import DPSGD, Regularised

#: Defences by their names in files of configurations.
DEFENCES: dict[str, type[Defence]] = {
    "none": NoDefence,
    "framework": Framework,
    "prior": PriorSampling,
    "record-noise": RecordNoise,
    "regularised": Regularised,
    "dp-sgd": DPSGD,
}

__all__ = ["DEFENCES", "DPSGD", "Defence", "Framework", "NoDefence", "PriorSampling", "RecordNoise", "Regularised"]
