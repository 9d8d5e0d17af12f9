"""Decide how long a download waits: for any honest line, but not for a server that stalls."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Hold how long to wait, in seconds, and how often to try.

    Args:
        connect: for a connection.
        read: for the next bytes.
        total: over all mirrors and rounds together, besides the time that bytes earn.
        lowest_rate: bytes per second that a mirror must send in the long run; each byte earns
            the time that it takes at this rate. A modem of the nineties has 5,000.
        rounds: how often each mirror is tried.
        pause: before the second round; each later pause is twice as long.
        lock: for another process that downloads the same file.
    """

    connect: float = 5.0
    read: float = 10.0
    total: float = 20.0
    lowest_rate: float = 2000.0
    rounds: int = 3
    pause: float = 0.5
    lock: float = 600.0


class Allowance:
    """Count down the seconds that a server has left; what it sends adds to them.

    A server that keeps the lowest rate never runs out, unless it pauses for more than `most`
    seconds. A slower one does, however it spreads its bytes, and whatever it sent before.

    Args:
        seconds: left at the start.
        most: seconds that can be saved up.
        lowest_rate: bytes that earn one second.
    """

    def __init__(self, seconds: float, most: float, lowest_rate: float) -> None:
        self.most = most
        self.lowest_rate = lowest_rate
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, at least 0."""
        return max(0.0, self.end - time.monotonic())

    def earn(self, count: int) -> None:
        """Add what `count` bytes earn."""
        earned = self.left() + count / self.lowest_rate
        self.end = time.monotonic() + min(earned, self.most)
