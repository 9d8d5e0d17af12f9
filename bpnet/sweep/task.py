"""Train a run of a sweep in a process of its own: here, or wherever a cluster sends it.

The process does nothing to the one that waits for it: whatever ends it, a crash or lack of memory,
is an answer like any other. It ends with the one that waits, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bpnet.errors import shorten
from bpnet.locks import host_name
from bpnet.sweep.journal import FAILED
from bpnet.sweep.permit import SILENT
from bpnet.version import __version__

TRIES = 3  # of a run whose process is killed; it goes on from its last checkpoint
INTERRUPTED = "interrupted"  # the state of a run that ended early, and can go on
KILLED = "killed"  # that of one whose process gave no answer
ROOT = Path(__file__).parent.parent.parent  # where this bpnet is imported from
LONGEST = 300  # characters of an error


@dataclass(frozen=True)
class Task:
    """Describe what a run has to do, in plain values that another process can receive.

    Args:
        run_dir: where the run is saved, or goes on.
        config: the file that all runs share.
        overrides: `section.key=value` each.
        until: the epoch after which the run rests; None trains to the end.
        note: what `bpnet runs` shows beside the run.
        permit: the file that is there as long as the run may go on.
        data_dir: where data sets lie.
        mirror: where they are downloaded from first.
        scores: read the test set, once the run is finished.
        version: of the bpnet that has made it.
    """

    run_dir: str
    config: str
    overrides: tuple[str, ...]
    until: int | None
    note: str
    permit: str
    data_dir: str | None = None
    mirror: str | None = None
    scores: bool = False
    version: str = __version__


Outcome = dict[str, Any]  # `state`, `error`, and what a row holds


def do(task: Task) -> Outcome:
    """Train a run until its epoch, and return what has come of it; a killed process is replaced."""
    outcome: Outcome = {}
    if task.version != __version__:
        text = f"{host_name()} has bpnet {__version__}, expected {task.version}"
        return {"state": FAILED, "error": f"{text}: install the same one everywhere"}
    permit = Path(task.permit)
    if not permit.parent.is_dir():
        text = f"there is no {permit.parent} on {host_name()}: all machines need it"
        return {"state": FAILED, "error": shorten(text, LONGEST)}
    if not permit.exists():  # then the sweep has ended, or it says what is wrong here
        return {"state": INTERRUPTED, "error": shorten(_other_disk(permit), LONGEST)}
    for _ in range(TRIES):
        if not permit.exists():
            return {"state": INTERRUPTED, "error": None}
        outcome = _in_a_process(task)
        if outcome["state"] not in (KILLED, INTERRUPTED) or outcome["error"] == SILENT:
            return outcome
    if not permit.exists():
        return {"state": INTERRUPTED, "error": None}
    if outcome["state"] == INTERRUPTED:
        outcome["error"] = "it was asked to end again and again"
    return outcome | {"state": FAILED}


def _other_disk(permit: Path) -> str:
    told = f"{permit.parent} on {host_name()} is not the folder of this sweep"
    return f"{told}: it must lie on the same disk for all machines"


def _in_a_process(task: Task) -> Outcome:
    """Return the answer of one process."""
    command = [sys.executable, "-m", "bpnet.sweep.child"]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": path},  # the same bpnet
            start_new_session=True,  # Ctrl-C in the terminal is not meant for it
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            process.stdin.flush()  # and it stays open: its end tells the process that we are gone
        except OSError:  # it has died already
            pass
        answer = process.stdout.read()
        code = process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
    try:
        found: Outcome = json.loads(answer)
    except ValueError:
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        last = f": {said[-1]}" if said else ""
        return {"state": KILLED, "error": shorten(f"its process {ended}{last}", LONGEST)}
    return found
