"""Let Ctrl-C and SIGTERM end a run after the current step."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bpnet.errors import BpnetError, InterruptedRunError, TerminatedRunError

ERRORS: dict[int, type[BpnetError]] = {
    signal.SIGINT: InterruptedRunError,
    signal.SIGTERM: TerminatedRunError,
}


class StopRequest:
    """Remember which signal asked the run to stop.

    The second Ctrl-C does not wait for the step: it ends the program at once, and the last
    checkpoint stays as it is.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self) -> bool:
        """Return whether the run should stop."""
        return self.signal is not None

    def error(self) -> type[BpnetError]:
        """Return the error whose exit code belongs to the signal."""
        assert self.signal is not None
        return ERRORS[self.signal]

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note the signal, or give up waiting if it is not the first."""
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Catch the signals while the block runs, and restore their handlers afterwards."""
    request = StopRequest()
    previous = {number: signal.signal(number, request.receive) for number in ERRORS}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
