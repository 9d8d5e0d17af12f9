"""Run `bpnet predict` on the ranks that `mpirun` has started: rank 0 speaks, the others answer."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from bpnet.cli.signals import ERRORS, handle_signals

if TYPE_CHECKING:
    from bpnet.bulk.ranks import RankPool

BY_SIGNAL = {error.exit_code for error in ERRORS.values()}


def answer_together(run: Callable[[RankPool | None], int]) -> int:
    """Run the command on rank 0, with the others as its workers; return the exit code of all.

    Args:
        run: the command; returns its exit code after a message.

    Raises:
        ConfigError: there is no MPI.
    """
    from bpnet.bulk.ranks import RankPool

    ranks = RankPool.join()
    if not ranks.leads:
        handle_signals(signal.SIG_DFL)  # nothing is lost with this process
        return ranks.serve()
    code = run(ranks)
    if code in BY_SIGNAL:  # others may have ended already: nobody waits for them
        return code
    return ranks.end(code)
