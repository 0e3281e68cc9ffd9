"""The report of several audits: it is refuted if one of them is, and says which."""

from dataclasses import replace

import pytest

from vaeprivacy.audit.lower_bounds import Audit
from vaeprivacy.audit.report import AuditReport, audit_by_name
from vaeprivacy.mechanisms.gaussian import Gaussian
from vaeprivacy.mechanisms.laplace import EuclideanLaplace

FINE = Audit("epsilon", 2.0, 1.5, 100, 0.99)
LAW = {"mean length": 0.5, "zeros": 1.0}


def test_a_report_is_refuted_by_one_audit_or_by_the_law() -> None:
    fine = AuditReport({"a": FINE, "b": FINE}, LAW, 4, 0.99)
    assert not fine.refuted and "REFUTED" not in str(fine)
    worse = replace(fine, audits={"a": FINE, "b": replace(FINE, measured=2.1)})
    assert worse.refuted and not worse.law_refuted
    assert [line.count("REFUTED") for line in str(worse).splitlines()] == [0, 1, 0]
    other_law = replace(fine, law={"mean length": 0.004, "zeros": 1.0})
    assert other_law.refuted and other_law.law_refuted
    assert str(other_law).splitlines()[2] == (
        "law of the noise, d = 4: REFUTED (2 statistics of 10,000 draws; smallest p-value 0.004, mean length)"
    )


def test_the_level_is_shared_by_all_p_values() -> None:
    report = AuditReport({}, {"a": 0.006, "b": 0.5}, 4, 0.99)
    assert not report.law_refuted  # 0.006 > 0.01 / 2
    assert replace(report, law={"a": 0.005, "b": 0.5}).law_refuted


def test_a_mechanism_is_audited_in_one_and_two_dimensions_and_its_release_if_asked() -> None:
    options = {"radius": 2.0, "dimension": 3, "n": 200, "seed": 0, "level": 0.999}
    report = audit_by_name("noise", EuclideanLaplace(0.5), **options)
    assert list(report.audits) == ["noise, d = 1", "noise, d = 2"]
    assert {audit.claimed for audit in report.audits.values()} == {2.0}
    assert report == audit_by_name("noise", EuclideanLaplace(0.5), **options)
    assert report.law != audit_by_name("noise", EuclideanLaplace(0.5), **options | {"seed": 1}).law
    with pytest.raises(ValueError, match="only if its noise has an epsilon"):
        audit_by_name("noise", Gaussian(1.0), **options, dataset="digits")
