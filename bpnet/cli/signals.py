"""Let signals end a command: a run after the current step, all else at once, with one message.

A signal that was ignored when bpnet began stays ignored: so want `nohup` and the `&` of a script.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from bpnet.errors import BpnetError, HungUpRunError, InterruptedRunError, TerminatedRunError

Handler = Callable[[int, FrameType | None], object] | int | None
ERRORS: dict[int, type[BpnetError]] = {
    signal.SIGINT: InterruptedRunError,
    signal.SIGTERM: TerminatedRunError,
}
WORDS: dict[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if hasattr(signal, "SIGHUP"):  # Windows has none
    ERRORS[signal.SIGHUP] = HungUpRunError
    WORDS[signal.SIGHUP] = "the terminal was closed"
if sys.platform == "win32":  # Ctrl-Break; a closed console, too, which then kills within seconds
    ERRORS[signal.SIGBREAK] = TerminatedRunError
    WORDS[signal.SIGBREAK] = "terminated"
ONE_WISH = 0.1  # seconds within which a signal repeats: `timeout` and a closing terminal send two


class StopSignal(BaseException):
    """Unwind the program because of a signal.

    Args:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(WORDS[number])
        self.error = ERRORS[number]
        self.exit_code = self.error.exit_code


class StopAtOnce:
    """Unwind the program at the first signal; another one ends it without that."""

    def __init__(self) -> None:
        self._received: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Receive a signal."""
        if self._received is None:
            self._received = time.monotonic()
            raise StopSignal(number)
        if time.monotonic() - self._received > ONE_WISH:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


class StopRequest:
    """Remember which signal asked the run to stop.

    The second Ctrl-C does not wait for the step: it ends the program at once, and the last
    checkpoint stays as it is.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._received = 0.0

    def __call__(self) -> int:
        """Return the signal for which the run should stop; 0 to go on."""
        return self.signal or 0

    def error(self) -> type[BpnetError]:
        """Return the error whose exit code belongs to the signal."""
        assert self.signal is not None
        return ERRORS[self.signal]

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Note the signal, or give up waiting if it is not the first."""
        now = time.monotonic()
        if self.signal is None:
            self.signal, self._received = number, now
        elif number != self.signal or now - self._received > ONE_WISH:
            raise StopSignal(number)


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Catch the signals while the block runs, and restore their handlers afterwards."""
    request = StopRequest()
    previous = handle_signals(request.receive)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def undivided() -> Iterator[None]:
    """Let a signal unwind the program only behind the block, a second one at once.

    Raises:
        StopSignal: one came.
    """
    with stop_request() as request:
        yield
    if request.signal is not None:
        raise StopSignal(request.signal)


def handle_signals(handler: Handler) -> dict[int, Handler]:
    """Set what happens on each signal that is not ignored; return what happened before."""
    heard = [number for number in ERRORS if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in heard}
