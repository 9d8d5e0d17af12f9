"""A real Dask cluster: a worker that is killed costs no run, and doubles none."""

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bpnet.errors import BpnetError, ConfigError
from bpnet.sweep.driver import Driver, Surroundings, SweepObserver
from bpnet.sweep.executors import cluster
from bpnet.sweep.journal import Row
from bpnet.sweep.place import claimed_folder
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.trials import trials_of
from tests.helpers.sweeps import sweep_file

RUNS = 24
KILLED_AFTER = 3  # runs


class Killer(SweepObserver):
    """Kill a process of the cluster once some runs have ended."""

    def __init__(self, process: int) -> None:
        self.process = process
        self.ended: list[Row] = []

    def run_ended(self, row: Row) -> None:
        self.ended.append(row)
        if len(self.ended) == KILLED_AFTER:
            os.kill(self.process, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")
@pytest.mark.filterwarnings("ignore")  # those of Dask's own processes
def test_all_runs_end_once_although_a_worker_is_killed(here: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
    vary = "optimizer.learning_rate = 0.01, 0.02, 0.05, 0.1\ntrain.batch_size = 8, 16\n"
    sweep = read_sweep(sweep_file(here, vary, "seeds = 1-3", "train.epochs = 2"))
    options: dict[str, Any] = {"dashboard_address": None, "silence_logs": 60}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, **options) as local,
        claimed_folder(here / "out", sweep) as folder,
        cluster(local.scheduler_address) as executor,
    ):
        killer = Killer(next(iter(local.workers.values())).pid)
        around = Surroundings(folder, workers=1)
        driver = Driver(sweep.settings, trials_of(sweep), around, executor, killer)
        assert driver.run(lambda: False)
    lines = (here / "out" / "sweep.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == len(killer.ended) == RUNS
    assert max(Counter((row["trial"], row["seed"]) for row in rows).values()) == 1
    assert {row["state"] for row in rows} == {"finished"}


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_without_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra `dask`")
    monkeypatch.setattr("bpnet.cluster.PATIENCE", 0.5)
    options: dict[str, Any] = {"dashboard_address": None, "silence_logs": 60}
    with (
        distributed.LocalCluster(n_workers=0, **options) as local,
        pytest.raises(BpnetError, match="has no workers"),
        cluster(local.scheduler_address),
    ):
        pass


def test_an_address_where_nobody_is_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra `dask`")
    monkeypatch.setattr("bpnet.cluster.PATIENCE", 0.2)
    with pytest.raises(BpnetError, match="no scheduler answers"), cluster("tcp://127.0.0.1:9"):
        pass
    with pytest.raises(ConfigError, match="no address"), cluster("nonsense://x"):
        pass
