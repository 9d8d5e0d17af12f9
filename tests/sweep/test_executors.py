"""A sweep on a cluster ends, and can go on, where nobody has computed for long."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, cast

import pytest

from bpnet import cluster
from bpnet.errors import BpnetError
from bpnet.sweep import resting
from bpnet.sweep.driver import Driver, Surroundings, SweepObserver
from bpnet.sweep.executors import ClusterExecutor
from bpnet.sweep.place import claimed_folder
from bpnet.sweep.reader import read_sweep
from bpnet.sweep.trials import trials_of
from tests.helpers.sweeps import sweep_file


class NoWorkers(Executor):
    """Stand in for Dask's client and executor; what is asked of them is never done."""

    def get_executor(self, **options: Any) -> Executor:
        return self

    def nthreads(self) -> dict[str, int]:
        return {}

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()


def test_a_sweep_whose_workers_are_gone_ends(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LONELY", 0.2)
    monkeypatch.setattr(resting, "QUIET", 0.1)
    sweep = read_sweep(sweep_file(here))
    executor = ClusterExecutor(cast("Any", NoWorkers()), "tcp://x:1")
    with claimed_folder(here / "out", sweep) as folder:
        around, observer = Surroundings(folder), SweepObserver()
        driver = Driver(sweep.settings, trials_of(sweep), around, executor, observer)
        with pytest.raises(BpnetError, match="has lost its workers"):
            driver.run(lambda: False)
        assert not driver.permit.exists()
