"""How much noise a promise needs, and what a noise promises, for replacing a record."""

import json
import math

import numpy as np
import pytest
from scipy import integrate, stats

from vaeprivacy import accounting
from vaeprivacy.accounting import PLANNED_WITH, dp_sgd_plan, known_plans, replacing_epsilon
from vaeprivacy.bounds import Indistinguishability
from vaeprivacy.compute.source import installed_versions
from vaeprivacy.gaussian_bounds import GaussianIndistinguishability


def hockey_stick(epsilon: float, *, q: float, noise: float, ends: tuple[float, float] = (1.0, -1.0)) -> float:
    """Return delta of one step at epsilon: the gradients of the two records are numbers, `ends`, clipped to 1."""
    grid = np.linspace(-12 * noise - 1, 12 * noise + 1, 200_001)
    centre = (1 - q) * stats.norm.pdf(grid, 0, noise)
    p, p_other = (centre + q * stats.norm.pdf(grid, end, noise) for end in ends)
    return float(integrate.trapezoid(np.maximum(p - math.exp(epsilon) * p_other, 0), grid))


# Impossible input


def test_another_pair_of_data_sets_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^adjacency must be 'add or remove' or 'replace', not 'swap'"):
        dp_sgd_plan(1.0, 1e-6, 1.0, 1, "swap")


# A known answer


@pytest.mark.parametrize(("noise", "steps"), [(4.0, 1), (20.0, 50), (1.0, 1)])
def test_if_every_step_takes_all_records_a_replaced_one_moves_the_sum_by_two_lengths(noise: float, steps: int) -> None:
    exact = GaussianIndistinguishability(2 * math.sqrt(steps) / noise).epsilon(1e-6)
    found = replacing_epsilon(1e-6, noise_multiplier=noise, sample_rate=1.0, steps=steps)
    assert exact <= found == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize(("q", "noise"), [(0.1, 0.8), (0.5, 1.5), (0.9, 3.0)])
def test_one_step_has_the_divergence_of_the_pair_in_the_proof(q: float, noise: float) -> None:
    found = replacing_epsilon(1e-4, noise_multiplier=noise, sample_rate=q, steps=1)
    assert hockey_stick(found, q=q, noise=noise) == pytest.approx(1e-4, rel=0.02)


# The noise of three settings of the book: DP-SGD on a classifier at 10 and 1, and at 0.2 with all records in each step.
PINNED = [((10.0, 1e-6, 0.2, 75), 1.8555), ((1.0, 1e-6, 0.2, 75), 14.645), ((0.2, 1.5e-6, 1.0, 10), 117.35)]


@pytest.mark.parametrize(("plan", "noise"), PINNED)
def test_the_noise_of_three_settings_is_as_recorded(plan: tuple[float, float, float, int], noise: float) -> None:
    found, spent = dp_sgd_plan(*plan, "replace")
    assert found == pytest.approx(noise, rel=1e-3)
    assert 0.99 * plan[0] <= spent <= plan[0]


# Of each kind, those that are found soonest; `make check-saved` searches all.
SOONEST = [
    (0.5, 1e-8, 0.2, 150, "add or remove"),
    (2.0, 1e-8, 0.25, 120, "add or remove"),
    (1.0, 1e-6, 0.2, 150, "replace"),
]


@pytest.mark.parametrize("plan", SOONEST)
def test_a_plan_that_is_known_is_the_one_that_is_searched(
    plan: tuple[float, float, float, int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made_with = json.loads(accounting.PLANS.read_text(encoding="utf-8").splitlines()[0].removeprefix("#"))
    same = made_with == dict(zip(PLANNED_WITH, installed_versions(PLANNED_WITH), strict=True))
    monkeypatch.setattr(accounting, "installed_versions", lambda names: [made_with[name] for name in names])
    found, known = dp_sgd_plan.__wrapped__(*plan), known_plans.__wrapped__()[plan]
    # Another processor rounds differently, other versions search differently.
    assert found == pytest.approx(known, rel=1e-6 if same else 0.01)


def test_a_known_plan_is_not_searched_unless_other_versions_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def searched(*plan: object) -> None:
        raise AssertionError("The plan was searched.")

    plan = SOONEST[-1]
    monkeypatch.setattr(accounting, "_plan_for_replacing", searched)
    monkeypatch.setattr(accounting, "known_plans", lambda: {plan: (20.7, 0.99)})
    assert dp_sgd_plan.__wrapped__(*plan) == (20.7, 0.99)
    with pytest.raises(AssertionError, match="was searched"):
        dp_sgd_plan.__wrapped__(*plan[:2], 0.25, *plan[3:])
    monkeypatch.setattr(accounting, "installed_versions", lambda names: ["0.0"] * len(PLANNED_WITH))
    assert known_plans.__wrapped__() == {}


# Properties


def test_no_known_plan_spends_more_than_its_budget_or_much_less() -> None:
    assert all(0.98 * epsilon <= spent <= epsilon for (epsilon, *_), (_, spent) in known_plans().items())


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0, 3.0, -0.3, -1.0])
@pytest.mark.parametrize("q", [0.05, 0.5, 1.0])
def test_no_other_pair_of_gradients_is_easier_to_tell_apart(q: float, epsilon: float) -> None:
    # Also at negative epsilon: a dominating pair must win at every factor, or it does not compose.
    worst = hockey_stick(epsilon, q=q, noise=1.0)
    for ends in [(1.0, 0.0), (0.0, 1.0), (1.0, 0.5), (0.3, -0.9), (-1.0, 1.0), (0.5, 0.5)]:
        assert hockey_stick(epsilon, q=q, noise=1.0, ends=ends) <= worst + 1e-9


@pytest.mark.parametrize("plan", [(5.0, 1e-8, 0.2, 75), (1.0, 1e-8, 0.2, 75), (2.0, 1e-8, 0.1, 100)])
def test_replacing_costs_more_than_removing_and_less_than_two_steps(plan: tuple[float, float, float, int]) -> None:
    _, delta, q, steps = plan
    noise, spent = dp_sgd_plan(*plan)
    two_steps = Indistinguishability(spent, delta).group(2)
    options = {"noise_multiplier": noise, "sample_rate": q, "steps": steps}
    assert spent < replacing_epsilon(two_steps.delta, **options) < 0.96 * two_steps.epsilon
