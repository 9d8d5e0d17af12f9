"""Reach the workers of a Dask cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bpnet.errors import BpnetError, ConfigError

if TYPE_CHECKING:
    from distributed import Client

PATIENCE = 15  # seconds for the scheduler to answer
LONELY = 60.0  # seconds in which others may take the place of the last worker
RETRIES = 3  # of a task that fails


def demand_dask() -> None:
    """Make sure that Dask is there.

    Raises:
        ConfigError: it is not.
    """
    if find_spec("distributed") is None:
        hint = "pip install distributed"
        raise ConfigError("a cluster needs dask", where="--scheduler", hint=hint)


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Yield what sends tasks to the workers of a Dask cluster.

    Args:
        address: of its scheduler, such as `tcp://10.0.0.1:8786`.

    Raises:
        ConfigError: Dask is missing, or this is no address.
        BpnetError: no scheduler answers there, or it has no workers.
    """
    demand_dask()
    from distributed import Client

    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # we say what is lost
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
        yield client
    finally:
        with suppress(OSError, TimeoutError):
            client.close()


class Workforce:
    """Watch how much the workers of a cluster can do: they come and go.

    Args:
        client: of the cluster.
        address: of its scheduler.
    """

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address
        self._seen = time.monotonic()

    def threads(self) -> int:
        """Return how many tasks they compute at a time; 0 while there are no workers.

        Raises:
            BpnetError: all of them have been gone for long.
        """
        threads: int = sum(self._client.nthreads().values())
        now = time.monotonic()
        if threads:
            self._seen = now
        elif now - self._seen > LONELY:
            raise BpnetError(
                "the cluster has lost its workers",
                where=self._address,
                found=f"none for {LONELY:.0f} seconds",
                hint=f"start some with `dask worker {self._address}`, and the same command again",
            )
        return threads


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
