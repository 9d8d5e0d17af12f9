"""Run `bpnet train` as one of the ranks that `mpirun` has started: rank 0 speaks for all."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from bpnet.cli.output import note
from bpnet.cli.signals import StopSignal
from bpnet.errors import ConfigError
from bpnet.launcher import Launched, launched

if TYPE_CHECKING:
    from bpnet.library.begin_run import Wanted
    from bpnet.training.ranks.ranks import Ranks


def run_as_rank(run: Callable[[Ranks | None], int]) -> int:
    """Run the command with the other ranks, if any, and return the exit code that all have.

    Args:
        run: the command; returns its exit code after a message.
    """
    place = launched()
    if place is None:
        return run(None)
    try:
        code = _run_together(place, run)
    except StopSignal as stop:  # it came before this rank had joined, or at the very end
        code = stop.exit_code
    if code:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)  # MPI's own end would wait for ranks that have not come so far
    return 0


def _run_together(place: Launched, run: Callable[[Ranks | None], int]) -> int:
    """Join the others, run the command, and return the exit code of all.

    Raises:
        StopSignal: a signal came outside of the command.
    """
    from bpnet.training.ranks.joining import join

    try:
        ranks = join()
    except ConfigError as error:
        if place.rank_on_host == 0:  # the others on this host lack the same
            note(*f"bpnet: {error}".split("\n"))
        return error.exit_code
    if ranks.leads:
        return ranks.end(run(ranks))
    told = io.StringIO()
    with redirect_stderr(told), redirect_stdout(io.StringIO()):
        code = run(ranks)
    sys.stderr.flush()
    return ranks.end(code, told.getvalue())


def take_part(wanted: Wanted) -> None:
    """Train as a rank that writes no files, until rank 0 ends the run."""
    from bpnet.cli.signals import stop_request
    from bpnet.library.begin_run import begun
    from bpnet.library.run_start import StartObserver

    with begun(wanted, StartObserver()) as run, stop_request() as stop:
        run.trainer.run(stop)
