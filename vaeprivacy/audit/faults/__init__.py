"""Mechanisms and releases with a planted error, and for each the check that catches it.

A test that has never failed proves little. Every error here is one that somebody made, or nearly made; each is paired
with the correct code, and a check that must raise an alarm at the one and stay silent at the other. The audit chapter
counts how often it does.
"""

from vaeprivacy.audit.faults.fault import Fault
from vaeprivacy.audit.faults.moments import MOMENT_FAULTS
from vaeprivacy.audit.faults.noise import NOISE_FAULTS
from vaeprivacy.audit.faults.releases import RELEASE_FAULTS

#: Those of the framework, in the table of the audit chapter; :data:`MOMENT_FAULTS` stand beside them.
ALL_FAULTS = NOISE_FAULTS + RELEASE_FAULTS

__all__ = ["ALL_FAULTS", "MOMENT_FAULTS", "NOISE_FAULTS", "RELEASE_FAULTS", "Fault"]
