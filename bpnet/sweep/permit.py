"""Let the runs of a sweep go on as long as the sweep does, on whatever machine they are computed.

A file in the sweep's folder is their permit. The sweep touches it every few seconds and removes it
at its end; a run ends when the file is gone, or has not been touched for long: then the sweep was
killed. What counts is that the time of the file changes, so that clocks need not agree.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from pathlib import Path

from bpnet.training.claim import A_SWEEP
from bpnet.training.saving import writing

PERMIT = ".under-way-"  # how the file's name begins
BEAT = 5.0  # seconds between two touches
SILENCE = 60.0  # seconds without one, after which the sweep counts as killed
SILENT = f"nothing was heard of the sweep for {SILENCE:.0f} s"


def new_permit(folder: Path) -> Path:
    """Make the permit of runs in a folder; it is touched as long as it is there.

    No other has its name, so that no other machine can remember that it was missing.

    Raises:
        CheckpointError: it cannot be written.
    """
    permit = folder / f"{PERMIT}{os.getpid()}-{secrets.token_hex(8)}"
    with writing(A_SWEEP.name, folder):
        permit.touch()
    threading.Thread(target=_keep_alive, args=(permit, BEAT), name="permit", daemon=True).start()
    return permit


def withdraw_permits(folder: Path) -> None:
    """Remove all permits in a folder."""
    for permit in folder.glob(f"{PERMIT}*"):
        permit.unlink(missing_ok=True)


def _keep_alive(permit: Path, beat: float) -> None:
    """Touch a permit until it is gone."""
    while True:
        time.sleep(beat)
        try:
            os.utime(permit)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:  # the disk does not answer now
            continue


class PermitWatch:
    """Watch a permit from a run.

    Args:
        permit: the file.
    """

    def __init__(self, permit: Path) -> None:
        self.permit = permit
        self._touched: int | None = None
        self._looked = time.monotonic()
        self._silence = 0.0  # seconds

    @property
    def is_silent(self) -> bool:
        """Return whether the permit was there for long without being touched."""
        return self._silence >= SILENCE

    def has_ended(self) -> bool:
        """Look at the permit, and return whether the sweep has ended or was killed.

        A disk that does not answer for long keeps both sides waiting: between two looks, no more
        counts as silence than the sweep leaves between two touches.
        """
        try:
            touched: int | None = self.permit.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            touched = self._touched
        now = time.monotonic()
        self._silence += min(now - self._looked, BEAT)
        self._looked = now
        if touched != self._touched:
            self._touched, self._silence = touched, 0.0
        return self.is_silent
