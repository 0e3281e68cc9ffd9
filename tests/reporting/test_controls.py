"""Controls: what they are made of, that they find nothing, and that tables show them as the attacks beside them."""

import numpy as np
import pytest
import torch

from vaeprivacy import metrics
from vaeprivacy.experiments.grids import grid
from vaeprivacy.experiments.sweeps import sweep
from vaeprivacy.reporting import tables

N = 2000
TRUTH = torch.arange(N) < N // 2
LEAK = 3.0 * TRUTH + torch.linspace(0, 1, N)  # finds all members


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_controls_keep_scores_or_memberships_and_find_nothing():
    found = tables.controls(LEAK, TRUTH, generator=seeded())
    scores, shuffled = found[tables.SHUFFLED]
    coins, truth = found[tables.COIN]
    assert np.array_equal(scores, LEAK) and np.array_equal(truth, TRUTH)
    assert shuffled.sum() == N // 2 and not np.array_equal(shuffled, TRUTH)
    assert len(np.unique(coins)) == N
    for each in found.values():
        _, low, high = metrics.auc(*each)
        assert low < 0.5 < high


def test_controls_depend_on_the_generator_alone():
    first, second = (tables.controls(LEAK, TRUTH, generator=seeded()) for _ in range(2))
    for name in first:
        assert all(map(np.array_equal, first[name], second[name]))


def test_a_table_of_attacks_ends_with_the_controls_of_the_strongest():
    weak = torch.linspace(0, 1, N) * 0
    table = tables.strengths({"loss": weak, "own": LEAK}, TRUTH, generator=seeded())
    assert list(table.index) == ["loss threshold", "own", tables.SHUFFLED, tables.COIN]
    assert table.AUC["own"].startswith("1.000") and table.AUC["loss threshold"].startswith("0.500")
    expected = tables.controls(LEAK, TRUTH, generator=seeded())[tables.SHUFFLED]
    assert table.AUC[tables.SHUFFLED] == str(metrics.auc(*expected))
    assert table["TPR at 1% FPR"][tables.SHUFFLED] == str(metrics.tpr_at_fpr(*expected, fpr=0.01))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs")
    small = {"dataset": "digits", "n_members": 150, "n_models": 4}
    configs = grid(seeds=[0], epsilons=[], **small)[:1]
    return sweep(configs, directory=directory, progress=False, n_jobs=1), directory


def test_a_sweep_gets_two_controls_a_run_near_one_half(swept):
    results, directory = swept
    table = tables.with_controls(results, directory=directory)
    assert table[: len(results)][results.columns].equals(results.reset_index(drop=True))
    assert table[tables.LIKENESS].notna().all().all() and (table["target on members"] == table.train_accuracy).all()
    added = table[len(results) :]
    assert list(added.attack) == [tables.SHUFFLED, tables.COIN]
    assert tables.is_control(table).sum() == 2 and tables.is_control(added).all()
    assert (added.setting == "raw data").all() and (added.of_targets == 4).all() and not added.weak.any()
    # The mean over four targets of 300 candidates has a standard deviation of 0.017 under chance.
    assert ((added.auc - 0.5).abs() < 0.07).all() and results.auc.max() > 0.6
    again = tables.with_controls(results, directory=directory)
    assert again.equals(table)
