"""Run a command as one of the ranks that `mpirun` has started: rank 0 speaks for all."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any

from bpnet.cli.output import note
from bpnet.cli.signals import WORDS, StopSignal, stop_request
from bpnet.errors import ConfigError, WorkerError
from bpnet.launcher import launched

if TYPE_CHECKING:
    from bpnet.library.begin_run import Wanted

Run = Callable[[Any], int]  # given this rank's place among all, or None; returns the exit code


def run_as_rank(command: str, run: Run) -> int:
    """Run a command with the other ranks, if any, and return the exit code that all have.

    Args:
        command: its name.
        run: the command; returns its exit code after a message.
    """
    place = launched()
    if place is None:
        return run(None)
    try:
        if command == "train":
            code = _train_together(run)
        else:
            from bpnet.cli.predict_ranks import answer_together

            code = answer_together(run)
    except ConfigError as error:
        if place.rank_on_host == 0:  # the others on this host lack the same
            note(*f"bpnet: {error}".split("\n"))
        code = error.exit_code
    except StopSignal as stop:  # it came before this rank had joined, or at the very end
        code = stop.exit_code
    if code:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)  # MPI's own end would wait for ranks that have not come so far
    return 0


def _train_together(run: Run) -> int:
    """Join the others, train, and return the exit code of all.

    Raises:
        ConfigError: there is no MPI.
        StopSignal: a signal came outside of the command.
    """
    from bpnet.training.ranks.joining import join

    ranks = join()
    if ranks.leads:
        return ranks.end(run(ranks))
    told = io.StringIO()
    with redirect_stderr(told), redirect_stdout(io.StringIO()):
        code = run(ranks)
    sys.stderr.flush()
    with stop_request() as stop:  # rank 0 may still score: its verdict counts
        try:
            code = ranks.end(code, told.getvalue(), stop)
        except StopSignal as second:  # nobody wants to wait for it
            code, ranks.is_unheard = second.exit_code, True
    if ranks.is_unheard:
        ending = f"bpnet: {WORDS.get(stop(), 'ended')} before rank 0 has told how the run ended"
        note(*(told.getvalue().rstrip("\n") or ending).split("\n"))
    return code


def take_part(wanted: Wanted) -> None:
    """Train as a rank that writes no files, until rank 0 ends the run.

    Raises:
        BpnetError: this rank cannot go on; a signal has asked it to stop, if its code says so.
    """
    from bpnet.cli.run_stopped import unfinished_step
    from bpnet.library.begin_run import begun
    from bpnet.library.run_start import StartObserver

    with begun(wanted, StartObserver()) as run, stop_request() as stop:
        try:
            run.trainer.run(stop)
        except WorkerError as error:
            if stop():
                place = wanted.data_dir
                raise unfinished_step(stop.error(), error, run.trainer, place) from error
            raise
