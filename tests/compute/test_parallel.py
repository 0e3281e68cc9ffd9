"""Where pieces are computed: errors and deaths of processes are outcomes, and the table is the same everywhere."""

import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from pieces import die, square
from systems import posix_only
from tables import assert_same

from vaeprivacy.compute.parallel import OnDask, OnThisMachine, _with_same_code, attempt
from vaeprivacy.experiments.config import Config
from vaeprivacy.experiments.sweeps import sweep


def fail() -> None:
    raise ValueError("one line\n  and another")


# What is impossible, and what fails


def test_an_error_is_an_outcome_on_one_line() -> None:
    outcome = attempt(fail, 7)
    assert (outcome.number, outcome.result) == (7, None)
    assert outcome.error == "ValueError: one line and another"
    assert "in fail" in outcome.traceback


def test_an_interruption_is_none() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted, 0)


@posix_only
def test_a_piece_that_kills_its_process_is_lost_and_no_other() -> None:
    pieces = [partial(square, number) for number in range(12)]
    pieces[3] = die
    outcomes = {outcome.number: outcome for outcome in OnThisMachine(2).outcomes(pieces)}
    assert sorted(outcomes) == list(range(12))
    assert [number for number, outcome in outcomes.items() if outcome.error] == [3]
    assert "the process that computed it was killed" in outcomes[3].error
    assert all(outcomes[number].result == number**2 for number in range(12) if number != 3)


def test_an_address_without_a_scheduler_is_refused() -> None:
    pytest.importorskip("distributed")  # before its settings are changed
    dask = pytest.importorskip("dask")
    address = "tcp://127.0.0.1:9"
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(ConnectionError, match=f"No Dask scheduler answers at {address!r}"),
    ):
        list(OnDask(address).outcomes([partial(square, 1)]))


def test_without_dask_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r"A sweep .* needs distributed.*: pip install 'vaeprivacy\[dask\]'"):
        list(OnDask("tcp://127.0.0.1:9").outcomes([partial(square, 1)]))


def test_a_worker_with_other_code_computes_nothing() -> None:
    with pytest.raises(RuntimeError, match="another version of vaeprivacy or torch"):
        _with_same_code(die, ("other code", "2.0"))


# Known answers


def test_every_piece_has_its_outcome() -> None:
    pieces = [partial(square, number) for number in range(5)] + [fail]
    outcomes = sorted(OnThisMachine(1).outcomes(pieces), key=lambda outcome: outcome.number)
    assert [outcome.result for outcome in outcomes] == [0, 1, 4, 9, 16, None]
    assert [bool(outcome.error) for outcome in outcomes] == [False] * 5 + [True]


@posix_only
def test_on_dask_with_a_worker_killed_in_the_middle_the_table_is_the_same(
    configs: list[Config], swept: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster, set_as_default=False) as client:
        victim = next(iter(client.run(os.getpid).values()))

        def kill_once_it_works() -> None:
            while len(list(tmp_path.glob("vaes/*.safetensors"))) < 3:
                time.sleep(0.01)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill_once_it_works, daemon=True)
        killer.start()
        table = sweep(configs[:2], directory=tmp_path, dask=cluster.scheduler_address, progress=False)
        killer.join(timeout=1)
        assert not killer.is_alive()
    assert_same(table, swept[1][swept[1].key != configs[2].key])
