"""Noisy moments that promise too much, and the pair of neighbours that tells: computed exactly, without any noise."""

import math
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every PyTorch reader knows)

from vaeprivacy.audit.faults.fault import Fault
from vaeprivacy.feature_maps import FeatureMap
from vaeprivacy.moments import MomentSettings, noisy_moments
from vaeprivacy.randomness import normals

SETTINGS, MU, N = MomentSettings(top=2), 1.0, 32
#: Which of the three steps of :mod:`vaeprivacy.moments` releases a sum.
STEPS = {"centre": 1, "counts": 2, "sums": 2, "second": 2, "second by class": 3}
SHARES = {1: SETTINGS.centre_share, 2: 1 - SETTINGS.centre_share - SETTINGS.class_share, 3: SETTINGS.class_share}


def features_of(x: torch.Tensor, *, fitted: bool) -> torch.Tensor:
    """Return features in fixed directions, or in the principal directions of these very records."""
    directions = torch.linalg.svd(x - x.mean(dim=0))[2].T if fitted else torch.eye(x.shape[1]).double()
    return FeatureMap("records", torch.zeros(x.shape[1]).double(), directions, 1.0).transform(x).double()


def overspends(fault: str, generator: torch.Generator) -> bool:
    """Return whether a step tells two neighbouring sets of records better apart than its share of mu^2 allows.

    Both sets have the same history: every query is answered to both with what the first set's sums are. For Gaussian
    noise, what a query then spends is the squared distance of the two sums, in standard deviations.
    """
    x = normals((N, 4), generator=generator)
    x[0] *= 100  # one record that stands out, and in the neighbouring set another at 120 degrees: step 2's worst pair
    neighbour, y = x.clone(), F.one_hot(torch.arange(N) % 2).double()
    neighbour[0] = -x[0] / 2 + math.sqrt(3) / 2 * torch.stack([-x[0, 1], x[0, 0], -x[0, 3], x[0, 2]])
    sigma = SETTINGS.deviations(MU)
    if fault == "root 2":
        sigma["centre"] /= math.sqrt(2)
    told: dict[str, torch.Tensor] = {}
    spent = dict.fromkeys(SHARES, 0.0)
    for records in (x, neighbour):
        features = features_of(records, fitted=fault == "fitted")

        def noisy(name: str, sums: torch.Tensor, features: torch.Tensor = features) -> torch.Tensor:
            if name == "centre" and fault == "not clipped":
                sums = features.sum(dim=0) / SETTINGS.centre_clip
            spent[STEPS[name]] += ((sums - told.setdefault(name, sums)).norm().item() / sigma[name]) ** 2
            return told[name]

        noisy_moments(features, y, SETTINGS, sigma, noisy)
    return any(spent[step] > share * MU**2 * (1 + 1e-9) for step, share in SHARES.items())


def moment_fault(number: str, what: str, fault: str) -> Fault:
    """Return a planted error of moments, with the exact computation for a pair of neighbours as its check."""
    check = "exact mu of two neighbours"
    return Fault(number, what, check, N, partial(overspends, fault), partial(overspends, "none"))


MOMENT_FAULTS = [
    moment_fault("23", "Sensitivity root 2 in place of 2: the record that is replaced is forgotten", "root 2"),
    moment_fault("24", "Features that are not clipped before they are summed", "not clipped"),
    moment_fault("25", "Directions fitted to the private records", "fitted"),
]
