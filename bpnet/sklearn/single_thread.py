"""Compute matrix products in one thread each, whichever threads of the process train meanwhile.

How many threads a product takes changes its last bits, and is one number for the whole process. So
threads that fit or predict take turns; else the first to leave would change it for the others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bpnet.machine import blas_threads

_turn = threading.RLock()


@contextmanager
def single_threaded_products() -> Iterator[None]:
    """Give every matrix product one thread until the context ends; wait for other such contexts."""
    with _turn, blas_threads(1):
        yield
