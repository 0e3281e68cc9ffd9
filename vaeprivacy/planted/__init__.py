"""Mechanisms and releases with a planted error, and for each the check that catches it.

A test that has never failed proves little. Every error here is one that somebody made, or nearly made; each is paired
with the correct code, and a check that must raise an alarm at the one and stay silent at the other. The audit chapter
counts how often it does.
"""

from vaeprivacy.planted.bug import PlantedBug
from vaeprivacy.planted.noise import NOISE_BUGS
from vaeprivacy.planted.releases import RELEASE_BUGS

ALL_BUGS = NOISE_BUGS + RELEASE_BUGS

__all__ = ["ALL_BUGS", "NOISE_BUGS", "RELEASE_BUGS", "PlantedBug"]
