"""Describe the machine: its cores, its processor, and the library that multiplies matrices."""

from __future__ import annotations

import math
import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

UNKNOWN = "unknown"  # kernel, where the BLAS names none
OPENBLAS_THREADS = "OPENBLAS_NUM_THREADS"  # read when OpenBLAS is loaded
ACCELERATE_THREADS = "VECLIB_MAXIMUM_THREADS"  # read when macOS's own library is loaded
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # numbers that glibc's mallopt knows
OWN_PAGES = 1 << 17  # bytes from which what is allocated has pages of its own: as glibc begins
MOST_KEPT = 1 << 25  # bytes that are kept for later in one piece: the most that glibc allows
OF_NUMPY = {"numpy", "numpy.libs"}  # folders in which its wheels keep their BLAS
MEMORY_UNKNOWN = 1 << 62  # bytes: nothing is too much where the system does not tell


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    # Finding the libraries takes 200 µs: once is enough. Others have threads, but no products.
    found: ThreadpoolController = ThreadpoolController().select(user_api="blas")
    return found


class _BlasLimits:
    """Hold how many threads the products of this process have, in each context that is open."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: dict[object, int] = {}  # newest last
        self.first: Any = None  # knows the numbers from before

    def enter(self, context: object, count: int) -> None:
        """Let a number hold from now on."""
        with self.lock:
            limits = self._limit(count)
            if not self.open:
                self.first = limits
            self.open[context] = count

    def leave(self, context: object) -> None:
        """Return to the number of the newest context that is still open, or to those before all."""
        with self.lock:
            del self.open[context]
            if self.open:
                self._limit(next(reversed(self.open.values())))
            else:
                self.first.restore_original_limits()
                self._let_go()

    def _limit(self, count: int) -> Any:
        """Set the number; return what can restore those from before."""
        limits = _blas().limit(limits=count, user_api="blas")
        self._let_go()
        return limits

    def _let_go(self) -> None:
        """Let any thread set the next number: threadpoolctl obeys the first one that did, alone."""
        for library in _blas().lib_controllers:
            if hasattr(library, "clear_controlling_thread"):  # not in old versions
                library.clear_controlling_thread()


_limits = _BlasLimits()


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Give every matrix product `count` threads until the context ends.

    The number is one for the whole process. Contexts of several threads may overlap: the newest one
    counts, and the last one to end leaves the process as it was.
    """
    context = object()
    _limits.enter(context, count)
    try:
        yield
    finally:
        _limits.leave(context)


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Give every matrix product one thread until the context ends.

    Where NumPy is still to be loaded, its BLAS is told so from the start: that keeps it from
    starting threads, and saves looking for the library in this process, 5 ms.
    """
    if "numpy" in sys.modules:
        with blas_threads(1):
            yield
        return
    names = (OPENBLAS_THREADS, ACCELERATE_THREADS)
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        import numpy  # noqa: F401 - reads the variables
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    yield


def limit_accelerate() -> None:
    """Give matrix products of macOS's own BLAS one thread, unless the user wants more.

    It takes no other number once it is loaded, and bpnet's workers are threads already.
    """
    if sys.platform == "darwin":
        os.environ.setdefault(ACCELERATE_THREADS, "1")


def return_freed_memory() -> None:
    """Let arrays that are freed go back to the system at once, where the C library is glibc.

    It keeps as much for later as was once freed in one piece, and so does every forked process.
    """
    _set_malloc(M_MMAP_THRESHOLD, OWN_PAGES)


def keep_freed_memory() -> None:
    """Keep what arrays that are freed have held for the next ones, where the C library is glibc.

    A process that needs the same arrays again and again may spend half of its time on fresh pages.
    """
    _set_malloc(M_MMAP_THRESHOLD, MOST_KEPT)
    _set_malloc(M_TRIM_THRESHOLD, 2 * MOST_KEPT)


def _set_malloc(number: int, value: int) -> None:
    if sys.platform == "linux":
        from ctypes import CDLL

        with suppress(OSError, AttributeError):  # another C library
            CDLL(None).mallopt(number, value)


def blas_description() -> list[dict[str, Any]]:
    """Return which libraries compute matrix products, and with how many threads.

    Where threadpoolctl knows none, as with macOS's Accelerate, it is what NumPy was built with.
    """
    keys = ("internal_api", "version", "architecture", "num_threads")
    known = [{key: library.get(key) for key in keys} for library in _blas_of_numpy()]
    return known or [dict(zip(keys, (*_built_with(), None, _accelerate_threads()), strict=True))]


def _blas_of_numpy() -> list[dict[str, Any]]:
    """Return what is known of NumPy's own BLAS; SciPy, for example, brings another one."""
    found = [library for library in _blas().info() if library.get("user_api") == "blas"]
    own = [one for one in found if OF_NUMPY & set(Path(one.get("filepath", "")).parts)]
    return own or found


def _built_with() -> tuple[str | None, str | None]:
    """Return name and version of the BLAS that NumPy was built with."""
    import numpy as np

    built: Any = np.show_config(mode="dicts")
    found = built.get("Build Dependencies", {}).get("blas", {})
    return found.get("name"), found.get("version")


def _accelerate_threads() -> int | None:
    given = os.environ.get(ACCELERATE_THREADS, "")
    return int(given) if given.isdecimal() else None


def blas_kernel() -> str:
    """Return the name of the BLAS's code for this kind of processor, such as `Haswell`."""
    names = (library.get("architecture") for library in _blas_of_numpy())
    return next((name for name in names if name), UNKNOWN)


@lru_cache(maxsize=1)
def cache_bytes(processor: Path = Path("/sys/devices/system/cpu/cpu0")) -> dict[str, int]:
    """Return how much of each level of cache a core has, by `L1` (of data), `L2` and `L3`.

    Where several cores share a cache, a core has its part of it. Levels that the system does not
    report are left out.

    Args:
        processor: where Linux describes it; there may be others, but which one computes is unknown.
    """
    found: dict[str, int] = {}
    with suppress(OSError, ValueError, LookupError):
        threads = _count(processor / "topology/thread_siblings_list")
        for cache in sorted(processor.glob("cache/index*")):
            kind, level, size = (
                (cache / name).read_text(encoding="ascii").strip()
                for name in ("type", "level", "size")
            )
            if kind != "Instruction":
                cores = max(1, _count(cache / "shared_cpu_list") // threads)
                found[f"L{level}"] = int(size[:-1]) * {"K": 2**10, "M": 2**20}[size[-1]] // cores
    return found


def _count(path: Path) -> int:
    """Return how many processors a list such as `0-3,8` names."""
    spans = (span.split("-") for span in path.read_text(encoding="ascii").strip().split(","))
    return sum(int(span[-1]) - int(span[0]) + 1 for span in spans)


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
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
