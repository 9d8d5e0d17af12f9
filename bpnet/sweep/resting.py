"""End the runs that are under way, wherever they are computed, and learn which are saved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path

from bpnet.locks import is_held
from bpnet.model.run_files import LOCK
from bpnet.sweep.task import Outcome

LOOK = 0.2  # seconds between two looks
PATIENCE = 60.0  # seconds for runs to end their step
QUIET = 5.0  # seconds without a run at work, after which the others count as not begun


def rest(permit: Path, runs: Mapping[Future[Outcome], Path]) -> list[Path]:
    """Let the runs that are under way save and end, and wait for them; the others do not begin.

    A cluster cancels what is under way like what has not begun, and hears no more of it, and one
    without workers answers nothing. So a run counts as under way as long as its directory is held.

    Args:
        permit: the file without which no run goes on; it is removed.
        runs: the directory of each.

    Returns:
        The directories of those that are still under way.
    """
    permit.unlink(missing_ok=True)
    left = set(runs)
    now = time.monotonic()
    give_up, busy = now + PATIENCE, now
    while left and now < give_up and now - busy < QUIET:
        left = wait(left, LOOK, FIRST_COMPLETED).not_done
        now = time.monotonic()
        if any(one.running() or is_held(runs[one] / LOCK) for one in left):
            busy = now
    for future in left:
        future.cancel()
    return [run_dir for run_dir in runs.values() if is_held(run_dir / LOCK)]
