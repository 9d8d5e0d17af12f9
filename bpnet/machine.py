"""Describe the machine: its cores, its processor, and the library that multiplies matrices."""

from __future__ import annotations

import math
import os
import platform
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from threadpoolctl import ThreadpoolController

MEMORY_UNKNOWN = 1 << 62  # bytes: nothing is too much where the system does not tell


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # finding the libraries takes 200 µs: once is enough


def blas_threads(count: int) -> AbstractContextManager[Any]:
    """Give every matrix product `count` threads until the context ends."""
    limits: AbstractContextManager[Any] = _blas().limit(limits=count, user_api="blas")
    return limits


def blas_description() -> list[dict[str, Any]]:
    """Return which libraries compute matrix products, and with how many threads."""
    keys = ("internal_api", "version", "architecture", "num_threads")
    return [{key: library.get(key) for key in keys} for library in _blas().info()]


def available_cores() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def memory_bytes() -> int:
    """Return the memory of this machine, or of the container if that may use less."""
    pages = {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} & set(getattr(os, "sysconf_names", ()))
    found = math.prod(map(os.sysconf, pages)) if len(pages) == 2 else MEMORY_UNKNOWN
    limit = Path("/sys/fs/cgroup/memory.max")
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        found = min(found, int(limit.read_text(encoding="ascii")))
    return found


def cpu_name() -> str:
    """Return the processor's name, as precisely as the system reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or os.uname().machine
