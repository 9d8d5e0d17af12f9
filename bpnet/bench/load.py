"""Measure how much of the processors others use meanwhile.

Linux notes in `/proc/stat` how long each processor was busy, and how long the machine beneath a
virtual one took it away (steal), and in `/proc/PID/stat` how long each process ran. What was busy
without ours is the work of others. Other systems do not report it.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bpnet.bench.isolated import family

PROC = Path("/proc")
DISTURBED = 0.05  # of the processors' time: what is taken from a measurement above it counts
FEWEST = round(1 / DISTURBED)  # ticks, a hundredth of a second each, that can resolve it
STEAL = 7  # columns of /proc/stat: user nice system idle iowait irq softirq steal …
BUSY = (0, 1, 2, 5, 6)  # time of guests is part of user and nice
ALL = (*BUSY, 3, 4, STEAL)
OWN = slice(11, 15)  # of /proc/PID/stat, after the name: utime stime cutime cstime


@dataclass(frozen=True)
class Load:
    """Hold what others took of the processors, as fractions of their time in 0–1.

    Args:
        others: used by other processes; None where the system does not tell.
        stolen: taken away by the machine beneath; None likewise.
    """

    others: float | None
    stolen: float | None

    @property
    def disturbed(self) -> bool | None:
        """Return whether both together took more than `DISTURBED`; None if unknown."""
        if self.others is None or self.stolen is None:
            return None
        return self.others + self.stolen > DISTURBED


@dataclass(frozen=True)
class Ticks:
    """Hold clock ticks since the machine started, of the processors this process may use."""

    busy: int
    stolen: int
    all: int
    own: int


def bench_processes() -> list[int]:
    """Return the processes of a measurement: the one that asked for it, and all it started."""
    asking = multiprocessing.parent_process()
    return family(os.getpid() if asking is None or asking.pid is None else asking.pid)


class LoadMeter:
    """Measure the load from one call of `start` to the next of `read`.

    Args:
        processes: returns those whose time is not that of others; asked at both calls.
    """

    def __init__(self, processes: Callable[[], Iterable[int]] = bench_processes) -> None:
        self.processes = processes
        self.start()

    def start(self) -> None:
        """Begin anew."""
        self._since = read_ticks(self.processes())

    def read(self) -> Load:
        """Return the load since `start`; unknown where too little time has passed to tell."""
        before, now = self._since, read_ticks(self.processes())
        if before is None or now is None or now.all - before.all < FEWEST:
            return Load(None, None)
        whole = now.all - before.all
        others = (now.busy - before.busy) - (now.own - before.own)
        stolen = now.stolen - before.stolen
        return Load(min(1.0, max(0.0, others / whole)), min(1.0, max(0.0, stolen / whole)))


def read_ticks(processes: Iterable[int]) -> Ticks | None:
    """Return what the system reports now; None if it does not.

    Args:
        processes: those that count as own, together with the children they have waited for.
    """
    try:
        lines = (PROC / "stat").read_text(encoding="ascii").splitlines()
        rows = [line.split() for line in lines if line.startswith("cpu")]
        processors = {row[0]: [int(number) for number in row[1:]] for row in rows}
        used = [processors[f"cpu{number}"] for number in os.sched_getaffinity(0)]
        busy, stolen, everything = (
            sum(row[column] for row in used for column in columns)
            for columns in (BUSY, (STEAL,), ALL)
        )
        own = sum(map(process_ticks, processes))
    except (OSError, AttributeError, KeyError, IndexError, ValueError):
        return None
    return Ticks(busy, stolen, everything, own) if everything else None


def process_ticks(process: int) -> int:
    """Return the time of a process and of the children it has waited for; 0 if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        text = (PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
        return sum(map(int, text.rpartition(")")[2].split()[OWN]))
    return 0
