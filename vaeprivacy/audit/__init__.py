"""Does the code keep its promise? Lower bounds on epsilon, tests of the noise's distribution, and planted faults."""

from vaeprivacy.audit.lower_bounds import Audit, audit_mechanism, audit_release, audit_scores, epsilon_lower_bound
from vaeprivacy.audit.noise_tests import noise_p_values

__all__ = [
    "Audit",
    "audit_mechanism",
    "audit_release",
    "audit_scores",
    "epsilon_lower_bound",
    "noise_p_values",
]
