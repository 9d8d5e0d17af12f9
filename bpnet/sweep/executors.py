"""Choose where the runs of a sweep are computed: on this machine, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from bpnet.cluster import RETRIES, connected
from bpnet.machine import available_cores


@contextmanager
def local(jobs: int | None) -> Iterator[Executor]:
    """Yield what computes on this machine; its threads wait for a process each.

    Args:
        jobs: runs side by side; by default, one for each core.
    """
    with ThreadPoolExecutor(jobs or available_cores(), "sweep") as threads:
        yield threads


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Yield what computes on the workers of a Dask cluster.

    A task whose worker dies goes to another one.

    Args:
        address: of its scheduler, such as `tcp://10.0.0.1:8786`.

    Raises:
        ConfigError: Dask is missing, or this is no address.
        BpnetError: no scheduler answers there, or it has no workers.
    """
    with connected(address) as client:
        yield client.get_executor(pure=False, retries=RETRIES)
