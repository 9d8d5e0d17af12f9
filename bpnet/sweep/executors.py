"""Choose where the runs of a sweep are computed: on this machine, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bpnet.cluster import RETRIES, Workforce, connected
from bpnet.machine import available_cores

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def local(jobs: int | None) -> Iterator[Executor]:
    """Yield what computes on this machine; its threads wait for a process each.

    Args:
        jobs: runs side by side; by default, one for each core.
    """
    with ThreadPoolExecutor(jobs or available_cores(), "sweep") as threads:
        yield threads


class ClusterExecutor(Executor):
    """Compute on the workers of a Dask cluster.

    Args:
        client: of the cluster.
        address: of its scheduler.
    """

    def __init__(self, client: Client, address: str) -> None:
        self._executor: Executor = client.get_executor(pure=False, retries=RETRIES)
        self._workforce = Workforce(client, address)

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let a worker call something."""
        return self._executor.submit(call, *args, **kwargs)

    def demand_workers(self) -> None:
        """Make sure that somebody computes, or did so not long ago.

        Raises:
            BpnetError: all workers have been gone for long.
        """
        self._workforce.threads()


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
        yield ClusterExecutor(client, address)
