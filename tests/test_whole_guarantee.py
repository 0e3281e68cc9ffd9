"""A promise for everything that is published at once."""

import pytest

from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability
from vaeprivacy.whole_guarantee import WholeGuarantee


def test_what_is_no_measure_or_no_delta_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"^measure must be a measure, such as Indistinguishability\(1\.0\), not 3\.0\.$"
    ):
        WholeGuarantee(3.0, 1e-5, "Noise was added.")
    with pytest.raises(ValueError, match=r"^delta"):
        WholeGuarantee(Indistinguishability(1.0), 2.0, "Noise was added.")


def test_gaussian_noise_states_its_epsilon_at_the_delta_that_is_asked_for() -> None:
    measure = GaussianIndistinguishability(0.7)
    promise = WholeGuarantee(measure, 1e-5, "Noise was added.")
    assert promise.whole_release() == measure.approximate(1e-5)
    assert promise.whole_release(delta=1e-8) == measure.approximate(1e-8)
    assert str(promise).startswith("Noise was added. In all, label and model included, everything published is (")
    assert "one of N(0.7, 1)" in str(promise)


def test_a_promise_with_a_delta_of_its_own_is_stated_as_it_is() -> None:
    promise = WholeGuarantee(Indistinguishability(2.0, 1e-6), 1e-6, "A classifier was trained.", seeded=True)
    assert promise.whole_release() == Indistinguishability(2.0, 1e-6)
    assert "(2, 1e-06)-differentially private for replacing one record" in str(promise)
    assert "N(0, 1)" not in str(promise)
    assert "For experiments only" in str(promise)
