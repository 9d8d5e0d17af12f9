"""Choose where the runs of a sweep are computed: on this machine, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bpnet.errors import BpnetError, ConfigError
from bpnet.machine import available_cores

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 15  # seconds for the scheduler to answer
RETRIES = 3  # of a task whose machine is lost


@contextmanager
def local(jobs: int | None) -> Iterator[Executor]:
    """Yield what computes on this machine; its threads wait for a process each.

    Args:
        jobs: runs side by side; by default, one for each core.
    """
    with ThreadPoolExecutor(jobs or available_cores(), "sweep") as threads:
        yield threads


def demand_dask() -> None:
    """Make sure that Dask is there.

    Raises:
        ConfigError: it is not.
    """
    if find_spec("distributed") is None:
        hint = "pip install distributed"
        raise ConfigError("a cluster needs dask", where="--scheduler", hint=hint)


def _demand_workers(client: Client, address: str) -> None:
    """Make sure that somebody computes.

    Raises:
        BpnetError: nobody comes.
    """
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        what, hint = "the cluster has no workers", f"start some with `dask worker {address}`"
        raise BpnetError(what, where=address, hint=hint) from error


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Yield what computes on the workers of a Dask cluster.

    A task whose worker dies goes to another one.

    Args:
        address: of its scheduler, such as `tcp://10.0.0.1:8786`.

    Raises:
        ConfigError: Dask is missing, or this is no address.
        BpnetError: no scheduler answers there.
    """
    demand_dask()
    from distributed import Client

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            "this is no address of a scheduler",
            where="--scheduler",
            expected="an address such as tcp://10.0.0.1:8786",
            found=address,
        ) from error
    except (OSError, TimeoutError) as error:
        raise BpnetError(
            "no scheduler answers",
            where=address,
            found=error,
            hint="start one with `dask scheduler`, and workers with `dask worker ADDRESS`",
        ) from error
    try:
        _demand_workers(client, address)
        yield client.get_executor(pure=False, retries=RETRIES)
    finally:
        with suppress(OSError, TimeoutError):
            client.close()
