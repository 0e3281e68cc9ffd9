"""Does the code keep its promise? Lower bounds on epsilon, tests of the noise's distribution, and planted faults."""

from vaeprivacy.audit.lower_bounds import Audit, audit_mechanism, audit_release, audit_scores, epsilon_lower_bound
from vaeprivacy.audit.moment_audit import audit_fit
from vaeprivacy.audit.noise_tests import noise_p_values
from vaeprivacy.audit.one_run import audit_training

__all__ = [
    "Audit",
    "audit_fit",
    "audit_mechanism",
    "audit_release",
    "audit_scores",
    "audit_training",
    "epsilon_lower_bound",
    "noise_p_values",
]
