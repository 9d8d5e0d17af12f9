"""Find the ranks whose processes this one can see, so that it notices when one has ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

BOOT = Path("/proc/sys/kernel/random/boot_id")
PROCESS_SPACE = Path("/proc/self/ns/pid")


class Home(NamedTuple):
    """Describe where a process number means the same process.

    Machines may share a host name, and the containers of one machine number their own processes.

    Args:
        host: the machine's name.
        boot: what Linux drew when the machine was started; empty elsewhere.
        space: the number of Linux's PID namespace; 0 elsewhere.
    """

    host: str
    boot: str
    space: int


class Place(NamedTuple):
    """Hold the process of a rank, and where it runs.

    Args:
        home: where the number of the process counts.
        process: that number.
    """

    home: Home
    process: int


def own_place() -> Place:
    """Return the place of this process."""
    boot, space = "", 0
    try:
        boot = BOOT.read_text(encoding="ascii").strip()
        space = PROCESS_SPACE.stat().st_ino
    except OSError:  # another system than Linux, or one that hides it: the name has to do
        pass
    return Place(Home(socket.gethostname(), boot, space), os.getpid())


def neighbours(places: Sequence[Place], rank: int) -> dict[int, int]:
    """Return the processes that a rank can see, its own included, by the numbers of their ranks.

    Args:
        places: of all ranks.
        rank: the number of the one that looks.
    """
    home = places[rank].home
    return {other: place.process for other, place in enumerate(places) if place.home == home}


def is_there(process: int) -> bool:
    """Return whether a process that can be seen from here exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to somebody else
        pass
    return True
