"""Start processes that do not outlive the test that needs them, however that ends."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.helpers.process_cases import children_of
from tests.helpers.tiny import process_environment

# Tests may be killed before they can end what they have started; Linux then does it.
SETPRIV = shutil.which("setpriv")
WITH_PARENT = [SETPRIV, "--pdeathsig", "KILL"] if SETPRIV else []

_running: list[subprocess.Popen[str]] = []


def start_process(
    words: Sequence[str],
    folder: Path,
    *,
    reads: bool = False,
    is_silent: bool = False,
    leads_group: bool = False,
) -> subprocess.Popen[str]:
    """Start a process that `end_processes` ends.

    Args:
        words: its command line.
        folder: where it works.
        reads: whether its standard input is a pipe.
        is_silent: whether what it writes is dropped; otherwise it goes to pipes.
        leads_group: whether it is the first of a session, as in a terminal.
    """
    out = subprocess.DEVNULL if is_silent else subprocess.PIPE
    process = subprocess.Popen(
        [*WITH_PARENT, *words],
        cwd=folder,
        env=process_environment(),
        stdin=subprocess.PIPE if reads else None,
        stdout=out,
        stderr=out,
        text=True,
        start_new_session=leads_group,
    )
    _running.append(process)
    return process


def end_processes() -> None:
    """Kill the processes that still run, and their children; close the pipes of all."""
    for process in _running:
        if process.poll() is None:
            children = children_of(process.pid) if Path("/proc/self/stat").exists() else []
            process.kill()
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
    _running.clear()
