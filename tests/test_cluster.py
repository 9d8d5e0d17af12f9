"""The workers of a cluster may come and go; when all are gone for long, that is told."""

from typing import Any, cast

import pytest

from bpnet import cluster
from bpnet.cluster import Workforce
from bpnet.errors import BpnetError


class Client:
    """Stand in for Dask's client."""

    def __init__(self) -> None:
        self.workers = {"one": 2, "other": 1}

    def nthreads(self) -> dict[str, int]:
        return self.workers


def test_a_cluster_without_workers_is_waited_for_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, now = Client(), 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    workforce = Workforce(cast("Any", client), "tcp://x:1")
    assert workforce.threads() == 3
    client.workers = {}
    now += cluster.LONELY
    assert workforce.threads() == 0
    client.workers = {"new": 1}
    assert workforce.threads() == 1
    client.workers = {}
    now += cluster.LONELY + 1
    with pytest.raises(BpnetError, match="has lost its workers") as caught:
        workforce.threads()
    assert "dask worker tcp://x:1" in str(caught.value)
