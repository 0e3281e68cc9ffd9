"""Defences against membership inference, all with one interface: the framework, and what it is compared with."""

from vaeprivacy.defences.base import Defence, NoDefence
from vaeprivacy.defences.dp_sgd import DPSGD
from vaeprivacy.defences.framework import Framework
from vaeprivacy.defences.moments import Moments, MomentsDCT, MomentsScattering, MomentsTable, Transfer
from vaeprivacy.defences.prior_sampling import PriorSampling
from vaeprivacy.defences.record_noise import RecordNoise
from vaeprivacy.defences.regularised import Regularised

#: Defences by their names in files of configurations.
DEFENCES: dict[str, type[Defence]] = {
    "none": NoDefence,
    "framework": Framework,
    "prior": PriorSampling,
    "record-noise": RecordNoise,
    "regularised": Regularised,
    "dp-sgd": DPSGD,
    "moments-dct": MomentsDCT,
    "moments-table": MomentsTable,
    "moments-scattering": MomentsScattering,
    "transfer": Transfer,
}

__all__ = [
    "DEFENCES",
    "DPSGD",
    "Defence",
    "Framework",
    "Moments",
    "MomentsDCT",
    "MomentsScattering",
    "MomentsTable",
    "NoDefence",
    "PriorSampling",
    "RecordNoise",
    "Regularised",
    "Transfer",
]
